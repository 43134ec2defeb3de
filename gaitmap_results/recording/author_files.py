"""Hold the author's own files of a block, and give them to its runs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from gaitmap_results.saving.finished_run import FinishedRun
from gaitmap_results.store import files
from gaitmap_results.store.layout import FILES_DIR
from gaitmap_results.store.manifest import manifest_content
from gaitmap_results.store.staging import Staging

__all__ = ["AuthorFiles"]

_logger = logging.getLogger("gaitmap_results")


class AuthorFiles:
    """The author's files of one block: each of its runs gets them, and they are kept if no run is saved.

    Parameters
    ----------
    home
        The folder that was opened with the block; its run keeps them when it is published.
    new_staging
        Returns another folder if that one can no longer be written.
    """

    def __init__(self, home: Staging, new_staging: Callable[[], Staging]) -> None:
        self._home = home
        self._new_staging = new_staging
        self._given_to: list[Path] = []

    def make_folder(self) -> Path:
        """Create and return the folder for them."""
        try:
            files.make_folder(self._home.author_files)
        except OSError:
            self._home = self._new_staging()
            files.make_folder(self._home.author_files)
        return self._home.author_files

    def find(self) -> Path | None:
        """Return the folder that holds them, in ``.unfinished`` or in a run; ``None`` if there is none."""
        folders = (self._home.author_files, *(path / FILES_DIR for path in self._given_to))
        return next(filter(files.is_real_folder, folders), None)

    def bring_to(self, run: FinishedRun) -> None:
        """Copy them to a run that is about to be published, unless they are there."""
        source = self.find()
        if source is not None and run.staging is not self._home:
            run.bring_author_files(source)

    def were_given_to(self, path: Path) -> None:
        """Note that a published run has them."""
        self._given_to.append(path)

    def are_left_over(self) -> bool:
        """Say whether only ``.unfinished`` holds them; the journal then says so."""
        self._home.finish_author_files()
        mine = _content(self._home.author_files)
        if not mine:
            return False
        if any(_content(path / FILES_DIR) == mine for path in self._given_to):
            files.remove_folder(self._home.author_files)
            return False
        message = "The block ended without a run that has the author's files."
        self._home.note(status="failed", error={"message": message})
        _logger.warning("%s They are kept in %s.", message, self._home.author_files)
        return True

    def discard(self, run: FinishedRun) -> None:
        """Delete the folder of a run that the user has saved, except files that exist nowhere else."""
        if run.place is self._home and self.are_left_over():
            self._home.discard_core_results()
        else:
            run.discard()


def _content(folder: Path) -> bytes:
    return manifest_content(folder) if files.is_real_folder(folder) else b""
