"""Lays runs out as a table, one row a run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gaitmap_results._pandas import require_pandas
from gaitmap_results.exceptions import CorruptRunError, InvalidOptionError, RunNotFoundError
from gaitmap_results.reading import index
from gaitmap_results.reading.index import RunSummary, SkippedRun
from gaitmap_results.reading.loading import load_run_custom_metadata
from gaitmap_results.reading.selecting import paths_of_entry, warn_about_skipped

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["generate_overview_table", "get_metadata_as_df"]

_OWN_COLUMNS: Final = (
    "entry_name",
    "run_start_datetime_utc",
    "run_start_datetime",
    "challenge_name",
    "challenge_version",
    "is_debug_run",
    "path",
)
_MISSING: Final = object()

# The columns of gaitmap_challenges' overview; further ones of the custom metadata follow under their own names.
_OVERVIEW: Final = {
    "entry_name": "Entry",
    "run_start_datetime": "Datetime",
    "short_description": "Description",
    "code_authors": "Code Authors",
    "algorithm_authors": "Algorithm Authors",
    "implementation_url": "Implementation",
    "references": "References",
}
_NOT_IN_OVERVIEW: Final = (
    "path",
    "is_debug_run",
    "challenge_name",
    "challenge_version",
    "run_start_datetime_utc",
    "long_description",
)

Results = Mapping[tuple[str, ...], "str | Path | Sequence[str | Path]"]


def get_metadata_as_df(results: Results, include_additional: Sequence[str] | None = None) -> pd.DataFrame:
    """Return a table with one row for each run.

    Parameters
    ----------
    results
        One run folder for each entry, as :func:`gaitmap_results.get_latest_result` returns them, or a list of them, as
        :func:`gaitmap_results.get_all_result_paths` does.
    include_additional
        Further keys of metadata.json or of the custom metadata.
        A dot leads into a nested dictionary: ``"system_info.python_version"``.

    Returns
    -------
    table
        The columns ``entry_name`` (tuples), ``run_start_datetime_utc`` (seconds), ``run_start_datetime``,
        ``challenge_name``, ``challenge_version``, ``is_debug_run``, one for each key of the custom metadata, ``path``
        and those in ``include_additional``.
        A key of the custom metadata with the name of another column is called ``custom_metadata.{key}``.
        Without any run the table is empty.

    Raises
    ------
    MissingExtraError
        If pandas is not installed.
    InvalidOptionError
        If no run has one of the keys in ``include_additional``.

    Warns
    -----
    SkippedRunWarning
        If one of the folders is no run that can be read.

    Examples
    --------
    >>> from gaitmap_results import get_metadata_as_df
    >>> list(get_metadata_as_df({}).columns)[:3]
    ['entry_name', 'run_start_datetime_utc', 'run_start_datetime']
    """
    pd = require_pandas("A table of runs")
    additional = _checked_keys(include_additional)
    skipped: list[SkippedRun] = []
    rows = []
    for entry, folder in _folders(results):
        try:
            rows.append(_row(entry, index.read_summary(folder), additional, skipped))
        except (RunNotFoundError, CorruptRunError, OSError) as error:
            skipped.append(SkippedRun(folder, str(error)))
    warn_about_skipped(skipped)
    for key in additional:
        if rows and all(row[key] is _MISSING for row in rows):
            raise InvalidOptionError(f"include_additional names {key!r}, but the metadata of no run has such a key.")
    rows = [{key: None if value is _MISSING else value for key, value in row.items()} for row in rows]
    return pd.DataFrame(rows, columns=None if rows else [*_OWN_COLUMNS, *additional]).infer_objects()


def generate_overview_table(results: Results) -> pd.DataFrame:
    """Return a table of runs to be read by people: who entered what, and when.

    Parameters
    ----------
    results
        The runs, as for :func:`get_metadata_as_df`.

    Returns
    -------
    table
        One row for each run, sorted by entry, the latest run of an entry first.
        What describes an entry is taken from its custom metadata: ``short_description``, ``code_authors``,
        ``algorithm_authors``, ``implementation_url`` and ``references``.

    Raises
    ------
    MissingExtraError
        If pandas is not installed.

    Examples
    --------
    >>> from gaitmap_results import generate_overview_table
    >>> list(generate_overview_table({}).columns)
    ['Entry', 'Datetime']
    """
    table = get_metadata_as_df(results)
    table = table.sort_values(["entry_name", "run_start_datetime_utc"], ascending=[True, False])
    return table.drop(columns=list(_NOT_IN_OVERVIEW), errors="ignore").rename(columns=_OVERVIEW).reset_index(drop=True)


def _checked_keys(keys: Sequence[str] | None) -> list[str]:
    if keys is None:
        return []
    if isinstance(keys, str) or not all(isinstance(key, str) for key in keys):
        raise InvalidOptionError(f"include_additional is {keys!r}; it takes a list of keys.")
    return list(keys)


def _folders(results: Results) -> Iterator[tuple[tuple[str, ...], str]]:
    for entry, paths in results.items():
        several = [paths] if isinstance(paths, (str, os.PathLike)) else paths
        for path in paths_of_entry(entry, several):
            yield entry, str(path)


def _row(
    entry: tuple[str, ...], summary: RunSummary, additional: Sequence[str], skipped: list[SkippedRun]
) -> dict[str, Any]:
    custom: Any = {}
    try:
        custom = load_run_custom_metadata(summary.folder)
    except (RunNotFoundError, CorruptRunError, OSError) as error:
        skipped.append(SkippedRun(summary.folder, f"its row has no custom metadata: {error}"))
    custom = custom if isinstance(custom, dict) else {"custom_metadata": custom}
    row: dict[str, Any] = {
        "entry_name": entry,
        "run_start_datetime_utc": summary.start,
        "run_start_datetime": summary.run_start_datetime,
        "challenge_name": summary.challenge_name,
        "challenge_version": summary.challenge_version,
        "is_debug_run": summary.is_debug_run,
    }
    row |= {f"custom_metadata.{key}" if key in _OWN_COLUMNS else key: value for key, value in custom.items()}
    row["path"] = summary.path
    metadata = index.read_metadata(summary.folder) if set(additional) - row.keys() else {}
    for key in additional:
        if key not in row:
            row[key] = next(
                (found for source in (metadata, custom) if (found := _get(source, key)) is not _MISSING), _MISSING
            )
    return row


def _get(source: Any, key: str) -> Any:
    if isinstance(source, dict) and key in source:
        return source[key]
    for part in key.split("."):
        if not isinstance(source, dict) or part not in source:
            return _MISSING
        source = source[part]
    return source
