"""The runs of challenges in a block, and whether their results are on the disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gaitmap_results.challenge import RunTimes
from gaitmap_results.exceptions import GaitmapResultsError, SaveError
from gaitmap_results.recording.fingerprint import fingerprint
from gaitmap_results.saving.metadata import ChallengeFacts, RecordWriter
from gaitmap_results.saving.publishing import FinishedRun, describe, draft_metadata, stage, write_draft
from gaitmap_results.store.staging import Staging

__all__ = ["ObservedRun", "ObservedRuns"]


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
        self._failure: GaitmapResultsError | None = None

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

        Raises
        ------
        CoreResultsError
            If they could not be saved at the time.
        """
        if not self.is_staged:
            if self.superseded and self._failure is not None:
                raise self._failure
            return True
        return not self.superseded and (self._state is None or self._state != fingerprint(self.challenge))

    def stage(self, writer: RecordWriter, new_staging: Callable[[], Staging]) -> None:
        """Put the results on the disk, into a new unfinished run the first time."""
        facts = ChallengeFacts.not_asked(self._name, self._version)
        if self._finished is None:
            self._finished = FinishedRun(self.challenge, facts, self._times, new_staging())
        draft = draft_metadata(self._finished.staging.run_id, writer, facts, self._times)
        try:
            stage(self._finished, writer.plan, draft=draft)
        except GaitmapResultsError as error:
            self._failure = error
            raise
        self.is_staged = True

    def describe(self, writer: RecordWriter, custom_metadata: dict[str, Any]) -> None:
        """Ask the challenge about itself, after its results are on the disk: its repr may raise, or take for ever.

        If the user interrupts that, it is not tried again.
        """
        run = self.finished
        if self._was_interrupted:
            return
        self._was_interrupted = True
        self._state = fingerprint(self.challenge)
        describe(run)
        self._was_interrupted = False
        write_draft(run, writer, custom_metadata)

    def discard(self) -> None:
        """Delete what is on the disk; the user saved the challenge himself, or it has no results."""
        if self._finished is not None:
            self._finished.staging.discard()


class ObservedRuns:
    """The runs of one block, in the order in which they finished; may be told of them from any thread.

    Attributes
    ----------
    failed
        Challenges whose last ``run`` raised: what they hold now is half a result.
    """

    def __init__(self) -> None:
        self.failed: list[Any] = []
        self._runs: list[ObservedRun] = []
        self._is_closed = False
        self._lock = threading.RLock()

    def begin(self, challenge: Any) -> None:
        """Take note that a challenge runs now: what it holds from here on belongs to no earlier run of it."""
        with self._lock:
            for run in self.of(challenge):
                run.superseded = True

    def fail(self, challenge: Any) -> None:
        """Take note that the ``run`` of a challenge raised."""
        with self._lock:
            self.failed.append(challenge)

    def add(self, run: ObservedRun) -> bool:
        """Take note of a run that finished; ``False`` if the block has ended before."""
        with self._lock:
            if not self._is_closed:
                self.failed = [challenge for challenge in self.failed if challenge is not run.challenge]
                self._runs.append(run)
            return not self._is_closed

    def extend(self, runs: Iterable[ObservedRun]) -> None:
        """Add runs that were found when the block ended."""
        with self._lock:
            self._runs.extend(runs)

    def close(self) -> list[ObservedRun]:
        """Return the runs; whatever finishes from now on is late."""
        with self._lock:
            self._is_closed = True
            return list(self._runs)

    def of(self, challenge: Any) -> list[ObservedRun]:
        """Return the runs of one challenge."""
        return [run for run in self._runs if run.challenge is challenge]

    def any_staged(self) -> bool:
        """Say whether the results of any run are on the disk."""
        return any(run.is_staged for run in self._runs)
