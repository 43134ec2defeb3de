"""The command ``export``: the runs of a results folder as a file for other programs."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from gaitmap_results._pandas import require_pandas
from gaitmap_results.cli.finding import RESULTS_PATH, existing_results_folder, scan
from gaitmap_results.cli.terminal import progress, report_skipped
from gaitmap_results.exceptions import CorruptRunError, MissingExtraError, ResultsFolderError, RunNotFoundError
from gaitmap_results.reading import index
from gaitmap_results.reading.index import RunSummary
from gaitmap_results.reading.loading import load_run_custom_metadata
from gaitmap_results.showing.text import printable
from gaitmap_results.store.json_values import without_non_finite
from gaitmap_results.store.layout import METADATA_FILE

__all__ = ["export"]

# Column -> the keys that lead to it in metadata.json.
_COLUMNS = {
    "run_start_datetime": ("run_start_datetime",),
    "run_end_datetime": ("run_end_datetime",),
    "git_commit_hash": ("git_commit_hash",),
    "git_dirty": ("git_dirty",),
    "git_branch": ("git", "branch"),
    "git_describe": ("git", "describe"),
    "git_remote": ("git", "remote"),
    "caller_file_path": ("caller_file_path",),
    "dataset_name": ("dataset_name",),
    "repr_pipeline": ("repr_pipeline",),
    "python_version": ("system_info", "python_version"),
    "cpu": ("system_info", "cpu", "brand_raw"),
    "recorder_version": ("recorder_version",),
    "block_id": ("block_id",),
}
_ENDINGS = (".csv", ".parquet", ".json")


@click.command(epilog="Example: gaitmap-results export results --to runs.csv")
@click.argument("results", required=False, type=RESULTS_PATH)
@click.option(
    "--to",
    "target",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; its name ends in .csv, .parquet or .json.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
def export(results: Path | None, target: Path, overwrite: bool) -> None:
    """Write a table with one row for each run.

    RESULTS is the results folder; without it, the config's is used. The columns say which run it is, when it ran, from
    which code, and whether it is official and why not; custom metadata follow in columns that start with
    `custom.`. Lists are written as JSON if the format has none. Parquet needs pandas and pyarrow:
    `pip install "gaitmap_results[parquet]"`.
    """
    ending = target.suffix.lower()
    if ending not in _ENDINGS:
        raise click.BadParameter(f"{target} ends in none of {', '.join(_ENDINGS)}.", param_hint="--to")
    if target.exists() and not overwrite:
        raise click.UsageError(f"{target} is there already. Choose another name, or pass --overwrite.")
    if any((folder / METADATA_FILE).exists() for folder in target.absolute().parents):
        raise click.UsageError(f"{target} lies in a run folder, which is never changed. Choose another place.")
    if ending == ".parquet":
        _check_parquet()
    folder = existing_results_folder(results)
    runs, store = scan(folder)
    report_skipped(store.skipped)
    with progress("Reading metadata", len(runs)) as advance:
        rows = []
        for summary in runs:
            rows.append(_row(summary, folder))
            advance()
    content = {".csv": _csv, ".json": _json, ".parquet": _parquet}[ending](rows)
    _write(target, content)
    click.echo(printable(f"Wrote {len(rows)} {'run' if len(rows) == 1 else 'runs'} to {target}"), err=True)


def _check_parquet() -> None:
    require_pandas("Writing Parquet")
    from importlib.util import find_spec

    if find_spec("pyarrow") is None:
        raise MissingExtraError(
            'Writing Parquet needs pyarrow. Install the extra "parquet":\n  pip install "gaitmap_results[parquet]"',
            extra="parquet",
        )


def _row(summary: RunSummary, folder: Path) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    custom: Any = None
    try:
        metadata = index.read_metadata(summary.folder)
        custom = load_run_custom_metadata(summary.folder)
    except (RunNotFoundError, CorruptRunError, OSError) as error:
        click.echo(printable(f"Incomplete row: {error}"), err=True)
    row = {
        "run": os.path.relpath(summary.folder, folder).replace(os.sep, "/"),
        "run_id": summary.run_id,
        "challenge_name": summary.challenge_name,
        "challenge_version": summary.challenge_version,
        "entry_name": "/".join(summary.entry),
        "is_debug_run": summary.is_debug_run,
        "debug_reasons": ", ".join(summary.debug_reasons),
        "run_start_datetime_utc": summary.start,
        "runtime": summary.runtime,
        **{name: _value(metadata, keys) for name, keys in _COLUMNS.items()},
    }
    items = custom.items() if isinstance(custom, dict) else [] if custom is None else [("value", custom)]
    return {**row, **{f"custom.{key}": value for key, value in items}}


def _value(metadata: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        metadata = metadata.get(key) if isinstance(metadata, dict) else None
    return metadata


def _columns(rows: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _flat(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value


def _csv(rows: Sequence[dict[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _columns(rows), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _flat(value) for name, value in row.items()} for row in rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _json(rows: Sequence[dict[str, Any]]) -> bytes:
    text = json.dumps(without_non_finite(rows), indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode("utf-8", "backslashreplace")


def _parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    pd = require_pandas("Writing Parquet")
    table = pd.DataFrame(rows, columns=_columns(rows))
    for name in table:
        values = [None if pd.api.types.is_scalar(value) and pd.isna(value) else value for value in table[name]]
        kinds = {type(value) for value in values if value is not None}
        # A column of Parquet has one type; authors store what they like.
        if kinds & {list, dict} or (len(kinds) > 1 and not kinds <= {int, float}):
            table[name] = [None if value is None else str(_flat(value)) for value in values]
    content: bytes = table.to_parquet(index=False)
    return content


def _write(target: Path, content: bytes) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        temporary.write_bytes(content)
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ResultsFolderError(f"{target} cannot be written: {error.strerror or error}.") from error
