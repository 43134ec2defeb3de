"""Offer the recorder's interface for code inside the block."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from gaitmap_results.challenge import check_challenge
from gaitmap_results.exceptions import RecorderStateError
from gaitmap_results.recording.block_runs import BlockRuns

__all__ = ["InsideBlock"]

_C = TypeVar("_C")


class InsideBlock:
    """The part of a recorder that code in its block uses."""

    status_: str
    runs: BlockRuns
    paths_: list[Path]
    metadata_: dict[str, Any] | None
    parent: Any

    @property
    def files_dir(self) -> Path:
        """A folder for your own files, such as figures, fitted models or logs.

        They are published as ``files/`` in the run folder, listed in its manifest, and kept if the run fails.
        If several challenges run in the block, each run gets all of them.
        Close the files before the block ends.

        Raises
        ------
        RecorderStateError
            If the block is not open.
        """
        if self.status_ != "running":
            raise RecorderStateError(
                f"files_dir exists only while the block is open; this recorder is {self.status_!r}. "
                "After the block, the files are in recorder.path_ / 'files'."
            )
        return self.runs.files.make_folder()

    def attach(self, challenge: _C) -> _C:
        """Name a challenge to save when the block ends, and return it.

        Only needed where its run cannot be observed: in another process, or of a class that is not a challenge.

        Raises
        ------
        InvalidChallengeError, InvalidNameError
            If it is not a challenge.
        RecorderStateError
            If the block is not open.
        """
        if self.status_ != "running":
            raise RecorderStateError(f"Attach a challenge while the block is open; this recorder is {self.status_!r}.")
        check_challenge(challenge)
        self.runs.named.given.append(challenge)
        return challenge

    def core_results_of(self, challenge: Any) -> Path | None:
        """Return the folder with the core results of a challenge's last run, if they are stored already."""
        found = self.runs.core_results_of(challenge)
        if found is None and isinstance(self.parent, InsideBlock):
            return self.parent.core_results_of(challenge)
        return found

    def challenge_was_saved(
        self, challenge: Any, path: Path, metadata: dict[str, Any], *, nested: bool = False
    ) -> None:
        """Note that the user saved a challenge's latest run with ``save_run``, here or in a nested block."""
        if not nested:
            self.runs.files.were_given_to(path)
        if self.runs.was_saved(challenge, nested=nested):
            self.paths_.append(path)
            self.metadata_ = metadata
        if isinstance(self.parent, InsideBlock):
            self.parent.challenge_was_saved(challenge, path, metadata, nested=True)

    def offer(self, *objects: Any, returned: Any = None) -> None:
        """Name objects that may be the challenge if no run is observed; returned objects come first."""
        self.runs.named.offered.extend(objects)
        self.runs.named.returned = returned
