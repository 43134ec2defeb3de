"""Read and write whole files that are durable, and visible only when complete.

Every change on disk goes through one of the small functions below, so that tests can inject a fault into each.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple
from uuid import uuid4

from gaitmap_results.store.umask import open_to_owner

__all__ = [
    "Found",
    "expanded",
    "hash_file",
    "is_folder",
    "is_own_folder",
    "is_real_file",
    "is_real_folder",
    "is_settled",
    "list_files",
    "make_folder",
    "move_file",
    "read_regular_file",
    "remove_file",
    "remove_folder",
    "replace_file",
    "retry_on_windows",
    "separate_hard_links",
    "sync_file",
    "sync_folder",
    "sync_tree",
    "walk",
    "write_file",
]

_CHUNK_BYTES: Final = 1 << 20
# Without O_NONBLOCK, opening a named pipe waits for a writer.
_TO_READ: Final = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY", "O_NOCTTY")
)
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
# On Windows a virus scanner may briefly hold a fresh file; pauses in seconds.
_WINDOWS_RETRIES: Final = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
# Within this time, a file may change twice without a new modification time.
_COARSEST_CLOCK_NS: Final = 3_000_000_000


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return a path with ``~`` expanded to the home folder; the name of an unknown user stays, as in a shell."""
    return Path(os.path.expanduser(path))  # Path.expanduser raises for some of the unknown users


def read_regular_file(
    path: str | Path, *, max_bytes: int | None = None, follow_links: bool = True
) -> tuple[bytes, os.stat_result]:
    """Return the content of a file, and its status before reading.

    Raises
    ------
    OSError
        If it cannot be opened.
    ValueError
        If it is not a regular file (a pipe would wait indefinitely), has more than ``max_bytes``, or is a link and
        ``follow_links`` is false: a stranger's link could lead anywhere.
    """
    descriptor = _open_to_read(path, follow_links)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a regular file")
        if max_bytes is not None and status.st_size > max_bytes:
            raise ValueError(f"it has {status.st_size:,} bytes; at most {max_bytes:,} are read")
        content = os.read(descriptor, status.st_size + 1)
        while len(content) < status.st_size and (more := os.read(descriptor, _CHUNK_BYTES)):
            content += more
        return content, status
    finally:
        os.close(descriptor)


def _open_to_read(path: str | Path, follow_links: bool) -> int:
    if not follow_links and not _NO_FOLLOW and os.path.islink(path):  # Windows
        raise ValueError("it is a symbolic link")
    try:
        return os.open(path, _TO_READ if follow_links else _TO_READ | _NO_FOLLOW)
    except OSError:
        if not follow_links and os.path.islink(path):
            raise ValueError("it is a symbolic link") from None
        raise


@open_to_owner()
def make_folder(path: Path) -> None:
    """Create a folder and its parents, unless they exist."""
    path.mkdir(parents=True, exist_ok=True)


