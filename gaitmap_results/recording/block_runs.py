"""The runs of one block, and which of them are saved when it ends."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from gaitmap_results.challenge import RunTimes, check_challenge
from gaitmap_results.exceptions import GaitmapResultsError
from gaitmap_results.recording import candidates
from gaitmap_results.recording.block_stagings import BlockStagings
from gaitmap_results.recording.failure import describe_failure, status_of
from gaitmap_results.recording.finished_run import ObservedRun, ObservedRuns
from gaitmap_results.saving.metadata import RecordWriter
from gaitmap_results.saving.save_run import keep_results
from gaitmap_results.store.layout import UNFINISHED_DIR
from gaitmap_results.store.staging import Staging

__all__ = ["BlockRuns"]

_logger = logging.getLogger("gaitmap_results")


class BlockRuns:
    """The challenges of one block: seen running, named, saved by the user himself, or refused.

    Parameters
    ----------
    entry_name
        The name of the entry.
    given
        The challenges that the user gave.

    Attributes
    ----------
    observed
        The runs that were seen.
    named
        The challenges that can be meant, if none was seen running.
    saved_by_user
        Challenges that the user saved himself.
    nested_saved
        Challenges that blocks inside of this one saved.
    refused
        Challenges that cannot be stored, and why; what they hold is kept.
    """

    def __init__(self, entry_name: object, given: list[Any]) -> None:
        self.observed = ObservedRuns()
        self.named = candidates.NamedChallenges(given)
        self.saved_by_user: list[Any] = []
        self.nested_saved: list[Any] = []
        self.refused: list[tuple[Any, GaitmapResultsError]] = []
        self._entry_name = entry_name

    def open(self, writer: RecordWriter, stagings: BlockStagings) -> None:
        """Say where results go from now on."""
        self._writer = writer
        self._stagings = stagings

    def stage(self, run: ObservedRun, new_staging: Callable[[], Staging], custom_metadata: dict[str, Any]) -> None:
        """Put the results of a run on the disk, then what is known about it."""
        run.stage(self._writer, new_staging)
        run.describe(self._writer, custom_metadata)

    def finished(self, challenge: Any, times: RunTimes, custom_metadata: dict[str, Any]) -> None:
        """Take note that a challenge's ``run`` returned, and put its results on the disk at once."""
        name = self._check(challenge)
        if name is None:
            return
        run = ObservedRun(challenge, *name, times)
        if not self.observed.add(run):
            self._keep_late(run, custom_metadata)
            return
        try:
            self.stage(run, self._stagings.take, custom_metadata)
        except Exception as error:  # noqa: BLE001 - tried again at the end of the block, and raised there
            _logger.info("The results of %s could not be saved right after its run: %s", name, error)

    def _keep_late(self, run: ObservedRun, custom_metadata: dict[str, Any]) -> None:
        """Keep the results of a challenge whose ``run``, in another thread, returned after the block had ended."""
        message = f"{type(run.challenge).__qualname__}.run returned after the block of {self._entry_name!r} had ended"
        try:
            self.stage(run, self._stagings.another, custom_metadata)
            run.finished.staging.note(status="failed", error={"message": message})
            _logger.warning("%s. Its core results are kept in %s.", message, run.staging_folder)
        except Exception as error:  # noqa: BLE001 - raised here, it would end the user's thread
            _logger.error("%s. Its results could not be kept: %s", message, error)

    def was_saved(self, challenge: Any, *, nested: bool) -> bool:
        """Take note that the user saved a challenge himself; say whether that is a run of this block.

        What he saved is the challenge's latest run; earlier ones, and one that follows, are other results.
        """
        runs = self.observed.of(challenge)
        for run in runs:
            run.saved_by_user = run.saved_by_user or not run.superseded
        own = bool(runs) or not nested
        (self.saved_by_user if own else self.nested_saved).append(challenge)
        return own

    def close(
        self, raised: BaseException | None, since: datetime, times: RunTimes, custom_metadata: dict[str, Any]
    ) -> list[ObservedRun]:
        """Return the runs to save; whatever finishes from now on is late.

        Parameters
        ----------
        raised
            What the block raised; then what was not seen running is kept, not saved.
        since
            When the block began.
        times
            Those of the block, for challenges without any of their own.
        custom_metadata
            What to store beside the results.

        Raises
        ------
        AmbiguousChallengeError
            If several challenges can be meant; the core results of each are kept.
        """
        runs = self.observed.close()
        for run in runs:
            if run.saved_by_user:
                run.discard()
        runs = [run for run in runs if not run.saved_by_user]
        if raised is None:
            return runs + self._unobserved(runs, since, times, custom_metadata)
        known = [run.challenge for run in runs] + self.saved_by_user + self.observed.failed
        given = candidates.without(self.named.given, known)
        described = describe_failure(raised, self._writer.plan.relative_to)
        for run in self._keep(self._as_runs(given, times), custom_metadata):
            run.finished.staging.note(status=status_of(raised), error=described)
        return runs

    def _unobserved(
        self, runs: Iterable[ObservedRun], since: datetime, times: RunTimes, custom_metadata: dict[str, Any]
    ) -> list[ObservedRun]:
        """Return the challenges to save that were not seen running, by the ways in which they can be named."""
        own = [run.challenge for run in runs] + self.saved_by_user + [challenge for challenge, _ in self.refused]
        own += self.observed.failed
        found = self.named.find(own, self.nested_saved, since)
        if found or own or self.nested_saved:
            return self._as_runs(found, times)
        around = self._as_runs(candidates.challenges_in_calling_frame(since), times)
        return around if len(around) < 2 else self._the_only_one(around, custom_metadata)

    def _the_only_one(self, runs: Sequence[ObservedRun], custom_metadata: dict[str, Any]) -> list[ObservedRun]:
        """Return the only challenge that has results to save, or keep those of all and ask for its name."""
        kept = self._keep(runs, custom_metadata)
        if len(kept) < 2:
            return kept
        folder = self._writer.plan.results_folder / UNFINISHED_DIR
        raise candidates.ambiguous([run.challenge for run in kept], folder, [run.staging_folder for run in kept])

    def _keep(self, runs: Sequence[ObservedRun], custom_metadata: dict[str, Any]) -> list[ObservedRun]:
        """Put what can be saved on the disk; a challenge that has not run at all has no results, and is left out."""
        kept = []
        for run in runs:
            try:
                self.stage(run, self._stagings.another, custom_metadata)
            except GaitmapResultsError:
                run.discard()
            else:
                kept.append(run)
        self.observed.extend(kept)
        return kept

    def _as_runs(self, challenges: Iterable[Any], times: RunTimes) -> list[ObservedRun]:
        names = [(challenge, self._check(challenge)) for challenge in challenges]
        return [ObservedRun(each, *name, RunTimes.of_challenge(each) or times) for each, name in names if name]

    def _check(self, challenge: Any) -> tuple[str, str] | None:
        """Return name and version; without them keep the results, and tell so when the block ends."""
        try:
            return check_challenge(challenge)
        except GaitmapResultsError as error:
            keep_results(challenge, self._writer.plan.results_folder, error, entry_name=self._entry_name)
            self.refused.append((challenge, error))
            _logger.warning("%s", error)
            return None
