"""Tabulate runs with one row each, for pandas, files and the command line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gaitmap_results._extras import require_pandas
from gaitmap_results.exceptions import CorruptRunError, InvalidOptionError, RunNotFoundError
from gaitmap_results.reading import index
from gaitmap_results.reading.attestations import verdicts, withdrawals
from gaitmap_results.reading.index import RunSummary, SkippedRun
from gaitmap_results.reading.loading import load_run_custom_metadata
from gaitmap_results.reading.scores import known_scores
from gaitmap_results.reading.selecting import paths_of_entry, warn_about_skipped

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CUSTOM",
    "HEADINGS",
    "RunRows",
    "exact_column",
    "generate_overview_table",
    "get_metadata_as_df",
    "summary_columns",
    "table_columns",
]

#: The prefix of a custom metadata key that could be confused with our columns.
CUSTOM: Final = "custom."
#: The prefix of a score's name.
SCORE: Final = "score."
#: The headings of columns in tables for people.
HEADINGS: Final = {
    "entry_name": "Entry",
    "run_start_datetime": "Datetime",
    "runtime": "Runtime",
    "kind": "Kind",
    "debug_reasons": "Reasons",
    "git_commit_hash": "Commit",
    "run_id": "Run",
    "short_description": "Description",
    "code_authors": "Code Authors",
    "algorithm_authors": "Algorithm Authors",
    "implementation_url": "Implementation",
    "references": "References",
}
_OWN_COLUMNS: Final = (
    *("entry_name", "run_start_datetime_utc", "run_start_datetime", "challenge_name", "challenge_version"),
    *("is_debug_run", "kind", "debug_reasons", "withdrawn", "reproduced"),
    *("runtime", "git_commit_hash", "git_dirty", "run_id"),
)
_FIRST_IN_OVERVIEW: Final = ("entry_name", "run_start_datetime")
_LAST_IN_OVERVIEW: Final = ("runtime", "kind", "debug_reasons", "git_commit_hash")
_NOT_IN_OVERVIEW: Final = frozenset({*_OWN_COLUMNS, "path", "long_description"})
_PARAMETERS: Final = ("challenge", "pipeline", "dataset")
_PREFIXES: Final = (CUSTOM, SCORE, *(f"{what}." for what in _PARAMETERS))
_MISSING: Final = object()
# NumPy's types of integers, and pandas' types of the same range that also hold gaps.
_INTEGERS: Final = (("int64", "Int64", range(-(2**63), 2**63)), ("uint64", "UInt64", range(2**64)))
# A float represents every integer up to here exactly.
_EXACT_IN_FLOAT: Final = 2**53

Results = Mapping[tuple[str, ...], "str | Path | Sequence[str | Path]"]


def summary_columns(summary: RunSummary, withdrawn: str | None, reproduced: str | None) -> dict[str, Any]:
    """Return the first columns of every table of runs.

    Parameters
    ----------
    summary
        The run.
    withdrawn
        Why it was withdrawn, if it was.
    reproduced
        The verdict of its last reproduction, if there was one.
    """
    known = {
        **summary._asdict(),
        "entry_name": summary.entry,
        "run_start_datetime_utc": summary.start,
        "withdrawn": withdrawn,
        "reproduced": reproduced,
    }
    return {name: known[name] for name in _OWN_COLUMNS}


class RunRows:
    """Make the rows of a table of runs.

    Parameters
    ----------
    additional
        Further keys of metadata.json or the custom metadata; a dot separates nested keys.
    parameters
        Whether to add one column for each parameter of challenge, pipeline and data set.
    bare_keys
        Whether keys of the custom metadata keep their own names where these are free.
    scores
        Whether to add one column for the mean of each score: ``score.{name}``.

    Attributes
    ----------
    skipped
        The folders that could not be read so far.
    """

    def __init__(
        self, additional: Sequence[str] = (), *, parameters: bool = False, bare_keys: bool = False, scores: bool = False
    ) -> None:
        self.skipped: list[SkippedRun] = []
        self._additional = additional
        self._parameters = parameters
        self._bare_keys = bare_keys
        self._scores = scores
        self._withdrawn = withdrawals()
        self._verdict = verdicts()

    def row(self, summary: RunSummary, path: object) -> dict[str, Any]:
        """Return the row of a run, without the keys of ``additional`` that it lacks."""
        custom = self._custom(summary)
        row = summary_columns(summary, self._withdrawn(summary), self._verdict(summary))
        row |= {self._custom_column(key): value for key, value in custom.items()}
        row["path"] = path
        wanted = [key for key in self._additional if key not in row]
        metadata = index.read_metadata(summary.folder) if wanted or self._parameters else {}
        for key in wanted:
            found = _get(metadata, key)
            found = _get(custom, key) if found is _MISSING else found
            if found is not _MISSING:
                row[key] = found
        row |= _parameter_columns(metadata) if self._parameters else {}
        return row | (_score_columns(summary) if self._scores else {})

    def _custom(self, summary: RunSummary) -> dict[str, Any]:
        try:
            custom = load_run_custom_metadata(summary.folder)
        except (RunNotFoundError, CorruptRunError) as error:
            self.skipped.append(SkippedRun(summary.folder, f"its row has no custom metadata: {error}"))
            return {}
        return custom if isinstance(custom, dict) else {} if custom is None else {"value": custom}

    def _custom_column(self, key: str) -> str:
        is_taken = key in (*_OWN_COLUMNS, "path") or key.startswith(_PREFIXES)
        return key if self._bare_keys and not is_taken else f"{CUSTOM}{key}"


def _score_columns(summary: RunSummary) -> dict[str, float | None]:
    scores = known_scores(summary.folder)
    return {} if scores is None else {f"{SCORE}{name}": mean for name, mean in scores.means().items()}


def _parameter_columns(metadata: dict[str, Any]) -> dict[str, Any]:
    described = metadata.get("parameters")
    columns: dict[str, Any] = {}
    for what in _PARAMETERS:
        parameters = _get(described, f"{what}.parameters")
        if isinstance(parameters, dict):
            columns |= {f"{what}.{name}": value for name, value in parameters.items()}
    return columns


def _get(source: Any, key: str) -> Any:
    if isinstance(source, dict) and key in source:
        return source[key]
    for part in key.split("."):
        if not isinstance(source, dict) or part not in source:
            return _MISSING
        source = source[part]
    return source


def get_metadata_as_df(
    results: Results, include_additional: Sequence[str] | None = None, *, include_parameters: bool = False
) -> pd.DataFrame:
    """Return a table with one row for each run.

    Integers stay exact: a column of integers with gaps has the type ``Int64`` or ``UInt64``.
    It has the type ``object`` if no pandas type holds all of its values.

    Parameters
    ----------
    results
        One run folder for each entry, as :func:`gaitmap_results.get_latest_result` returns them, or a list of them, as
        :func:`gaitmap_results.get_all_result_paths` does.
    include_additional
        Further keys of metadata.json or of the custom metadata.
        A dot separates nested keys: ``"system_info.python_version"``.
    include_parameters
        Whether to add one column for each parameter: ``challenge.{name}``, ``pipeline.{name}``, ``dataset.{name}``.

    Returns
    -------
    table
        The columns ``entry_name`` (tuples), ``run_start_datetime_utc`` (seconds), ``run_start_datetime``,
        ``challenge_name``, ``challenge_version``, ``is_debug_run``, ``kind`` (``official`` or ``debug`` in words),
        ``debug_reasons`` (tuples of codes), ``withdrawn`` (the reason), ``reproduced`` (the verdict),
        ``runtime`` (seconds), ``git_commit_hash``, ``git_dirty``, ``run_id``, one for each key of the custom metadata,
        ``path`` and what was asked for.
        A key of the custom metadata with the name of another column is called ``custom.{key}``.
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
        If one of the folders is not a run, or cannot be read.

    Examples
    --------
    >>> from gaitmap_results import get_all_result_paths, get_metadata_as_df
    >>> table = get_metadata_as_df(get_all_result_paths(StrideTime, "results"))
    >>> table[["challenge_version", "is_debug_run", "sensor"]]
      challenge_version  is_debug_run      sensor
    0             1.0.0         False  lower back
    1             1.0.0         False  lower back
    """
    pd = require_pandas("A table of runs")
    additional = _checked_keys(include_additional)
    maker = RunRows(additional, parameters=include_parameters, bare_keys=True)
    rows = []
    for entry, folder in _folders(results):
        try:
            summary = index.read_summary(folder)
            rows.append(maker.row(summary, summary.path) | {"entry_name": entry})
        except (RunNotFoundError, CorruptRunError) as error:
            maker.skipped.append(SkippedRun(folder, str(error)))
    warn_about_skipped(maker.skipped)
    for key in additional:
        if rows and not any(key in row for row in rows):
            raise InvalidOptionError(f"include_additional names {key!r}, but the metadata of no run has such a key.")
    columns = table_columns(rows, additional)
    return pd.DataFrame({name: exact_column([row.get(name) for row in rows]) for name in columns}, columns=columns)


def table_columns(rows: Iterable[Mapping[str, Any]], additional: Sequence[str]) -> list[str]:
    """Return the names of all columns: ours, the author's, the path, and the additional ones."""
    found = dict.fromkeys(name for row in rows for name in row)
    parameters = [name for name in found if name.startswith(_PREFIXES[2:])]
    scores = [name for name in found if name.startswith(SCORE)]
    authors = [name for name in found if name not in ("path", *additional, *parameters, *scores)]
    return list(dict.fromkeys([*_OWN_COLUMNS, *authors, "path", *scores, *additional, *parameters]))


