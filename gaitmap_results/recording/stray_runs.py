"""Keep the results of runs that their block does not publish."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Protocol

from gaitmap_results.challenge import RunTimes, check_challenge
from gaitmap_results.exceptions import NoChallengeError
from gaitmap_results.recording import unobserved_challenges
from gaitmap_results.recording.observed_call import ObservedCall
from gaitmap_results.saving.challenge_facts import ChallengeFacts
from gaitmap_results.saving.finished_run import FinishedRun, keep_run
from gaitmap_results.saving.metadata import MetadataBuilder
from gaitmap_results.store.journal import read_journal
from gaitmap_results.store.layout import JOURNAL_FILE, UNFINISHED_DIR
from gaitmap_results.store.staging import Staging

__all__ = ["StrayRuns", "UnclearRuns"]

_logger = logging.getLogger("gaitmap_results")


class StrayRuns:
    """The runs of a block that it does not publish: late, in a forked child, stopped, or perhaps another block's.

    Nothing here takes a lock: a forked child has copies of locks that its parent's threads may have held.

    Parameters
    ----------
    metadata
        Says what metadata.json will hold.
    new_staging
        Returns a folder to write to.
    """

    def __init__(self, metadata: MetadataBuilder, new_staging: Callable[[], Staging]) -> None:
        self._metadata = metadata
        self._new_staging = new_staging
        self._stopped: list[FinishedRun] = []
        self._unclear: list[FinishedRun] = []

    def keep(self, challenge: Any, times: RunTimes, message: str, *, is_half: bool = False) -> FinishedRun | None:
        """Write the results of a run, and note in its journal why it is not published.

        Returns
        -------
        run
            The run; ``None`` if it could not be kept, which is logged.
        """
        try:
            run = FinishedRun(challenge, ChallengeFacts.not_asked(*check_challenge(challenge)), times)
            keep_run(run, self._metadata, self._new_staging, is_half=is_half)
            run.staging.note(status="failed", error={"message": f"{message}."})
        except Exception as error:  # noqa: BLE001 - raised here, it would end the user's thread or process
            _logger.error("%s. Its results could not be kept: %s", message, error)
            return None
        _logger.warning("%s. Its core results are kept in %s.", message, run.staging.folder)
        return run

    def keep_half(self, challenge: Any, times: RunTimes, message: str) -> None:
        """Write the results of a stopped run; they are never marked complete."""
        run = self.keep(challenge, times, message, is_half=True)
        self._stopped.extend([] if run is None else [run])

    def keep_unclear(self, challenge: Any, times: RunTimes, entry_names: Collection[str]) -> FinishedRun | None:
        """Write the results of a run that may belong to several blocks, so that its entry is unknown."""
        names = ", ".join(entry_names)
        what = f"{type(challenge).__qualname__}.run was called in a thread while several recorders were open: {names}"
        run = self.keep(challenge, times, what)
        if run is not None and len(entry_names) > 1:
            draft = run.staging.journal.content.metadata
            run.staging.note(entry_name=None, metadata=None if draft is None else {**draft, "entry_name": None})
        return run

    def add_unclear(self, run: FinishedRun) -> None:
        """Add a run that may belong to this block."""
        self._unclear.append(run)

    def unclear_of(self, challenge: Any) -> list[FinishedRun]:
        """Return the runs of a challenge that may belong to this block and are not published elsewhere."""
        return [run for run in self._unclear if run.challenge is challenge and run.staging.core_results.is_dir()]

    def error(
        self, entry_name: object, known: Collection[str], under_way: Sequence[str] = ()
    ) -> NoChallengeError | None:
        """Return the error that names the kept results, if the block has no other run."""
        unclear = [run.staging.folder for run in self._unclear if run.staging.folder.is_dir()]
        if unclear:
            return unobserved_challenges.unclear(entry_name, unclear)
        in_children = self.kept_by_children(known)
        if in_children:
            return unobserved_challenges.in_children(entry_name, in_children)
        if self._stopped:
            return unobserved_challenges.stopped(entry_name, [run.staging.folder for run in self._stopped], under_way)
        return None

    def kept_by_children(self, known: Collection[str]) -> list[Path]:
        """Return this block's unfinished runs with complete core results, except the known ones."""
        found = []
        for path in sorted(self._metadata.plan.results_folder.glob(f"{UNFINISHED_DIR}/*/{JOURNAL_FILE}")):
            try:
                journal = read_journal(path)
            except (OSError, ValueError):
                continue
            is_complete = journal.block_id == self._metadata.block_id and journal.core_results == "complete"
            if is_complete and journal.run_id not in known:
                found.append(path.parent)
        return found


class _Block(Protocol):
    entry_name: object
    strays: StrayRuns


class UnclearRuns:
    """Receiver of events about a run that may belong to several blocks.

    Parameters
    ----------
    blocks
        The runs of these blocks.
    """

    def __init__(self, blocks: Sequence[_Block]) -> None:
        self._blocks = blocks

    def begin(self, challenge: Any, call: ObservedCall) -> None:  # noqa: ARG002 - as all that are told
        """Refuse a challenge whose results could not be stored."""
        check_challenge(challenge, before_run=True)

    def fail(self, challenge: Any, call: ObservedCall) -> None:
        """Do nothing: there are no results to keep."""

    def stop(self, challenge: Any, times: RunTimes, call: ObservedCall) -> None:
        """Keep the results of a stopped run with the first of the blocks."""
        self._blocks[0].strays.keep_half(challenge, times, f"{call.name} was stopped before its end")

    def finish(self, challenge: Any, times: RunTimes, call: ObservedCall) -> None:  # noqa: ARG002 - as above
        """Keep the results with the first of the blocks, and report them to all."""
        names = {repr(block.entry_name): None for block in self._blocks}
        run = self._blocks[0].strays.keep_unclear(challenge, times, list(names))
        if run is None:
            return
        for block in self._blocks:
            block.strays.add_unclear(run)
