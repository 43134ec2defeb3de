"""Tells whether an object has changed."""

from __future__ import annotations

import hashlib
import marshal
import pickle
from types import FunctionType, ModuleType
from typing import Any, Final

__all__ = ["fingerprint"]

# A challenge that holds more than this is compared by its attributes only: hashing it would cost as much as saving it.
_MAX_BYTES: Final = 32_000_000


class _TooLargeError(Exception):
    """The object holds more than is hashed."""


class _HashingFile:
    """A file that only hashes what is written into it."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._n_bytes = 0

    def write(self, content: Any) -> int:
        size = memoryview(content).nbytes
        self._n_bytes += size
        if self._n_bytes > _MAX_BYTES:
            raise _TooLargeError
        self._digest.update(content)
        return size

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


class _HashingPickler(pickle.Pickler):
    """Pickles also what cannot be found again by its name, as it is only compared and never loaded."""

    def reducer_override(self, item: Any) -> Any:
        # Users pass lambdas, and functions and classes that are defined in a function or a notebook's cell.
        if isinstance(item, FunctionType):
            closure = [_content(cell) for cell in item.__closure__ or ()]
            code = marshal.dumps(item.__code__)
            return _Named, (item.__qualname__, code, closure, item.__defaults__, item.__kwdefaults__, vars(item))
        if isinstance(item, ModuleType):
            return _Named, (item.__name__,)
        if isinstance(item, type) and item is not _Named:
            return _Named, (item.__qualname__, id(item))
        return NotImplemented


class _Named:
    """Stands for what is compared by its parts."""


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing is in there yet
        return None


def fingerprint(item: Any) -> str | None:
    """Return a text that is another one when the object's attributes, or what they hold, have changed.

    ``None`` means that it cannot be told; the object must then be taken for changed.
    """
    try:
        attributes = vars(item)
    except TypeError:
        return None
    file = _HashingFile()
    try:
        _HashingPickler(file, protocol=5).dump(attributes)
    except _TooLargeError:
        return "attributes: " + " ".join(f"{name}={id(value)}" for name, value in attributes.items())
    except Exception:  # noqa: BLE001 - whatever cannot be pickled
        return None
    return file.hexdigest()
