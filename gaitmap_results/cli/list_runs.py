"""Provide the command ``list``: show the runs of a results folder as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from gaitmap_results.cli.finding import existing_results_folder, scan
from gaitmap_results.cli.options import Choose, filter_options, results_argument
from gaitmap_results.cli.terminal import at_terminal, console, echo_json_rows, print_lines, report_skipped, say
from gaitmap_results.exceptions import InvalidOptionError
from gaitmap_results.reading.attestations import verdicts, withdrawals
from gaitmap_results.reading.index import RunSummary
from gaitmap_results.reading.scores import known_scores
from gaitmap_results.reading.table import HEADINGS, summary_columns
from gaitmap_results.showing.text import as_argument, counted, duration, local_time, one_line
from gaitmap_results.store.entry_names import entry_text
from gaitmap_results.store.layout import UNFINISHED_DIR

__all__ = ["list_runs"]

_ID_LENGTH = 8
_COMMIT_LENGTH = 7
_COLUMNS = ("entry_name", "run_start_datetime", "runtime", "kind", "debug_reasons", "git_commit_hash", "run_id")
_HEADINGS = tuple(HEADINGS[name] for name in _COLUMNS)
_RUNTIME, _REASONS, _COMMIT = (_COLUMNS.index(name) for name in ("runtime", "debug_reasons", "git_commit_hash"))
_GAP = 2
_MIN_ENTRY = 20
_MIN_REASONS = 9


@click.command(
    "list",
    epilog="Example: gaitmap-results list results --official --latest --since 2026-03-01",
)
@results_argument
@filter_options
@click.option("--score", help="Show the mean of this score instead of that of the main score.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON, one run on each line.")
def list_runs(results: Path | None, choose: Choose, score: str | None, as_json: bool) -> None:
    """List the runs in a results folder.

    RESULTS is the results folder; without it, the config's is used. Runs are grouped by challenge and sorted by entry
    and start, which is shown in local time. Reasons names the first reason why a run is a debug run, and how many more
    there are. A * after a commit stands for uncommitted changes. Run is the run's id (at a terminal the beginning
    of it), or its folder if it has none. Score is the mean of the main score over all participants.
    """
    folder = existing_results_folder(results)
    found, store = scan(folder)
    runs = choose(found)
    report_skipped(store.skipped)
    withdrawn_reason = withdrawals()
    withdrawn = [withdrawn_reason(summary) for summary in runs]
    verdict = verdicts()
    reproduced = [verdict(summary) for summary in runs]
    if as_json:
        echo_json_rows(map(_described, runs, withdrawn, reproduced))
        return
    means = [_mean(summary, score) for summary in runs]
    if score is not None and runs and not any(means):
        raise InvalidOptionError(f"None of the {counted(len(runs), 'run')} has a score {score!r}.")
    if not runs:
        of = f"None of the {counted(len(found), 'run')} in {folder} matches the options" if found else ""
        say(of or f"There is no run in {folder}", err=True)
    else:
        _show(runs, folder, list(map(_said, runs, withdrawn, reproduced)), means)
    unfinished = _count_unfinished(folder)
    if unfinished:
        say(f"{counted(unfinished, 'unfinished run')}; see gaitmap-results unfinished {as_argument(folder)}")


def _described(summary: RunSummary, withdrawn: str | None, reproduced: str | None) -> dict[str, Any]:
    columns = summary_columns(summary, withdrawn, reproduced)
    scores = known_scores(summary.folder)
    lists = {
        "scores": {} if scores is None else scores.means(),
        "entry_name": list(summary.entry),
        "debug_reasons": list(summary.debug_reasons),
    }
    return {"path": summary.folder, **columns, **lists}


def _mean(summary: RunSummary, name: str | None) -> str:
    """Return the name of a score (by default the main one) and its mean; empty if the run lacks it."""
    scores = known_scores(summary.folder, derive=name is not None)
    shown = name if scores is None or name is not None else scores.main_score
    if scores is None or shown not in scores.directions:
        return ""
    mean = scores.mean(shown)
    return one_line(f"{shown} {'unknown' if mean is None else f'{mean:.4g}'}")


def _count_unfinished(folder: Path) -> int:
    """Count the unfinished runs without judging them, which could ask Slurm."""
    try:
        names = [path.name for path in (folder / UNFINISHED_DIR).iterdir()]
    except OSError:
        return 0
    return len({name.partition(".")[0] for name in names if not name.startswith(".")})


def _said(summary: RunSummary, withdrawn: str | None, reproduced: str | None) -> str:
    """Return whether a run is official, and whether it was later withdrawn or reproduced."""
    verdict = "" if reproduced is None else ", differs" if reproduced == "differs" else ", reproduced"
    return one_line(f"{summary.kind}{verdict}{'' if withdrawn is None else ', withdrawn'}")


def _show(runs: Sequence[RunSummary], folder: Path, kinds: Sequence[str], means: Sequence[str]) -> None:
    output = console()
    rows = list(map(_row, runs, _starts(runs), kinds))
    headings = _HEADINGS
    if any(means):
        rows = [(*row, mean) for row, mean in zip(rows, means, strict=True)]
        headings = (*_HEADINGS, "Score")
    columns = list(zip(headings, *rows, strict=True))
    full = [max(map(len, column)) for column in columns]
    widths = full
    if at_terminal():
        full = [width if any(column[1:]) else 0 for width, column in zip(full, columns, strict=True)]
        widths = _fitted(full, output.width)
    print_lines(output, _lines(runs, rows, headings, widths))
    if at_terminal():
        entries = len({(summary.challenge_name, summary.entry) for summary in runs})
        total = f"{counted(len(runs), 'run')} of {counted(entries, 'entry', 'entries')} in {folder}"
        if hidden := [each for each, width, wanted in zip(headings, widths, full, strict=True) if wanted and not width]:
            output.print(f"\nA wider terminal also shows {', '.join(hidden)}", style="dim", soft_wrap=True)
        output.print(f"\n{one_line(total)}", style="dim", soft_wrap=True)


def _lines(
    runs: Sequence[RunSummary], rows: Sequence[tuple[str, ...]], headings: Sequence[str], widths: Sequence[int]
) -> Iterator[tuple[str, str]]:
    """Yield each line of the table, and its style."""
    previous: tuple[object, ...] = ()
    # At a terminal, an entry is named only once; elsewhere each line must be complete by itself.
    names_once = at_terminal()
    for summary, row in zip(runs, rows, strict=True):
        challenge = summary.challenge_name, summary.challenge_version
        if challenge != previous[:2]:
            yield ("\n" if previous else "") + one_line("  ".join(challenge)), "bold"
            yield _line(headings, widths), "dim"
        entry, *others = row
        if names_once and (*challenge, entry) == previous:
            entry = ""
        elif names_once and len(entry) > widths[0]:
            yield entry, ""
            entry = ""
        yield _line((entry, *others), widths), "dim" if summary.is_debug_run else ""
        previous = (*challenge, row[0])


def _starts(runs: Sequence[RunSummary]) -> list[str]:
    """Return the local times at which runs started, with seconds if two runs of an entry started in the same minute."""
    exact = [local_time(each.start, seconds=True, offset=False) for each in runs]
    minutes = [start.rpartition(":")[0] or start for start in exact]
    shown = {
        (each.challenge_name, each.challenge_version, each.entry, start)
        for each, start in zip(runs, minutes, strict=True)
    }
    return exact if len(shown) < len(runs) else minutes


def _fitted(widths: list[int], width: int) -> list[int]:
    """Return the widths of the columns at a terminal.

    Entries first get their own lines, then reasons are cut, then columns are left out (width 0).
    A column without content has the width 0 already.
    """
    too_wide = sum(each + _GAP for each in widths if each) - _GAP - width
    fitted = list(widths)
    for column, least in ((0, _MIN_ENTRY), (_REASONS, _MIN_REASONS)):
        fitted[column] = max(min(fitted[column], least), fitted[column] - max(too_wide, 0))
        too_wide -= widths[column] - fitted[column]
    for column in (_COMMIT, _RUNTIME, len(_COLUMNS), _REASONS):
        if too_wide > 0 and column < len(fitted) and fitted[column]:
            too_wide -= fitted[column] + _GAP
            fitted[column] = 0
    return fitted


def _row(summary: RunSummary, start: str, kind: str) -> tuple[str, ...]:
    commit = (summary.git_commit_hash or "")[:_COMMIT_LENGTH]
    return (
        one_line(entry_text(summary.entry)),
        start,
        duration(summary.runtime),
        kind,
        one_line("".join(_reasons(summary))),
        one_line(f"{commit}*" if summary.git_dirty else commit),
        one_line(_shown_id(summary.run_id) if summary.run_id else summary.path.name),
    )


def _shown_id(run_id: str) -> str:
    # Outside a terminal, a script may search for the whole id.
    return run_id[:_ID_LENGTH] if at_terminal() else run_id


def _reasons(summary: RunSummary) -> Iterator[str]:
    first, *others = summary.debug_reasons or ("",)
    yield first
    if others:
        yield f" +{len(others)}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        _cut(cell, width).rjust(width) if column == _RUNTIME else _cut(cell, width).ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        if width
    ]
    return (" " * _GAP).join(padded).rstrip()


def _cut(cell: str, width: int) -> str:
    return cell if len(cell) <= width else f"{cell[: width - 1]}…"
