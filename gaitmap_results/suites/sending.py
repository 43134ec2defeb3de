"""Send an entry to where it runs, and run it there."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import io
import os
import pickle
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from gaitmap_results.exceptions import InvalidTargetError
from gaitmap_results.recording.awaited_block import awaited_block

__all__ = ["Task", "TaskResult", "make_task", "run_task"]

# What multiprocessing calls the main module of the parent in a process that it started.
_MAIN_ELSEWHERE: Final = "__mp_main__"


@dataclass(frozen=True)
class Task:
    """An entry on its way.

    Attributes
    ----------
    payload
        The entry, pickled.
    block_id
        The identifier of the block in which it will be recorded.
    script
        The file of the main module, if the entry is defined there.
    folders
        Folders from which the entry's modules are imported.
    """

    payload: bytes
    block_id: str
    script: str | None
    folders: tuple[str, ...]


@dataclass(frozen=True)
class TaskResult:
    """What became of an entry: the run folder, if there is one, what it raised, and the seconds that it took."""

    path: str | None
    error: str | None
    seconds: float


def make_task(entry: Callable[[], Any], block_id: str) -> Task:
    """Pickle an entry, so that it can run in this process or in any other.

    Raises
    ------
    InvalidTargetError
        If it cannot be pickled.
    """
    try:
        payload = pickle.dumps(entry)
    except Exception as error:  # noqa: BLE001 - whatever an object of the user's raises when it is pickled
        payload = _by_value(entry, error)
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    script = os.path.abspath(file) if file and Path(file).is_file() else None
    return Task(payload, block_id, script, tuple(dict.fromkeys(os.path.abspath(each) for each in sys.path[:1])))


def _by_value(entry: Callable[[], Any], error: Exception) -> bytes:
    """Pickle an entry of a notebook by its content, where cloudpickle is installed."""
    try:
        import cloudpickle

        content: bytes = cloudpickle.dumps(entry)
    except Exception:  # noqa: BLE001 - what pickle said tells more
        raise InvalidTargetError(
            f"The entry {entry!r} cannot be sent to another process: {error}. Define it in a module or a script, "
            "not inside of a function, and give it values that can be pickled."
        ) from error
    return content


def run_task(task: Task) -> TaskResult:
    """Run an entry to its end, whatever kind of function it is; an error of the entry is told, not raised.

    Raises
    ------
    KeyboardInterrupt
        If the program is interrupted.
    """
    start = time.perf_counter()
    error = None
    with awaited_block(task.block_id) as block:
        try:
            _run_to_its_end(_load(task)())
        except KeyboardInterrupt:
            raise
        except BaseException as raised:  # noqa: BLE001 - also sys.exit() ends this entry only
            error = _described(raised)
    path = block.recorder.path_ if block.recorder is not None else None
    return TaskResult(None if path is None else str(path), error, time.perf_counter() - start)


def _described(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _run_to_its_end(returned: Any) -> None:
    if inspect.isawaitable(returned):
        asyncio.run(_wait(returned))
    elif inspect.isasyncgen(returned):
        asyncio.run(_exhaust(returned))
    elif inspect.isgenerator(returned):
        for _ in returned:
            pass


async def _wait(awaitable: Any) -> None:
    await awaitable


async def _exhaust(generator: Any) -> None:
    async for _ in generator:
        pass


def _load(task: Task) -> Callable[[], Any]:
    for folder in reversed(task.folders):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    entry: Callable[[], Any] = _Unpickler(io.BytesIO(task.payload), task.script).load()
    return entry


class _Unpickler(pickle.Unpickler):
    """Finds what was defined in the main module of the sender."""

    def __init__(self, file: io.BytesIO, script: str | None) -> None:
        super().__init__(file)
        self._script = script

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if module_name == "__main__" and self._script is not None:
            found: Any = _main_module(self._script)
            for name in global_name.split("."):
                found = getattr(found, name)
            return found
        return super().find_class(module_name, global_name)


def _main_module(script: str) -> ModuleType:
    """Return the module of a script: the main module where it is one, else imported under another name, once."""
    for name in ("__main__", _MAIN_ELSEWHERE):
        module = sys.modules.get(name)
        file = getattr(module, "__file__", None)
        if module is not None and file and os.path.abspath(file) == script:
            return module
    spec = importlib.util.spec_from_file_location(_MAIN_ELSEWHERE, script)
    if spec is None or spec.loader is None:
        raise ImportError(f"{script} cannot be imported as a module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[_MAIN_ELSEWHERE] = module
    spec.loader.exec_module(module)
    return module
