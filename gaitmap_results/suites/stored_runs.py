"""Find the runs of an entry, published and unfinished, without reading the rest of the store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gaitmap_results.exceptions import RunNotFoundError
from gaitmap_results.reading.index import RunSummary, StoreScan, by_start, read_metadata
from gaitmap_results.unfinished.listing import UnfinishedRunOnDisk, read_place
from gaitmap_results.unfinished.run_finding import Place, find_places
from gaitmap_results.unfinished.slurm_queue import Slurm

__all__ = ["EntryRuns", "find_started", "find_stored"]


@dataclass
class EntryRuns:
    """The runs in a results folder; folders and journals shared by entries are read once.

    Parameters
    ----------
    results_folder
        The results folder, absolute.
    """

    results_folder: Path
    _versions: list[Path] | None = None
    _places: list[tuple[Place, Any]] | None = None
    _slurm: Slurm = field(default_factory=Slurm)

    def published(self, parts: tuple[str, ...]) -> list[RunSummary]:
        """Return the runs of an entry, of any challenge and version, the latest first."""
        if self._versions is None:
            found = self.results_folder.glob("*/*/")
            self._versions = [path for path in found if not path.parent.name.startswith(".")]
        return sorted(self._published(self._versions, parts), key=by_start, reverse=True)

    def _published(self, versions: list[Path], parts: tuple[str, ...]) -> Iterator[RunSummary]:
        for version in versions:
            folder = version.joinpath(*parts)
            if folder.is_dir():
                yield from (run for run in StoreScan(os.path.abspath(folder)) if run.entry == parts)

    def unfinished(self, entry_name: str | tuple[str, ...]) -> list[UnfinishedRunOnDisk]:
        """Return the runs of an entry that were started but never published."""
        if self._places is None:
            self._places = [(place, place.read_journal()[0].entry_name) for place in _places(self.results_folder)]
        found = [
            read_place(self.results_folder, place, self._slurm) for place, name in self._places if name == entry_name
        ]
        return [each for each in found if each is not None and each.published_as is None]


def _places(results_folder: Path) -> list[Place]:
    try:
        return find_places(results_folder)[0]
    except RunNotFoundError:  # nothing was ever stored there
        return []


def find_stored(results_folder: Path, parts: tuple[str, ...], block_id: str) -> Path | None:
    """Return the run that a block has stored, even if its process died."""
    for run in EntryRuns(results_folder).published(parts):
        if read_metadata(run.folder).get("block_id") == block_id:
            return run.path
    return None


def find_started(results_folder: Path, block_id: str) -> UnfinishedRunOnDisk | None:
    """Return the unfinished run that a block has started."""
    for place in _places(results_folder):
        if place.read_journal()[0].block_id == block_id:
            return read_place(results_folder, place)
    return None
