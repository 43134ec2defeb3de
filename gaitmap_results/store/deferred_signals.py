"""Defer signals while a run is being saved."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any, Final

__all__ = ["deferred_signals"]

# The process whose main thread holds signals back.
_deferring_in: int | None = None
# Signals that ask a process to end, even without a handler in Python.
_ENDING: Final = {
    int(getattr(signal, name))
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGBREAK")
    if hasattr(signal, name)
}


@contextmanager
def deferred_signals() -> Iterator[None]:
    """Hold back each signal that may interrupt a save, and deliver it afterwards; the second of a kind gets through.

    Handlers of timers and of other signals that do not ask the process to end still run at once.
    Only their exceptions wait.
    Python sets handlers in the main thread of the main interpreter only; elsewhere nothing is held back.
    A process that is forked meanwhile, such as a worker of the challenge's, can be ended as before.
    """
    global _deferring_in  # noqa: PLW0603 - handlers belong to the process, too
    if threading.current_thread() is not threading.main_thread() or _deferring_in == os.getpid():
        yield
        return
    owner = os.getpid()
    received: dict[int, BaseException | None] = {}
    previous: dict[int, Any] = {}

    def hold(number: int, frame: FrameType | None) -> None:
        handler, is_own = previous[number], os.getpid() == owner
        if is_own and number not in _ENDING:
            try:
                handler(number, frame)
            except BaseException as error:  # noqa: BLE001 - it is raised when the run is saved
                received.setdefault(number, error)
        elif is_own and number not in received:
            received[number] = None
        elif callable(handler):
            received.pop(number, None)
            handler(number, frame)
        else:
            signal.signal(number, handler)
            signal.raise_signal(number)

    # One delivery may raise; the next one still happens.
    with ExitStack() as afterwards:
        afterwards.callback(_deliver, received)
        afterwards.callback(_restore, previous)
        _deferring_in = owner
        for number in _disturbing():
            previous[number] = signal.getsignal(number)
            try:
                signal.signal(number, hold)
            except ValueError:  # a subinterpreter
                del previous[number]
                break
            except OSError:  # the system reserves this signal
                del previous[number]
        yield


def _disturbing() -> list[int]:
    """Return the signals that may raise an exception in Python code, or end the process."""
    # An ignored signal or a handler of C code (None) does not interrupt Python code.
    return [
        int(number)
        for number in signal.valid_signals()
        if callable(handler := signal.getsignal(number)) or (handler == signal.SIG_DFL and number in _ENDING)
    ]


def _restore(previous: dict[int, Any]) -> None:
    global _deferring_in  # noqa: PLW0603 - handlers belong to the process, too
    _deferring_in = None
    for number, handler in previous.items():
        signal.signal(number, handler)


def _deliver(received: dict[int, BaseException | None]) -> None:
    with ExitStack() as all_of_them:
        for number, error in reversed(received.items()):
            all_of_them.callback(signal.raise_signal, number) if error is None else all_of_them.callback(_raise, error)


def _raise(error: BaseException) -> None:
    raise error
