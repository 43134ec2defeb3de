"""Move a complete folder to the first free name with one rename."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from gaitmap_results.store import files

__all__ = ["publish_folder"]

_logger = logging.getLogger("gaitmap_results")
# The errors of a rename onto a folder that is not empty, by operating system and file system.
_TAKEN: Final = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR})


def publish_folder(source: Path, names: Iterator[str], parent: Path, *, is_ours: Callable[[Path], bool]) -> Path:
    """Move a complete folder to the first free name below ``parent`` with one rename.

    The rename itself finds out whether a name is free, so any number of processes can publish at once without locks.
    This works because the folder is not empty, and no rename replaces such a folder.

    Parameters
    ----------
    source
        The folder; every file in it must be on the disk.
    names
        The names to try, in order.
    parent
        The folder to move it to; created if missing.
    is_ours
        Returns whether an existing folder is the one to publish.
        A file server that repeats a completed rename answers "no such file" the second time.

    Returns
    -------
    target
        The new path of the folder.
    """
    _make_folder_durably(parent)
    taken: set[str] = set()
    for name in names:
        if name in taken:
            continue
        target = parent / name
        try:
            _move_folder(source, target)
        except OSError as error:
            if _is_taken(error, target):
                # Many runs may start in one second; skip the taken names at once.
                taken = taken or set(os.listdir(parent))
                continue
            if not (error.errno == errno.ENOENT and target.is_dir() and is_ours(target)):
                raise
        try:
            files.sync_folder(parent)
        except OSError as error:
            # The folder is complete and visible; reporting a failure would store it a second time.
            _logger.warning("%s could not be synced: %s", parent, error)
        return target
    raise FileExistsError(errno.EEXIST, "no free name for the run", str(parent))


def _make_folder_durably(path: Path) -> None:
    """Create a folder and its parents so that they survive a power failure, like their content."""
    new = [folder for folder in (path, *path.parents) if not folder.exists()]
    files.make_folder(path)
    for folder in new:
        files.sync_folder(folder.parent)


def _move_folder(source: Path, target: Path) -> None:
    try:
        _rename_folder(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _rename_folder(_copy_beside(source, target.parent), target)


def _rename_folder(source: Path, target: Path) -> None:
    if os.path.lexists(target) and not target.is_dir():
        raise FileExistsError(errno.EEXIST, "there is a file of this name", str(target))
    if target.is_dir() and not any(target.iterdir()):
        # POSIX renames onto an empty folder, which another process may be about to fill.
        raise FileExistsError(errno.EEXIST, "there is a folder of this name", str(target))
    files.retry_on_windows(os.rename, source, target)


def _is_taken(error: OSError, target: Path) -> bool:
    return error.errno in _TAKEN or (os.name == "nt" and target.exists())


def _copy_beside(source: Path, parent: Path) -> Path:
    """Copy a folder next to its target on another file system (a link, a mount), metadata.json last.

    Readers find runs by that file, so they see nothing or the complete run.
    """
    copy = parent / f".{source.name}.copy"
    files.remove_folder(copy)
    shutil.copytree(source, copy, symlinks=True, ignore=lambda folder, _: _only_at(folder, source))
    for late in _only_at(str(source), source):
        if (source / late).exists():
            shutil.copy2(source / late, copy / late)
    files.sync_tree(copy)
    return copy


def _only_at(folder: str, source: Path) -> list[str]:
    return ["metadata.json"] if Path(folder) == source else []
