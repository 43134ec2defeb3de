"""Remember what each source file was when Python imported it."""

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

__all__ = ["SeenSource", "imported_files", "is_compiled_from", "remember", "seen_source", "watch_imports"]

_MAX_HASHED_BYTES = 5_000_000
_NOT_THE_USERS = (
    f"{os.sep}site-packages{os.sep}",
    f"{os.sep}dist-packages{os.sep}",
    f"{os.path.dirname(os.__file__)}{os.sep}",
)
# Of a .pyc: the version of Python, flags, and the time and size of the source, or its hash.
_HEADER_BYTES = 16
_HAS_HASH, _CHECKS_HASH = 0b01, 0b10


class SeenSource(NamedTuple):
    """A source file as it was when it was imported, or seen first.

    Attributes
    ----------
    mtime, size, sha256
        What it was; ``sha256`` is None for installed packages.
    at_import
        Whether it was looked at when it was imported, and not later.
    is_compiled
        Whether what Python keeps compiled was made from it; None if that does not tell.
    """

    mtime: float
    size: int
    sha256: str | None
    at_import: bool
    is_compiled: bool | None


# By absolute path.
_seen: dict[str, SeenSource] = {}


def seen_source(file: str) -> SeenSource | None:
    """Return what a file was when it was imported last, or seen first; None if nobody looked."""
    return _seen.get(file)


def imported_files() -> Iterator[str]:
    """Yield the user's files that were imported since this package was, also those that are not modules any more.

    A program that loads a file by its path (``importlib.util.spec_from_file_location``) need not keep it as a module.
    """
    yield from [file for file, seen in list(_seen.items()) if seen.at_import and _is_the_users(file)]


def remember(file: str, status: os.stat_result, module: ModuleType | None) -> SeenSource:
    """Take what a file is now for what was imported, unless what Python compiled tells otherwise."""
    # An installer compiles what it puts in the place of a file, so that this tells of the user's own files only.
    compiled = is_compiled_from(file, module) if module is not None and _is_the_users(file) else None
    seen = SeenSource(status.st_mtime, status.st_size, _sha256(file, status.st_size), False, compiled)
    _seen[file] = seen
    return seen


def _sha256(file: str, size: int) -> str | None:
    # The user's own files are few: touched, or checked out again, they are still what was imported.
    if not _is_the_users(file) or size > _MAX_HASHED_BYTES:
        return None
    try:
        with open(file, "rb") as content:
            return hashlib.sha256(content.read()).hexdigest()
    except OSError:
        return None


def _is_the_users(file: str) -> bool:
    # Only by the look of the path: nothing may be imported or searched for here, in the middle of an import.
    return not any(place in file for place in _NOT_THE_USERS)


def is_compiled_from(file: str, module: ModuleType, *, unchecked: bool = False) -> bool | None:
    """Return whether the .pyc of a module was made from the source as it is now; None if there is none that tells.

    Parameters
    ----------
    file
        The source.
    module
        The module.
    unchecked
        Ask only for a .pyc that Python loads without a look at the source.
    """
    cached = getattr(module, "__cached__", None)
    # Other loaders, as that of pytest, keep their own.
    if type(getattr(module, "__loader__", None)) is not SourceFileLoader or not isinstance(cached, str):
        return None
    try:
        with open(cached, "rb") as compiled:
            header = compiled.read(_HEADER_BYTES)
        flags, mtime, size = (int.from_bytes(header[at : at + 4], "little") for at in (4, 8, 12))
        is_loaded = header[:4] == importlib.util.MAGIC_NUMBER and len(header) == _HEADER_BYTES
        is_unchecked = flags == _HAS_HASH
        # Where Python may not write, an old one stays as it was.
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
    """Look at what is imported now, and from now on at every source file when it is imported.

    The method of the import system that reads a source file's time and size is wrapped: it is called for exactly the
    files whose content is about to be run, also by loaders of others that build on it.
    Nothing that is left behind tells as much: without ``__pycache__``, or once another process has compiled a file
    anew, a file that was edited after its import looks like one that was edited before it.
    """
    for module in list(sys.modules.values()):
        file = getattr(module, "__dict__", {}).get("__file__")
        if isinstance(file, str):
            with contextlib.suppress(OSError, ValueError):
                remember(os.path.abspath(file), os.stat(file), module)
    if not hasattr(SourceFileLoader.path_stats, "__wrapped__"):
        SourceFileLoader.path_stats = _noting(SourceFileLoader.path_stats)  # type: ignore[method-assign, assignment]


def _noting(path_stats: Callable[[Any, Any], Mapping[str, Any]]) -> Callable[[Any, Any], Mapping[str, Any]]:
    @functools.wraps(path_stats)
    def noting(loader: Any, path: Any) -> Mapping[str, Any]:
        stats = path_stats(loader, path)
        if isinstance(path, str):
            mtime, size = stats["mtime"], stats["size"]
            _seen[path] = SeenSource(mtime, size, _sha256(path, size), at_import=True, is_compiled=True)
        return stats

    return noting
