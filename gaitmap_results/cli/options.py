"""Give commands the options that several of them have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import click

from gaitmap_results.cli.finding import named_challenges
from gaitmap_results.exceptions import InvalidOptionError
from gaitmap_results.reading.criteria import make_criteria
from gaitmap_results.reading.index import RunSummary, by_start

__all__ = ["RESULTS_PATH", "Choose", "comparison_options", "filter_options", "results_argument", "results_option"]

RESULTS_PATH = click.Path(file_okay=False, path_type=Path)

Function = TypeVar("Function", bound=Callable[..., Any])
#: Return the runs that the options of a command choose, in their order.
Choose: TypeAlias = Callable[[Sequence[RunSummary]], list[RunSummary]]

_CRITERIA = ("entry", "challenge_version", "since", "until", "commit")
_FILTERS = (
    click.option("--challenge", help="Only this challenge: its full name, or a part of it."),
    click.option("--entry", help="Only this entry and those nested in it, for example gaitmap/shin."),
    click.option("--version", "challenge_version", help="Only this version of a challenge."),
    click.option("--official", is_flag=True, help="Only official runs."),
    click.option("--debug", is_flag=True, help="Only debug runs."),
    click.option("--latest", is_flag=True, help="Only the last run of each entry."),
    click.option("--since", help='Only runs that started at or after this: today, "2 days ago", a date or a time.'),
    click.option("--until", help="Only runs that started before this time, or not later than this date."),
    click.option("--commit", help="Only runs of this commit; the first characters of its hash are enough."),
)
_COMPARISON = (
    click.option("--results", type=RESULTS_PATH, help="The results folder; without it, the config's is used."),
    click.option("--score", help="The score to compare by; without it, the main score."),
    click.option("--baseline", help="Compare all entries with this one, fixed before you looked at the scores."),
    click.option(
        "--direction", type=click.Choice(["minimize", "maximize"]), help="Needed if the records do not give it."
    ),
    click.option("--smallest-effect", type=float, help="The smallest difference that matters, in the score's unit."),
    click.option("--alpha", type=float, default=0.05, show_default=True, help="The level of the tests."),
    click.option("--include-debug", is_flag=True, help="Include debug runs."),
    click.option("--version", help="The version of the challenge."),
    click.option(
        "--runs",
        type=click.Choice(["latest", "mean"]),
        default="latest",
        show_default=True,
        help="The latest run of each entry, or the mean of those that differ in a seed only.",
    ),
)
results_option = _COMPARISON[0]


def results_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the results folder, by position or ``--results``, passed as ``results``."""

    @wraps(function)
    def command(*args: Any, results: Path | None, named_results: Path | None, **options: Any) -> Any:
        if results is not None and named_results is not None:
            raise click.UsageError(f"The results folder is given twice: {results} and --results {named_results}.")
        return function(*args, results=results or named_results, **options)

    help_text = "The results folder, as RESULTS."
    command = click.option("--results", "named_results", type=RESULTS_PATH, help=help_text)(command)
    return click.argument("results", required=False, type=RESULTS_PATH)(command)


def comparison_options(function: Function) -> Function:
    """Give a command the options of a comparison, named like the parameters of ``compare_entries``."""
    for option in reversed(_COMPARISON):
        function = option(function)
    return function


def filter_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that choose runs, passed as the function ``choose``."""

    @wraps(function)
    def command(*args: Any, challenge: str | None, official: bool, debug: bool, latest: bool, **options: Any) -> Any:
        if official and debug:
            raise click.UsageError("No run is both --official and --debug. Choose one, or none for all runs.")
        given = {name: options.pop(name) for name in _CRITERIA}
        try:
            is_met = make_criteria(is_debug_run=debug if official or debug else None, **given)
        except InvalidOptionError as error:
            raise click.UsageError(str(error)) from error

        def choose(runs: Sequence[RunSummary]) -> list[RunSummary]:
            chosen = [summary for summary in named_challenges(runs, challenge) if is_met(summary)]
            return _latest(chosen) if latest else chosen

        return function(*args, choose=choose, **options)

    for option in reversed(_FILTERS):
        command = option(command)
    return command


def _latest(runs: Sequence[RunSummary]) -> list[RunSummary]:
    latest = {(each.challenge_name, each.entry): each for each in sorted(runs, key=by_start)}
    return [each for each in runs if latest[each.challenge_name, each.entry] is each]
