"""Read the changes of a working tree and of all submodules in it, at any depth and under any git settings."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gaitmap_results.provenance.git.changes import Change, Head, parse_status, start_status
from gaitmap_results.provenance.git.processes import GitProcesses
from gaitmap_results.provenance.git.repository_files import FilesState

__all__ = ["PendingWorkTree", "WorkTree"]

# Lines of `git ls-files -v --stage`: those of submodules, and those with another mark than H, for an ordinary file.
_SUBMODULE = re.compile(rb"\0[A-Za-z?] 160000 [0-9a-f]+ [0-3]\t([^\0]+)")
_MARKED = re.compile(rb"\0([a-zS]) [0-7]{6} [0-9a-f]+ [0-3]\t([^\0]+)")
_SKIP_WORKTREE = b"S"
# A repository may have hundreds of submodules, too many for one process each.
_AT_ONCE = 8


@dataclass(frozen=True)
class WorkTree:
    """What git says about a working tree.

    Attributes
    ----------
    head
        The checked-out commit and branch.
    changes
        The differences from the commit, including those inside of submodules.
    listing
        The tracked paths, each between a tab and a NUL.
    submodules
        The working trees of submodules, by their paths with a trailing ``/``.
    """

    head: Head
    changes: list[Change]
    listing: bytes
    submodules: dict[bytes, WorkTree]

    def tracks(self, path: bytes) -> bool:
        """Return whether a path is tracked, here or in a submodule."""
        inside = (tree.tracks(path[len(top) :]) for top, tree in self.submodules.items() if path.startswith(top))
        return b"\t" + path + b"\0" in self.listing or any(inside)


class PendingWorkTree:
    """The pending answers of git about a working tree.

    Parameters
    ----------
    processes
        Starts git.
    folder
        A folder of the working tree.
    ceiling
        A folder in which, and above which, git does not look for a repository.
    index
        The state of the index, which holds the tracked files.
    """

    def __init__(
        self,
        processes: GitProcesses,
        folder: Path,
        *,
        ceiling: Path | None = None,
        index: FilesState | None = None,
    ) -> None:
        self._processes = processes
        # In parallel: in a large repository the status takes nearly all of the time.
        self._status = start_status(processes, folder, ceiling=ceiling)
        # --recurse-submodules would leave out the flags of the submodules themselves.
        listing = ("ls-files", "-z", "-v", "--stage", "--full-name", "--", ":(top)")
        self._listing = processes.start(folder, *listing, ceiling=ceiling, valid_for=index)

    def answer(self, base_dir: Path) -> WorkTree:
        """Wait for git and return its answer.

        Parameters
        ----------
        base_dir
            The top folder of the working tree.

        Raises
        ------
        GitUnreadableError
            If git could not read the working tree, or that of a submodule.
        """
        listing = b"\0" + self._processes.answer(self._listing)[0]
        submodules = list(dict.fromkeys(_SUBMODULE.findall(listing)))
        inner = list(_inside_submodules(self._processes, base_dir, submodules))
        head, changes = parse_status(*self._processes.answer(self._status))
        changes += self._hidden(base_dir, _MARKED.findall(listing))
        trees: dict[bytes, WorkTree] = {}
        for path, tree in inner:
            prefix = path + b"/"
            if tree is None:
                # With a slash, as git lists a folder without tracked files.
                changes.append(Change("submodules", prefix))
            else:
                changes += [change.inside(prefix) for change in tree.changes]
                trees[prefix] = tree
        return WorkTree(head, changes, listing, trees)

    def _hidden(self, base_dir: Path, marked: list[tuple[bytes, bytes]]) -> Iterator[Change]:
        """Yield the paths that git was told not to check: a lower-case mark is assume-unchanged, an S skip-worktree."""
        left_out: list[bytes] = []
        for mark, path in marked:
            if mark != _SKIP_WORKTREE or _holds_files(base_dir / os.fsdecode(path)):
                yield Change("hidden", path)
            else:
                left_out.append(path)
        # A sparse checkout marks every file that it leaves out.
        if left_out and not self._is_sparse(base_dir):
            yield from (Change("hidden", path) for path in left_out)

    def _is_sparse(self, base_dir: Path) -> bool:
        asked = self._processes.start(base_dir, "config", "--type=bool", "core.sparseCheckout")
        return (self._processes.answer_or_none(asked) or b"").strip() == b"true"


def _inside_submodules(
    processes: GitProcesses, base_dir: Path, paths: list[bytes]
) -> Iterator[tuple[bytes, WorkTree | None]]:
    """Yield what git says inside of each submodule; None is a folder with files but without a readable repository.

    The status of the outer repository reports a submodule whose folder is missing or empty.
    """
    for start in range(0, len(paths), _AT_ONCE):
        pending: list[tuple[bytes, Path, PendingWorkTree | None]] = []
        for path in paths[start : start + _AT_ONCE]:
            folder = base_dir / os.fsdecode(path)
            if _has_repository(folder):
                # With the ceiling, git cannot answer for the outer repository.
                pending.append((path, folder, PendingWorkTree(processes, folder, ceiling=folder.parent)))
            elif os.path.isdir(folder) and not folder.is_symlink() and _holds_files(folder):
                pending.append((path, folder, None))
        for path, folder, asked in pending:
            yield path, None if asked is None else asked.answer(folder)


def _has_repository(folder: Path) -> bool:
    """Return whether a folder has a repository of its own, or a link to one, which may lead nowhere."""
    git = os.path.join(folder, ".git")
    return os.path.lexists(os.path.join(git, "HEAD") if os.path.isdir(git) else git) and not folder.is_symlink()


def _holds_files(path: Path) -> bool:
    """Return whether a path is a file, a folder with files, or a folder that may hold files nobody can see."""
    if not os.path.isdir(path) or path.is_symlink():
        return os.path.lexists(path)
    closed: list[OSError] = []
    return any(files for _, _, files in os.walk(path, onerror=closed.append)) or bool(closed)
