"""Make named tuples for the data labels of a data set."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

__all__ = ["label_type"]


@lru_cache(maxsize=1024)
def label_type(name: str, columns: tuple[str, ...]) -> Any:
    """Return a named tuple class whose labels can be pickled, copied and compared with plain tuples.

    Parameters
    ----------
    name
        The name of the class.
    columns
        The names of the fields; a name that cannot be an attribute becomes ``_0``, ``_1``, … by its position.

    Examples
    --------
    >>> from gaitmap_results.typed_results.labels import label_type
    >>> label_type("LabDataPointLabel", ("cohort", "trial"))("HA", "1")
    LabDataPointLabel(cohort='HA', trial='1')
    """
    name = name if name.isidentifier() else "DataPointLabel"
    plain: Any = namedtuple(name, columns, rename=True)  # type: ignore[misc]  # the name is known when it runs
    return type(name, (plain,), {"__slots__": (), "__module__": __name__, "__reduce__": _reduce})


def _reduce(label: Any) -> tuple[Any, ...]:
    # pickle cannot find the class by name, since it is made at runtime.
    return _rebuilt, (type(label).__name__, label._fields, tuple(label))


def _rebuilt(name: str, columns: Sequence[str], values: Sequence[Any]) -> Any:
    return label_type(name, tuple(columns))(*values)
