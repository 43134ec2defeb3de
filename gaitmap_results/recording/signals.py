"""Turn signals into an orderly end of the block."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from gaitmap_results.exceptions import InvalidOptionError

__all__ = ["HandledSignals", "check_signals"]

_logger = logging.getLogger("gaitmap_results")


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
            raise InvalidOptionError(f"handle_signals names {name!r}, which is not a signal on this system.") from error
        if number in (getattr(signal, "SIGKILL", None), getattr(signal, "SIGSTOP", None)):
            raise InvalidOptionError(f"handle_signals names {name!r}, which no program can handle.")
        numbers.append(int(number))
    return tuple(dict.fromkeys(numbers))


class HandledSignals:
    """Turn signals into ``SystemExit`` while a block is open.

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
        self._owner = os.getpid()
        self._previous: dict[int, Any] = {}
        self._open = False

    def install(self) -> None:
        """Set the handlers if this is the main thread, the only one where Python allows it.

        A signal that the program ignores, as ``nohup`` makes it do, stays ignored.
        """
        if threading.current_thread() is not threading.main_thread():
            if self._numbers:
                _logger.info("handle_signals does nothing here: Python sets handlers in the main thread only")
            return
        self._owner = os.getpid()
        self._open = True
        for number in self._numbers:
            if signal.getsignal(number) != signal.SIG_IGN:
                try:
                    self._previous[number] = signal.signal(number, self._handle)
                except ValueError:
                    _logger.info("handle_signals does nothing here: Python sets no handlers in a subinterpreter")
                    return

    def restore(self) -> None:
        """Restore the previous handlers, except where other code has set one meanwhile.

        If a block that was entered later is still open, it does this when it ends.
        """
        self._open = False
        if threading.current_thread() is not threading.main_thread():
            return
        for number in self._previous:
            if signal.getsignal(number) == self._handle:
                signal.signal(number, self._before(number))

    def _before(self, number: int) -> Any:
        """Return the last handler before this one whose block is still open."""
        handler = self._previous[number]
        while isinstance(owner := getattr(handler, "__self__", None), HandledSignals) and not owner._open:
            handler = owner._previous.get(number, signal.SIG_DFL)
        return signal.SIG_DFL if handler is None else handler

    def _handle(self, number: int, frame: FrameType | None) -> None:
        previous = self._before(number)
        if os.getpid() != self._owner:
            # A forked child, for example a pool worker that is being ended, does not own the block.
            signal.signal(number, previous)
            signal.raise_signal(number)
            return
        try:
            self._on_signal(signal.Signals(number).name)
        except Exception as error:  # noqa: BLE001 - the disk may be full; the program is to end all the same
            _logger.warning("The signal could not be noted in the journal: %s", error)
        if callable(previous) and previous is not signal.default_int_handler:
            previous(number, frame)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        # The exit code by which shells say that a signal ended a program.
        raise SystemExit(128 + number)
