"""Keep the runs of one block on disk, and decide which of them are saved when it ends."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from gaitmap_results.challenge import RunTimes, check_challenge
from gaitmap_results.exceptions import GaitmapResultsError, NoChallengeError, SaveFailedWarning
from gaitmap_results.recording import unobserved_challenges
from gaitmap_results.recording.author_files import AuthorFiles
from gaitmap_results.recording.block_folders import BlockFolders
from gaitmap_results.recording.failure import describe_failure, status_of
from gaitmap_results.recording.observed_call import ObservedCall
from gaitmap_results.recording.stray_runs import StrayRuns
from gaitmap_results.saving.challenge_facts import ChallengeFacts
from gaitmap_results.saving.finished_run import FinishedRun, keep_run
from gaitmap_results.saving.metadata import MetadataBuilder
from gaitmap_results.saving.refused_save import keep_refused
from gaitmap_results.store.layout import UNFINISHED_DIR
from gaitmap_results.user_code.user_warnings import warn_user

__all__ = ["BlockRuns"]

_logger = logging.getLogger("gaitmap_results")


class BlockRuns:
    """The runs of one block and their folders; any thread may report runs.

    Attributes
    ----------
    named
        The challenges to choose from, if none was seen running.
    failed
        Challenges whose last ``run`` raised; their results are incomplete.
    refused
        Challenges that cannot be stored, and why; their results are kept.
    saved_by_user
        Challenges that the user saved with ``save_run``.
    nested_saved
        Challenges that nested blocks saved.
    folders
        Their folders in ``.unfinished``.
    files
        The author's own files.
    strays
        Runs that this block does not publish.
    owner_pid
        The process that opened the block; a forked child has a copy.
    under_way
        Runs that have not ended.
    """

    def __init__(self, entry_name: object, given: list[Any]) -> None:
        self.named = unobserved_challenges.NamedChallenges(given)
        self.failed: list[Any] = []
        self.refused: list[tuple[Any, GaitmapResultsError]] = []
        self.saved_by_user: list[Any] = []
        self.nested_saved: list[Any] = []
        self.owner_pid = os.getpid()
        self.under_way: list[ObservedCall] = []
        self.entry_name = entry_name
        self._runs: list[FinishedRun] = []
        self._is_closed = False
        self._lock = threading.RLock()

    def open(self, metadata: MetadataBuilder, custom_metadata: Any) -> None:
        """Open the folder of the first run, before the user's code runs.

        Parameters
        ----------
        metadata
            Says what metadata.json will hold.
        custom_metadata
            The custom metadata known so far, encoded.

        Raises
        ------
        ResultsFolderError
            If the results folder cannot be written.
        """
        self._metadata = metadata
        self.folders = BlockFolders(metadata, custom_metadata)
        self.strays = StrayRuns(metadata, self.folders.open_another)
        self.files = AuthorFiles(self.folders.first, self.folders.another)
        self.named.open()

    def begin(self, challenge: Any, call: ObservedCall) -> None:
        """Note that a challenge starts to run; its results no longer belong to an earlier run.

        Raises
        ------
        InvalidChallengeError, InvalidNameError
            If its results could not be stored.
        """
        name, version = check_challenge(challenge, before_run=True)
        self._metadata.plan.check_paths(name, version)
        if self._is_own_process():
            with self._lock:
                self.folders.note_challenge(name, version)
                self.under_way.append(call)
                for run in self._of(challenge):
                    run.was_superseded = True

    def fail(self, challenge: Any, call: ObservedCall) -> None:
        """Note that a challenge's ``run`` raised; its results are not saved, even if the block goes on."""
        if self._is_own_process():
            self._forget(call)
            self.failed.append(challenge)

    def stop(self, challenge: Any, times: RunTimes, call: ObservedCall) -> None:
        """Keep the results of a ``run`` that was stopped before its end, as a generator can be."""
        self.strays.keep_half(challenge, times, f"{call.name} was stopped before its end")
        self.fail(challenge, call)

    def finish(self, challenge: Any, times: RunTimes, call: ObservedCall) -> None:
        """Write the results of a challenge to disk as soon as its ``run`` has ended.

        They are not requested again, even if this fails: the challenge may have changed by then.
        """
        if not self._is_own_process():  # another thread may have held our locks at the fork
            self.strays.keep(challenge, times, f"{call.name} was called in a process forked from that of its block")
            return
        try:
            self._keep_finished(challenge, times, call)
        finally:
            self._forget(call)  # not earlier: a block that ends meanwhile waits for open calls

    def _keep_finished(self, challenge: Any, times: RunTimes, call: ObservedCall) -> None:
        name = self._check(challenge)
        if name is None:
            return
        run = FinishedRun(challenge, ChallengeFacts.not_asked(*name), times)
        with self._lock:
            is_late = self._is_closed
            if not is_late:
                self.failed = unobserved_challenges.without(self.failed, [challenge])
                self._runs.append(run)
        if is_late:
            self.strays.keep(challenge, times, f"{call.name} ended after the block of {self.entry_name!r}")
            return
        try:
            self.keep(run)
        except Exception as error:
            if run.is_kept:  # raised by the user's signal handler
                raise
            if _logger.hasHandlers():  # else logging prints it to the error stream, as the warning does
                _logger.error("%s", error)
            with contextlib.suppress(SaveFailedWarning):  # a filter may raise it; the block raises an error anyway
                warn_user(f"{error}\nThe block goes on; this error is raised when it ends.", SaveFailedWarning)

    def _is_own_process(self) -> bool:
        return os.getpid() == self.owner_pid

    def _forget(self, call: ObservedCall) -> None:
        with self._lock:
            self.under_way = [other for other in self.under_way if other is not call]

    def keep(self, run: FinishedRun) -> None:
        """Write the core results of a run into the first free folder of the block.

        Raises
        ------
        SaveError
            If that fails.
        """
        keep_run(run, self._metadata, self.folders.take)

    def core_results_of(self, challenge: Any) -> Path | None:
        """Return the folder with the core results of a challenge's last run, if this block has stored them."""
        for run in reversed(self._of(challenge)):
            if not run.was_superseded and run.is_kept and run.staging.core_results.is_dir():
                return run.staging.core_results
        return None

    def was_saved(self, challenge: Any, *, nested: bool) -> bool:
        """Note that the user saved a challenge with ``save_run``; say whether its latest run is one of this block."""
        runs = self._of(challenge)
        for run in runs:
            run.was_saved_by_user = run.was_saved_by_user or not run.was_superseded
        own = bool(runs) or not nested
        (self.saved_by_user if own else self.nested_saved).append(challenge)
        return own

    def close(self, raised: BaseException | None, since: datetime, times: RunTimes) -> list[FinishedRun]:
        """Return the runs to save; a run that finishes later is a stray.

        Parameters
        ----------
        raised
            What the block raised; challenges that were not observed are then kept, not saved.
        since
            When the block began.
        times
            The times of the block, for challenges without their own.

        Raises
        ------
        AmbiguousChallengeError
            If several challenges could be the one to save; the core results of each are kept.
        """
        for call in list(self.under_way):
            call.settle()
            if call.stands_still:
                self.strays.keep_half(call.challenge, call.times(), f"{call.name} had not ended with its block")
        with self._lock:
            self._is_closed = True
            observed = list(self._runs)
        for run in observed:
            if run.was_saved_by_user:
                self.files.discard(run)
        runs = [run for run in observed if not run.was_saved_by_user]
        if raised is None:
            return runs + self._unobserved(runs, since, times)
        given = unobserved_challenges.without(self.named.given, self._known(runs))
        described = describe_failure(raised, self._metadata.plan.relative_to)
        for run in self._keep_all(self._as_runs(given, times)):
            run.staging.note(status=status_of(raised), error=described)
        return runs

    def _known(self, runs: Iterable[FinishedRun]) -> list[Any]:
        refused = [challenge for challenge, _ in self.refused]
        running = [call.challenge for call in self.under_way]  # their results are incomplete
        return [*(run.challenge for run in runs), *self.saved_by_user, *refused, *self.failed, *running]

    def _unobserved(self, runs: Iterable[FinishedRun], since: datetime, times: RunTimes) -> list[FinishedRun]:
        """Return the challenges to save that were not observed but named in another way."""
        own = self._known(runs)
        found = self.named.find(own, self.nested_saved, since)
        if found or own or self.nested_saved:
            return self._as_runs(found, times)
        in_frame = self.named.in_calling_frame(since)
        if in_frame and self.strays.kept_by_children(self.folders.run_ids()):
            # If a child process ran the challenge, the parent's object has no results.
            in_frame = self.named.with_new_times(in_frame)
        around = self._as_runs(in_frame, times)
        return around if len(around) < 2 else self._the_only_one(around)

    def _the_only_one(self, runs: Sequence[FinishedRun]) -> list[FinishedRun]:
        """Return the only challenge with results, or keep the results of all and raise."""
        kept = self._keep_all(runs)
        if len(kept) < 2:
            return kept
        folder = self._metadata.plan.results_folder / UNFINISHED_DIR
        raise unobserved_challenges.ambiguous(
            [run.challenge for run in kept], folder, [run.staging.folder for run in kept]
        )

    def _keep_all(self, runs: Sequence[FinishedRun]) -> list[FinishedRun]:
        """Keep the results of all challenges; pickle one that fails, unless it seems not to have run."""
        kept = []
        for run in runs:
            try:
                keep_run(run, self._metadata, self.folders.another)
            except GaitmapResultsError as error:
                if isinstance(error.__cause__, AttributeError):  # what `run` would have set is missing
                    run.discard()
                else:
                    _logger.warning("%s", error)
            else:
                kept.append(run)
        self._runs.extend(kept)
        return kept

    def _as_runs(self, challenges: Iterable[Any], times: RunTimes) -> list[FinishedRun]:
        """Return the runs of named challenges; results that are already kept are not requested again."""
        runs = []
        for challenge in challenges:
            kept = self.strays.unclear_of(challenge)
            runs += [FinishedRun(challenge, run.facts, run.times, origin=run.staging) for run in kept]
            name = None if kept else self._check(challenge)
            if name is not None:
                own = RunTimes.of_challenge(challenge)
                runs.append(FinishedRun(challenge, ChallengeFacts.not_asked(*name), own or times))
        return runs

    def _check(self, challenge: Any) -> tuple[str, str] | None:
        """Return name and version; without them, keep the results and report this when the block ends."""
        try:
            return check_challenge(challenge)
        except GaitmapResultsError as error:
            known = self._metadata
            options = {
                "path": known.plan.results_folder,
                "entry_name": self.entry_name,
                "custom_metadata": known.custom_metadata(),
            }
            keep_refused(challenge, error, options, known=known)
            self.refused.append((challenge, error))
            _logger.warning("%s", error)
            return None

    def _of(self, challenge: Any) -> list[FinishedRun]:
        return [run for run in self._runs if run.challenge is challenge]

    def missing(self) -> NoChallengeError:
        """Return the error for a block without a run to save; it names the results that are kept."""
        under_way = [call.name for call in self.under_way]
        kept = self.strays.error(self.entry_name, self.folders.run_ids(), under_way)
        return kept or unobserved_challenges.missing(self.entry_name, self.failed, under_way)

    def any_seen(self) -> bool:
        """Say whether any run was observed."""
        return bool(self._runs or self.under_way or self.failed or self.refused)

    def any_kept(self) -> bool:
        """Say whether the results of any run are on disk."""
        return any(run.is_kept for run in self._runs)

    def withdraw_first(self) -> None:
        """Delete the first folder if no challenge has used it and it holds no files."""
        if not self.folders.first_is_taken() and not self.files.are_left_over():
            self.folders.withdraw_first()
