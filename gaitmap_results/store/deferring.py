"""Hold signals back while a run is being saved."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["deferred_signals"]

# What asks a process to end; the others do not interrupt a save.
_DEFERRED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGBREAK")


@contextmanager
def deferred_signals() -> Iterator[None]:
    """Hold back signals that ask the process to end, and deliver them afterwards.

    Python sets handlers in the main thread only; in any other thread nothing is held back.
    A process that is forked meanwhile, such as a worker of the challenge's own, can be ended as before.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()
    received: list[int] = []
    previous: dict[int, Any] = {}

    def hold(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - Python gives it
        if os.getpid() == owner:
            received.append(number)
        else:
            signal.signal(number, previous[number])
            signal.raise_signal(number)

    try:
        for name in _DEFERRED:
            number = getattr(signal, name, None)
            # An ignored or a foreign (None: not set by Python) handler does not interrupt Python code; leave it alone.
            if number is not None and _ends_python(number):
                previous[number] = signal.getsignal(number)
                signal.signal(number, hold)
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        for number in dict.fromkeys(received):
            signal.raise_signal(number)


def _ends_python(number: int) -> bool:
    handler = signal.getsignal(number)
    return handler is not None and handler != signal.SIG_IGN
