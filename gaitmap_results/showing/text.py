"""Write times, sizes and foreign text for people."""

from __future__ import annotations

from datetime import datetime

__all__ = ["duration", "local_time", "printable", "size"]


def printable(text: str) -> str:
    """Return text from a file that anybody may have written, without what a terminal would take for a command."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)


def duration(seconds: object) -> str:
    """Return a duration to be read at a glance.

    Examples
    --------
    >>> from gaitmap_results.showing.text import duration
    >>> [duration(seconds) for seconds in (2e-5, 0.04, 12.54, 95, 7500, 100_000, None)]
    ['< 0.01 s', '0.04 s', '12.5 s', '1m 35s', '2h 05m', '1d 03h', 'unknown']
    """
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or seconds < 0:
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
    """Return a size to be read at a glance.

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


def local_time(start: float | None, *, seconds: bool = False) -> str:
    """Return a POSIX time stamp as the clock on the wall shows it."""
    if start is None:
        return "unknown"
    try:
        moment = datetime.fromtimestamp(start).astimezone()
    except (OverflowError, OSError, ValueError):
        return "unknown"
    return f"{moment:%Y-%m-%d %H:%M:%S %z}" if seconds else f"{moment:%Y-%m-%d %H:%M}"
