"""Compare the numbers in two folders of core results."""

from __future__ import annotations

import contextlib
import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from gaitmap_results.store.files import hash_file, list_files
from gaitmap_results.store.json_files import read_foreign_json
from gaitmap_results.store.layout import RESULTS_DIR, SCORES_FILE
from gaitmap_results.typed_results.scores import Scores

__all__ = ["MEASURED_TIMES", "ColumnDifference", "ResultsDifference", "compare_results", "compare_runs_by_numbers"]

# Columns of measured durations, which differ in every run.
# These exact names, never a pattern: `stride_time` is a result.
MEASURED_TIMES: Final = frozenset(
    {"runtime_s", "score_time", "optimize_time", "timings", "debug__score_time", "debug__optimize_time"}
)
_MAX_JSON_BYTES: Final = 256_000_000
_HUGE: Final = 2**1000
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
# The prefixes of scores in the results of a cross-validation.
_PREFIX: Final = re.compile(r"test_(?:_?(?:single|agg)_{1,2})?|(?:single|agg)__")

Columns = dict[str, dict[str, Any]]
"""The values of each column of a file, by row."""


@dataclass(frozen=True)
class ColumnDifference:
    """What differs in one column of the core results.

    Attributes
    ----------
    file
        The file's path in the folder of core results.
    column
        The column: the keys that lead to it, with ``*`` for each position.
        Empty if the file is compared as a whole.
    n_values, n_different
        The number of values of the column in either run, and of those that differ.
    largest
        The largest difference, relative to the largest magnitude in the column.
        Infinite if values that are not numbers differ, or if only one run has a value.
    row
        The row of the largest difference.
    first, second
        The two values in that row; ``None`` for a missing one.
    """

    file: str
    column: str
    n_values: int
    n_different: int
    largest: float
    row: str
    first: Any
    second: Any

    @property
    def is_measured_time(self) -> bool:
        """Whether the column holds measured durations, which are not results."""
        return bool(MEASURED_TIMES.intersection(self.column.split("/")))

    @property
    def score(self) -> str:
        """The name of the column as a score: without parent keys, and without ``test_``."""
        return _PREFIX.sub("", self.column.rpartition("/")[2])


@dataclass(frozen=True)
class ResultsDifference:
    """What differs between the core results of two runs.

    Attributes
    ----------
    bitwise
        Whether all files are the same, byte by byte.
    columns
        The columns that differ, the one with the largest difference first.
    """

    bitwise: bool
    columns: tuple[ColumnDifference, ...]

    @property
    def results(self) -> tuple[ColumnDifference, ...]:
        """The columns that differ, except measured times."""
        return tuple(each for each in self.columns if not each.is_measured_time)

    def verdict(
        self, rtol: float = 1e-5, tolerances: Mapping[str, float] = MappingProxyType({})
    ) -> Literal["bitwise", "equal but for measured times", "within tolerance", "differs"]:
        """Say in one word how far the results agree.

        Parameters
        ----------
        rtol
            The largest difference that counts as agreement, relative to the largest magnitude of the column.
        tolerances
            Other limits for some scores, by name.
        """
        if self.bitwise:
            return "bitwise"
        if not self.results:
            return "equal but for measured times"
        agrees = all(each.largest <= tolerances.get(each.score, rtol) for each in self.results)
        return "within tolerance" if agrees else "differs"


def compare_results(first: Path, second: Path) -> ResultsDifference:
    """Compare all files of two folders of core results, column by column.

    JSON and CSV files are compared value by value; ``1`` and ``1.0`` are equal, and so are two NaN.
    A table that was stored in pandas' "split" form is compared by the names of its columns and rows.
    Any other file is compared byte by byte.
    """
    return _compared(first, second, [*_files(first), *_files(second)])


def compare_runs_by_numbers(first: Path, second: Path) -> ResultsDifference:
    """Compare the core results and the scores of two runs, as :func:`compare_results` does.

    Scores are compared unit by unit, and only if the first run has any.
    """
    names = [f"{RESULTS_DIR}/{name}" for run in (first, second) for name in _files(run / RESULTS_DIR)]
    return _compared(first, second, [*names, *([SCORES_FILE] if (first / SCORES_FILE).is_file() else [])])


def _compared(first: Path, second: Path, names: Sequence[str]) -> ResultsDifference:
    bitwise, differences = True, []
    for name in sorted(set(names)):
        one, other = first / name, second / name
        if _digest(one) == _digest(other):
            continue
        bitwise = False
        columns, other_columns = _columns(one, other, name)
        for column in columns | other_columns:
            found = _difference(name, column, columns.get(column, {}), other_columns.get(column, {}))
            if found is not None:
                differences.append(found)
    return ResultsDifference(bitwise, tuple(sorted(differences, key=lambda each: -each.largest)))


def _files(folder: Path) -> list[str]:
    return [found.name for found in list_files(folder)]


def _digest(path: Path) -> str | None:
    return hash_file(path) if path.is_file() else None


def _columns(one: Path, other: Path, name: str) -> tuple[Columns, Columns]:
    """Return the columns of a file in either run, each with its values by row.

    A file without values that can be read has a single value: its hash.
    """
    try:
        if name == SCORES_FILE:
            return _columns_of_scores(one), _columns_of_scores(other)
        if name.endswith(".csv"):
            return _columns_of_csv(one), _columns_of_csv(other)
        if name.endswith(".json"):
            first, second = (
                read_foreign_json(path, max_bytes=_MAX_JSON_BYTES) if path.is_file() else {} for path in (one, other)
            )
            return _columns_of_json(first, second), _columns_of_json(second, first)
    except (ValueError, RecursionError, csv.Error):  # the content does not match the file's suffix
        pass
    of_one, of_other = ({"": {"": digest}} if (digest := _digest(path)) else {} for path in (one, other))
    return of_one, of_other


