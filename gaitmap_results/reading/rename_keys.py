"""Rename the keys of a dictionary, to show results under other names."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, Literal

from gaitmap_results.exceptions import InvalidOptionError

__all__ = ["rename_keys"]


def rename_keys(
    in_dict: Mapping[Any, Any],
    mapping_or_callable: Mapping[Any, Hashable] | Callable[[Any], Hashable],
    missing: Literal["raise", "ignore", "remove"] = "raise",
) -> dict[Any, Any]:
    """Return a dictionary with renamed keys.

    Parameters
    ----------
    in_dict
        The dictionary; it is not changed.
    mapping_or_callable
        The new key of each old one, or a function that returns it.
        If the function has none, it raises any exception.
    missing
        What happens to a key without a new one: ``"raise"`` refuses, ``"ignore"`` keeps it under its old name,
        ``"remove"`` leaves it out.

    Raises
    ------
    InvalidOptionError
        If ``missing`` is none of these, a key has no new one in the mapping, or two keys would become the same.
        If ``missing`` is ``"raise"``, exceptions of a function are passed on.

    Examples
    --------
    >>> from gaitmap_results import rename_keys
    >>> rename_keys({"f1_score": 0.8, "n": 3}, {"f1_score": "F1"}, missing="ignore")
    {'F1': 0.8, 'n': 3}
    """
    if missing not in ("raise", "ignore", "remove"):
        raise InvalidOptionError(f"missing is {missing!r}; it takes 'raise', 'ignore' or 'remove'.")
    renamed: dict[Any, Any] = {}
    sources: dict[Any, Any] = {}
    for key, value in in_dict.items():
        try:
            new = _new_key(key, mapping_or_callable)
        except Exception:  # a function may refuse a key in any way
            if missing == "raise":
                raise
            if missing == "remove":
                continue
            new = key
        if new in renamed:
            raise InvalidOptionError(
                f"The keys {sources[new]!r} and {key!r} would both become {new!r}, and one of the values would be lost."
            )
        renamed[new] = value
        sources[new] = key
    return renamed


def _new_key(key: Any, mapping_or_callable: Any) -> Any:
    if not isinstance(mapping_or_callable, Mapping):
        return mapping_or_callable(key)
    if key not in mapping_or_callable:
        raise InvalidOptionError(
            f"The mapping has no new key for {key!r}. Add one, or pass missing='ignore' or missing='remove'."
        )
    return mapping_or_callable[key]
