"""Warn of recorders that are dropped without ever being entered, as Python does of coroutines never awaited."""

from __future__ import annotations

import os
import weakref
from typing import Any

from gaitmap_results.exceptions import RecorderNotEnteredWarning
from gaitmap_results.user_code.caller import innermost_user_frame
from gaitmap_results.user_code.user_warnings import warn_at

__all__ = ["expect_entering"]


def expect_entering(recorder: Any, entry_name: object) -> weakref.finalize[Any, Any]:
    """Warn at the user's line if a recorder is dropped or the program ends; detach this on entering."""
    frame = innermost_user_frame()
    place = (__file__, 1, {}) if frame is None else (frame.f_code.co_filename, frame.f_lineno, frame.f_globals)
    return weakref.finalize(recorder, _warn, os.getpid(), repr(entry_name), *place)


def _warn(pid: int, entry_name: str, file: str, line: int, namespace: dict[str, Any]) -> None:
    if os.getpid() != pid:  # the parent of a forked child may still enter its own copy
        return
    warn_at(
        f"The recorder of {entry_name} was never entered, so nothing was recorded. "
        "Write `with recorded_run(...):` around the code that runs the challenge.",
        RecorderNotEnteredWarning,
        file,
        line,
        namespace,
    )
