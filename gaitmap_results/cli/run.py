"""The command ``run``: run the entries of a suite."""

from __future__ import annotations

import sys
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import click

from gaitmap_results.cli.terminal import console, echo_json
from gaitmap_results.exceptions import InvalidOptionError
from gaitmap_results.reading.scores import read_scores
from gaitmap_results.showing.text import duration, printable
from gaitmap_results.store.entry_names import entry_text
from gaitmap_results.store.json_files import read_json
from gaitmap_results.suites.dask_executor import executor_at
from gaitmap_results.suites.discovery import find_entries
from gaitmap_results.suites.outcome import EntryOutcome
from gaitmap_results.suites.planning import PlannedEntry, plan_entries
from gaitmap_results.suites.run_entries import run_entries
from gaitmap_results.suites.skipping import StoreJudge

__all__ = ["run"]

_INTERRUPTED = 130


@click.command(
    epilog="Example: gaitmap-results run benchmark.py --workers 2    or: gaitmap-results run study.entries:shin"
)
@click.argument("entries", metavar="FILE_OR_MODULE[:NAME]")
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, help="How many entries run at once."
)
@click.option("--executor", metavar="dask:ADDRESS", help="Run on the Dask cluster with this scheduler.")
@click.option(
    "--skip",
    type=click.Choice(["same-commit", "recorded", "none"]),
    default="same-commit",
    show_default=True,
    help="Which entries are not run again.",
)
@click.option("--dry-run", is_flag=True, help="Say what would run, and run nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print what became of the entries as JSON.")
def run(entries: str, workers: int, executor: str | None, skip: str, dry_run: bool, as_json: bool) -> None:
    """Run entries that are not recorded yet, each in a fresh process of its own.

    FILE_OR_MODULE holds functions that are decorated with @record_run, or a list ENTRIES of such functions, partials of
    them, and Entry objects. NAME is one of them, or a list.

    An entry is skipped if there is an official run of the same name, function, arguments, commit, packages and other
    repositories. Nothing is tried again: the same command runs what is left.

    The exit code is 1 if any entry failed or was lost, and 130 after Ctrl-C.
    """
    found = find_entries(entries)
    how: Any = None if skip == "none" else skip
    if dry_run:
        _tell_plan(plan_entries(found), how, as_json)
        return
    progress = _Progress(len(found), quiet=as_json)
    try:
        outcomes = run_entries(
            found,
            executor=_executor(executor, workers),
            max_workers=1 if executor else workers,
            skip=how,
            on_outcome=progress.tell,
        )
    except KeyboardInterrupt:
        _finish(progress.told, as_json)
        click.echo(
            f"Interrupted; {len(found) - len(progress.told)} entries are left. The same command runs them.", err=True
        )
        sys.exit(_INTERRUPTED)
    _finish(outcomes, as_json)
    sys.exit(any(outcome.status in ("failed", "lost") for outcome in outcomes))


def _executor(named: str | None, workers: int) -> Executor | None:
    if named is None:
        return None
    kind, _, address = named.partition(":")
    if kind != "dask" or not address:
        raise InvalidOptionError(f"--executor is {named!r}; it takes dask:ADDRESS, for example dask:tcp://host:8786.")
    if workers != 1:
        raise InvalidOptionError("--workers counts fresh processes; a Dask cluster has its own number of workers.")
    return executor_at(address)


class _Progress:
    """Prints a line for each finished entry, with its place in the suite."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        self._total = total
        self.told: list[EntryOutcome] = []
        self._quiet = quiet

    def tell(self, outcome: EntryOutcome) -> None:
        """Print the line of one entry."""
        self.told.append(outcome)
        if self._quiet:
            return
        took = "" if outcome.seconds is None else f" in {duration(outcome.seconds)}"
        why = f": {outcome.error}" if outcome.error else ""
        name = entry_text(outcome.entry_name)
        click.echo(printable(f"[{len(self.told)}/{self._total}] {name}  {outcome.status}{took}{why}"), err=True)


def _finish(outcomes: list[EntryOutcome], as_json: bool) -> None:
    if as_json:
        echo_json([{**vars(outcome), "path": outcome.path and str(outcome.path)} for outcome in outcomes])
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("entry", "status", "score", "kind", "time", "path"):
        table.add_column(title, no_wrap=True, overflow="ignore")
    for outcome in outcomes:
        score, kind = ("", "") if outcome.path is None else _facts(outcome.path)
        took = "" if outcome.seconds is None else duration(outcome.seconds)
        where = "" if outcome.path is None else str(outcome.path)
        cells = (entry_text(outcome.entry_name), outcome.status, score, kind, took, where)
        table.add_row(*(printable(cell) for cell in cells))
    console().print(table)


def _facts(path: Path) -> tuple[str, str]:
    """Return the main score and whether the run is official, or why it is not."""
    scores = read_scores(path)
    name = scores.main_score if scores is not None else None
    mean = None if scores is None or name is None else scores.mean(name)
    metadata = read_json(path / "metadata.json")
    reasons = ", ".join(str(each.get("code")) for each in metadata.get("debug_reasons") or [])
    return f"{name} {mean:.4g}" if mean is not None else "", f"debug ({reasons})" if reasons else "official"


def _tell_plan(planned: list[PlannedEntry], skip: str | None, as_json: bool) -> None:
    judge = StoreJudge(skip, planned)
    rows = [(entry.entry_name, judge.judge(entry)) for entry in planned]
    if as_json:
        plan = [(name, standing.status, standing.path) for name, standing in rows]
        echo_json([{"entry_name": name, "status": status, "path": path and str(path)} for name, status, path in plan])
        return
    width = max((len(entry_text(name)) for name, _ in rows), default=0)
    for name, found in rows:
        why = f": {'; '.join(found.why)}" if found.why else ""
        click.echo(printable(f"{entry_text(name).ljust(width)}  {found.status}{why}"))
