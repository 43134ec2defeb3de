"""Choose for each column of a table the type that keeps all of its values exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gaitmap_results._extras import require_pandas

__all__ = ["exact_column"]

# NumPy's types of integers, and pandas' types of the same range that also hold gaps.
_INTEGERS: Final = (("int64", "Int64", range(-(2**63), 2**63)), ("uint64", "UInt64", range(2**64)))
# A float represents every integer up to here exactly.
_EXACT_IN_FLOAT: Final = 2**53


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
