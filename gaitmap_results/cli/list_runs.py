"""The command ``list``: the runs of a results folder as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from gaitmap_results.cli.finding import RESULTS_PATH, existing_results_folder, named_challenges, scan
from gaitmap_results.cli.terminal import console, echo_json, report_skipped
from gaitmap_results.exceptions import InvalidOptionError
from gaitmap_results.reading.criteria import make_criteria
from gaitmap_results.reading.index import RunSummary, by_start
from gaitmap_results.showing.text import duration, local_time, printable

__all__ = ["list_runs"]

_ID_LENGTH = 8
_COMMIT_LENGTH = 7
_HEADINGS = ("Entry", "Started", "Took", "Kind", "Commit", "Run")
_GAP = 2
_MIN_ENTRY = 20


@click.command(
    "list",
    epilog="Example: gaitmap-results list results --official --latest --since 2026-03-01",
)
@click.argument("results", required=False, type=RESULTS_PATH)
@click.option("--challenge", help="Only this challenge: its full name, or a part of it.")
@click.option("--entry", help="Only this entry and those nested in it, for example gaitmap/shin.")
@click.option("--version", "challenge_version", help="Only this version of a challenge.")
@click.option("--official", is_flag=True, help="Only official runs.")
@click.option("--debug", is_flag=True, help="Only debug runs.")
@click.option("--latest", is_flag=True, help="Only the last run of each entry.")
@click.option("--since", help="Only runs that started at or after this date or time.")
@click.option("--until", help="Only runs that started before this time, or not later than this date.")
@click.option("--commit", help="Only runs of this commit; the first characters of its hash are enough.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_runs(
    results: Path | None,
    challenge: str | None,
    entry: str | None,
    challenge_version: str | None,
    official: bool,
    debug: bool,
    latest: bool,
    since: str | None,
    until: str | None,
    commit: str | None,
    as_json: bool,
) -> None:
    """List the runs in a results folder.

    RESULTS is the results folder; without it, the config's is used. Runs are grouped by challenge and sorted by entry
    and start, which is shown in local time. A * after a commit stands for uncommitted changes. Run is the beginning of
    the run's id, or its folder if it has none.
    """
    if official and debug:
        raise click.UsageError("No run is both --official and --debug. Choose one, or none for all runs.")
    try:
        criteria = make_criteria(
            challenge_version=challenge_version,
            is_debug_run=debug if official or debug else None,
            entry=entry,
            since=since,
            until=until,
            commit=commit,
        )
    except InvalidOptionError as error:
        raise click.UsageError(str(error)) from error
    folder = existing_results_folder(results)
    found, store = scan(folder)
    runs = [summary for summary in named_challenges(found, challenge) if criteria.met_by(summary)]
    if latest:
        runs = _latest(runs)
    report_skipped(store.skipped)
    if as_json:
        echo_json([_described(summary) for summary in runs])
    elif not runs:
        what = f"None of the {len(found)} runs in {folder} is meant" if found else f"There is no run in {folder}"
        click.echo(what, err=True)
    else:
        _show(runs, folder)


def _latest(runs: Sequence[RunSummary]) -> list[RunSummary]:
    latest: dict[tuple[str, tuple[str, ...]], RunSummary] = {}
    for summary in runs:
        key = summary.challenge_name, summary.entry
        if key not in latest or by_start(summary) > by_start(latest[key]):
            latest[key] = summary
    return [summary for summary in runs if latest[summary.challenge_name, summary.entry] is summary]


def _described(summary: RunSummary) -> dict[str, Any]:
    return {
        "path": summary.folder,
        "run_id": summary.run_id,
        "challenge_name": summary.challenge_name,
        "challenge_version": summary.challenge_version,
        "entry_name": list(summary.entry),
        "is_debug_run": summary.is_debug_run,
        "debug_reasons": list(summary.debug_reasons),
        "run_start_datetime_utc": summary.start,
        "run_start_datetime": summary.run_start_datetime,
        "runtime": summary.runtime,
        "git_commit_hash": summary.git_commit_hash,
        "git_dirty": summary.git_dirty,
    }


def _show(runs: Sequence[RunSummary], folder: Path) -> None:
    output = console()
    rows = [_row(summary) for summary in runs]
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *rows, strict=True)]
    if output.is_terminal:
        widths[0] = max(min(widths[0], output.width - sum(widths[1:]) - _GAP * len(widths[1:])), _MIN_ENTRY)
    previous: tuple[object, ...] = ()
    for summary, row in zip(runs, rows, strict=True):
        challenge = summary.challenge_name, summary.challenge_version
        if challenge != previous[:2]:
            output.print(("\n" if previous else "") + printable("  ".join(challenge)), style="bold", soft_wrap=True)
            output.print(_line(_HEADINGS, widths), style="dim", soft_wrap=True)
        entry, *others = row
        # At a terminal an entry is named once, on a line of its own if it is long; elsewhere each line stands alone.
        if output.is_terminal and (*challenge, entry) == previous:
            entry = ""
        elif output.is_terminal and len(entry) > widths[0]:
            output.print(entry, soft_wrap=True)
            entry = ""
        output.print(_line((entry, *others), widths), style="dim" if summary.is_debug_run else "", soft_wrap=True)
        previous = (*challenge, row[0])
    if output.is_terminal:
        entries = len({(summary.challenge_name, summary.entry) for summary in runs})
        counted = f"{_counted(len(runs), 'run')} of {_counted(entries, 'entry', 'entries')} in {folder}"
        output.print(f"\n{printable(counted)}", style="dim", soft_wrap=True)


def _counted(number: int, one: str, several: str = "") -> str:
    return f"{number} {one if number == 1 else several or f'{one}s'}"


def _row(summary: RunSummary) -> tuple[str, ...]:
    commit = (summary.git_commit_hash or "")[:_COMMIT_LENGTH]
    return (
        printable("/".join(summary.entry)),
        local_time(summary.start),
        duration(summary.runtime),
        "debug" if summary.is_debug_run else "official",
        printable(f"{commit}*" if summary.git_dirty else commit),
        printable(summary.run_id[:_ID_LENGTH] if summary.run_id else summary.path.name),
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.rjust(width) if heading == "Took" else cell.ljust(width)
        for cell, width, heading in zip(cells, widths, _HEADINGS, strict=True)
    ]
    return (" " * _GAP).join(padded).rstrip()
