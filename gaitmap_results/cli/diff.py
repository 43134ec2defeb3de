"""Provide the command ``diff``: show what changed between two runs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gaitmap_results.cli.finding import find_run
from gaitmap_results.cli.options import results_argument
from gaitmap_results.cli.terminal import console, echo_json, say, trouble_exits_with
from gaitmap_results.comparing.run_diff import RunDiff, diff_runs
from gaitmap_results.exceptions import InvalidOptionError
from gaitmap_results.reading.index import RunSummary
from gaitmap_results.reading.scores import read_scores
from gaitmap_results.showing.text import local_time, one_line
from gaitmap_results.store.entry_names import entry_text
from gaitmap_results.typed_results.scores import Scores

__all__ = ["diff"]


@click.command(epilog="Example: gaitmap-results diff 7f3a91c2 b0d4e6aa")
@click.argument("first")
@click.argument("second")
@results_argument
@click.option(
    "--max-drop", metavar="SCORE=VALUE", help="Fail only if the mean of a score got worse by more than VALUE."
)
@click.option("--json", "as_json", is_flag=True, help="Print the differences as JSON.")
def diff(first: str, second: str, results: Path | None, max_drop: str | None, as_json: bool) -> None:
    """Show what changed from the run FIRST to the run SECOND.

    Each of them is the path of a run folder, the beginning of a run's id, an entry, which means its latest run, a
    challenge and an entry in quotation marks, or @latest. RESULTS is the results folder; without it, the config's is
    used.

    The command ends with 0 if the runs are alike and with 1 if they differ.
    With --max-drop it ends with 1 only if the score got worse by more than VALUE.
    It ends with 2 if a run cannot be found or read.
    """
    with trouble_exits_with(2):
        gate = None if max_drop is None else _parsed(max_drop)
        runs = [find_run((each,), results) for each in (first, second)]
        paths = [each.path for each in runs]
        found = diff_runs(*paths)
        got_worse = bool(found.sections) if gate is None else _got_worse(paths, *gate)
    if as_json:
        echo_json(found.to_dict())
    else:
        for side, each in zip(("from", "to"), runs, strict=True):
            say(one_line(f"{side + ':':<5} {_described(each)}"))
        _print(found)
    sys.exit(got_worse)


def _described(run: RunSummary) -> str:
    return f"{run.kind} run of {entry_text(run.entry)}, {local_time(run.start, seconds=True)}, {run.folder}"


def _parsed(max_drop: str) -> tuple[str, float]:
    name, _, value = max_drop.rpartition("=")
    try:
        allowed = float(value)
    except ValueError:
        allowed = -1.0
    if not name or not allowed >= 0:
        raise InvalidOptionError(
            f"--max-drop is {max_drop!r}; it takes the name of a score and a number, "
            "for example --max-drop f1_score=0.01."
        )
    return name, allowed


def _print(found: RunDiff) -> None:
    output = console()
    for line in str(found).splitlines():
        output.print(line, style=None if line.startswith(" ") else "bold", soft_wrap=True)


def _got_worse(paths: list[Path], name: str, allowed: float) -> bool:
    """Say whether the mean of a score got worse by more than allowed."""
    scores = [read_scores(path) or Scores((), {}, ()) for path in paths]
    before, after = (each.mean(name) for each in scores)
    direction = scores[1].directions.get(name) or scores[0].directions.get(name)
    if before is None or after is None or direction is None:
        known = ", ".join(scores[1].directions) or "none"
        raise InvalidOptionError(
            f"--max-drop names the score {name!r}, which has no mean in both runs or no direction. "
            f"Scores there: {known}."
        )
    drop = after - before if direction == "minimize" else before - after
    worse = drop > allowed
    said = f"{name}: {before:.6g} → {after:.6g}, {'worse' if drop > 0 else 'not worse'}"
    say(f"{said} (allowed: {allowed:g})", err=True)
    return worse
