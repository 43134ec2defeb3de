"""Run one entry in the process that received it."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gaitmap_results.recording.assigned_run_id import AwaitedBlock, awaited_block
from gaitmap_results.store.safe_text import error_text
from gaitmap_results.suites.sent_entry import Task, load_entry

if TYPE_CHECKING:
    from gaitmap_results.suites.planning import PlannedEntry
    from gaitmap_results.suites.skipping import Standing

__all__ = ["TaskResult", "run_task", "run_task_once"]

_LOOK_EVERY_S: Final = 1.0


@dataclass(frozen=True)
class TaskResult:
    """The outcome of an entry: its run folder, what it raised, the seconds, and whether it was lost or not needed."""

    path: str | None
    error: str | None
    seconds: float
    is_lost: bool = False
    standing: Standing | None = None


def run_task(task: Task, look: Callable[[], Standing] | None = None) -> TaskResult:
    """Run an entry of any kind to its end; its error is returned, not raised.

    Parameters
    ----------
    task
        The entry.
    look
        Looks once more whether it needs to run, as soon as its code is imported.

    Raises
    ------
    KeyboardInterrupt
        If the program of the suite itself is interrupted.
    """
    start = time.perf_counter()
    error = None
    with awaited_block(task.block_id, is_reported=task.is_reported) as block:
        try:
            task.origin.take_over()
            entry = load_entry(task)
            standing = None if look is None else look()
            if standing is not None and not standing.needs_to_run:
                return TaskResult(None, None, time.perf_counter() - start, standing=standing)
            _run_to_its_end(entry(), block)
        except BaseException as raised:
            is_in_suite = task.origin.is_here and threading.current_thread() is threading.main_thread()
            if is_in_suite and isinstance(raised, KeyboardInterrupt):
                raise
            error = error_text(raised)
    path = block.recorder.path_ if block.recorder is not None else None
    if error is None and block.recorder is not None and block.recorder.status_ == "empty":
        error = (
            "It ran no challenge itself: only recorders inside of it have stored runs. List what opens them instead."
        )
    return TaskResult(None if path is None else str(path), error, time.perf_counter() - start)


def run_task_once(entry: PlannedEntry, namesakes: Sequence[PlannedEntry], skip: str | None) -> TaskResult:
    """Run an entry unless it was started before; then wait for the first start.

    Some engines start an entry again when they retire or lose a worker.
    While it waited for a worker, another program may have run or started it.

    Parameters
    ----------
    entry
        The entry.
    namesakes
        The entries of the suite with its name, itself included.
    skip
        Which recorded runs make this one unnecessary.
    """
    # A fresh process has no use for these.
    from gaitmap_results.reading.index import read_metadata
    from gaitmap_results.suites.skipping import StoreJudge
    from gaitmap_results.suites.stored_runs import find_started, find_stored

    start, task = time.perf_counter(), entry.task
    while True:
        earlier = find_started(task.results_folder, task.block_id)
        if earlier is None or earlier.run.status != "running":
            break
        time.sleep(_LOOK_EVERY_S)
    path = find_stored(task.results_folder, task.entry_parts, task.block_id)
    seconds = time.perf_counter() - start
    if path is not None:
        return TaskResult(str(path), None, read_metadata(str(path)).get("runtime") or seconds)
    if earlier is not None:
        why = f"it was started on a worker that is gone: {earlier.run.error or earlier.run.evidence}"
        return TaskResult(None, why, seconds, is_lost=True)
    return run_task(task, lambda: StoreJudge(skip, namesakes).judge(entry))


def _run_to_its_end(returned: Any, block: AwaitedBlock) -> None:
    if callable(getattr(returned, "add_done_callback", None)):
        # The block ends in the first callback, which may come after the result.
        ended = threading.Event()
        returned.add_done_callback(lambda _: ended.set())
        ended.wait()
        returned.result()
    elif inspect.isawaitable(returned):
        asyncio.run(_wait(returned))
    elif inspect.isasyncgen(returned):
        asyncio.run(_exhaust(returned))
    elif inspect.isgenerator(returned) or (isinstance(returned, Iterator) and block.is_open):
        for _ in returned:
            pass


async def _wait(awaitable: Any) -> None:
    await awaitable


async def _exhaust(generator: Any) -> None:
    async for _ in generator:
        pass
