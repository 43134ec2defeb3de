"""Provide the command ``run``: run the entries of a suite."""

from __future__ import annotations

import sys
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import click

from gaitmap_results.cli.finding import given_results_folder, results_argument
from gaitmap_results.cli.suite_progress import run_and_tell
from gaitmap_results.cli.terminal import echo_json
from gaitmap_results.config.current_config import change_results_folder
from gaitmap_results.exceptions import InvalidOptionError
from gaitmap_results.showing.text import printable
from gaitmap_results.store.entry_names import entry_text
from gaitmap_results.suites.dask_executor import executor_at
from gaitmap_results.suites.discovery import find_entries
from gaitmap_results.suites.planning import PlannedEntry, plan_entries
from gaitmap_results.suites.skipping import StoreJudge

__all__ = ["run"]


@click.command(
    epilog="Example: gaitmap-results run benchmark.py --workers 2    or: gaitmap-results run study.entries:shin"
)
@click.argument("entries", metavar="FILE_OR_MODULE[:NAME]")
@results_argument
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
def run(
    entries: str, results: Path | None, workers: int, executor: str | None, skip: str, dry_run: bool, as_json: bool
) -> None:
    """Run entries that are not recorded yet, each in a fresh process of its own.

    FILE_OR_MODULE holds functions that are decorated with @record_run, or a list ENTRIES of such functions, partials of
    them, and Entry objects. NAME is one of them, or a list. RESULTS is the results folder; without it, the config's is
    used.

    An entry is skipped if there is an official run of the same name, function, arguments, commit, packages and other
    repositories. Nothing is tried again: the same command runs what is left.

    The exit code is 1 if any entry failed or was lost, and 130 after Ctrl-C.
    """
    if executor is not None and workers != 1:
        raise InvalidOptionError("--workers counts fresh processes; a Dask cluster has its own number of workers.")
    found = find_entries(entries)
    if results is not None:
        change_results_folder(given_results_folder(results))
    planned = plan_entries(found, is_reported=True)
    if results is not None:
        _refuse_other_folders(planned, given_results_folder(results))
    how: Any = None if skip == "none" else skip
    if dry_run:
        _tell_plan(planned, how, as_json=as_json)
        return
    code = run_and_tell(planned, executor=_executor(executor), max_workers=workers, skip=how, as_json=as_json)
    sys.exit(code)


def _refuse_other_folders(planned: list[PlannedEntry], folder: Path) -> None:
    other = next((each for each in planned if each.plan.results_folder != folder), None)
    if other is not None:
        raise InvalidOptionError(
            f"The results folder is given as {folder}, but the code gives the entry {entry_text(other.entry_name)} the "
            f"path {other.plan.results_folder}. Leave out one of the two."
        )


def _executor(named: str | None) -> Executor | None:
    if named is None:
        return None
    kind, _, address = named.partition(":")
    if kind != "dask" or not address:
        raise InvalidOptionError(f"--executor is {named!r}; it takes dask:ADDRESS, for example dask:tcp://host:8786.")
    return executor_at(address)


def _tell_plan(planned: list[PlannedEntry], skip: str | None, *, as_json: bool) -> None:
    judge = StoreJudge(skip, planned)
    rows = [(entry.entry_name, judge.judge(entry)) for entry in planned]
    if as_json:
        plan = [(name, standing.status, standing.path) for name, standing in rows]
        echo_json([{"entry_name": name, "status": status, "path": path and str(path)} for name, status, path in plan])
        return
    width = max((len(entry_text(name)) for name, _ in rows), default=0)
    for name, found in rows:
        why = f": {found.why}" if found.why else ""
        click.echo(printable(f"{entry_text(name).ljust(width)}  {found.status}{why}"))
