"""Say whether two runs had equal parameters, ignoring those that affect only how to compute."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

__all__ = ["equal_parameters"]

_HOW: Final = frozenset({"n_jobs", "pre_dispatch", "verbose", "progress_bar", "memory"})
# Paths of data differ between computers; the data themselves are compared elsewhere.
_PATH: Final = re.compile(r"(?:/|~|\.\.[\\/]|[A-Za-z]:[\\/]).*[\\/](?P<name>[^\\/]*)", re.DOTALL)


def equal_parameters(first: Any, second: Any, *, but_for: Collection[str] = ()) -> bool:
    """Say whether parameters are equal at any depth.

    Parameters
    ----------
    first, second
        Parameters as stored in metadata.json.
    but_for
        Names of parameters that may differ.

    Examples
    --------
    >>> from gaitmap_results.comparing.parameters import equal_parameters
    >>> equal_parameters({"algo__axis": "z", "n_jobs": 2}, {"algo__axis": "z", "n_jobs": 8})
    True
    >>> equal_parameters({"data": "/home/ana/lab"}, {"data": "/home/bo/lab"})
    True
    >>> equal_parameters({"algo__seed": 1}, {"algo__seed": 2})
    False
    """
    names = _HOW.union(but_for)
    return bool(_without(first, names) == _without(second, names))


def _without(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        # Nested parameters of these count, too: memory__location.
        kept = {key: each for key, each in value.items() if names.isdisjoint(str(key).split("__"))}
        return {key: _without(each, names) for key, each in kept.items()}
    if isinstance(value, list):
        return [_without(each, names) for each in value]
    path = _PATH.fullmatch(value) if isinstance(value, str) else None
    return value if path is None else path["name"]
