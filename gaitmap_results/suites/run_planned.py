"""Run checked entries on any executor, and tell the outcome of each."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeAlias

from gaitmap_results.exceptions import InvalidOptionError, RecorderStateError
from gaitmap_results.reading.index import read_metadata
from gaitmap_results.showing.text import as_argument
from gaitmap_results.store.entry_names import entry_text
from gaitmap_results.suites.fresh_processes import FreshProcesses, ProcessDiedError, is_being_prepared
from gaitmap_results.suites.outcome import INTERRUPTED, NOT_STARTED, EntryOutcome
from gaitmap_results.suites.planning import PlannedEntry
from gaitmap_results.suites.running_one import TaskResult, run_task, run_task_once
from gaitmap_results.suites.skipping import Standing, StoreJudge
from gaitmap_results.suites.stored_runs import find_started, find_stored

__all__ = ["run_planned"]

_Tell: TypeAlias = Callable[[int, EntryOutcome], None]
_LOOK_EVERY_S: Final = 0.5


def run_planned(
    planned: Sequence[PlannedEntry],
    *,
    executor: Executor | None,
    max_workers: int,
    skip: str | None,
    on_outcome: _Tell | None,
) -> list[EntryOutcome]:
    """Run checked entries, as :func:`run_entries` does; ``on_outcome`` also gets the place of the entry."""
    _check(executor, max_workers)
    judge = StoreJudge(skip, planned)
    outcomes: dict[int, EntryOutcome] = {}

    def tell(number: int, outcome: EntryOutcome) -> None:
        outcomes[number] = outcome
        if on_outcome is not None:
            on_outcome(number, outcome)

    def needs_to_run(number: int) -> bool:
        standing = judge.judge(planned[number])
        if not standing.needs_to_run:
            tell(number, _skipped(planned[number], standing))
        return standing.needs_to_run

    fresh = FreshProcesses(max_workers) if executor is None else None
    # Other executors get all entries at once, and run them whenever they like.
    call_of = (lambda entry: (run_task, entry.task)) if fresh else _calls_that_look(planned, skip)
    running = _Running(fresh or executor, call_of, tell)
    try:
        for number in [number for number in range(len(planned)) if needs_to_run(number)]:
            if fresh is not None:
                running.wait_until_fewer_than(max_workers)
                judge.look_again()
                if not needs_to_run(number):
                    continue
            running.submit(number, planned[number])
        running.wait_for_all()
    except BaseException as error:
        _end(error, running, fresh, lambda: _missing_in(outcomes, planned))
        raise
    if fresh is not None:
        fresh.shutdown()
    return [outcomes[number] for number in range(len(planned))]


def _calls_that_look(planned: Sequence[PlannedEntry], skip: str | None) -> Callable[[PlannedEntry], tuple[Any, ...]]:
    """Return what calls an entry, and looks once more whether it still needs to run."""
    namesakes = defaultdict(list)
    for entry in planned:
        namesakes[entry.place].append(entry)
    return lambda entry: (run_task_once, entry, namesakes[entry.place], skip)


def _end(
    error: BaseException,
    running: _Running,
    fresh: FreshProcesses | None,
    missing: Callable[[], dict[int, PlannedEntry]],
) -> None:
    """End a suite in the middle; only an interrupt also ends the entries that run."""
    is_interrupted = isinstance(error, (KeyboardInterrupt, SystemExit))
    try:
        running.cancel()
        if fresh is not None:
            fresh.shutdown(cancel_futures=is_interrupted)
        if is_interrupted:  # otherwise on_outcome may have raised the error
            running.report_ended()
    finally:
        if is_interrupted:
            running.tell_interrupted(error, missing())


def _missing_in(outcomes: dict[int, EntryOutcome], planned: Sequence[PlannedEntry]) -> dict[int, PlannedEntry]:
    return {number: entry for number, entry in enumerate(planned) if number not in outcomes}


def _check(executor: Any, max_workers: int) -> None:
    if type(max_workers) is not int or max_workers < 1:
        raise InvalidOptionError(f"max_workers is {max_workers!r}; it takes a number of processes, 1 or more.")
    if is_being_prepared():
        raise RecorderStateError(
            "run_entries was called while a process that it started imports this program. Put the call, and "
            'everything else that only the program itself does, under `if __name__ == "__main__":`.'
        )
    if executor is None:
        return
    if max_workers != 1:
        raise InvalidOptionError("max_workers counts fresh processes; tell the executor itself how many it has.")
    if type(executor).__module__.partition(".")[0] == "distributed":
        raise InvalidOptionError(
            f"executor is a {type(executor).__name__} of Dask, which may compute a finished entry again. "
            "Give it dask_executor(client)."
        )
    if not callable(getattr(executor, "submit", None)):
        raise InvalidOptionError(f"executor is {executor!r}; it takes an executor as of concurrent.futures.")


class _Running:
    """The entries that an executor runs now."""

    def __init__(self, executor: Any, call_of: Callable[[PlannedEntry], tuple[Any, ...]], tell: _Tell) -> None:
        self._executor = executor
        self._call_of = call_of
        self._tell = tell
        self._sent: set[int] = set()
        self._jobs: dict[int, tuple[PlannedEntry, Any]] = {}
        self._ended: SimpleQueue[int] = SimpleQueue()
        self._polled: set[int] = set()
        self._broken: dict[int, tuple[PlannedEntry, BaseException]] = {}
        self._is_cancelled = False

    def submit(self, number: int, entry: PlannedEntry) -> None:
        """Send an entry to the executor."""
        self._sent.add(number)
        try:
            job = self._executor.submit(*self._call_of(entry))
        except RuntimeError as error:  # a broken or closed pool accepts no calls
            self._broken[number] = entry, error
            return
        self._jobs[number] = entry, job
        if hasattr(job, "add_done_callback"):
            job.add_done_callback(lambda _: self._ended.put(number))
        else:
            self._polled.add(number)
        self.report_ended()  # the executor may run calls immediately

    def wait_until_fewer_than(self, count: int) -> None:
        """Wait until fewer entries than this run, and report those that have ended."""
        while len(self._jobs) >= count:
            try:
                self._end(self._ended.get(timeout=_LOOK_EVERY_S))
            except Empty:
                for number in [number for number in self._polled if self._jobs[number][1].done()]:
                    self._polled.discard(number)
                    self._ended.put(number)

    def wait_for_all(self) -> None:
        """Wait until all entries have ended, and report them."""
        self.wait_until_fewer_than(1)
        if self._broken:
            # While a broken pool ends its processes, one of them may still store its run.
            self._executor.shutdown(wait=True)
        for number, (entry, why) in self._broken.items():
            self._tell(number, _without_answer(entry, why))

    def report_ended(self) -> None:
        """Report the entries that have ended by now."""
        while not self._ended.empty():
            self._end(self._ended.get())

    def cancel(self) -> None:
        """Ask the executor to cancel the entries that it has not started."""
        self._is_cancelled = True
        for _, job in list(self._jobs.values()):
            with contextlib.suppress(Exception):  # the executor may be unreachable
                job.cancel()

    def tell_interrupted(self, error: BaseException, left: dict[int, PlannedEntry]) -> None:
        """Report the entries that had not ended when the suite was interrupted."""
        if left and hasattr(error, "add_note"):  # Python 3.11
            names = ", ".join(entry_text(entry.entry_name) for entry in left.values())
            error.add_note(f"Not run to their end: {names}. The same call runs them.")
        for number, entry in left.items():
            if number in self._sent:
                outcome = _as_interrupted(_without_answer(entry, KeyboardInterrupt("the suite was interrupted")))
            else:
                outcome = EntryOutcome(entry.entry_name, NOT_STARTED, None, None, None)
            self._tell(number, outcome)

    def _end(self, number: int) -> None:
        entry, job = self._jobs.pop(number)
        try:
            outcome = _outcome(entry, job.result())
        except BrokenExecutor as error:
            self._broken[number] = entry, error
            return
        except (Exception, CancelledError) as error:  # noqa: BLE001 - whatever the executor says of a worker that died
            if self._is_cancelled and isinstance(error, CancelledError):
                return
            outcome = _without_answer(entry, error)
        self._tell(number, _as_interrupted(outcome) if self._is_cancelled else outcome)


def _skipped(entry: PlannedEntry, standing: Standing) -> EntryOutcome:
    if standing.status == "recorded":
        why = f"It is recorded already{standing.why and '; '}{standing.why}."
        return EntryOutcome(entry.entry_name, "skipped", standing.path, why, None)
    return EntryOutcome(entry.entry_name, "skipped", None, f"It is running already: {standing.why}", None)


def _outcome(entry: PlannedEntry, result: TaskResult) -> EntryOutcome:
    if result.standing is not None:
        return _skipped(entry, result.standing)
    if result.path is not None:
        return EntryOutcome(entry.entry_name, "recorded", Path(result.path), result.error, result.seconds)
    why = result.error or "It ended without a run of a challenge."
    return EntryOutcome(entry.entry_name, "lost" if result.is_lost else "failed", None, why, result.seconds)


def _without_answer(entry: PlannedEntry, error: BaseException) -> EntryOutcome:
    """Return the outcome of an entry whose process did not answer; its run may be stored all the same."""
    text = str(error).strip() or type(error).__name__
    task = entry.task
    started = find_started(task.results_folder, task.block_id)
    path = find_stored(task.results_folder, task.entry_parts, task.block_id)
    if path is not None:
        return EntryOutcome(entry.entry_name, "recorded", path, text, read_metadata(str(path)).get("runtime"))
    if started is None:
        why = text if isinstance(error, ProcessDiedError) else f"It had not begun: {text}"
        return EntryOutcome(entry.entry_name, "lost", None, why, None)
    if started.run.status == "running":
        text += f"; it may still end: {started.run.evidence}"
    elif started.run.error is not None:
        text += f"; {started.run.error}"
    if started.run.core_results == "complete" and started.run.status != "running":
        where = as_argument(task.results_folder)
        text += f"; its core results are kept: gaitmap-results recover {started.run.run_id} --results {where}"
    began = started.run.started
    seconds = None if began is None else max(0.0, time.time() - began.timestamp())
    return EntryOutcome(entry.entry_name, "lost", None, text, seconds)


def _as_interrupted(outcome: EntryOutcome) -> EntryOutcome:
    """Return the outcome of an entry that did not end because the suite was interrupted."""
    if outcome.path is not None:
        return outcome
    if outcome.seconds is None:
        return dataclasses.replace(outcome, status=NOT_STARTED, error=None)
    return dataclasses.replace(outcome, status=INTERRUPTED)
