"""Manage the folders of one block in `.unfinished`."""

from __future__ import annotations

import logging
import threading
from typing import Any

from gaitmap_results.saving.metadata import MetadataBuilder
from gaitmap_results.saving.unfinished_folder import open_staging, open_staging_somewhere
from gaitmap_results.store.heartbeat import beat
from gaitmap_results.store.staging import Staging

__all__ = ["BlockFolders"]

_logger = logging.getLogger("gaitmap_results")


class BlockFolders:
    """The folders of a block: one is created before the user's code runs, and one for each further run.

    Parameters
    ----------
    metadata
        Says what metadata.json will hold.
    custom_metadata
        The custom metadata known so far, encoded.

    Attributes
    ----------
    first
        The folder that was opened with the block.

    Raises
    ------
    ResultsFolderError
        If the results folder cannot be written.
    """

    def __init__(self, metadata: MetadataBuilder, custom_metadata: Any) -> None:
        self._metadata = metadata
        self.first = open_staging(
            metadata.plan,
            metadata.provenance,
            block_id=metadata.block_id,
            custom_metadata=custom_metadata,
            # If `run` is killed, the journal still says which code ran, and where.
            draft=metadata.build_start,
        )
        self._all = [self.first]
        self._first_is_free = True
        self._lock = threading.Lock()

    def run_ids(self) -> set[str]:
        """Return the identifiers of all folders."""
        return {staging.run_id for staging in self._all}

    def take(self) -> Staging:
        """Return the first folder, or a new one if that is taken."""
        with self._lock:
            is_free, self._first_is_free = self._first_is_free, False
        return self.first if is_free else self.another()

    def another(self) -> Staging:
        """Open one more folder for this block."""
        staging = self.open_another()
        self._all.append(staging)
        return staging

    def open_another(self) -> Staging:
        """Open one more folder; use a rescue folder if the results folder can no longer be written."""
        metadata = self._metadata
        return open_staging_somewhere(metadata.plan, metadata.provenance, block_id=metadata.block_id)

    def first_is_taken(self) -> bool:
        """Say whether the first folder belongs to a run or was withdrawn."""
        return not self._first_is_free

    def withdraw_first(self) -> None:
        """Delete the first folder if it holds nothing but its journal."""
        try:
            if self.first.is_empty():
                self.first.discard()
                self._first_is_free = False
        except OSError as error:
            _logger.warning("The folder %s is not needed, but could not be removed: %s", self.first.folder, error)

    def note_challenge(self, name: str, version: str) -> None:
        """Write into the first journal which challenge runs, unless a run has taken it."""
        if self._first_is_free:
            self.first.note(durable=False, challenge_name=name, challenge_version=version)

    def beat(self) -> None:
        """Renew the heartbeat of all journals; some may have been moved or deleted."""
        for staging in list(self._all):
            beat(staging.journal.path)

    def note(self, **changes: Any) -> None:
        """Update the journals of all runs that are neither published nor deleted."""
        for staging in list(self._all):
            staging.note(**changes)
