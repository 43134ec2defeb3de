"""Provide the command ``bundle``: write runs into an archive that describes itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gaitmap_results.cli.finding import (
    HOW_TO_NAME_A_RUN,
    existing_results_folder,
    find_run,
    split_off_results_folder,
)
from gaitmap_results.cli.options import results_option
from gaitmap_results.cli.terminal import progress, say
from gaitmap_results.showing.text import one_line

__all__ = ["bundle"]


@click.command(
    epilog="Example: gaitmap-results bundle results gait_runs.zip --license CC-BY-4.0 "
    '--author "Ada Lovelace <https://orcid.org/0000-0002-1825-0097>"',
    help=f"""Write runs into the archive OUT.zip, which describes them as an RO-Crate (Process Run Crate 0.5).

    Name each RUN, or RESULTS, a folder with any number of runs; with OUT.zip alone, the config's results folder is
    used. {HOW_TO_NAME_A_RUN} The runs are in the archive as they are, in their places, so that an unpacked one is a
    results folder; `sha256sum -c SHA256SUMS` checks all of its files. The same runs give the same bytes. Damaged runs,
    private paths, user names and secrets are refused, each with its place.""",
)
@click.argument("words", nargs=-1, required=True, metavar="[RUN...|RESULTS] OUT.zip")
@results_option
@click.option("--license", required=True, help="A URL or an SPDX identifier, such as CC-BY-4.0.")
@click.option(
    "--author", "authors", multiple=True, required=True, help='"NAME <ORCID>; AFFILIATION <URL>"; a name is enough.'
)
@click.option("--publisher", help='The organization that publishes the archive: "NAME <URL>".')
@click.option("--unfinished", is_flag=True, help="Describe the runs that failed, too; their files stay out.")
@click.option("--allow-private", is_flag=True, help="Continue even if private paths, user names or secrets are found.")
def bundle(words: tuple[str, ...], results: Path | None, **options: Any) -> None:
    """Write runs into an archive that describes them."""
    from gaitmap_results.exporting.bundle import write_bundle

    *named, out = words
    if not out.lower().endswith(".zip"):
        raise click.UsageError(f"The last word is the archive to write, and {out!r} does not end in .zip.")
    if not all(Path(word).is_dir() for word in named):
        given, results = split_off_results_folder(named, results)
        named = list(given)
    paths = [Path(word) if Path(word).is_dir() else find_run([word], results).path for word in named]
    with progress("Packing") as advance:
        written = write_bundle(
            paths or [existing_results_folder(results)],
            out,
            **options,
            on_file=lambda _: advance(),
        )
    say(f"Wrote {one_line(written)}", err=True)
