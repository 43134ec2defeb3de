"""Format times, sizes and foreign text for people."""

from __future__ import annotations

import math
import os
import re
import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from gaitmap_results.exceptions import printable

__all__ = [
    "as_argument",
    "bulleted",
    "counted",
    "duration",
    "local_time",
    "number",
    "one_line",
    "printable",
    "run_kind",
    "size",
    "without_addresses",
]

_ADDRESS: Final = re.compile(r"(?: object)? (?:at|@) 0x[0-9a-fA-F]+")


def one_line(text: object) -> str:
    """Return a text on one line, with control characters, line breaks and tabs escaped."""
    text = str(text)
    return text if text.isprintable() else printable(text).replace("\n", "\\n").replace("\t", "\\t")


def bulleted(texts: Sequence[object], most: int) -> str:
    """Return the first few texts, each on a line of its own below an error, and the number of the others.

    Examples
    --------
    >>> from gaitmap_results.showing.text import bulleted
    >>> print("Damaged:" + bulleted(["a", "b", "c"], 2))
    Damaged:
      a
      b
      and 1 more
    """
    shown = "".join(f"\n  {one_line(text)}" for text in texts[:most])
    return f"{shown}\n  and {len(texts) - most} more" if len(texts) > most else shown


def without_addresses(text: str) -> str:
    """Return a repr without memory addresses.

    Examples
    --------
    >>> from gaitmap_results.showing.text import without_addresses
    >>> without_addresses("Grid(score=<function f1 at 0x7f0c1a2b3c4d>)")
    'Grid(score=<function f1>)'
    """
    return _ADDRESS.sub("", text)


def as_argument(value: object) -> str:
    """Return a value as one argument of a command that the user can copy.

    Examples
    --------
    >>> from gaitmap_results.showing.text import as_argument
    >>> print(as_argument("results"), as_argument("my study/results"))
    results 'my study/results'
    """
    text = str(value)
    if os.name == "nt":
        return f'"{text}"' if " " in text else text
    return shlex.quote(text)


def run_kind(metadata: dict[str, Any]) -> str:
    """Say in words whether a run is official, and what that is based on.

    Examples
    --------
    >>> from gaitmap_results.showing.text import run_kind
    >>> run_kind({"is_debug_run": False, "code": {"vouched": [{"path": "settings.py"}]}})
    'official, 1 file vouched for'
    """
    if metadata.get("is_debug_run") is not False:
        return "debug"
    code = metadata.get("code", {})
    if code is None:
        return "official, code not checked"
    vouched = code.get("vouched") if isinstance(code, dict) else None
    number = len(vouched) if isinstance(vouched, (list, dict)) else 0
    return f"official, {counted(number, 'file')} vouched for" if number else "official"


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number with its noun: "1 run", "2 runs"."""
    return f"{number} {one if number == 1 else several or f'{one}s'}"


def number(value: object) -> float | None:
    """Return a finite number as a float; ``None`` for anything else, and for integers beyond the range of floats."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:
        return None


def duration(seconds: object) -> str:
    """Format a duration to be read at a glance.

    Examples
    --------
    >>> from gaitmap_results.showing.text import duration
    >>> [duration(seconds) for seconds in (2e-5, 0.04, 12.54, 95, 7500, 100_000, None)]
    ['< 0.01 s', '0.04 s', '12.5 s', '1m 35s', '2h 05m', '1d 03h', 'unknown']
    """
    seconds = number(seconds)
    if seconds is None or seconds < 0:
        return "unknown"
    if seconds < 0.01:
        return "< 0.01 s"
    if seconds < 59.95:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02d}m" if hours < 24 else f"{hours // 24}d {hours % 24:02d}h"


def size(n_bytes: float) -> str:
    """Format a size to be read at a glance.

    Examples
    --------
    >>> from gaitmap_results.showing.text import size
    >>> size(12), size(185_750), size(3_200_000_000)
    ('12 B', '186 kB', '3.2 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} TB"


def local_time(start: float | None, *, seconds: bool = False, offset: bool = True) -> str:
    """Format a POSIX time stamp as local time.

    Parameters
    ----------
    start
        The time stamp, in seconds.
    seconds
        Whether to show the seconds.
    offset
        Whether to also show the offset from UTC.
    """
    if start is None:
        return "unknown"
    try:
        moment = datetime.fromtimestamp(start)  # noqa: DTZ006  # local time
        shown = moment.isoformat(" ", "seconds" if seconds else "minutes")
        return f"{shown} {moment.astimezone():%z}" if seconds and offset else shown
    except (OverflowError, OSError, ValueError):
        return "unknown"
