"""Record the runs of challenges from entering a block to leaving it."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar

from gaitmap_results.challenge import RunTimes, check_challenge
from gaitmap_results.config import looked_up_once
from gaitmap_results.exceptions import AmbiguousChallengeError, NoChallengeError, RecorderStateError, SaveError
from gaitmap_results.provenance.collecting import (
    PendingEndStatus,
    Provenance,
    collect_code,
    collect_provenance,
    start_meter,
)
from gaitmap_results.provenance.collection_errors import Collector
from gaitmap_results.recording.assigned_run_id import claim_block_id
from gaitmap_results.recording.block_runs import BlockRuns
from gaitmap_results.recording.ending import publish_in_block, report_published
from gaitmap_results.recording.failure import describe_failure, is_clean_exit, note_on_error, status_of
from gaitmap_results.recording.inside_block import InsideBlock
from gaitmap_results.recording.observing import observe_again
from gaitmap_results.recording.signals import HandledSignals, check_signals
from gaitmap_results.saving.advice import (
    advise_about_created_files,
    advise_about_debug,
    advise_before_start,
)
from gaitmap_results.saving.debug_reasons import block_raised, reasons_for_debug
from gaitmap_results.saving.finished_run import FinishedRun
from gaitmap_results.saving.metadata import MetadataBuilder, Outcome
from gaitmap_results.saving.plan import SavePlan, make_plan
from gaitmap_results.saving.publishing import PublishedRun
from gaitmap_results.showing import html as _html
from gaitmap_results.store.deferred_signals import deferred_signals
from gaitmap_results.store.json_values import encode_custom_metadata, own_copy
from gaitmap_results.typed_results.scores import Scores
from gaitmap_results.user_code import open_blocks as _open_blocks
from gaitmap_results.user_code.caller import Caller
from gaitmap_results.user_code.entry import Entry
from gaitmap_results.user_code.user_warnings import PendingWarnings

__all__ = ["Recorder"]

_logger = logging.getLogger("gaitmap_results")
_C = TypeVar("_C")


class Recorder(InsideBlock, _html.ShownRecorder):
    """Record every challenge that runs while its block is open; made by :func:`gaitmap_results.recorded_run`.

    Attributes
    ----------
    custom_metadata
        What to store beside the results; you can fill it until the block ends.
    path_
        The run folder; that of the last challenge if several ran, ``None`` before anything is stored.
    paths_
        All run folders, in the order in which their challenges finished.
    metadata_
        The content of metadata.json in ``path_``.
    status_
        ``new``, ``running``, ``published``, ``empty`` (only nested blocks stored something), ``failed``,
        ``interrupted``, ``terminated`` or ``save_failed``.

    Examples
    --------
    >>> from gaitmap_results import recorded_run
    >>> with recorded_run("shin_tuned", path="results") as r:
    ...     challenge.run(optimizer)
    >>> r.status_, r.path_.parent.name
    ('published', 'shin_tuned')
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        caller: Caller,
        entry: Entry | None = None,
    ) -> None:
        self.custom_metadata = own_copy(options["custom_metadata"])
        self.paths_: list[Path] = []
        self.metadata_: dict[str, Any] | None = None
        self.status_ = "new"
        self.parent: _open_blocks.OpenBlock | None = None
        self.owner_pid = os.getpid()
        self.paused_in: int | None = None
        self.not_entered: weakref.finalize[Any, Any] | None = None
        self.generator: _open_blocks.OpeningGenerator | None = None
        self._meter: Any = None
        self._entry_name = options["entry_name"]
        self._options = options
        self._caller = caller
        self._entry = entry
        challenge = options["challenge"]
        self.runs = BlockRuns(self._entry_name, [] if challenge is None else [challenge])

    @property
    def path_(self) -> Path | None:
        """The run folder that was stored last."""
        return self.paths_[-1] if self.paths_ else None

    def __repr__(self) -> str:
        where = f", path_={str(self.path_)!r}" if self.path_ else ""
        return f"Recorder({self._entry_name!r}, status_={self.status_!r}{where})"

    def _score_lines(self) -> Sequence[str]:
        scores = Scores.stored_in(self.paths_[-1])
        return () if scores is None else scores.lines()

    def __enter__(self) -> Recorder:
        if self.not_entered is not None:
            self.not_entered.detach()
        self._prepare()
        return self

    def _prepare(self) -> None:
        if self.status_ != "new":
            raise RecorderStateError(
                "A recorder is used once; this one already was. Call recorded_run(...) again for another run."
            )
        names = [check_challenge(challenge, before_run=True) for challenge in self.runs.named.given]
        observe_again()
        encoded = encode_custom_metadata(self.custom_metadata)
        with looked_up_once():
            self._plan: SavePlan = make_plan(self._options)
            for name in names:
                self._plan.check_paths(*name)
            signals = check_signals(self._options["handle_signals"] or self._plan.handle_signals)
            self._provenance: Provenance = collect_provenance(
                self._caller, **self._plan.of_provenance(), entry=self._entry, will_be_reread=True
            )
        self._known_reasons = advise_before_start(self._plan, self._provenance)
        self._metadata = MetadataBuilder(
            self._plan, self._provenance, lambda: self.custom_metadata, block_id=claim_block_id(self)
        )
        self.runs.open(self._metadata, encoded)
        self._signals = HandledSignals(signals, self._note_signal)
        try:
            self._open()
        except BaseException:
            if self._meter:
                self._meter.stop()
            self._signals.restore()
            _open_blocks.close_block(self)
            self.runs.withdraw_first()
            raise

    def _open(self) -> None:
        self.owner_pid = self.runs.owner_pid = os.getpid()
        self.parent = _open_blocks.enclosing_block()
        self._signals.install()
        self._ending = Collector(known=self._provenance.errors)
        self._meter = self._ending.collect("resources", start_meter, self._plan.sample_resources_s, self.runs.folders)
        self.status_ = "running"
        self._start = datetime.now(timezone.utc)
        self._clock = time.perf_counter()
        _open_blocks.open_block(self)
        _open_blocks.enter(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        if os.getpid() != self.owner_pid:
            return False  # a forked child leaves the block of its parent
        left = time.perf_counter()
        # First, so that our own work below is not measured.
        self._resources = self._ending.collect("resources", self._meter.finish) if self._meter else None
        self._block_times = RunTimes(self._start, datetime.now(timezone.utc), left - self._clock, "block")
        _open_blocks.close_block(self)
        pending = PendingWarnings()
        try:
            self._finish(error, pending)
        except Exception as failure:
            if error is None:
                raise
            # The user must see the error of their own code; ours becomes a note on it.
            note_on_error(error, f"gaitmap_results: {failure}")
        except BaseException as interrupt:
            self._note_failure(interrupt, "save_failed")
            raise
        finally:
            self._signals.restore()
        if error is None:
            pending.show()
        else:
            pending.log("the block raised an error")
        return False

    def _finish(self, error: BaseException | None, pending: PendingWarnings) -> None:
        raised = error if error is not None and not is_clean_exit(error) else None
        if sys.is_finalizing():
            # The interpreter is shutting down; staged results can be recovered later.
            self._note_failure(error)
            return
        try:
            runs = self.runs.close(raised, self._start, self._block_times)
        except AmbiguousChallengeError as ambiguous:
            self._note_failure(ambiguous)
            raise
        if not runs:
            self._nothing_to_save(error)
            return
        # git runs in its own process, while everything is done that does not depend on its answer.
        with PendingEndStatus(self._provenance, self._ending) as git:
            self._publish_all(runs, lru_cache(maxsize=1)(lambda: self._outcome(raised, git)), pending)

    def _publish_all(
        self, runs: list[FinishedRun], ask_outcome: Callable[[], Outcome], pending: PendingWarnings
    ) -> None:
        errors: list[Exception] = [refusal for _, refusal in self.runs.refused]
        with deferred_signals():
            for run in runs:
                try:
                    self._publish(run, ask_outcome, pending)
                except Exception as failure:  # noqa: BLE001 - the other challenges are saved all the same
                    errors.append(failure)
            with contextlib.suppress(Exception):  # told with each run that could not be published
                advise_about_created_files(self._plan, ask_outcome().git, pending)
            self.runs.withdraw_first()
            failed = bool(self.runs.refused) or any(isinstance(failure, SaveError) for failure in errors)
            self.status_ = "save_failed" if failed else "published"
        if errors:
            pending.log("an error is raised")
            raise errors[0]

    def _nothing_to_save(self, error: BaseException | None) -> None:
        if error is not None:
            self._note_failure(error)
            for _, refusal in self.runs.refused:
                note_on_error(error, f"gaitmap_results: {refusal}")
        elif self.runs.refused:
            self.status_ = "save_failed"
            self.runs.withdraw_first()
            raise self.runs.refused[0][1]
        elif self.runs.saved_by_user or self.runs.nested_saved:
            self.status_ = "published" if self.runs.saved_by_user else "empty"
            self.runs.withdraw_first()
        else:
            missing = self.runs.missing()
            self._note_failure(missing)
            raise missing

    def _outcome(self, raised: BaseException | None, git: PendingEndStatus) -> Outcome:
        known = self._provenance
        code = collect_code(known.code_question, known.system_info["packages_info"], self._ending)
        end = git.finish()
        reasons = reasons_for_debug(self._plan.setting, self._provenance.git, code, end)
        if raised is not None:
            reasons.append(block_raised(raised))
        return Outcome(reasons, end, code, self._resources, tuple(self._ending.errors))

    def _publish(self, run: FinishedRun, ask_outcome: Callable[[], Outcome], pending: PendingWarnings) -> None:
        published = publish_in_block(run, self.runs, self._metadata, ask_outcome)
        self._remember(published, run.challenge)
        report_published(published, run, self._metadata, pending)
        reasons = ask_outcome().reasons
        if any(reason not in self._known_reasons for reason in reasons):
            advise_about_debug(self._plan, reasons, pending)
        if published.error is not None:
            raise published.error

    def _remember(self, published: PublishedRun, challenge: Any) -> None:
        self.paths_.append(published.path)
        self.metadata_ = published.metadata
        block = self.parent
        while isinstance(block, Recorder):
            block.runs.nested_saved.append(challenge)
            block = block.parent

    def _note_signal(self, name: str) -> None:
        self.status_ = "terminated"
        self.runs.folders.note(status="terminated", signal=name)

    def _note_failure(self, error: BaseException | None, ended: str = "failed") -> None:
        """Write into the journal why nothing was published, and the status of what nobody interrupted."""
        if self.status_ != "terminated":
            self.status_ = status_of(error, ended)
        if self.runs.any_kept() or (isinstance(error, NoChallengeError) and error.paths):
            self.runs.withdraw_first()  # the others hold the results
        self.runs.folders.note(
            status=self.status_,
            error=None if error is None else describe_failure(error, self._plan.relative_to),
            ended=self._block_times.end,
            runtime=self._block_times.runtime,
        )
