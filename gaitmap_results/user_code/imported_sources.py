"""Remember what each source file was when Python imported it."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import sys
from collections.abc import Callable, Mapping
from importlib.machinery import SourceFileLoader
from typing import Any, NamedTuple

__all__ = ["SeenSource", "is_installed", "remember", "seen_source", "watch_imports"]

_MAX_HASHED_BYTES = 5_000_000
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_LIBRARY = os.path.dirname(os.__file__) + os.sep


class SeenSource(NamedTuple):
    """A source file as it was when it was imported, or seen first.

    Attributes
    ----------
    mtime, size, sha256
        What it was; ``sha256`` is None for installed packages.
    at_import
        Whether it was looked at when it was imported, and not later.
    """

    mtime: float
    size: int
    sha256: str | None
    at_import: bool


# By absolute path.
_seen: dict[str, SeenSource] = {}


def seen_source(file: str) -> SeenSource | None:
    """Return what a file was when it was imported last, or seen first; None if nobody looked."""
    return _seen.get(file)


def remember(file: str, status: os.stat_result | None) -> None:
    """Take what a file is now for what was imported; without a status, it is known to be something else."""
    if status is None:
        _seen[file] = SeenSource(-1.0, -1, None, True)
    else:
        _note(file, {"mtime": status.st_mtime, "size": status.st_size}, at_import=False)


def _note(file: str, stats: Mapping[str, Any], *, at_import: bool = True) -> None:
    sha256 = None
    # The user's own files are few: touched, or checked out again, they are still what was imported.
    if not is_installed(file) and stats["size"] <= _MAX_HASHED_BYTES:
        try:
            with open(file, "rb") as content:
                sha256 = hashlib.sha256(content.read()).hexdigest()
        except OSError:
            return
    _seen[file] = SeenSource(stats["mtime"], stats["size"], sha256, at_import)


def is_installed(file: str) -> bool:
    """Return whether a file lies where Python's library and packages are installed."""
    return file.startswith(_LIBRARY) or any(folder in file for folder in _INSTALLED)


def watch_imports() -> None:
    """Look at what is imported now, and from now on at every source file when it is imported.

    The method of the import system that reads a source file's time and size is wrapped: it is called for exactly the
    files whose content is about to be run, also by loaders of others that build on it.
    """
    for module in list(sys.modules.values()):
        file = getattr(module, "__dict__", {}).get("__file__")
        if isinstance(file, str) and file.endswith(".py") and not is_installed(file):
            with contextlib.suppress(OSError):
                remember(os.path.abspath(file), os.stat(file))
    if not hasattr(SourceFileLoader.path_stats, "__wrapped__"):
        SourceFileLoader.path_stats = _noting(SourceFileLoader.path_stats)  # type: ignore[method-assign, assignment]


def _noting(path_stats: Callable[[Any, Any], Mapping[str, Any]]) -> Callable[[Any, Any], Mapping[str, Any]]:
    @functools.wraps(path_stats)
    def noting(loader: Any, path: Any) -> Mapping[str, Any]:
        stats = path_stats(loader, path)
        if isinstance(path, str):
            _note(path, stats)
        return stats

    return noting
