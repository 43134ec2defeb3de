"""Give commands the options that choose among the runs of a results folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeAlias

import click

from gaitmap_results.cli.finding import named_challenges
from gaitmap_results.exceptions import InvalidOptionError
from gaitmap_results.reading.criteria import make_criteria
from gaitmap_results.reading.index import RunSummary, by_start

__all__ = ["Choose", "filter_options"]

#: Return the runs that the options of a command choose, in their order.
Choose: TypeAlias = Callable[[Sequence[RunSummary]], list[RunSummary]]

_CRITERIA = ("entry", "challenge_version", "since", "until", "commit")
_OPTIONS = (
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

    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _latest(runs: Sequence[RunSummary]) -> list[RunSummary]:
    latest: dict[tuple[str, tuple[str, ...]], RunSummary] = {}
    for summary in runs:
        key = summary.challenge_name, summary.entry
        if key not in latest or by_start(summary) > by_start(latest[key]):
            latest[key] = summary
    return [summary for summary in runs if latest[summary.challenge_name, summary.entry] is summary]
