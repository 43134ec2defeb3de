"""Provide the command ``verify``: compare runs with their manifests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from gaitmap_results.cli.finding import HOW_TO_NAME_A_RUN, existing_results_folder, find_run, scan
from gaitmap_results.cli.options import results_option
from gaitmap_results.cli.terminal import console, echo_json, progress, trouble_exits_with
from gaitmap_results.exceptions import CorruptRunError, RunNotFoundError
from gaitmap_results.reading.verifying import RunVerification, verify_run
from gaitmap_results.showing.text import counted, one_line
from gaitmap_results.store.layout import MANIFEST_FILE, METADATA_FILE

__all__ = ["verify"]

_NOT_CHECKED = 2  # exit code: the files could not be checked
_MAX_PATHS = 20
_DAMAGED = ("changed", "unreadable")


@click.command(
    epilog="Example: gaitmap-results verify results    or: gaitmap-results verify 7f3a91c2",
    help=f"""Compare the files of runs with their manifests.

    A manifest holds the checksum of each file from when the run was saved. Give a RUN, or RESULTS, a folder with any
    number of runs; without either, the config's results folder is used. {HOW_TO_NAME_A_RUN} The exit code is 0 if no
    file is missing, changed or extra, 1 if there is such a file or one that cannot be read, and 2 if there is nothing
    to check. Runs that gaitmap_challenges saved have no manifest; they are counted, but do not fail.""",
)
@click.argument("run_or_results", nargs=-1)
@results_option
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def verify(run_or_results: tuple[str, ...], results: Path | None, as_json: bool) -> None:
    """Compare the files of runs with their manifests."""
    with trouble_exits_with(_NOT_CHECKED):
        folders = _folders(run_or_results, results)
    checked = []
    with progress("Checking files", len(folders)) as advance:
        for folder in folders:
            checked.append(_check(folder))
            advance()
    if as_json:
        echo_json(checked)
    else:
        _print(checked)
    if any(each["status"] in _DAMAGED for each in checked):
        raise click.exceptions.Exit(1)


def _folders(words: Sequence[str], results: Path | None) -> list[Path]:
    """Return the run folders to check, including those with a damaged metadata.json."""
    if words and not (len(words) == 1 and Path(words[0]).is_dir()):
        return [find_run(words, results).path]
    folder = existing_results_folder(Path(words[0]) if words else results)
    if (folder / METADATA_FILE).exists() or (folder / MANIFEST_FILE).exists():
        return [folder]
    runs, store = scan(folder)
    folders = [*(summary.path for summary in runs), *(Path(each.folder) for each in store.skipped)]
    if not folders:
        raise RunNotFoundError(f"There is no run in {folder}.")
    return folders


def _check(folder: Path) -> dict[str, Any]:
    """Return what is printed as JSON about a run."""
    error = None
    try:
        found = verify_run(folder)
    except (CorruptRunError, RunNotFoundError) as raised:
        found, error = RunVerification(folder, has_manifest=False), str(raised)
    return {
        "path": str(folder),
        "status": found.status if error is None else "unreadable",
        "missing": found.missing,
        "changed": found.changed,
        "extra": found.extra,
        "skipped": [{"path": path, "reason": reason} for path, reason in found.skipped],
        "error": error,
    }


def _print(checked: Sequence[dict[str, Any]]) -> None:
    output = console()
    for each in checked:
        if each["status"] in _DAMAGED or each["skipped"]:
            output.print(one_line(each["path"]), style="bold", soft_wrap=True)
            for line in _lines(each):
                output.print(f"  {one_line(line)}", soft_wrap=True)
    counts = Counter(each["status"] for each in checked)
    shown = [f"{counts[status]} {status}" for status in ("intact", *_DAMAGED) if counts[status]]
    if counts["no manifest"]:
        shown.append(f"{counts['no manifest']} without a manifest")
    style = "bold red" if any(map(counts.get, _DAMAGED)) else "green" if counts["intact"] else ""
    output.print(f"{counted(len(checked), 'run')}: {', '.join(shown)}", style=style)


def _lines(checked: dict[str, Any]) -> Iterator[str]:
    if checked["error"] is not None:
        yield checked["error"]
    for what in ("missing", "changed", "extra"):
        paths = checked[what]
        more = [f"{len(paths) - _MAX_PATHS} more"] if len(paths) > _MAX_PATHS else []
        yield from (f"{what + ':':<9}{path}" for path in [*paths[:_MAX_PATHS], *more])
    for each in checked["skipped"]:
        yield f"skipped: {each['path']}, {each['reason']}"
