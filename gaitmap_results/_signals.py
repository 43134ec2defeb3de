"""Holds signals back, or turns them into an orderly leaving."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from gaitmap_results.exceptions import InvalidOptionError

__all__ = ["HandledSignals", "check_signals", "deferred_signals"]

# What asks a process to end; the others do not interrupt a save.
_DEFERRED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGBREAK")


@contextmanager
def deferred_signals() -> Iterator[None]:
    """Hold back signals that ask the process to end, and deliver them afterwards.

    Handlers can only be set in the main thread; in any other this does nothing, and needs not: Python runs them in the
    main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    previous: dict[int, Any] = {}
    try:
        for name in _DEFERRED:
            number = getattr(signal, name, None)
            # An ignored or a foreign (None: not set by Python) handler does not interrupt Python code; leave it alone.
            if number is not None and _ends_python(number):
                previous[number] = signal.signal(number, lambda received_number, _: received.append(received_number))
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        for number in dict.fromkeys(received):
            signal.raise_signal(number)


def _ends_python(number: int) -> bool:
    handler = signal.getsignal(number)
    return handler is not None and handler != signal.SIG_IGN


def check_signals(names: Sequence[str | int]) -> tuple[int, ...]:
    """Return the numbers of signals given by name, number or ``signal.Signals``.

    Raises
    ------
    InvalidOptionError
        If there is no such signal here, or Python cannot handle it.
    """
    if isinstance(names, (str, int)):
        raise InvalidOptionError(
            f"handle_signals is {names!r}; it takes a tuple of names, for example handle_signals=('SIGTERM',)."
        )
    numbers = []
    for name in names:
        try:
            number = signal.Signals[name] if isinstance(name, str) else signal.Signals(name)
        except (KeyError, ValueError) as error:
            raise InvalidOptionError(f"handle_signals names {name!r}, which is no signal on this system.") from error
        if number in (getattr(signal, "SIGKILL", None), getattr(signal, "SIGSTOP", None)):
            raise InvalidOptionError(f"handle_signals names {name!r}, which no program can handle.")
        numbers.append(int(number))
    return tuple(dict.fromkeys(numbers))


class HandledSignals:
    """Turns signals into ``SystemExit`` while a block is open.

    Parameters
    ----------
    numbers
        The signals.
    on_signal
        Called with the signal's name before anything else, so that the journal can say why the run ended.
    """

    def __init__(self, numbers: Sequence[int], on_signal: Callable[[str], None]) -> None:
        self._numbers = numbers
        self._on_signal = on_signal
        self._previous: dict[int, Any] = {}

    def install(self) -> bool:
        """Set the handlers; ``False`` if this is not the main thread, where Python allows none."""
        if threading.current_thread() is not threading.main_thread():
            return not self._numbers
        for number in self._numbers:
            self._previous[number] = signal.signal(number, self._handle)
        return True

    def restore(self) -> None:
        """Set the previous handlers again, except where somebody else has set one meanwhile."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number, handler in self._previous.items():
            if signal.getsignal(number) == self._handle:
                signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._previous = {}

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._on_signal(signal.Signals(number).name)
        previous = self._previous.get(number)
        if callable(previous) and previous is not signal.default_int_handler:
            previous(number, frame)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        # The exit code by which shells say that a signal ended a program.
        raise SystemExit(128 + number)
