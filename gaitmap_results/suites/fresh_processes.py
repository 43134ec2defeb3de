"""Run each call in its own fresh process."""

from __future__ import annotations

import contextlib
import gc
import itertools
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any, Final, TypeVar

__all__ = ["FreshProcesses", "ProcessDiedError", "is_being_prepared"]

_T = TypeVar("_T")
# Ctrl-C also reaches the processes: they first may end by themselves, then get SIGTERM, then are killed.
_BY_ITSELF_S: Final = 3.0
_WHEN_ASKED_S: Final = 10.0
_LOOK_EVERY_S: Final = 0.25


class ProcessDiedError(RuntimeError):
    """A process ended before it answered; the message says how."""


def is_being_prepared() -> bool:
    """Say whether this process was spawned and is still importing the main module of its parent."""
    return bool(getattr(multiprocessing.current_process(), "_inheriting", False))


class FreshProcesses(Executor):
    """Start a process for each call, so that a dying process affects no other call.

    Parameters
    ----------
    max_workers
        How many processes run at the same time.
    """

    def __init__(self, max_workers: int = 1) -> None:
        # Always spawn: a fork would inherit threads, locks and random states of this process.
        self._context = multiprocessing.get_context("spawn")
        self._threads = ThreadPoolExecutor(max_workers, thread_name_prefix="gaitmap_results_entry")
        self._running: set[Any] = set()
        self._changed = threading.Condition()
        self._is_ending = False

    def submit(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> Future[_T]:
        """Call a function in its own process as soon as one may start."""
        return self._threads.submit(self._call, fn, args, kwargs)

    def _call(self, fn: Callable[..., _T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> _T:
        receiver, sender = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_answer, args=(sender, fn, args, kwargs))
        with self._changed:
            if self._is_ending:
                raise CancelledError
            process.start()
            self._running.add(process)
        sender.close()  # so that waiting ends when the process ends
        try:
            is_error, answer = _received(receiver, process)
        finally:
            receiver.close()
            process.join()
            with self._changed:
                self._running.discard(process)
                self._changed.notify_all()
            process.close()
        if is_error:
            raise answer
        result: _T = answer
        return result

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for the processes; with ``cancel_futures``, end them gently, or at once if interrupted."""
        if cancel_futures:
            with self._changed:
                self._is_ending = True
            self._threads.shutdown(wait=False, cancel_futures=True)
            try:
                if not self._wait_for_all(_BY_ITSELF_S):
                    self._signal(lambda process: process.terminate())
                    self._wait_for_all(_WHEN_ASKED_S)
            finally:
                self._signal(lambda process: process.kill())
        try:
            self._threads.shutdown(wait)
        except KeyboardInterrupt:  # while it waited for processes to end by themselves
            if not cancel_futures:
                self.shutdown(cancel_futures=True)
            raise

    def _wait_for_all(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        with self._changed:
            while self._running and time.monotonic() < end:
                self._changed.wait(_LOOK_EVERY_S)  # a short wait lets Ctrl-C through on Windows
            return not self._running

    def _signal(self, send: Callable[[Any], None]) -> None:
        """Send a signal to the processes and their children."""
        from gaitmap_results.provenance.processes import descendants_of

        with self._changed:
            running = list(self._running)
        for process in [*itertools.chain(*(descendants_of(each.pid) for each in running)), *running]:
            with contextlib.suppress(Exception):  # it has ended meanwhile
                send(process)


def _received(receiver: Connection, process: Any) -> tuple[bool, Any]:
    """Wait for the answer of a process, or for its end, since its children may keep the pipe open."""
    has_begun = False
    try:
        while True:
            ended = not process.is_alive()
            if receiver.poll(0 if ended else _LOOK_EVERY_S):
                message: tuple[bool, Any] | None = receiver.recv()
                if message is not None:
                    return message
                has_begun = True
            elif ended:
                raise EOFError
    except (EOFError, OSError):
        process.join()
        how = _how_it_ended(process.exitcode)
        raise ProcessDiedError(how if has_begun else f"{how} {_NOT_BEGUN}") from None


_NOT_BEGUN: Final = (
    "before the entry began: the program that calls run_entries could not be imported there. Everything in it that "
    'only the program itself does belongs under `if __name__ == "__main__":`'
)


def _answer(sender: Connection, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # the waiting program is gone
        sender.send(None)
    # What the program has imported stays until the end; looking through it again and again takes a tenth of the time of
    # a short entry.
    gc.freeze()
    asked = os.getpid()
    try:
        answer = False, fn(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - it is raised where the result is waited for
        answer = True, error
    if os.getpid() != asked:
        os._exit(0)  # a child that the entry has forked, and that went on as the entry
    with contextlib.suppress(OSError):
        sender.send(answer)
    sender.close()
    # Pools that the entry left open end here, as in any program. Nothing public does this, and multiprocessing, which
    # also calls it, would first wait for the processes of these pools, forever. Tested with Python 3.10 to 3.13.
    threading._shutdown()  # type: ignore[attr-defined]


def _how_it_ended(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        try:
            return f"its process was ended by {signal.Signals(-exitcode).name}"
        except ValueError:
            return f"its process was ended by signal {-exitcode}"
    return f"its process ended with exit code {exitcode}"
