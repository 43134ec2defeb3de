"""Ensure that the owner can read stored files, whatever umask a library left behind."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ["open_to_owner", "open_tree_to_owner"]

_OWNER: Final = stat.S_IRWXU
_lock = threading.Lock()
# How many threads are inside of `open_to_owner`, and the umask that the last one restores.
_inside = 0
_left_behind = 0


@contextmanager
def open_to_owner() -> Iterator[None]:
    """Create files and folders that their owner can read, change and enter; others as the umask says."""
    global _inside, _left_behind  # noqa: PLW0603 - the umask is the process's own
    with _lock:
        current = os.umask(0o077)
        os.umask(current & ~_OWNER)
        if _inside == 0:
            _left_behind = current
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                current = os.umask(_left_behind)
                if current != _left_behind & ~_OWNER:  # changed meanwhile by the user's code
                    os.umask(current)


def open_tree_to_owner(folder: Path) -> None:
    """Give the owner read access to everything that other code has put below a folder."""
    for parent, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(parent, name)
            needed = stat.S_IRUSR | stat.S_IXUSR if name in folders else stat.S_IRUSR
            with contextlib.suppress(OSError):  # reading the file later reports the error
                mode = path.lstat().st_mode
                if not stat.S_ISLNK(mode) and mode & needed != needed:
                    path.chmod(stat.S_IMODE(mode) | needed)
