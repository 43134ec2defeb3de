"""Provide the commands ``report`` and ``site``: write comparisons as pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gaitmap_results.cli.finding import challenge_and_folder, existing_results_folder
from gaitmap_results.cli.options import RESULTS_PATH, comparison_options, results_option
from gaitmap_results.cli.terminal import say

__all__ = ["report", "site"]


@click.command(epilog="Example: gaitmap-results report StrideLength results -o report.html --baseline as_published")
@click.argument("words", nargs=-1, metavar="[CHALLENGE] [RESULTS]")
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write."
)
@comparison_options
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
def report(words: tuple[str, ...], results: Path | None, output: Path, overwrite: bool, **options: Any) -> None:
    """Write a comparison as one HTML page.

    The page draws the score of every participant, says in words what is shown, and names each run that was left out. It
    needs no network and no script. CHALLENGE is the full name of a challenge or a part of it, not needed if there is
    only one; RESULTS is the results folder, without it the config's is used.
    """
    from gaitmap_results.comparing.report import write_report

    if len(words) > 2:
        raise click.UsageError("Name a challenge and a results folder at most.")
    challenge, folder = challenge_and_folder(words, results)
    written = write_report(folder, output, challenge=challenge, overwrite=overwrite, **options)
    say(f"Wrote {written}", err=True)


@click.command(epilog="Example: gaitmap-results site results public")
@click.argument("words", nargs=-1, required=True, type=RESULTS_PATH, metavar="[RESULTS] OUT")
@results_option
@click.option("--include-debug", is_flag=True, help="Include debug runs.")
def site(words: tuple[Path, ...], results: Path | None, include_debug: bool) -> None:
    """Write a page for each challenge and version in RESULTS, and a start page, into the folder OUT.

    RESULTS is the results folder; without it, the config's is used. Pages that are there already are replaced. The same
    runs give the same bytes.
    """
    *given, out = words
    if len(given) + (results is not None) > 1:
        raise click.UsageError("Name one results folder, and the folder OUT to write into.")
    from gaitmap_results.comparing.report import write_site

    start = write_site(existing_results_folder(given[0] if given else results), out, include_debug=include_debug)
    say(f"Wrote {start}", err=True)
