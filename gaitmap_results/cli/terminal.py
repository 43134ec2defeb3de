"""Print for people at a terminal, and plainly to a file or another program."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from textwrap import wrap
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from gaitmap_results.exceptions import GaitmapResultsError
from gaitmap_results.showing.text import one_line, printable
from gaitmap_results.store.json_values import without_non_finite

if TYPE_CHECKING:
    from rich.console import Console

    from gaitmap_results.reading.index import SkippedRun

__all__ = [
    "aligned",
    "at_terminal",
    "console",
    "echo_json",
    "echo_json_rows",
    "ended_in_order",
    "print_labelled",
    "print_lines",
    "print_table",
    "progress",
    "report_skipped",
    "say",
    "trouble_exits_with",
]

_MAX_SKIPPED = 20
# Characters: wide enough that nothing is cut or wrapped.
_PLAIN_WIDTH = 10_000
_MAX_WIDTH = 100
_GAP = 2
_BETWEEN_WORDS: Any = {"subsequent_indent": "  ", "break_long_words": False, "break_on_hyphens": False}
# Sent by a batch system at its time limit, and by a closed terminal.
_ENDING_SIGNALS = ("SIGTERM", "SIGHUP")


def at_terminal() -> bool:
    """Say whether the standard output is a terminal, which alone decides the layout."""
    return sys.stdout is not None and sys.stdout.isatty()


def _has_colours() -> bool:
    """Say whether to use colours: as https://no-color.org and https://force-color.org say, else only at a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if forced := os.environ.get("FORCE_COLOR"):
        return forced not in ("0", "false")
    return at_terminal() and os.environ.get("TERM") not in ("dumb", "unknown")


def console() -> Console:
    """Return a console for the standard output, which never wraps lines outside a terminal."""
    from rich.console import Console

    colours = _has_colours()
    output = Console(
        highlight=False,
        markup=False,
        emoji=False,
        force_terminal=colours,
        no_color=not colours,
        color_system=("auto" if at_terminal() else "standard") if colours else None,
    )
    if not at_terminal():
        output.width = _PLAIN_WIDTH
    return output


def say(text: object, *, err: bool = False) -> None:
    """Print a message with control characters escaped, since it may contain foreign names."""
    click.echo(printable(str(text)), err=err)


@contextmanager
def trouble_exits_with(code: int) -> Iterator[None]:
    """Turn our errors into a message and this exit code, for commands where 1 has another meaning."""
    try:
        yield
    except (GaitmapResultsError, OSError) as error:
        trouble = click.ClickException(str(error))
        trouble.exit_code = code  # type: ignore[misc]  # click reads it from the instance
        raise trouble from error


def print_labelled(output: Console, rows: Iterable[tuple[str, str, Iterable[str]]]) -> None:
    """Print lines beside a label with its style; long ones wrap only between words, so that a path can be copied."""
    from rich.text import Text

    shown = [(label, style, lines) for label, style, each in rows if (lines := list(each))]
    indent = max((len(label) for label, _, _ in shown), default=0) + _GAP
    width = min(output.width, _MAX_WIDTH) - indent if at_terminal() else _PLAIN_WIDTH
    for label, style, lines in shown:
        start = (label.ljust(indent), style)
        for line in lines:
            for part in wrap(printable(line), max(width, 20), **_BETWEEN_WORDS):
                output.print(Text.assemble(start, part), soft_wrap=True)
                start = (" " * indent, "")


def print_table(
    output: Console, headings: Mapping[str, Any], rows: Iterable[Sequence[object]], *, gap: int = _GAP
) -> None:
    """Print a table that wraps its cells to the width of a terminal; each heading has its alignment."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, gap, 0, 0))
    for heading, justify in headings.items():
        table.add_column(heading, justify=justify)
    for row in rows:
        table.add_row(*(printable(str(cell)) for cell in row))
    output.print(table)


def print_lines(output: Console, lines: Iterable[tuple[str, str]]) -> None:
    """Print lines with their styles and without wrapping, fast even for thousands."""
    if output.no_color and not at_terminal():
        output.file.write("".join(f"{line}\n" for line, _ in lines))  # click would not heed the encoding
        return
    for line, style in lines:
        output.print(line, style=style, soft_wrap=True)


def echo_json(value: Any) -> None:
    """Print a value as JSON; numbers that JSON does not have become null."""
    click.echo(json.dumps(without_non_finite(value), indent=2, default=str, allow_nan=False))


def echo_json_rows(rows: Iterable[Any]) -> None:
    """Print values, whose numbers are all finite, as a JSON list with one line for each; fast for thousands."""
    lines = [json.dumps(row, default=str, allow_nan=False) for row in rows]
    click.echo("[\n" + ",\n".join(lines) + "\n]" if lines else "[]")


def aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return rows of a table as lines, with every cell complete."""
    cells = [tuple(map(one_line, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [(" " * _GAP).join(map(str.ljust, row, widths)).rstrip() for row in cells]


@contextmanager
def progress(description: str, total: float | None = None, *, is_drawn: bool = True) -> Iterator[Callable[..., None]]:
    """Yield a function that advances a bar at a terminal, and prints its argument; both on the error stream."""
    if not is_drawn or sys.stderr is None or not sys.stderr.isatty():
        yield lambda line=None: None if line is None else say(line, err=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    output = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=output, transient=True) as bar:
        task = bar.add_task(description, total=total)

        def advance(line: str | None = None) -> None:
            if line is not None:
                output.print(printable(line))
            bar.advance(task)

        yield advance


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Turn signals that end the program into SystemExit, so that no process and no temporary folder is left behind."""

    def end(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for name in _ENDING_SIGNALS:
            number = getattr(signal, name, None)  # Windows lacks some of them
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def report_skipped(skipped: Sequence[SkippedRun]) -> None:
    """Report skipped folders on the error stream."""
    for each in skipped[:_MAX_SKIPPED]:
        say(f"Left out {one_line(each.folder)}: {each.reason}", err=True)
    if len(skipped) > _MAX_SKIPPED:
        say(f"Left out {len(skipped) - _MAX_SKIPPED} more folders", err=True)
