"""Tell by the files of a repository whether git would answer as before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from gaitmap_results.store.files import is_settled

__all__ = ["FilesState", "RepositoryFiles", "work_tree_around"]

_SETTINGS = ("config", "config.worktree", "shallow")
_TAGS = ("packed-refs", "reftable")

#: The state of each file: its path and, if it exists, its number, size and times. git replaces a file to change it.
FilesState: TypeAlias = tuple[tuple[str, tuple[int, ...] | None], ...]


@dataclass(frozen=True)
class RepositoryFiles:
    """The states of the files that answers of git depend on; None if another change might not be seen.

    Attributes
    ----------
    index
        For the tracked files and their flags.
    settings
        For the repository's own settings, its place, and whether it is shallow.
    tags
        For the description of a commit.
    """

    index: FilesState | None = None
    settings: FilesState | None = None
    tags: FilesState | None = None

    @classmethod
    def around(cls, folder: Path) -> RepositoryFiles:
        """Return the files of the repository around a folder; nothing of a linked working tree or a submodule."""
        top = work_tree_around(folder)
        if top is None or not os.path.isdir(git_dir := os.path.join(top, ".git")):
            return cls()
        settings = [os.path.join(git_dir, name) for name in _SETTINGS]
        tags = [*(os.path.join(git_dir, name) for name in _TAGS), *_folders(os.path.join(git_dir, "refs", "tags"))]
        return cls(_state([os.path.join(git_dir, "index")]), _state(settings), _state([*settings, *tags]))


def work_tree_around(folder: Path) -> Path | None:
    """Return the folder itself or the nearest one around it that has a ``.git``, which may not be a repository."""
    return next((each for each in (folder, *folder.parents) if os.path.lexists(each / ".git")), None)


def _folders(folder: str) -> Iterator[str]:
    # A name that is added, removed or replaced changes the time of its folder.
    yield folder
    yield from (found for found, _, _ in os.walk(folder) if found != folder)


def _state(files: list[str]) -> FilesState | None:
    state: list[tuple[str, tuple[int, ...] | None]] = []
    for file in files:
        try:
            found = os.stat(file)
        except OSError:
            state.append((file, None))
            continue
        if not is_settled(found.st_mtime_ns):
            return None
        state.append((file, (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)))
    return tuple(state)
