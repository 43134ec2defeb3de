"""Provide the command ``export``: write the runs of a results folder to a file for other programs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from gaitmap_results._extras import require
from gaitmap_results.cli.finding import existing_results_folder, scan
from gaitmap_results.cli.options import Choose, filter_options, results_argument
from gaitmap_results.cli.terminal import progress, report_skipped, say
from gaitmap_results.exceptions import CorruptRunError, ResultsFolderError, RunNotFoundError
from gaitmap_results.exporting.table_formats import csv_bytes, formula_columns, json_bytes, parquet_bytes
from gaitmap_results.reading.index import RunSummary
from gaitmap_results.reading.scores import score_rows
from gaitmap_results.reading.table import RunRows, summary_columns, table_columns
from gaitmap_results.showing.text import counted, one_line
from gaitmap_results.store.entry_names import entry_text
from gaitmap_results.store.files import replace_file
from gaitmap_results.store.layout import METADATA_FILE

__all__ = ["export"]

# Keys of metadata.json that are written after the columns of every table of runs.
_MORE = (
    *("run_end_datetime", "git.branch", "git.describe", "git.remote", "caller_file_path", "dataset_name"),
    *("repr_pipeline", "system_info.python_version", "system_info.cpu.brand_raw", "recorder_version", "block_id"),
)
_ENDINGS = (".csv", ".parquet", ".json")


@click.command(
    epilog="Example: gaitmap-results export results --to runs.csv    or: "
    "gaitmap-results export --scores --official --latest --to scores.csv"
)
@results_argument
@click.option(
    "--to",
    "target",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; its name ends in .csv, .parquet or .json.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
@click.option("--parameters", is_flag=True, help="Add a column for each parameter of challenge, pipeline, data set.")
@click.option("--scores", is_flag=True, help="Write one row for each unit of the scores, mostly a participant.")
@click.option("--column", "columns", multiple=True, help="Add a key of metadata.json; a dot leads into nested ones.")
@filter_options
def export(
    results: Path | None,
    target: Path,
    overwrite: bool,
    parameters: bool,
    scores: bool,
    columns: tuple[str, ...],
    choose: Choose,
) -> None:
    """Write a table with one row for each run.

    RESULTS is the results folder; without it, the config's is used. The columns say which run it is, when it ran, from
    which code, and whether it is official and why not; they are named like the keys in metadata.json. Custom metadata
    follow in columns that start with `custom.`, the means of scores in columns that start with `score.`, and path is
    relative to the results folder. Lists are written as JSON if the format has none. Texts are written as they are
    stored: a note names columns in which a spreadsheet would take one for a formula. Parquet needs pandas and pyarrow:
    `pip install "gaitmap_results[parquet]"`.
    """
    ending = target.suffix.lower()
    if ending not in _ENDINGS:
        raise click.BadParameter(f"{target} must end in one of {', '.join(_ENDINGS)}.", param_hint="--to")
    if target.exists() and not overwrite:
        raise click.UsageError(f"{target} already exists. Choose another name, or pass --overwrite.")
    if any((folder / METADATA_FILE).exists() for folder in target.absolute().parents):
        raise click.UsageError(f"{target} is in a run folder, which is never changed. Choose another place.")
    if scores and (parameters or columns):
        raise click.UsageError("--scores writes scores and what names their run; leave out --parameters and --column.")
    if ending == ".parquet":
        for module in ("pandas", "pyarrow"):
            require(module, "Writing Parquet", "parquet")
    folder = existing_results_folder(results)
    found, store = scan(folder)
    runs = choose(found)
    report_skipped(store.skipped)
    if scores:
        rows, names, left_out = score_rows(runs, lambda summary: _relative(summary, folder))
        report_skipped(left_out)
        what = counted(len(rows), "row")
    else:
        rows, names = _run_rows(runs, folder, columns, parameters=parameters)
        what = counted(len(rows), "run")
    content = {".csv": csv_bytes, ".json": json_bytes, ".parquet": parquet_bytes}[ending](rows, names)
    try:
        replace_file(target, target.with_name(f".{target.name}.{os.getpid()}.new"), content)
    except OSError as error:
        raise ResultsFolderError(f"{target} cannot be written: {error.strerror or error}.") from error
    say(f"Wrote {what} to {target}", err=True)
    risky = formula_columns(rows) if ending == ".csv" else []
    if risky:
        say(
            f"A spreadsheet may take text in {', '.join(map(one_line, risky))} for formulas. "
            "Import these columns as text.",
            err=True,
        )


def _run_rows(
    runs: Sequence[RunSummary], folder: Path, columns: tuple[str, ...], *, parameters: bool
) -> tuple[list[dict[str, Any]], list[str]]:
    maker = RunRows((*_MORE, *columns), parameters=parameters, scores=True)
    rows = []
    with progress("Reading metadata", len(runs)) as advance:
        for summary in runs:
            path = _relative(summary, folder)
            try:
                row = maker.row(summary, path)
            except (RunNotFoundError, CorruptRunError, OSError) as error:
                say(f"Incomplete row: {error}", err=True)
                row = {**summary_columns(summary, None, None), "path": path}
            reasons = ", ".join(summary.debug_reasons)
            rows.append({**row, "entry_name": entry_text(summary.entry), "debug_reasons": reasons})
            advance()
    for each in maker.skipped:
        say(f"Incomplete row: {each.reason}", err=True)
    return rows, table_columns(rows, (*_MORE, *columns))


def _relative(summary: RunSummary, folder: Path) -> str:
    # The file may be given to others, so that it must not contain the place of the folder.
    return os.path.relpath(summary.folder, folder).replace(os.sep, "/")
