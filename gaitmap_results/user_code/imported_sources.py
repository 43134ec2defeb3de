"""Remember the state of each source file at its import."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any, NamedTuple

__all__ = ["SeenSource", "imported_files", "is_compiled_from", "plain_path", "remember", "seen_source", "watch_imports"]

_MAX_HASHED_BYTES = 5_000_000
_NOT_THE_USERS = (
    f"{os.sep}site-packages{os.sep}",
    f"{os.sep}dist-packages{os.sep}",
    f"{os.path.dirname(os.__file__)}{os.sep}",
)
# The header of a .pyc: the magic number of Python, flags, and the source's time and size, or its hash.
_HEADER_BYTES = 16
_HAS_HASH, _CHECKS_HASH = 0b01, 0b10


class SeenSource(NamedTuple):
    """The state of a source file at its import or first check.

    Attributes
    ----------
    mtime, size, sha256
        Modification time, size and hash; ``sha256`` is None for installed packages.
    is_compiled
        Whether Python's bytecode was compiled from it; None if unknown.
    """

    mtime: float
    size: int
    sha256: str | None
    is_compiled: bool | None


# By plain path.
_seen: dict[str, SeenSource] = {}
# The user's files that were imported after this package.
_imported: dict[str, None] = {}


def plain_path(path: str) -> str:
    """Return an absolute path without ``.`` and ``..``, so that a file has one name however it was found.

    A script may be started as ``../run.py``, and put folders such as ``scripts/../lib`` on ``sys.path``.
    """
    if os.pardir in path:  # the folder before it may be a link
        return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    # As nearly all of the hundreds that a program imports.
    is_plain = os.sep == "/" and path.startswith("/") and "/./" not in path and "//" not in path
    return path if is_plain else os.path.abspath(path)


def seen_source(file: str) -> SeenSource | None:
    """Return the state of a file, by its plain path, at its last import or first check; None if never checked."""
    return _seen.get(file)


def imported_files() -> Iterator[str]:
    """Yield the user's files that were imported after this package, even if they are no longer modules.

    A program that loads a file by its path (``importlib.util.spec_from_file_location``) need not keep it as a module.
    """
    yield from list(_imported)


def remember(file: str, status: os.stat_result, module: ModuleType | None) -> SeenSource:
    """Take a file's current state for the imported one, unless Python's bytecode contradicts that."""
    # An installer also compiles the files that it replaces, so bytecode is evidence for the user's own files only.
    is_users = _is_the_users(file)
    compiled = is_compiled_from(file, module) if module is not None and is_users else None
    sha256 = _sha256(file, status.st_size) if is_users else None
    seen = _seen[file] = SeenSource(status.st_mtime, status.st_size, sha256, compiled)
    return seen


def _sha256(file: str, size: int) -> str | None:
    # The user's own files are few. A hash recognises them after a touch or another checkout.
    if size > _MAX_HASHED_BYTES:
        return None
    try:
        with open(file, "rb") as content:
            return hashlib.sha256(content.read()).hexdigest()
    except OSError:
        return None


def _is_the_users(file: str) -> bool:
    # Only by the path: during an import, nothing else may be imported or searched.
    return not any(place in file for place in _NOT_THE_USERS)


def is_compiled_from(file: str, module: ModuleType, *, unchecked: bool = False) -> bool | None:
    """Return whether a module's .pyc was made from the current source; None if no .pyc tells.

    Parameters
    ----------
    file
        The source.
    module
        The module.
    unchecked
        Consider only a .pyc that Python loads without looking at the source.
    """
    cached = getattr(module, "__cached__", None)
    # Other loaders, such as pytest's, keep their own bytecode.
    if type(getattr(module, "__loader__", None)) is not SourceFileLoader or not isinstance(cached, str):
        return None
    try:
        with open(cached, "rb") as compiled:
            header = compiled.read(_HEADER_BYTES)
        flags, mtime, size = (int.from_bytes(header[at : at + 4], "little") for at in (4, 8, 12))
        is_loaded = header[:4] == importlib.util.MAGIC_NUMBER and len(header) == _HEADER_BYTES
        is_unchecked = flags == _HAS_HASH
        # Where Python may not write, an outdated .pyc stays.
        if not is_loaded or not (is_unchecked or _may_write(cached)) or (unchecked and not is_unchecked):
            return None
        if flags & _HAS_HASH:
            with open(file, "rb") as content:
                return header[8:] == importlib.util.source_hash(content.read())
        status = os.stat(file)
    except OSError:
        return None
    return (mtime, size) == (int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF)


def _may_write(cached: str) -> bool:
    return not sys.dont_write_bytecode and os.access(cached, os.W_OK)


def watch_imports() -> None:
    """Record the source files of all current modules, and of each later import.

    This wraps the import system's method that reads a source file's time and size.
    It is called exactly for the files that are about to run, also by third-party loaders that build on it.
    No other trace is as reliable: without ``__pycache__``, or once another process has recompiled a file, an edit
    after the import looks like one before it.
    """
    for module in list(sys.modules.values()):
        file = getattr(module, "__dict__", {}).get("__file__")
        if isinstance(file, str):
            with contextlib.suppress(OSError, ValueError):
                remember(plain_path(file), os.stat(file), module)
    if not hasattr(SourceFileLoader.path_stats, "__wrapped__"):
        SourceFileLoader.path_stats = _noting(SourceFileLoader.path_stats)  # type: ignore[method-assign, assignment]


def _noting(path_stats: Callable[[Any, Any], Mapping[str, Any]]) -> Callable[[Any, Any], Mapping[str, Any]]:
    @functools.wraps(path_stats)
    def noting(loader: Any, path: Any) -> Mapping[str, Any]:
        stats = path_stats(loader, path)
        if isinstance(path, str):
            file, mtime, size = plain_path(path), stats["mtime"], stats["size"]
            is_users = _is_the_users(file)
            _seen[file] = SeenSource(mtime, size, _sha256(file, size) if is_users else None, True)
            if is_users:
                _imported[file] = None
        return stats

    return noting
