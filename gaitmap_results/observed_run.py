"""One run of a challenge in a block, and whether its results are on the disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gaitmap_results._fingerprint import fingerprint
from gaitmap_results.challenge import RunTimes
from gaitmap_results.exceptions import SaveError
from gaitmap_results.plan import SavePlan
from gaitmap_results.provenance import Provenance
from gaitmap_results.publishing import FinishedRun, stage, write_draft
from gaitmap_results.record import ChallengeFacts
from gaitmap_results.staging import Staging

__all__ = ["ObservedRun"]


class ObservedRun:
    """One run of a challenge in a block, and whether its results are on the disk."""

    def __init__(self, challenge: Any, name: str, version: str, times: RunTimes) -> None:
        self.challenge = challenge
        self.superseded = False
        self.saved_by_user = False
        self._name = name
        self._version = version
        self._times = times
        self._state: str | None = None
        self._finished: FinishedRun | None = None
        self.is_staged = False
        self._was_interrupted = False

    @property
    def finished(self) -> FinishedRun:
        """What is on the disk."""
        if self._finished is None:
            raise SaveError(f"The results of {self._name} are not on the disk.")
        return self._finished

    @property
    def staging_folder(self) -> Path:
        """Where it is on the disk."""
        return self.finished.staging.folder

    def needs_staging(self) -> bool:
        """Say whether the challenge has to be asked (again) for its results.

        One that has run again since keeps the results of each run; those of the earlier one cannot be asked for again.
        """
        if not self.is_staged:
            return True
        return not self.superseded and (self._state is None or self._state != fingerprint(self.challenge))

    def stage(self, plan: SavePlan, new_staging: Callable[[], Staging]) -> None:
        """Put the results on the disk, into a new unfinished run the first time."""
        if self._finished is None:
            facts = ChallengeFacts.not_asked(self._name, self._version)
            self._finished = FinishedRun(self.challenge, facts, self._times, new_staging())
        stage(self._finished, plan)
        self.is_staged = True

    def describe(
        self, plan: SavePlan, provenance: Provenance, custom_metadata: dict[str, Any], *, block_id: str | None
    ) -> None:
        """Ask the challenge about itself, after its results are on the disk: its repr may raise, or take for ever.

        If the user interrupts that, it is not tried again.
        """
        run = self.finished
        write_draft(run, plan, provenance, custom_metadata, block_id=block_id)
        if self._was_interrupted:
            return
        self._was_interrupted = True
        self._state = fingerprint(self.challenge)
        run.facts = ChallengeFacts.of(self.challenge, self._name, self._version)
        self._was_interrupted = False
        write_draft(run, plan, provenance, custom_metadata, block_id=block_id)

    def discard(self) -> None:
        """Delete what is on the disk; the user saved the challenge himself, or it has no results."""
        if self._finished is not None:
            self._finished.staging.discard()
