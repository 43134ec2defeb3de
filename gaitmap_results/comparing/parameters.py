"""Compare the parameters of two runs, and split those of older records from their repr."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from gaitmap_results.showing.text import without_addresses

__all__ = ["equal_parameters", "parameters_in_repr"]

# These affect only how to compute.
_HOW: Final = frozenset({"n_jobs", "pre_dispatch", "verbose", "progress_bar", "memory"})
# Paths of data differ between computers; the data themselves are compared elsewhere.
_PATH: Final = re.compile(r"(?:/|~|\.\.[\\/]|[A-Za-z]:[\\/]).*[\\/](?P<name>[^\\/]*)", re.DOTALL)

_CALL: Final = re.compile(r"\s*([\w.]+)\((.*)\)\s*\Z", re.DOTALL)
_KEYWORD: Final = re.compile(r"\s*(\w+)\s*=(?!=)\s*(.*)\Z", re.DOTALL)
# A quoted text, a bracket or a comma.
_TOKEN: Final = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|[()\[\]{},]", re.DOTALL)
_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}


def equal_parameters(first: Any, second: Any, *, but_for: Collection[str] = ()) -> bool:
    """Say whether parameters are equal at any depth, ignoring those that affect only how to compute.

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
        return {key: _without(each, names) for key, each in value.items() if names.isdisjoint(str(key).split("__"))}
    if isinstance(value, list):
        return [_without(each, names) for each in value]
    path = _PATH.fullmatch(value) if isinstance(value, str) else None
    return value if path is None else path["name"]


def parameters_in_repr(text: str, name: str = "") -> dict[str, str]:
    """Return the parameters in a repr such as ``Shin(axis='z', filter=Butter(order=4))`` by their nested names.

    A repr that cannot be split stays one value, with white space folded and memory addresses removed.

    Examples
    --------
    >>> from gaitmap_results.comparing.parameters import parameters_in_repr
    >>> parameters_in_repr("Shin(axis='z', filter=Butter(order=4))", "pipeline")
    {'pipeline': 'Shin', 'pipeline.axis': "'z'", 'pipeline.filter': 'Butter', 'pipeline.filter.order': '4'}
    """
    call = _CALL.match(text)
    arguments = None if call is None else _split(call[2])
    if call is None or arguments is None:
        return {name: " ".join(without_addresses(text).split())}
    found = {name: call[1]}
    for number, part in enumerate(arguments):
        keyword = _KEYWORD.match(part)
        key, value = (keyword[1], keyword[2]) if keyword else (str(number), part)
        found |= parameters_in_repr(value, f"{name}.{key}" if name else key)
    return found


def _split(text: str) -> list[str] | None:
    """Return the parts of a list of arguments; ``None`` if its brackets do not match."""
    parts, start = [], 0
    expected: list[str] = []
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if sign in _CLOSING:
            expected.append(_CLOSING[sign])
        elif sign in _CLOSING.values():
            if not expected or expected.pop() != sign:
                return None
        elif sign == "," and not expected:
            parts.append(text[start : token.start()])
            start = token.end()
    rest = text[start:]
    return None if expected else [*parts, *([rest] if rest.strip() else [])]
