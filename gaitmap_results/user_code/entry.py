"""Describe the decorated function that a run is a call of."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Entry", "describe_entry"]

_PLAIN = (type(None), bool, int, float, complex, str, bytes)


@dataclass(frozen=True)
class Entry:
    """A call of a decorated function.

    Attributes
    ----------
    module
        The module that the function can be imported from; None for a script, a notebook and the like.
    file
        The file of its code, absolute; None if there is none.
    name
        Its qualified name.
    arguments
        The arguments by their names, where all of them are plain values: numbers, texts, None, and lists, tuples and
        dictionaries of them; else None.
    not_plain
        The names of the arguments that are something else.
    """

    module: str | None
    file: Path | None
    name: str
    arguments: Mapping[str, Any] | None
    not_plain: tuple[str, ...]


def describe_entry(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Entry:
    """Describe a call of a function, a method or a class method."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    module = getattr(function, "__module__", None)
    arguments = _arguments(function, args, kwargs)
    if instance is not None and not isinstance(instance, type):
        arguments = {"self": instance, **arguments}
    not_plain = tuple(name for name, value in arguments.items() if not _is_plain(value))
    return Entry(
        module=module if isinstance(module, str) and module not in ("__main__", "__mp_main__") else None,
        file=_file(code),
        name=str(getattr(function, "__qualname__", None) or getattr(function, "__name__", "")),
        arguments=None if not_plain else arguments,
        not_plain=not_plain,
    )


def _arguments(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    try:
        return dict(inspect.signature(function).bind(*args, **kwargs).arguments)
    except (TypeError, ValueError):  # the call itself will say what is wrong
        return {**{str(place): value for place, value in enumerate(args)}, **kwargs}


def _file(code: Any) -> Path | None:
    name = getattr(code, "co_filename", "<unknown>")
    if name.startswith("<"):
        return None
    file = Path(name).absolute()
    return file if file.is_file() else None


def _is_plain(value: Any, depth: int = 0) -> bool:
    if type(value) in _PLAIN or isinstance(value, Path):
        return True
    if depth > 20:
        return False
    if type(value) in (list, tuple, set, frozenset):
        return all(_is_plain(each, depth + 1) for each in value)
    if type(value) is dict:
        return all(_is_plain(each, depth + 1) for pair in value.items() for each in pair)
    # Numbers of NumPy; a look at their type imports nothing.
    numpy: Any = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.generic) and not isinstance(value, numpy.void | numpy.object_)
