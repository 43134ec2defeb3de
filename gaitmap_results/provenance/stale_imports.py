"""Determine whether a source file is still the one that Python imported."""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path
from types import ModuleType

from gaitmap_results.user_code.imported_sources import is_compiled_from, remember, seen_source

__all__ = ["changed_after_import", "reinstalled_after_import", "start_of_process"]


def reinstalled_after_import(file: str, status: os.stat_result) -> bool:
    """Return whether a file of an installed package was replaced after its import or its first check."""
    seen = seen_source(file) or remember(file, status, None)
    return (seen.mtime, seen.size) != (status.st_mtime, status.st_size)


def changed_after_import(file: str, module: ModuleType | None, status: os.stat_result) -> bool | None:
    """Return whether the content of a source file changed after its import; None without evidence.

    Parameters
    ----------
    file
        The absolute path of the file.
    module
        The module that was loaded from it, if it still exists.
    status
        The current status of the file.
    """
    seen = seen_source(file) or remember(file, status, module)
    # Check the bytecode again, because Python can be told to load it without looking at the source.
    if seen.is_compiled is False or (module is not None and is_compiled_from(file, module, unchecked=True) is False):
        return True
    if (seen.mtime, seen.size) != (status.st_mtime, status.st_size):
        return seen.sha256 is None or hashlib.sha256(Path(file).read_bytes()).hexdigest() != seen.sha256
    if module is None or seen.is_compiled:
        return False
    return None if seen.mtime > start_of_process() + 2.0 else False


@functools.lru_cache(maxsize=1)
def start_of_process() -> float:
    """Return the start of this process, which is known to about a second only."""
    import psutil

    return psutil.Process().create_time()
