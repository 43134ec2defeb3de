"""Write the rows of a table as CSV, JSON or Parquet without changing a value."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from gaitmap_results._extras import require_pandas
from gaitmap_results.reading.table import CUSTOM, exact_column
from gaitmap_results.store.json_values import without_non_finite

__all__ = ["csv_bytes", "formula_columns", "json_bytes", "parquet_bytes"]

# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

Rows = Sequence[dict[str, Any]]


def csv_bytes(rows: Rows, names: Sequence[str]) -> bytes:
    """Return rows as CSV in UTF-8 with line feeds; unknown values are empty."""
    lines = [names, *([_flat(row.get(name)) for name in names] for row in rows)]
    return "".join(map(_csv_line, lines)).encode("utf-8", "backslashreplace")


def _csv_line(cells: Sequence[Any]) -> str:
    text = io.StringIO(newline="")
    # Before Python 3.11.9 and 3.12.3, a carriage return is quoted only if the line terminator contains one.
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().removesuffix("\r\n") + "\n"


def formula_columns(rows: Rows) -> list[str]:
    """Return the columns with texts that a spreadsheet would take for formulas.

    The texts are not quoted: a quote in front would change them for every program that reads the file.
    """
    found = {name for row in rows for name, value in row.items() if isinstance(value, str) and _is_formula(value)}
    return sorted(found)


def _is_formula(text: str) -> bool:
    if not text.startswith(_FORMULA_STARTS):
        return False
    try:
        float(text)
    except ValueError:
        return True
    return False


def json_bytes(rows: Rows, names: Sequence[str]) -> bytes:
    """Return rows as JSON; unknown values and numbers that JSON does not have are null."""
    complete = [{name: row.get(name) for name in names if name in row or not name.startswith(CUSTOM)} for row in rows]
    text = json.dumps(without_non_finite(complete), indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode("utf-8", "backslashreplace")


def parquet_bytes(rows: Rows, names: Sequence[str]) -> bytes:
    """Return rows as Parquet; a column that no Parquet type holds exactly becomes text."""
    pd = require_pandas("Writing Parquet")
    columns = {name: exact_column([row.get(name) for row in rows]) for name in names}
    for name, column in columns.items():
        if column.dtype == object:
            columns[name] = pd.Series([None if value is None else _as_text(value) for value in column], dtype=object)
    content: bytes = pd.DataFrame(columns, columns=list(names)).to_parquet(index=False)
    return content


def _flat(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, tuple, dict)) else value


def _as_text(value: Any) -> str:
    flat = _flat(value)
    return flat if isinstance(flat, str) else str(flat)
