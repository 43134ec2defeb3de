"""Choose for each column of a table the type that keeps all of its values exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gaitmap_results._extras import require_pandas

__all__ = ["exact_column", "integer_type"]

_INT64: Final = (-(2**63), 2**63 - 1)
_UINT64: Final = (0, 2**64 - 1)
# A float represents every integer up to here exactly.
_EXACT_IN_FLOAT: Final = 2**53


def exact_column(values: Sequence[Any]) -> Any:
    """Return values as a pandas column without changing any; ``None`` is a missing value."""
    pd = require_pandas("A table of runs")
    known = [value for value in values if value is not None]
    kinds = set(map(type, known))
    if kinds == {int}:
        return pd.Series(values, dtype=_pandas_type(known, has_gaps=len(known) < len(values)))
    if kinds == {float} or (kinds == {int, float} and all(_is_exact_in_float(value) for value in known)):
        return pd.Series(values, dtype="float64")
    if kinds == {bool}:
        return pd.Series(values, dtype="boolean" if len(known) < len(values) else bool)
    return pd.Series(values) if kinds == {str} else pd.Series([*values], dtype=object)


def integer_type(values: Sequence[int]) -> str | None:
    """Return ``int64`` or ``uint64`` if one of these holds all of the integers."""
    low, high = min(values), max(values)
    if _INT64[0] <= low and high <= _INT64[1]:
        return "int64"
    return "uint64" if _UINT64[0] <= low and high <= _UINT64[1] else None


def _pandas_type(values: Sequence[int], *, has_gaps: bool) -> str:
    found = integer_type(values)
    if found is None:
        return "object"
    return {"int64": "Int64", "uint64": "UInt64"}[found] if has_gaps else found


def _is_exact_in_float(value: Any) -> bool:
    return isinstance(value, float) or abs(value) <= _EXACT_IN_FLOAT
