"""Provide the command ``withdraw``: say that a run must no longer be compared."""

from __future__ import annotations

from pathlib import Path

import click

from gaitmap_results.cli.finding import find_run
from gaitmap_results.cli.options import results_option
from gaitmap_results.cli.terminal import say
from gaitmap_results.comparing.withdrawing import withdraw_run

__all__ = ["withdraw"]


@click.command(epilog='Example: gaitmap-results withdraw 7f3a91c2 --reason "the sensor was upside down"')
@click.argument("run", nargs=-1, required=True)
@click.option("--reason", required=True, help="Why, as everybody will see it.")
@results_option
def withdraw(run: tuple[str, ...], reason: str, results: Path | None) -> None:
    """Say that a run must no longer be compared, for example because of a bug.

    RUN and the results folder are named as for the command `show`. Nothing is deleted: the run stays where it is,
    `list` and `show` tell that it was withdrawn, and `compare` leaves it out with the reason.
    """
    summary = find_run(run, results)
    file = withdraw_run(summary.path, reason)
    say(f"Withdrew {summary.folder}\nThe reason is in {file}")