@open_to_owner()
def write_file(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a new file; ``durable`` waits until it is on the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        if durable:
            _sync(file.fileno())


def replace_file(path: Path, temporary: Path, content: bytes, *, durable: bool = True) -> None:
    """Replace a file as a whole: a reader sees the old or the new content, never a part."""
    try:
        write_file(temporary, content, durable=durable)
        retry_on_windows(os.replace, temporary, path)
    except OSError:
        # On a full disk every byte counts.
        with contextlib.suppress(OSError):
            remove_file(temporary)
        raise
    if durable:
        sync_folder(path.parent)


def move_file(source: Path, target: Path) -> None:
    """Rename a file within its file system."""
    retry_on_windows(os.replace, source, target)


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder; without permission to look, it is not."""
    return os.path.isdir(path)


def is_real_folder(path: Path) -> bool:
    """Return whether a path is a folder and not a link to one."""
    return is_folder(path) and not path.is_symlink()


def is_real_file(path: Path) -> bool:
    """Return whether a path is a file and not a link; without permission to look, it is not."""
    return os.path.isfile(path) and not path.is_symlink()


def is_own_folder(path: Path) -> bool:
    """Return whether a path is a folder of the current user, and not a link to one."""
    try:
        facts = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(facts.st_mode) and (not hasattr(os, "getuid") or facts.st_uid == os.getuid())


def is_settled(modified_ns: int) -> bool:
    """Return whether another change of a file that was modified at this time would give it another time."""
    return time.time_ns() - modified_ns > _COARSEST_CLOCK_NS


def remove_file(path: Path) -> None:
    """Delete a file if it exists."""
    path.unlink(missing_ok=True)


def remove_folder(path: Path) -> None:
    """Delete a folder and its content if it exists, without following links."""
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


class Found(NamedTuple):
    """An entry below a folder: its name relative to that, with ``/``, its path and its kind."""

    name: str
    path: Path
    kind: Literal["file", "folder", "other"]


def walk(folder: Path, prefix: str = "", *, on_error: Callable[[str, OSError], None] | None = None) -> Iterator[Found]:
    """Yield everything below ``folder`` in a stable order, each folder after its content.

    Symbolic links and special files are of kind ``other``; links are not followed.

    Parameters
    ----------
    prefix
        What all names start with.
    on_error
        Called with the name of a folder that cannot be listed, ``.`` for the first, and the error.
        Without it the error is raised.
    """
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        if on_error is None:
            raise
        on_error(prefix.rstrip("/") or ".", error)
        return
    for entry in found:
        name, path = f"{prefix}{entry.name}", Path(entry.path)
        if entry.is_symlink():
            yield Found(name, path, "other")
        elif entry.is_dir(follow_symlinks=False):
            yield from walk(path, f"{name}/", on_error=on_error)
            yield Found(name, path, "folder")
        else:
            yield Found(name, path, "file" if entry.is_file(follow_symlinks=False) else "other")


def list_files(folder: Path) -> Iterator[Found]:
    """Yield every ordinary file below ``folder`` in a stable order; see :func:`walk`."""
    return (found for found in walk(folder) if found.kind == "file")


def separate_hard_links(folder: Path) -> None:
    """Copy every file below ``folder`` that has another name too, under which it could be changed later."""
    for found in list_files(folder):
        if found.path.lstat().st_nlink > 1:
            copy = found.path.with_name(f".{uuid4().hex}")
            try:
                shutil.copy2(found.path, copy)
                move_file(copy, found.path)
            except OSError:  # on a full disk a link is better than nothing
                with contextlib.suppress(OSError):
                    remove_file(copy)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's content in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def sync_file(path: Path) -> None:
    """Wait until a file that other code wrote is on the disk."""
    # Windows syncs only a handle with write access.
    flags = os.O_RDWR if os.name == "nt" else os.O_RDONLY
    descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Wait until a folder's list of names is on the disk, if the operating system supports that."""
    if os.name == "nt":
        return
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except PermissionError:
        # A folder may allow writing but not listing; the operating system then syncs it by itself.
        return
    try:
        _sync(descriptor)
    except OSError as error:
        # Some network file systems refuse to sync folders; they do it by themselves.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Wait until ``folder`` and everything below it are on the disk."""
    sync = {"file": sync_file, "folder": sync_folder}
    for found in walk(folder):
        if found.kind in sync:
            sync[found.kind](found.path)
    sync_folder(folder)


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":
        import fcntl

        try:
            # https://developer.apple.com/library/archive/documentation/System/Conceptual/ManPages_iPhoneOS/man2/fsync.2.html:
            # fsync alone leaves the data in the drive's cache.
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError:
            pass
        else:
            return
    os.fsync(descriptor)


def retry_on_windows(operation: Any, source: Path, target: Path) -> None:
    """Call ``operation(source, target)``, and on Windows repeat it while another program briefly holds a file."""
    for pause in (*(_WINDOWS_RETRIES if os.name == "nt" else ()), None):
        try:
            operation(source, target)
            return
        except PermissionError:
            if pause is None or target.is_dir():
                raise
            time.sleep(pause)
