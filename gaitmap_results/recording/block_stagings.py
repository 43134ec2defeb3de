"""Holds the folders of the unfinished runs of one block."""

from __future__ import annotations

import logging
import threading
from typing import Any

from gaitmap_results.provenance.collecting import Provenance
from gaitmap_results.saving.plan import SavePlan
from gaitmap_results.saving.publishing import open_staging, open_staging_somewhere
from gaitmap_results.store.heartbeat import beat
from gaitmap_results.store.staging import Staging

__all__ = ["BlockStagings"]

_logger = logging.getLogger("gaitmap_results")


class BlockStagings:
    """The folders of the unfinished runs of one block; the first is there before the user's code runs.

    Parameters
    ----------
    plan
        What a save will do.
    provenance
        What was known when the block was entered.
    block_id
        Identifier of the block.
    custom_metadata
        What was to be stored beside the results when the block was entered, encoded.

    Raises
    ------
    ResultsFolderError
        If the results folder cannot be written.
    """

    def __init__(self, plan: SavePlan, provenance: Provenance, block_id: str, custom_metadata: Any) -> None:
        self._plan = plan
        self._provenance = provenance
        self._block_id = block_id
        self._lock = threading.Lock()
        self._first: Staging | None = open_staging(plan, provenance, block_id=block_id, custom_metadata=custom_metadata)
        self._all = [self._first]

    def take(self) -> Staging:
        """Return the folder that was opened with the block, or another one if that is taken."""
        with self._lock:
            first, self._first = self._first, None
        return first if first is not None else self.another()

    def another(self) -> Staging:
        """Return a new folder; where the results folder cannot be written any more, in a rescue folder."""
        staging = open_staging_somewhere(self._plan, self._provenance, block_id=self._block_id)
        self._all.append(staging)
        return staging

    def withdraw_first(self) -> None:
        """Delete the folder that was opened with the block, if no challenge has used it."""
        first = self._first
        try:
            if first is not None and first.is_empty():
                first.discard()
                self._first = None
        except OSError as error:
            _logger.warning("The folder %s is not needed, but could not be removed: %s", first and first.folder, error)

    def beat(self) -> None:
        """Give a sign of life of all of them; their journals may be moved or deleted meanwhile."""
        for staging in list(self._all):
            beat(staging.journal.path)

    def note(self, **changes: Any) -> None:
        """Change what the journals say of the runs that are neither published nor deleted."""
        for staging in self._all:
            staging.note(**changes)
