"""Real walks from the source archive of gaitmap 2.6.0, as the data set and the entry of a real challenge.

The recording is one healthy person's test of 2 x 20 m, with a sensor on each foot at 204.8 Hz; people marked where each
stride starts and ends. Only these data are read, no code of that version (MIT License) is installed or run.
"""

from __future__ import annotations

import hashlib
import http.client
import tarfile
import tempfile
import urllib.request
from pathlib import Path

import pandas as pd
import pytest
from gaitmap.utils.coordinate_conversion import convert_left_foot_to_fbf, convert_right_foot_to_fbf
from gaitmap_datasets import EgaitSegmentationValidation2014
from gaitmap_mad.stride_segmentation.dtw import BarthDtw
from tpcp import Pipeline

from gaitmap_results.config import find_cache_folder

__all__ = ["RealWalks", "StrideSegmentation", "unpack_recording"]

ARCHIVE = "gaitmap-2.6.0.tar.gz"
ARCHIVE_SHA256 = "0312a3fd8c8741afc607cda1b56e6b297416ceb6bc544dfbfaa6af2278478f2c"
RECORDING = "imu_sample.csv"
STRIDES = "stride_borders_sample.csv"

#: First sample of each walk and the one after its last; between them the person turns round.
WALKS = {"there": (0, 3700), "back": (3700, 7928)}
TO_BODY_FRAME = {"left_sensor": convert_left_foot_to_fbf, "right_sensor": convert_right_foot_to_fbf}


def unpack_recording(folder: Path) -> Path:
    """Put the recording and its strides into a folder; skip the test where their archive cannot be had."""
    folder.mkdir()
    with tarfile.open(fetch_archive()) as tar:
        for name in (RECORDING, STRIDES):
            (folder / name).write_bytes(tar.extractfile(f"gaitmap-2.6.0/example_data/{name}").read())
    return folder


def fetch_archive() -> Path:
    """Return the archive in the user's cache; download it only if it is not there, or damaged."""
    path = find_cache_folder() / ARCHIVE
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == ARCHIVE_SHA256:
        return path
    try:
        # Not with pip: it would build the metadata of this version, with a build system that it downloads for that.
        with urllib.request.urlopen(
            "https://files.pythonhosted.org/packages/df/1d/"
            "f36f18a3436c915bee9cc7afb3d9a00266a21efe3094d08e71416781202f/gaitmap-2.6.0.tar.gz",
            timeout=500,
        ) as response:
            content = response.read()
    except (OSError, http.client.HTTPException) as error:
        pytest.skip(f"{ARCHIVE} is not in {path.parent} and could not be downloaded: {error!r}")
    assert hashlib.sha256(content).hexdigest() == ARCHIVE_SHA256
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fetching-") as workspace:
        (Path(workspace) / ARCHIVE).write_bytes(content)
        (Path(workspace) / ARCHIVE).replace(path)
    return path


class RealWalks(EgaitSegmentationValidation2014):
    """Each foot on the way there and on the way back: four data points, all of the same person.

    The scores say how well strides are found in this recording, and nothing about other people.
    """

    @property
    def sampling_rate_hz(self) -> float:
        """Return the samples per second of both sensors."""
        return 204.8

    def create_index(self) -> pd.DataFrame:
        """List the walks of each foot."""
        rows = [("healthy", "2x20m", "5047", walk, sensor) for walk in WALKS for sensor in TO_BODY_FRAME]
        return pd.DataFrame(rows, columns=["cohort", "test", "participant", "walk", "sensor"])

    @property
    def data(self) -> dict[str, pd.DataFrame]:
        """Return acceleration (m/s^2) and angular rate (deg/s) of one foot in one walk."""
        start, end = WALKS[self.group_label.walk]
        recording = pd.read_csv(self.data_folder / RECORDING, header=[0, 1], index_col=0)
        return {self.group_label.sensor: recording[self.group_label.sensor].iloc[start:end].reset_index(drop=True)}

    @property
    def segmented_stride_list_(self) -> dict[str, pd.DataFrame]:
        """Return the strides that people marked, in samples since the start of the walk."""
        start, end = WALKS[self.group_label.walk]
        strides = pd.read_csv(self.data_folder / STRIDES, index_col="s_id")
        of_the_foot = strides[strides["foot"] + "_sensor" == self.group_label.sensor]
        within = of_the_foot[(of_the_foot["start"] >= start) & (of_the_foot["end"] <= end)]
        return {self.group_label.sensor: within[["start", "end"]] - start}


class StrideSegmentation(Pipeline):
    """Finds strides with an algorithm of gaitmap."""

    def __init__(self, segmentation: BarthDtw) -> None:
        self.segmentation = segmentation

    def run(self, datapoint: RealWalks) -> StrideSegmentation:
        """Find the strides of one data point."""
        body_frame = {sensor: TO_BODY_FRAME[sensor](data) for sensor, data in datapoint.data.items()}
        found = self.segmentation.clone().segment(body_frame, sampling_rate_hz=datapoint.sampling_rate_hz)
        self.stride_list_ = found.stride_list_
        return self
