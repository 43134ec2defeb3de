"""Tell whether a source file is still what Python imported."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

from gaitmap_results.user_code.imported_sources import remember, seen_source

__all__ = ["changed_after_import"]

_HEADER_BYTES = 16


def changed_after_import(file: str, module: ModuleType, status: os.stat_result) -> bool | None:
    """Return whether a source file has another content than when it was imported; None if there is no evidence.

    Parameters
    ----------
    file
        The file, absolute.
    module
        The module that was loaded from it.
    status
        What the file is now.
    """
    seen = seen_source(file)
    if seen is not None:
        if not seen.at_import and _differs_from_compiled(file, module, seen.mtime, seen.size):
            remember(file, None)
            return True
        if (seen.mtime, seen.size) == (status.st_mtime, status.st_size):
            return False
        return seen.sha256 is None or hashlib.sha256(Path(file).read_bytes()).hexdigest() != seen.sha256
    if _differs_from_compiled(file, module, status.st_mtime, status.st_size):
        remember(file, None)
        return True
    remember(file, status)
    # The start of a process is known to about a second only.
    recent = status.st_mtime > _start_of_process() + 2.0
    return None if recent and not _has_evidence(module) else False


def _has_evidence(module: ModuleType) -> bool:
    """Return whether Python keeps what it compiled a module to where it can be found, and up to date."""
    cached = getattr(module, "__cached__", None)
    # Other loaders, as that of pytest, keep their own. Where Python may not write, an old one stays as it was.
    return (
        type(getattr(module, "__loader__", None)) is SourceFileLoader
        and not sys.dont_write_bytecode
        and isinstance(cached, str)
        and os.access(cached, os.W_OK)
    )


def _differs_from_compiled(file: str, module: ModuleType, mtime: float, size: int) -> bool:
    """Hold the time and size of a source file against those of the source that Python compiled."""
    if not _has_evidence(module):
        return False
    try:
        with open(module.__cached__, "rb") as compiled:
            header = compiled.read(_HEADER_BYTES)
        if header[:4] != importlib.util.MAGIC_NUMBER or len(header) < _HEADER_BYTES:
            return False
        flags, compiled_mtime, compiled_size = (int.from_bytes(header[at : at + 4], "little") for at in (4, 8, 12))
        if flags:  # it holds a hash of the source
            return bool(flags & 0b10) and header[8:] != importlib.util.source_hash(Path(file).read_bytes())
    except OSError:
        return False
    return (compiled_mtime, compiled_size) != (int(mtime) & 0xFFFFFFFF, size & 0xFFFFFFFF)


@functools.lru_cache(maxsize=1)
def _start_of_process() -> float:
    import psutil

    return psutil.Process().create_time()
