"""Split a repr into its parameters, for records that store only reprs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

__all__ = ["parameters_in_repr"]

_ADDRESS: Final = re.compile(r"(?: object)? at 0x[0-9a-fA-F]+")
_CALL: Final = re.compile(r"\s*([\w.]+)\((.*)\)\s*\Z", re.DOTALL)
_KEYWORD: Final = re.compile(r"\s*(\w+)\s*=(?!=)\s*(.*)\Z", re.DOTALL)
_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}


def parameters_in_repr(text: str, name: str = "") -> dict[str, str]:
    """Return the parameters in a repr such as ``Shin(axis='z', filter=Butter(order=4))`` by their nested names.

    A repr that cannot be split stays one value, with white space folded and memory addresses removed.

    Examples
    --------
    >>> from gaitmap_results.comparing.repr_parameters import parameters_in_repr
    >>> parameters_in_repr("Shin(axis='z', filter=Butter(order=4))", "pipeline")
    {'pipeline': 'Shin', 'pipeline.axis': "'z'", 'pipeline.filter': 'Butter', 'pipeline.filter.order': '4'}
    """
    call = _CALL.match(text)
    if call is None or not _is_balanced(call[2]):
        return {name: " ".join(_ADDRESS.sub("", text).split())}
    found = {name: call[1]}
    for number, part in enumerate(_split(call[2])):
        keyword = _KEYWORD.match(part)
        key, value = (keyword[1], keyword[2]) if keyword else (str(number), part)
        found |= parameters_in_repr(value, f"{name}.{key}" if name else key)
    return found


def _split(text: str) -> Iterator[str]:
    """Yield the parts of a list of arguments."""
    start = 0
    for place in _commas(text):
        yield text[start:place]
        start = place + 1
    if text[start:].strip():
        yield text[start:]


def _is_balanced(text: str) -> bool:
    return next((place for place in _commas(text) if place < 0), 0) == 0


def _commas(text: str) -> Iterator[int]:
    """Yield the positions of commas outside brackets and quotes; yield -1 if brackets do not match."""
    expected: list[str] = []
    quote = ""
    escaped = False
    for place, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote and not escaped else quote
            escaped = letter == "\\" and not escaped
        elif letter in "'\"":
            quote = letter
        elif letter in _CLOSING:
            expected.append(_CLOSING[letter])
        elif letter in _CLOSING.values():
            if not expected or expected.pop() != letter:
                yield -1
                return
        elif letter == "," and not expected:
            yield place
    if expected or quote:
        yield -1
