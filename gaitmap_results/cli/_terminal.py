"""Prints for people at a terminal, and plainly where the output goes to a file or another program."""

from __future__ import annotations

import itertools
import json
import math
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from gaitmap_results.index import SkippedRun

__all__ = [
    "console",
    "duration",
    "echo_json",
    "local_time",
    "print_labelled",
    "printable",
    "progress",
    "report_skipped",
    "size",
    "without_non_finite",
]

_MAX_SKIPPED = 20
# Characters: wide enough that nothing is cut or broken into lines.
_PLAIN_WIDTH = 10_000
_MAX_WIDTH = 100
_GAP = 2


def console() -> Console:
    """Return what writes to the standard output: as wide as the terminal, and never breaking lines elsewhere."""
    from rich.console import Console

    # A name in a foreign script must not end the command where the output cannot show it.
    if sys.stdout is not None and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    output = Console(highlight=False, markup=False, emoji=False)
    if not output.is_terminal:
        output.width = _PLAIN_WIDTH
    return output


def print_labelled(output: Console, rows: Iterable[tuple[str, str, Iterable[str]]]) -> None:
    """Print lines beside their labels; long ones are broken between words, so that a path can be copied as a whole.

    Parameters
    ----------
    output
        Where to.
    rows
        A label, the style of the label, and lines; what has no line is not shown.
    """
    from rich.text import Text

    shown = [(label, style, lines) for label, style, each in rows if (lines := list(each))]
    indent = max((len(label) for label, _, _ in shown), default=0) + _GAP
    width = min(output.width, _MAX_WIDTH) - indent if output.is_terminal else _PLAIN_WIDTH
    for label, style, lines in shown:
        start = (label.ljust(indent), style)
        for line in itertools.chain.from_iterable(_wrapped(printable(line), width) for line in lines):
            output.print(Text.assemble(start, line), soft_wrap=True)
            start = (" " * indent, "")


def _wrapped(text: str, width: int) -> list[str]:
    own_indent = " " * (len(text) - len(text.lstrip()))
    more = own_indent + ("  " if text.lstrip().startswith("- ") else "")
    return textwrap.wrap(
        text.strip(),
        max(width, 20),
        initial_indent=own_indent,
        subsequent_indent=more,
        break_long_words=False,
        break_on_hyphens=False,
    )


def echo_json(value: Any) -> None:
    """Print a value as JSON; numbers that JSON does not have are null."""
    click.echo(json.dumps(without_non_finite(value), indent=2, default=str, allow_nan=False))


def without_non_finite(value: Any) -> Any:
    """Return a value with ``None`` for NaN and infinity in it, which JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {without_non_finite(key): without_non_finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_non_finite(each) for each in value]
    return value


@contextmanager
def progress(description: str, total: float | None = None) -> Iterator[Callable[..., None]]:
    """Yield a function that moves a bar on the error stream by so many runs; only a terminal shows it.

    Parameters
    ----------
    description
        What takes so long.
    total
        How many there are, if that is known.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    output = Console(stderr=True, highlight=False, markup=False, emoji=False)
    counter = TextColumn("{task.completed:.0f} runs")
    columns = (TextColumn("{task.description}"), BarColumn(), counter, TimeElapsedColumn())
    with Progress(*columns, console=output, transient=True) as bar:
        task = bar.add_task(description, total=total)

        def advance(by: float = 1) -> None:
            bar.advance(task, by)

        yield advance


def report_skipped(skipped: Sequence[SkippedRun]) -> None:
    """Say on the error stream which folders were left out."""
    for each in skipped[:_MAX_SKIPPED]:
        click.echo(printable(f"Left out {each.folder}: {each.reason}"), err=True)
    if len(skipped) > _MAX_SKIPPED:
        click.echo(f"Left out {len(skipped) - _MAX_SKIPPED} more folders", err=True)


def printable(text: str) -> str:
    """Return text from a file that anybody may have written, without what a terminal would take for a command."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)


def duration(seconds: object) -> str:
    """Return a duration to be read at a glance.

    Examples
    --------
    >>> from gaitmap_results.cli._terminal import duration
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
    >>> from gaitmap_results.cli._terminal import size
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