def _columns_of_json(value: Any, other: Any) -> Columns:
    """Return the columns of a JSON value, without those at its top that are alike."""
    columns: Columns = {}
    if not isinstance(value, dict) or not isinstance(other, dict) or _is_split_table(value):
        _add_json(columns, value, "", "")
        return columns
    for key, each in value.items():
        # Keys that are numbers share one column.
        if key.isdecimal():
            _add_json(columns, each, "*", key)
        elif key not in other or each != other[key]:
            _add_json(columns, each, key, "")
    return columns


def _add_json(columns: Columns, value: Any, column: str, row: str) -> None:
    """Add each number, text, boolean and null; its keys and positions are joined with slashes."""
    if isinstance(value, dict) and _is_split_table(value):
        _add_table(columns, value, column, row)
    elif isinstance(value, list) or (isinstance(value, dict) and value and all(map(str.isdecimal, value))):
        column, start = f"{column}/*" if column else "*", f"{row}/" if row else ""
        labelled = enumerate(value) if isinstance(value, list) else value.items()
        rows = {f"{start}{label}": each for label, each in labelled}
        cells = columns.setdefault(column, {})
        # Most values are here: plain ones are added at once.
        if _PLAIN.issuperset(map(type, rows.values())) and cells.keys().isdisjoint(rows):
            cells.update(rows)
        else:
            for label, each in rows.items():
                _add_json(columns, each, column, label)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key.isdecimal():
                _add_json(columns, each, f"{column}/*" if column else "*", _joined(row, key))
            else:
                _add_json(columns, each, _joined(column, key), row)
    else:
        _add(columns, column, row, value)


def _add(columns: Columns, column: str, row: str, value: Any) -> None:
    """Add a value without overwriting another one: labels may repeat, and a key may contain a slash."""
    cells = columns.setdefault(column, {})
    cells[row if row not in cells else f"{row} (value {len(cells)})"] = value


def _columns_of_scores(path: Path) -> Columns:
    """Return each score by its units."""
    columns: Columns = {}
    content = read_foreign_json(path, max_bytes=_MAX_JSON_BYTES) if path.is_file() else None
    for row in Scores.from_json(content).rows if content is not None else ():
        for name, value in row.scores.items():
            _add(columns, name, _label(list(row.unit)), value)
    return columns


def _is_split_table(value: dict[str, Any]) -> bool:
    keys = value.keys()
    if keys == {"columns", "index", "data"}:
        return all(isinstance(each, list) for each in value.values()) and all(
            isinstance(each, list) and len(each) == len(value["columns"]) for each in value["data"]
        )
    return bool(keys == {"name", "index", "data"} and isinstance(value["data"], list))


def _add_table(columns: Columns, table: dict[str, Any], column: str, row: str) -> None:
    is_series = "name" in table
    names = [_joined(column, _label(each)) for each in ([table["name"]] if is_series else table["columns"])]
    for number, values in enumerate(table["data"]):
        label = _label(table["index"][number]) if number < len(table["index"]) else str(number)
        for name, value in zip(names, [values] if is_series else values, strict=True):
            _add_json(columns, value, name, _joined(row, label))


def _joined(first: str, second: str) -> str:
    return f"{first}/{second}" if first else second


def _label(label: Any) -> str:
    return ", ".join(map(str, label)) if isinstance(label, list) else str(label)


def _columns_of_csv(path: Path) -> Columns:
    columns: Columns = {}
    if not path.is_file():
        return columns
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        for number, row in enumerate(rows):
            for place, text in enumerate(row):
                name = header[place] if place < len(header) else str(place)
                columns.setdefault(name, {})[str(number)] = _number_in(text)
    return columns


# Below this, floats hold every integer.
_EXACT_BELOW: Final = 2**53


def _number_in(text: str) -> Any:
    try:
        number = float(text)
    except ValueError:
        return text
    if not abs(number) < _EXACT_BELOW:  # a float would round larger integers
        with contextlib.suppress(ValueError):
            return int(text)
    return number


_MISSING: Final = object()


def _difference(
    file: str, column: str, values: Mapping[str, Any], others: Mapping[str, Any]
) -> ColumnDifference | None:
    """Return the difference in a column; ``None`` if there is none."""
    if values == others:
        return None
    numbers = [abs(each) for each in (*values.values(), *others.values()) if _is_number(each) and math.isfinite(each)]
    scale = max(numbers, default=0.0)
    worst: tuple[float, str] | None = None
    n_different = 0
    rows = {**values, **others}
    for row in rows:
        one, other = values.get(row, _MISSING), others.get(row, _MISSING)
        if one != other and (largest := _distance(one, other, scale)) > 0:
            n_different += 1
            if worst is None or largest > worst[0]:
                worst = (largest, row)
    if worst is None:
        return None
    largest, row = worst
    return ColumnDifference(file, column, len(rows), n_different, largest, row, values.get(row), others.get(row))


def _distance(value: Any, other: Any, scale: float) -> float:
    if not (_is_number(value) and _is_number(other)):
        return math.inf
    if math.isnan(value) and math.isnan(other):
        return 0.0
    # The difference of integers is exact.
    difference = abs(value - other)
    return difference / scale if math.isfinite(difference) else math.inf


def _is_number(value: Any) -> bool:
    """Say whether a value can be compared as a number; an integer beyond the range of floats cannot."""
    return type(value) is float or (type(value) is int and abs(value) < _HUGE)
