"""Describe the decorated function or the entry of a suite that a run called."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from gaitmap_results.user_code.class_names import PROGRAMS
from gaitmap_results.user_code.imported_sources import plain_path

__all__ = ["Entry", "describe_entry", "describe_suite_entry"]

_MOST_VALUES = 10_000


@dataclass(frozen=True)
class Entry:
    """A call of a decorated function, or a run of an entry of a suite.

    Attributes
    ----------
    module
        The module that it can be imported from; None for a script, a notebook and the like.
    file
        The absolute path of its code's file; None if there is none.
    name
        The qualified name of the function; for a suite, the name of the entry, with slashes.
    arguments
        The arguments by name if all are plain values: numbers, texts, None, and lists, tuples and dictionaries of
        them; else None.
    not_plain
        The names of the other arguments, and of the class and the variables of an enclosing function whose code is not
        in a module.
    kind
        ``function`` or ``suite``.
    """

    module: str | None
    file: Path | None
    name: str
    arguments: Mapping[str, Any] | None
    not_plain: tuple[str, ...]
    kind: str = "function"


def describe_entry(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Entry:
    """Describe a call of a function, a method or a class method."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    module = getattr(function, "__module__", None)
    arguments = _arguments(function, args, kwargs)
    if instance is None and arguments and _is_class_method(function, next(iter(arguments.values()))):
        instance = arguments.pop(next(iter(arguments)))
    if instance is not None and not isinstance(instance, type):
        arguments = {"self": instance, **arguments}
    plain: dict[str, Any] = {}
    room = [_MOST_VALUES]
    for name, value in arguments.items():
        with contextlib.suppress(TypeError, RecursionError):
            plain[name] = _copied(value, room)
    not_plain = tuple(name for name in arguments if name not in plain)
    return Entry(
        module=module if isinstance(module, str) and module not in PROGRAMS else None,
        file=_file(code),
        name=str(getattr(function, "__qualname__", None) or getattr(function, "__name__", "")),
        arguments=None if not_plain else plain,
        not_plain=(*not_plain, *_without_module(function, code, instance)),
    )


def _is_class_method(function: Callable[..., Any], owner: Any) -> bool:
    """Return whether a function is a class method of its first argument, as which Python 3.13 hands the class over."""
    names = getattr(function, "__qualname__", "").split(".")
    if not isinstance(owner, type) or not isinstance(inspect.getattr_static(owner, names[-1], None), classmethod):
        return False
    return any(each.__qualname__.split(".") == names[:-1] for each in inspect.getmro(owner))


def _without_module(function: Callable[..., Any], code: Any, instance: Any) -> Iterator[str]:
    """Yield the names of the class and of variables of an enclosing function whose code is not in a module."""
    cells = getattr(inspect.unwrap(function), "__closure__", None) or ()
    held = {"cls": instance} if isinstance(instance, type) else {}
    for name, cell in zip(getattr(code, "co_freevars", ()), cells, strict=False):
        with contextlib.suppress(ValueError):  # it has no value yet
            held[name] = cell.cell_contents
    for name, value in held.items():
        # Any other attribute of the user's object could run code.
        definition = value if issubclass(type(value), (type, types.FunctionType)) else type(value)
        if getattr(definition, "__module__", None) in PROGRAMS:
            yield name


def describe_suite_entry(name: str, file: Path | None) -> Entry:
    """Describe an entry of a suite by its name and the file that made it."""
    module = None if file is None else _module_of(str(file))
    return Entry(module=module, file=file, name=name, arguments=None, not_plain=(), kind="suite")


@functools.lru_cache  # a suite may make a thousand entries, in each of its processes
def _module_of(file: str) -> str | None:
    wanted = os.path.normcase(file)
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if name in PROGRAMS or not isinstance(path, str) or os.path.basename(path) != os.path.basename(file):
            continue
        if os.path.normcase(plain_path(path)) == wanted:
            return name
    return None


def _arguments(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    try:
        return dict(inspect.signature(function).bind(*args, **kwargs).arguments)
    except (TypeError, ValueError):  # the call itself will raise the error
        return {**{str(place): value for place, value in enumerate(args)}, **kwargs}


def _file(code: Any) -> Path | None:
    name = getattr(code, "co_filename", "<unknown>")
    if name.startswith("<"):
        return None
    file = Path(plain_path(name))
    return file if file.is_file() else None


def _copied(value: Any, room: list[int]) -> Any:
    """Return a copy of a plain value; raise a TypeError for any other value, or one too large to be stored.

    Parameters
    ----------
    room
        The number of values that still fit, as the only item.
    """
    room[0] -= 1
    kind = type(value)
    if room[0] < 0:
        raise TypeError
    if value is None or kind in (bool, str, float) or isinstance(value, PurePath):
        return value
    if kind is int and -(2**63) <= value < 2**64:
        return value
    if kind in (list, tuple):
        return [_copied(each, room) for each in value]
    if kind is dict and all(type(key) is str for key in value):
        return {key: _copied(each, room) for key, each in value.items()}
    # NumPy numbers; looking it up in sys.modules imports nothing.
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, (numpy.bool_, numpy.integer, numpy.floating)):
        return value.item()
    raise TypeError
