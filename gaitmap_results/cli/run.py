"""Provide the command ``run``: run the entries of a suite."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import click

from gaitmap_results.cli.finding import given_results_folder
from gaitmap_results.cli.options import results_argument
from gaitmap_results.cli.terminal import aligned, console, echo_json, ended_in_order, print_lines, progress, say
from gaitmap_results.config.current_config import change_results_folder
from gaitmap_results.exceptions import InvalidOptionError
from gaitmap_results.reading.index import read_metadata
from gaitmap_results.reading.scores import known_scores
from gaitmap_results.showing.text import duration, run_kind
from gaitmap_results.store.entry_names import entry_text
from gaitmap_results.suites.dask_executor import executor_at
from gaitmap_results.suites.discovery import find_entries
from gaitmap_results.suites.outcome import INTERRUPTED, NOT_STARTED, EntryOutcome
from gaitmap_results.suites.planning import PlannedEntry, plan_entries
from gaitmap_results.suites.run_planned import run_planned
from gaitmap_results.suites.skipping import StoreJudge

__all__ = ["run"]

_INTERRUPTED = 130  # exit code


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
    sys.exit(_run(planned, _executor(executor), workers, how, as_json=as_json))


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
        echo_json([{"entry_name": name, "status": each.status, "path": each.path} for name, each in rows])
        return
    told = [(entry_text(name), ": ".join(filter(None, [each.status, each.why]))) for name, each in rows]
    for line in aligned(told):
        say(line)


def _run(
    planned: Sequence[PlannedEntry], executor: Executor | None, max_workers: int, skip: str | None, *, as_json: bool
) -> int:
    """Run entries, report the outcome of each, and return the exit code of the command."""
    told: dict[int, EntryOutcome] = {}
    shown = itertools.count(1)
    code = 0
    # One entry at a time may draw progress bars of its own; those of several would fight over the line.
    has_bar = (executor is not None or max_workers > 1) and sys.stderr is not None and sys.stderr.isatty()
    if has_bar:
        os.environ.setdefault("TQDM_DISABLE", "1")
    with progress("entries", len(planned), is_drawn=has_bar) as advance, ended_in_order():

        def tell(number: int, outcome: EntryOutcome) -> None:
            told[number] = outcome
            if outcome.status != NOT_STARTED:
                advance(None if as_json else f"[{next(shown)}/{len(planned)}] {_line(outcome)}")

        try:
            run_planned(planned, executor=executor, max_workers=max_workers, skip=skip, on_outcome=tell)
        except KeyboardInterrupt:
            code = _INTERRUPTED
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
        finally:
            if executor is not None:
                executor.shutdown(wait=False, cancel_futures=True)
    outcomes = [told[number] for number in sorted(told)]
    if as_json:
        echo_json(list(map(vars, outcomes)))
    else:
        rows = [("entry", "status", "score", "kind", "time", "path"), *map(_row, outcomes)]
        print_lines(console(), ((line, "") for line in aligned(rows)))
    if code:
        left = [entry_text(each.entry_name) for each in outcomes if each.status in (INTERRUPTED, NOT_STARTED)]
        named = f"{len(left)} entries are left: {', '.join(left)}. " if left else ""
        say(f"Interrupted. {named}Run the same command again to record the rest.", err=True)
    return code or int(any(outcome.status in ("failed", "lost") for outcome in outcomes))


def _line(outcome: EntryOutcome) -> str:
    took = "" if outcome.seconds is None else f" in {duration(outcome.seconds)}"
    told = [f"{entry_text(outcome.entry_name)}  {outcome.status}{took}"]
    if outcome.status == "recorded" and outcome.path is not None:
        told.append(f"{_score_and_kind(outcome.path)[1]}, {outcome.path}")
    return ": ".join([*told, *([outcome.error] if outcome.error else [])])


def _row(outcome: EntryOutcome) -> tuple[str, ...]:
    score, kind = ("", "") if outcome.path is None else _score_and_kind(outcome.path)
    took = "" if outcome.seconds is None else duration(outcome.seconds)
    return entry_text(outcome.entry_name), outcome.status, score, kind, took, str(outcome.path or "")


def _score_and_kind(path: Path) -> tuple[str, str]:
    """Return the main score and whether the run is official, or why it is not."""
    scores = known_scores(str(path))  # a damaged one does not hide the others
    name = scores.main_score if scores is not None else None
    mean = None if scores is None or name is None else scores.mean(name)
    metadata = read_metadata(str(path))
    reasons = ", ".join(str(each.get("code")) for each in metadata.get("debug_reasons") or [])
    return f"{name} {mean:.4g}" if mean is not None else "", f"debug ({reasons})" if reasons else run_kind(metadata)