def generate_overview_table(results: Results) -> pd.DataFrame:
    """Return a table of runs for people: who entered what, when, and whether it is official.

    Parameters
    ----------
    results
        One run folder for each entry, as :func:`gaitmap_results.get_latest_result` returns them, or a list of them, as
        :func:`gaitmap_results.get_all_result_paths` does.

    Returns
    -------
    table
        One row for each run, sorted by entry, the latest run of an entry first.
        A column named after the main score holds its mean; if that name is taken, it is called ``score.{name}``.
        The description of an entry comes from its custom metadata: ``short_description``, ``code_authors``,
        ``algorithm_authors``, ``implementation_url`` and ``references``.

    Raises
    ------
    MissingExtraError
        If pandas is not installed.

    Examples
    --------
    >>> from gaitmap_results import generate_overview_table, get_all_result_paths
    >>> table = generate_overview_table(get_all_result_paths(StrideTime, "results"))
    >>> table[["Entry", "abs_error_s"]].round(3)
                 Entry  abs_error_s
    0  (as_published,)        0.053
    1  (recalibrated,)        0.032
    """
    table = get_metadata_as_df(results)
    main = [_main_score(path) for path in table["path"]]
    for name in dict.fromkeys(each[0] for each in main if each is not None):
        column = f"{SCORE}{name}" if name in (*table.columns, *HEADINGS.values()) else name
        table[column] = [each[1] if each is not None and each[0] == name else None for each in main]
    table = table.sort_values(["entry_name", "run_start_datetime_utc"], ascending=[True, False])
    authors = [name for name in table.columns if name not in _NOT_IN_OVERVIEW]
    return table[[*_FIRST_IN_OVERVIEW, *authors, *_LAST_IN_OVERVIEW]].rename(columns=HEADINGS).reset_index(drop=True)


