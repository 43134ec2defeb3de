"""Print for people at a terminal, and plainly to a file or another program."""

from __future__ import annotations

import itertools
import json
import os
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from gaitmap_results.exceptions import GaitmapResultsError
from gaitmap_results.showing.text import one_line, printable
from gaitmap_results.store.json_values import without_non_finite

if TYPE_CHECKING:
    from rich.console import Console

    from gaitmap_results.reading.index import SkippedRun

__all__ = [
    "at_terminal",
    "console",
    "echo_json",
    "echo_json_rows",
    "print_labelled",
    "print_lines",
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


def at_terminal() -> bool:
    """Say whether the standard output is a terminal, which alone decides the layout."""
    return sys.stdout is not None and sys.stdout.isatty()


def _has_colours() -> bool:
    """Say whether to use colours: as NO_COLOR or FORCE_COLOR say, else only at a terminal.

    https://no-color.org and https://force-color.org.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return os.environ["FORCE_COLOR"] not in ("0", "false")
    return at_terminal() and os.environ.get("TERM") not in ("dumb", "unknown")


def console() -> Console:
    """Return a console for the standard output, which never wraps lines outside a terminal."""
    from rich.console import Console

    # A name that the output's encoding lacks must not end the command.
    if sys.stdout is not None and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
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
        raise _Trouble(str(error), code) from error


class _Trouble(click.ClickException):
    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc]  # click reads it from the instance


def print_labelled(output: Console, rows: Iterable[tuple[str, str, Iterable[str]]]) -> None:
    """Print lines beside their labels; long ones wrap only between words, so that a path can be copied.

    Parameters
    ----------
    output
        The console to print to.
    rows
        A label, its style, and its lines; rows without lines are not shown.
    """
    from rich.text import Text

    shown = [(label, style, lines) for label, style, each in rows if (lines := list(each))]
    indent = max((len(label) for label, _, _ in shown), default=0) + _GAP
    width = min(output.width, _MAX_WIDTH) - indent if at_terminal() else _PLAIN_WIDTH
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


@contextmanager
def progress(description: str, total: float | None = None, *, unit: str = "runs") -> Iterator[Callable[..., None]]:
    """Yield a function that advances a progress bar on the error stream, shown only at a terminal.

    Parameters
    ----------
    description
        The label of the bar.
    total
        The total number, if known.
    unit
        What is counted.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    output = Console(stderr=True, highlight=False, markup=False, emoji=False)
    counter = TextColumn(f"{{task.completed:.0f}} {unit}")
    columns = (TextColumn("{task.description}"), BarColumn(), counter, TimeElapsedColumn())
    with Progress(*columns, console=output, transient=True) as bar:
        task = bar.add_task(description, total=total)

        def advance(by: float = 1) -> None:
            bar.advance(task, by)

        yield advance


def report_skipped(skipped: Sequence[SkippedRun]) -> None:
    """Report skipped folders on the error stream."""
    for each in skipped[:_MAX_SKIPPED]:
        say(f"Left out {one_line(each.folder)}: {each.reason}", err=True)
    if len(skipped) > _MAX_SKIPPED:
        say(f"Left out {len(skipped) - _MAX_SKIPPED} more folders", err=True)
