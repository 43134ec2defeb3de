"""Read the files of a run folder, and nothing outside of it."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any, Final

from gaitmap_results.store.files import walk
from gaitmap_results.store.json_files import parse_json

__all__ = [
    "IN_ANNEX",
    "MAX_BYTES",
    "is_in_annex",
    "links_out",
    "read_run_file",
    "read_run_json",
    "why_not_followed",
]

#: A larger metadata.json, custom_metadata.json or manifest is not read.
MAX_BYTES: Final = 64_000_000

_CHUNK_BYTES: Final = 1 << 20
# Without O_NONBLOCK, opening a named pipe waits for a writer.
_FLAGS: Final = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY", "O_NOCTTY", "O_NOFOLLOW")
)
_IS_LINK: Final = (errno.ELOOP, errno.EMLINK)  # what O_NOFOLLOW raises, on Linux and on FreeBSD
_ANNEX: Final = "annex/objects"
_ANNEX_POINTER: Final = b"/annex/objects/"
#: Why a file in git-annex is not read; it is not damaged.
IN_ANNEX: Final = "git-annex keeps its content elsewhere; run `git annex get` and `git annex unlock` in that folder"


def read_run_file(folder: str, name: str) -> tuple[bytes, os.stat_result]:
    """Return the content of a file of a run folder, and its status before reading.

    Raises
    ------
    OSError
        If the file is missing or cannot be opened.
    ValueError
        If it is not a regular file, links to outside the run folder, or is larger than :data:`MAX_BYTES`.
    """
    path = f"{folder}{os.sep}{name}"
    descriptor = _open(path, folder)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a regular file")
        if status.st_size > MAX_BYTES:
            raise ValueError(f"it has {status.st_size:,} bytes; at most {MAX_BYTES:,} are read")
        content = os.read(descriptor, status.st_size + 1)
        while len(content) < status.st_size and (more := os.read(descriptor, _CHUNK_BYTES)):
            content += more
    finally:
        os.close(descriptor)
    if content.startswith(_ANNEX_POINTER):
        raise ValueError(IN_ANNEX)
    return content, status


def read_run_json(folder: Path, name: str) -> Any:
    """Return the content of a JSON file of a run folder; raise like :func:`read_run_file`."""
    return parse_json(read_run_file(str(folder), name)[0])


def _open(path: str, folder: str) -> int:
    try:
        if not hasattr(os, "O_NOFOLLOW") and os.path.islink(path):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        return os.open(path, _FLAGS)
    except OSError as error:
        if error.errno not in _IS_LINK or not os.path.islink(path):
            raise
    reason = why_not_followed(path, folder)
    if reason is not None:
        raise ValueError(reason)
    return os.open(os.path.realpath(path), _FLAGS)


def why_not_followed(link: str, folder: str) -> str | None:
    """Return why a link in a run folder is not followed; ``None`` if its target is in the folder."""
    if is_in_annex(link):
        return IN_ANNEX
    if os.path.realpath(link).startswith(os.path.realpath(folder) + os.sep):
        return None
    return "it is a link that leads out of the run folder"


def is_in_annex(path: str) -> bool:
    """Say whether a file is a link into git-annex, or only the name of an annexed key."""
    try:
        if os.path.islink(path):
            return _ANNEX in os.readlink(path).replace(os.sep, "/")
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return False
        with open(path, "rb") as file:
            return file.read(len(_ANNEX_POINTER)) == _ANNEX_POINTER
    except OSError:
        return False


def links_out(folder: Path, within: str) -> list[tuple[str, str]]:
    """Return the links of a folder that are not followed, each with the reason.

    Parameters
    ----------
    folder
        The run folder.
    within
        The name of its subfolder to search.
    """
    inner = folder / within
    if inner.is_symlink():
        reason = why_not_followed(str(inner), str(folder))
        return [] if reason is None else [(within, reason)]
    if not inner.is_dir():
        return []
    found = []
    for name, path, kind in walk(inner):
        reason = why_not_followed(str(path), str(folder)) if kind == "other" and path.is_symlink() else None
        if reason is not None:
            found.append((f"{within}/{name}", reason))
    return found
