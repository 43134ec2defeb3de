"""Fetch the recordings of the demo into a cache, once.

They are the lab recordings in the source archive of mobgap 1.2.0 (Apache License 2.0), from the Mobilise-D consortium.
Two healthy adults (HA) and one person with multiple sclerosis (MS) wear a sensor at the lower back.
A reference system says when each foot touched the ground.
pip downloads the archive, so that the user's index, mirror or proxy settings apply.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gaitmap_results.config import find_cache_folder
from gaitmap_results.exceptions import GaitmapResultsError
from gaitmap_results.store.files import expanded

__all__ = ["ARCHIVE", "RECORDINGS", "RecordingsError", "fetch_recordings"]

ARCHIVE: Final = "mobgap-1.2.0.tar.gz"
_ARCHIVE_SHA256: Final = "26f3ec1173f74ad873d13dabe0fd75dde8554720595ebc39159ee18dbea31351"
_FOLDER_IN_ARCHIVE: Final = "mobgap-1.2.0/example_data/data/lab/"
_FOLDER_IN_CACHE: Final = "mobgap-1.2.0-lab"

#: Every file of the recordings and its SHA-256 checksum.
RECORDINGS: Final = {
    "HA/001/data.mat": "f1570054e195c44791cf4381e27083afb1c83432da6ae94078ed27c88bef12fc",
    "HA/001/infoForAlgo.mat": "6a0c79c7eba3b28a01a33ff92d08b6d987f2b337df8ab696533dc9ba4e09493e",
    "HA/001/test_list.json": "1ea5bcabd0a2951e644a106a37adcf2cb911167c99dfbacfbf72c6f419e4b44f",
    "HA/002/data.mat": "cf3128d30bd3a8916d0fafc2a6c3f470880bc701ac7f30e43b2eb04e8a262adf",
    "HA/002/infoForAlgo.mat": "80f5ec7fd2a6e11edcbb9cfcc5f1dd74968e637265da42f77f64b955e7b2c223",
    "HA/002/test_list.json": "5813dc364fdcb8a5185f45ea4007bf35b9feeb5471b5867d4f3d49ca05b6e18e",
    "MS/001/data.mat": "e2a025fd14713b6730f838b116ad7fc2b1c71774e09c22ce0962a468b46c0b55",
    "MS/001/infoForAlgo.mat": "7400cc0fa7fc559627eebdb2a8cf2d47efef18fc94533a6b54308873efe0b614",
    "MS/001/test_list.json": "5813dc364fdcb8a5185f45ea4007bf35b9feeb5471b5867d4f3d49ca05b6e18e",
}

_PIP_DOWNLOAD: Final = ("-m", "pip", "download", "--no-deps", "--no-binary", "mobgap")
# With --no-input, pip raises an error instead of waiting for a password.
_PIP_QUIETLY: Final = (
    "--no-input",
    "--disable-pip-version-check",
    "--no-color",
    "--progress-bar",
    "off",
    "--retries",
    "2",
)

_MAX_SAID: Final = 12  # lines


class RecordingsError(GaitmapResultsError, OSError):
    """The recordings of the demo are not in the cache and could not be fetched."""


def fetch_recordings(cache: str | Path | None = None, *, report: Callable[[str], object] = str) -> Path:
    """Return the folder with the recordings; download them only if the cache lacks them or they are damaged.

    Parameters
    ----------
    cache
        The folder that keeps them.
        Without it, the ``cache_dir`` of the config, or else the operating system's cache folder.
        An archive ``mobgap-1.2.0.tar.gz`` in it is used instead of a download.
    report
        Called with each slow step and each note for the user.

    Raises
    ------
    RecordingsError
        If no intact recordings could be fetched; the message says what was attempted, where, and how to retry.
    """
    cache = expanded(cache).absolute() if cache is not None else find_cache_folder()
    folder = cache / _FOLDER_IN_CACHE
    damaged = _damaged_files(folder)
    if not damaged:
        return folder
    if folder.exists():
        report(f"{folder}: {damaged[0]} is damaged or missing (checksum). All recordings are fetched again.")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        # Inside the cache, so that the finished folder moves to its place by one rename.
        with tempfile.TemporaryDirectory(dir=cache, prefix=".fetching-") as workspace:
            archive = cache / ARCHIVE if (cache / ARCHIVE).is_file() else _download(Path(workspace), cache, report)
            report("Unpacking the recordings")
            unpacked = _unpack(archive, Path(workspace) / "unpacked")
            _put_in_place(unpacked, folder, aside=Path(workspace) / "damaged")
    except RecordingsError:
        raise
    except OSError as error:
        raise RecordingsError(
            f"The recordings could not be stored in {cache}: {error.strerror or error}.\n"
            f"Give a folder that you can write, for example: gaitmap-results demo --cache ./cache"
        ) from error
    return folder


def _damaged_files(folder: Path) -> list[str]:
    return [name for name, checksum in RECORDINGS.items() if _sha256(folder / name) != checksum]


def _sha256(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _download(workspace: Path, cache: Path, report: Callable[[str], object]) -> Path:
    # With a checksum in the requirements file, pip refuses a wrong archive before it runs any code in it.
    requirements = workspace / "requirements.txt"
    requirements.write_text(f"mobgap==1.2.0 --hash=sha256:{_ARCHIVE_SHA256}\n", encoding="utf-8")
    report(f"Downloading {ARCHIVE} with pip")
    pip = subprocess.run(
        [sys.executable, *_PIP_DOWNLOAD, *_PIP_QUIETLY, "--dest", str(workspace), "--requirement", str(requirements)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    if pip.returncode != 0 or not (workspace / ARCHIVE).is_file():
        raise RecordingsError(_why_not(pip.stdout, cache))
    return workspace / ARCHIVE


def _why_not(output: str, cache: Path) -> str:
    said = "\n".join(f"  {line.strip()}" for line in output.splitlines()[-_MAX_SAID:])
    return (
        f"The recordings could not be downloaded.\n"
        f"Attempted: {ARCHIVE}, the source archive of mobgap (10 MB, once), for the cache {cache}\n"
        f"pip said (`pip config list` shows which index it asks):\n{said}\n"
        f"Retry: run the same command again when the package index can be reached. Where there is no network, put the "
        f"archive into the cache folder yourself;\non another machine this command gets it: "
        f"python {' '.join(_PIP_DOWNLOAD)} mobgap==1.2.0"
    )


def _unpack(archive: Path, target: Path) -> Path:
    if _sha256(archive) != _ARCHIVE_SHA256:
        raise RecordingsError(
            f"{archive} is not the archive of mobgap 1.2.0: its SHA-256 checksum is {_sha256(archive)}, "
            f"and {_ARCHIVE_SHA256} was expected.\nDelete it and run the same command again."
        )
    # Extract only known names, so that no path in the archive can lead out of the folder.
    with tarfile.open(archive) as tar:
        for name in RECORDINGS:
            member = tar.extractfile(_FOLDER_IN_ARCHIVE + name)
            if member is None:
                raise RecordingsError(f"{archive} has no file {_FOLDER_IN_ARCHIVE}{name}.")
            file = target / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(member.read())
    return target


def _put_in_place(unpacked: Path, folder: Path, *, aside: Path) -> None:
    # Another process may have been faster; its files are as good as ours.
    if not _damaged_files(folder):
        return
    try:
        if folder.exists():
            folder.rename(aside)
        unpacked.rename(folder)
    except OSError:
        if _damaged_files(folder):
            raise
