"""Tells whether an object has changed."""

from __future__ import annotations

import contextlib
import hashlib
import marshal
import pickle
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, MemberDescriptorType, ModuleType
from typing import Any, Final

__all__ = ["fingerprint"]

# A challenge that holds more than this is taken for changed; to look through it would take longer than to store it.
_MAX_BYTES: Final = 1_000_000_000
# What every class has; it cannot be pickled, and tells nothing.
_OF_EVERY_CLASS: Final = frozenset({"_abc_impl", "__dict__", "__weakref__"})
# Classes that are made while the program runs have this flag (CPython: Py_TPFLAGS_HEAPTYPE).
_MADE_BY_PROGRAM: Final = 1 << 9


class _TooLargeError(Exception):
    """The object holds more than is hashed."""


class _HashingFile:
    """A file that only hashes what is written into it."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._bytes_left = _MAX_BYTES

    def write(self, content: Any) -> int:
        size = memoryview(content).nbytes
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise _TooLargeError
        self._digest.update(content)
        return size

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


class _HashingPickler(pickle.Pickler):
    """Pickles also what cannot be found again by its name, as it is only compared and never loaded."""

    def __init__(self, file: Any) -> None:
        super().__init__(file, protocol=5)
        self._seen: set[type] = set()

    def reducer_override(self, item: Any) -> Any:
        # Users pass lambdas, and functions and classes that are defined in a function or a notebook's cell.
        if isinstance(item, FunctionType):
            return _Named, _parts_of_function(item)
        if isinstance(item, ModuleType):
            # It could hold anything, and be changed like any other object.
            raise pickle.PicklingError("a module is not looked into")
        if isinstance(item, type) and item is not _Named:
            name = (item.__module__, item.__qualname__, id(item))
            if item in self._seen or not item.__flags__ & _MADE_BY_PROGRAM or _is_importable(item):
                return _Named, name
            self._seen.add(item)  # its methods may refer to it
            held = {key: value for key, value in vars(item).items() if key not in _OF_EVERY_CLASS}
            return _Named, (*name, item.__bases__, held)
        if isinstance(item, (classmethod, staticmethod)):
            return _Named, (item.__func__,)
        if isinstance(item, property):
            return _Named, (item.fget, item.fset, item.fdel)
        return NotImplemented


class _Named:
    """Stands for what is compared by its parts."""


def _parts_of_function(item: FunctionType) -> tuple[Any, ...]:
    closure = [_content(cell) for cell in item.__closure__ or ()]
    read = {} if _is_importable(item) else _read_globals(item)
    code = marshal.dumps(item.__code__)
    name = (item.__module__, item.__qualname__)
    return (*name, code, closure, item.__defaults__, item.__kwdefaults__, vars(item), read)


def _read_globals(item: FunctionType) -> dict[str, Any]:
    """Return the globals that a function may read; of modules, only what it may read of them."""
    names = set(_names_in(item.__code__))
    found = {name: item.__globals__[name] for name in sorted(names) if name in item.__globals__}
    for name, value in found.items():
        if isinstance(value, ModuleType):
            found[name] = value.__name__, {each: vars(value)[each] for each in sorted(names) if each in vars(value)}
    return found


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names_in(inner)


def _is_importable(item: Any) -> bool:
    found: Any = sys.modules.get(item.__module__)
    for name in item.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is item


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing is in there yet
        return None


def fingerprint(item: Any) -> str | None:
    """Return a text that is another one when the object's attributes, or what they hold, have changed.

    ``None`` means that it cannot be told; the object must then be taken for changed.
    Of what can be imported by its name, as most classes, it is not asked what it holds.
    """
    file = _HashingFile()
    try:
        _HashingPickler(file).dump({**_slots(item), **vars(item)})
    except Exception:  # noqa: BLE001 - whatever cannot be pickled, or is too large
        return None
    return file.hexdigest()


def _slots(item: Any) -> dict[str, Any]:
    """Return the attributes that have a place of their own, by ``__slots__`` of one of the classes."""
    found = {}
    for kind in type(item).__mro__:
        for name, slot in vars(kind).items():
            if isinstance(slot, MemberDescriptorType):
                with contextlib.suppress(AttributeError):  # nothing is in there yet
                    found[f"{kind.__qualname__}.{name}"] = slot.__get__(item)
    return found
