"""Run the entries of a suite and report each: a bar at a terminal, lines in a log, a table at the end."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from gaitmap_results.cli.terminal import console, echo_json, print_lines
from gaitmap_results.reading.index import read_metadata
from gaitmap_results.reading.scores import read_scores
from gaitmap_results.showing.text import duration, one_line, printable, run_kind
from gaitmap_results.store.entry_names import entry_text
from gaitmap_results.suites.outcome import INTERRUPTED, NOT_STARTED, EntryOutcome
from gaitmap_results.suites.planning import PlannedEntry
from gaitmap_results.suites.run_planned import run_planned

__all__ = ["run_and_tell"]

_INTERRUPTED = 130
# Sent by a batch system at its time limit, and by a closed terminal.
_ENDING_SIGNALS = ("SIGTERM", "SIGHUP")


def run_and_tell(
    planned: Sequence[PlannedEntry], *, executor: Executor | None, max_workers: int, skip: str | None, as_json: bool
) -> int:
    """Run entries, report the outcome of each, and return the exit code of the command."""
    told: dict[int, EntryOutcome] = {}
    code = 0
    # One entry at a time may draw progress bars of its own; those of several would fight over the line.
    has_bar = (executor is not None or max_workers > 1) and sys.stderr is not None and sys.stderr.isatty()
    if has_bar:
        os.environ.setdefault("TQDM_DISABLE", "1")
    with _progress(len(planned), quiet=as_json, has_bar=has_bar) as show, _ended_in_order():

        def tell(number: int, outcome: EntryOutcome) -> None:
            told[number] = outcome
            if outcome.status != NOT_STARTED:
                show(outcome)

        try:
            run_planned(planned, executor=executor, max_workers=max_workers, skip=skip, on_outcome=tell)
        except KeyboardInterrupt:
            code = _INTERRUPTED
        except _SignalError as error:
            code = error.exit_code
        finally:
            if executor is not None:
                executor.shutdown(wait=False, cancel_futures=True)
    outcomes = [told[number] for number in sorted(told)]
    if as_json:
        echo_json([{**vars(outcome), "path": outcome.path and str(outcome.path)} for outcome in outcomes])
    else:
        _print_table(outcomes)
    if code:
        left = [entry_text(each.entry_name) for each in outcomes if each.status in (INTERRUPTED, NOT_STARTED)]
        named = f"{len(left)} entries are left: {', '.join(left)}. " if left else ""
        click.echo(printable(f"Interrupted. {named}Run the same command again to record the rest."), err=True)
    return code or int(any(outcome.status in ("failed", "lost") for outcome in outcomes))


class _SignalError(SystemExit):
    """A signal asked the program to end."""

    def __init__(self, number: int) -> None:
        self.exit_code = 128 + number
        super().__init__(self.exit_code)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Make signals that end the program act like Ctrl-C, so that no process is left behind."""

    def end(number: int, _: FrameType | None) -> None:
        raise _SignalError(number)

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


@contextmanager
def _progress(total: int, *, quiet: bool, has_bar: bool) -> Iterator[Callable[[EntryOutcome], None]]:
    """Yield a function that prints a line for each entry, perhaps above a progress bar."""
    if quiet or sys.stderr is None:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    output = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
    columns = (TextColumn("entries"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    n_reported = 0
    with Progress(*columns, console=output, transient=True, disable=not has_bar) as bar:
        task = bar.add_task("", total=total)

        def tell(outcome: EntryOutcome) -> None:
            nonlocal n_reported
            n_reported += 1
            bar.advance(task)
            output.print(printable(f"[{n_reported}/{total}] {_line(outcome)}"))

        yield tell


def _line(outcome: EntryOutcome) -> str:
    took = "" if outcome.seconds is None else f" in {duration(outcome.seconds)}"
    told = [f"{entry_text(outcome.entry_name)}  {outcome.status}{took}"]
    if outcome.status == "recorded" and outcome.path is not None:
        told.append(f"{_score_and_kind(outcome.path)[1]}, {outcome.path}")
    return ": ".join([*told, *([outcome.error] if outcome.error else [])])


def _print_table(outcomes: Sequence[EntryOutcome]) -> None:
    rows: list[tuple[str, ...]] = [("entry", "status", "score", "kind", "time", "path")]
    for outcome in outcomes:
        score, kind = ("", "") if outcome.path is None else _score_and_kind(outcome.path)
        took = "" if outcome.seconds is None else duration(outcome.seconds)
        where = "" if outcome.path is None else str(outcome.path)
        cells = (entry_text(outcome.entry_name), outcome.status, score, kind, took, where)
        rows.append(tuple(map(one_line, cells)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    # A path is never cut, so that it can be copied.
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    print_lines(console(), ((line, "") for line in lines))


def _score_and_kind(path: Path) -> tuple[str, str]:
    """Return the main score and whether the run is official, or why it is not."""
    scores = read_scores(path)
    name = scores.main_score if scores is not None else None
    mean = None if scores is None or name is None else scores.mean(name)
    metadata = read_metadata(str(path))
    reasons = ", ".join(str(each.get("code")) for each in metadata.get("debug_reasons") or [])
    return f"{name} {mean:.4g}" if mean is not None else "", f"debug ({reasons})" if reasons else run_kind(metadata)