def _main_score(path: Path) -> tuple[str, float | None] | None:
    """Return the name of the main score of a run, and its mean."""
    scores = known_scores(path, derive=False)
    name = None if scores is None else scores.main_score
    return None if scores is None or name is None else (name, scores.mean(name))


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


def exact_column(values: Sequence[Any]) -> Any:
    """Return values as a pandas column without changing any; ``None`` is a missing value."""
    pd = require_pandas("A table of runs")
    known = [value for value in values if value is not None]
    kinds = set(map(type, known))
    if kinds == {int}:
        return pd.Series(values, dtype=_integer_type(known, has_gaps=len(known) < len(values)))
    if kinds == {float} or (kinds == {int, float} and all(_is_exact_in_float(value) for value in known)):
        return pd.Series(values, dtype="float64")
    if kinds == {bool}:
        return pd.Series(values, dtype="boolean" if len(known) < len(values) else bool)
    return pd.Series(values) if kinds == {str} else pd.Series([*values], dtype=object)


def _integer_type(values: Sequence[int], *, has_gaps: bool) -> str:
    for plain, with_gaps, held in _INTEGERS:
        if min(values) in held and max(values) in held:
            return with_gaps if has_gaps else plain
    return "object"


def _is_exact_in_float(value: Any) -> bool:
    return isinstance(value, float) or abs(value) <= _EXACT_IN_FLOAT
