"""Run each call in a fresh process of its own."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any, TypeVar

__all__ = ["FreshProcesses", "ProcessDiedError"]

_T = TypeVar("_T")
_PATIENCE_S = 10.0


class ProcessDiedError(RuntimeError):
    """A process ended before it answered; the message says by what."""


class FreshProcesses(Executor):
    """Starts a process for each call, so that one that dies takes no other with it.

    Parameters
    ----------
    max_workers
        How many processes run at the same time.
    """

    def __init__(self, max_workers: int = 1) -> None:
        # Spawned, on every system: a fork would take threads, locks and random states of this process along.
        self._context = multiprocessing.get_context("spawn")
        self._threads = ThreadPoolExecutor(max_workers, thread_name_prefix="gaitmap_results_entry")
        self._running: set[Any] = set()
        self._lock = threading.Lock()
        self._is_ending = False

    def submit(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> Future[_T]:
        """Call a function in a process of its own as soon as one may start."""
        return self._threads.submit(self._call, fn, args, kwargs)

    def _call(self, fn: Callable[..., _T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> _T:
        receiver, sender = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_answer, args=(sender, fn, args, kwargs))
        with self._lock:
            if self._is_ending:
                raise ProcessDiedError("it was not started, because the suite was ended")
            process.start()
            self._running.add(process)
        sender.close()  # so that the end of the process ends the waiting
        try:
            is_error, answer = receiver.recv()
        except (EOFError, OSError):
            process.join()
            raise ProcessDiedError(_how_it_ended(process.exitcode)) from None
        finally:
            receiver.close()
            process.join()
            with self._lock:
                self._running.discard(process)
            process.close()
        if is_error:
            raise answer
        result: _T = answer
        return result

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for the processes; with ``cancel_futures`` ask those that run to end, and end those that do not."""
        if cancel_futures:
            with self._lock:
                self._is_ending = True
                running = list(self._running)
            for process in running:
                _signal(process.terminate)
            timer = threading.Timer(_PATIENCE_S, _kill, [running])
            timer.daemon = True
            timer.start()
            self._threads.shutdown(wait, cancel_futures=True)
            timer.cancel()
            return
        self._threads.shutdown(wait)


def _kill(processes: list[Any]) -> None:
    for process in processes:
        _signal(process.kill)


def _signal(send: Callable[[], None]) -> None:
    try:
        send()
    except ValueError:  # it has ended and was closed meanwhile
        return


def _answer(sender: Connection, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    try:
        answer = False, fn(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - it is raised where the result is waited for
        answer = True, error
    sender.send(answer)
    sender.close()


def _how_it_ended(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        try:
            return f"its process was ended by {signal.Signals(-exitcode).name}"
        except ValueError:
            return f"its process was ended by signal {-exitcode}"
    return f"its process ended with exit code {exitcode}"
