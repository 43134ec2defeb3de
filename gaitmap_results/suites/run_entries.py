"""Run the entries of a suite, each once, and say what became of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from pathlib import Path
from typing import Any, Literal

from gaitmap_results.exceptions import InvalidOptionError
from gaitmap_results.suites.fresh_processes import FreshProcesses
from gaitmap_results.suites.outcome import EntryOutcome
from gaitmap_results.suites.planning import PlannedEntry, plan_entries
from gaitmap_results.suites.sending import TaskResult, run_task
from gaitmap_results.suites.skipping import Done, find_done, find_run_of_block

__all__ = ["run_entries"]

Skip = Literal["same-commit", "recorded"]


def run_entries(
    entries: Iterable[Any],
    *,
    executor: Executor | None = None,
    max_workers: int = 1,
    skip: Skip | None = "same-commit",
    on_outcome: Callable[[EntryOutcome], None] | None = None,
) -> list[EntryOutcome]:
    """Run entries that are not recorded yet, and say what became of each.

    Nothing is tried again silently: what failed or was lost is named, and the same call runs it.
    The results folder tells what is done: an entry whose process died after its run was stored counts as recorded.

    Parameters
    ----------
    entries
        Functions that are decorated with :func:`gaitmap_results.record_run`, partials of them, and
        :class:`gaitmap_results.Entry` objects.
    executor
        Where they run: any ``concurrent.futures.Executor``, such as
        :func:`gaitmap_results.dask_executor` makes one.
        By default each entry runs in a fresh process of its own, so that one that dies takes no other with it.
    max_workers
        How many of these processes run at the same time.
    skip
        Which entries are not run again.
        ``"same-commit"``: those with an official run of the same name, function, arguments, commit, packages and other
        repositories, if there are no uncommitted changes.
        ``"recorded"``: those with any official run of this name, function and arguments.
        ``None``: none.
        An entry that is running in another program is skipped in any case.
    on_outcome
        Called with each outcome as soon as it is known.

    Returns
    -------
    outcomes
        One for each entry, in the order given.

    Raises
    ------
    GaitmapResultsError
        Before anything runs, if an entry, an option or the config is wrong.
    KeyboardInterrupt
        If the program is interrupted; entries that run are ended in order before that.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from gaitmap_results import Entry, run_entries
    >>> entries = [Entry(name, challenge, optimizer, path="results") for name in ("a", "b")]
    >>> with ThreadPoolExecutor(2) as threads:
    ...     outcomes = run_entries(entries, executor=threads)
    >>> [outcome.status for outcome in outcomes]
    ['recorded', 'recorded']
    """
    if type(max_workers) is not int or max_workers < 1:
        raise InvalidOptionError(f"max_workers is {max_workers!r}; it takes a number of processes, 1 or more.")
    if executor is not None and max_workers != 1:
        raise InvalidOptionError("max_workers counts fresh processes; tell the executor itself how many it has.")
    planned = plan_entries(entries)
    done = find_done(planned, skip)
    outcomes: dict[int, EntryOutcome] = {}

    def tell(number: int, outcome: EntryOutcome) -> None:
        outcomes[number] = outcome
        if on_outcome is not None:
            on_outcome(outcome)

    for number, found in done.items():
        tell(number, _skipped(planned[number], found))
    waiting = {number: entry for number, entry in enumerate(planned) if number not in done}
    if executor is not None:
        _run(waiting, executor, tell)
    elif waiting:
        _run_in_fresh_processes(waiting, max_workers, tell)
    return [outcomes[number] for number in range(len(planned))]


def _run_in_fresh_processes(
    waiting: dict[int, PlannedEntry], max_workers: int, tell: Callable[[int, EntryOutcome], None]
) -> None:
    processes = FreshProcesses(max_workers)
    try:
        _run(waiting, processes, tell)
    except BaseException:
        processes.shutdown(cancel_futures=True)
        raise
    processes.shutdown()


def _run(waiting: dict[int, PlannedEntry], executor: Executor, tell: Callable[[int, EntryOutcome], None]) -> None:
    started = time.perf_counter()
    running: dict[Future[TaskResult], int] = {}
    broken: dict[int, BaseException] = {}
    try:
        for number, entry in waiting.items():
            try:
                running[executor.submit(run_task, entry.task)] = number
            except RuntimeError as error:  # a pool that is broken or closed takes no more
                broken[number] = error
        while running:
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                number = running.pop(future)
                raised = None if future.cancelled() else future.exception()
                if isinstance(raised, BrokenExecutor):
                    broken[number] = raised
                else:
                    tell(number, _outcome(waiting[number], future, time.perf_counter() - started))
        if broken:
            # The processes of a pool that breaks are ended, and until then one of them may still store its run.
            executor.shutdown(wait=True)
        for number, why in broken.items():
            tell(number, _without_answer(waiting[number], why, None))
    except BaseException:
        for future in running:
            future.cancel()
        raise


def _skipped(entry: PlannedEntry, found: Done) -> EntryOutcome:
    return EntryOutcome(entry.entry_name, "skipped", found.path, found.reason, None)


def _outcome(entry: PlannedEntry, future: Future[TaskResult], seconds: float) -> EntryOutcome:
    try:
        result = future.result()
    except (Exception, CancelledError) as error:  # noqa: BLE001 - whatever the executor says of a worker that died
        return _without_answer(entry, error, seconds)
    if result.path is not None:
        return EntryOutcome(entry.entry_name, "recorded", Path(result.path), result.error, result.seconds)
    why = result.error or "It ended without a run of a challenge."
    return EntryOutcome(entry.entry_name, "failed", None, why, result.seconds)


def _without_answer(entry: PlannedEntry, error: BaseException, seconds: float | None) -> EntryOutcome:
    """Say what became of an entry whose process did not answer; its run may be stored all the same."""
    text = str(error) or type(error).__name__
    path = find_run_of_block(entry)
    return EntryOutcome(entry.entry_name, "lost" if path is None else "recorded", path, text, seconds)
