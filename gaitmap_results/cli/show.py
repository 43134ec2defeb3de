"""The command ``show``: one run on one screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from gaitmap_results.cli.finding import RESULTS_PATH, find_run
from gaitmap_results.cli.terminal import console, echo_json, print_labelled
from gaitmap_results.exceptions import CorruptRunError, RunNotFoundError
from gaitmap_results.reading.index import RunSummary
from gaitmap_results.reading.loading import load_run_custom_metadata, load_run_metadata
from gaitmap_results.showing.record_lines import record_lines
from gaitmap_results.showing.text import printable
from gaitmap_results.store.files import is_real_folder, list_files
from gaitmap_results.store.layout import RESULTS_DIR

__all__ = ["show"]


@click.command(epilog="Example: gaitmap-results show 7f3a91c2    or: gaitmap-results show CountSteps shin/tuned")
@click.argument("run", nargs=-1, required=True)
@click.option("--results", type=RESULTS_PATH, help="The results folder; without it, the config's is used.")
@click.option("--json", "as_json", is_flag=True, help="Print everything that is stored about the run as JSON.")
def show(run: tuple[str, ...], results: Path | None, as_json: bool) -> None:
    """Show what is known about one run.

    That is what ran, when and for how long, whether it is official or why not, code, machine, packages, pipeline and
    files. RUN is the path of a run folder, its name, a run's id or the beginning of one (the command `list` shows
    them), or a challenge and an entry, which means the latest run of this entry. A part of the challenge's name is
    enough.
    """
    summary = find_run(run, results)
    metadata = load_run_metadata(summary.path)
    custom = _custom_metadata(summary.path)
    files = list(_files(summary.path / RESULTS_DIR))
    if as_json:
        described = [{"name": name, "bytes": n_bytes} for name, n_bytes in files]
        path = str(summary.path)
        echo_json({"path": path, "metadata": metadata, "custom_metadata": custom, "core_results": described})
        return
    _print(summary, metadata, custom, files)


def _custom_metadata(path: Path) -> Any:
    try:
        return load_run_custom_metadata(path)
    except (RunNotFoundError, CorruptRunError, OSError) as error:
        click.echo(printable(f"The custom metadata cannot be read: {error}"), err=True)
        return None


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    # What a link leads to is no part of the run.
    if not is_real_folder(folder):
        return
    for file in list_files(folder):
        yield file.name, file.path.lstat().st_size


def _print(summary: RunSummary, metadata: dict[str, Any], custom: Any, files: list[tuple[str, int]]) -> None:
    output = console()
    output.print(printable("/".join(summary.entry)), style="bold", soft_wrap=True)
    output.print(printable(f"{summary.challenge_name}  {summary.challenge_version}"), soft_wrap=True)
    output.print(printable(summary.folder), style="dim", soft_wrap=True)
    output.print()
    parts = record_lines(summary.path, metadata, custom, files)
    print_labelled(output, ((label, "dim", lines) for label, lines in parts))
