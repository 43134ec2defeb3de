"""Read the state of a repository at the start and at the end of a run."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gaitmap_results.provenance.git.changes import COUNTED_KINDS, shown
from gaitmap_results.provenance.git.commit import CommitFacts, PendingCommitFacts
from gaitmap_results.provenance.git.differences import Differences, find_differences
from gaitmap_results.provenance.git.ignoring import path_in_repository
from gaitmap_results.provenance.git.judging import judged
from gaitmap_results.provenance.git.processes import GitProcesses
from gaitmap_results.provenance.git.repository_files import RepositoryFiles
from gaitmap_results.provenance.git.uncounted_paths import Uncounted
from gaitmap_results.provenance.git.worktree import PendingWorkTree, WorkTree

__all__ = ["GitState", "PendingStatus", "read_git_state"]


@dataclass(frozen=True)
class GitState:
    r"""What git says about a working tree.

    All paths are relative to ``base_dir`` and use ``/``; bytes that are not UTF-8 are shown as ``\xff``.
    A folder without tracked files is one path that ends with ``/``; a renamed file is two paths.

    Attributes
    ----------
    base_dir
        The top folder of the working tree, with symbolic links resolved.
    commit, branch
        ``commit`` is None before the first commit, ``branch`` is None when no branch is checked out.
    facts
        The description of the commit and its remote; None if git was not asked yet.
    shallow
        Whether the history is cut off.
    dirty
        Whether the commit would not reproduce the files, apart from ignored changes.
    staged, unstaged, untracked, conflicted, submodules, hidden
        The changed paths that count. A path can be both staged and unstaged.
        ``submodules`` are submodules at another commit, folders with files in place of a submodule, and changes
        inside of submodules.
        ``hidden`` are paths whose changes git is set not to report (``assume-unchanged``, ``skip-worktree``).
    ignored
        The changed paths that do not count.
    unmatched_ignores
        Entries of the ignore list that match neither a file nor a change.
    caller_tracked
        Whether the caller's file is tracked; None if there is no such file or it is unknown.
    differences
        At the end of a run: what changed since its start; else None.
    """

    base_dir: Path
    commit: str | None
    branch: str | None
    facts: CommitFacts | None
    shallow: bool
    dirty: bool
    staged: tuple[str, ...]
    unstaged: tuple[str, ...]
    untracked: tuple[str, ...]
    conflicted: tuple[str, ...]
    submodules: tuple[str, ...]
    hidden: tuple[str, ...]
    ignored: tuple[str, ...]
    unmatched_ignores: tuple[str, ...]
    caller_tracked: bool | None
    differences: Differences | None = None


def read_git_state(
    folder: Path,
    *,
    ignore: Sequence[str] = (),
    results_folder: Path | None = None,
    caller_file: Path | None = None,
    timeout: float = 30.0,
) -> GitState:
    """Read the state of the repository that contains a folder.

    Parameters
    ----------
    folder
        A folder inside the working tree.
    ignore
        Files, folders and patterns to ignore, relative to the top of the working tree, as returned by
        :func:`check_git_dirty_ignore`.
    results_folder
        The folder for runs; its unfinished runs are ignored, and so are runs anywhere in the working tree.
    caller_file
        The file to look for among the tracked files.
    timeout
        Seconds for all of git's answers.

    Raises
    ------
    GitUnreadableError
        If there is no repository, or git cannot read it.
    InvalidOptionError
        If ``ignore`` has an absolute entry that is the working tree or contains it.
    """
    with PendingStatus(folder, timeout=timeout) as pending:
        return pending.finish(ignore=ignore, results_folder=results_folder, caller_file=caller_file)


class PendingStatus(contextlib.AbstractContextManager["PendingStatus"]):
    """The pending status of a repository: git works while the program does other things.

    The end of the block stops all git processes.

    Parameters
    ----------
    folder
        A folder inside the working tree.
    first
        At the end of a run, the state at its start: the facts are then those about its commit.
    facts
        Whether to ask for the facts about the commit as well.
    timeout
        Seconds for all of git's answers.
    """

    def __init__(
        self, folder: Path, *, first: GitState | None = None, facts: bool = True, timeout: float = 30.0
    ) -> None:
        self._first = first
        # If the repository was deleted, git must not answer for one around it.
        self._processes = processes = GitProcesses(timeout, ceiling=None if first is None else first.base_dir.parent)
        try:
            files = RepositoryFiles.around(folder)
            self._work_tree = PendingWorkTree(processes, folder, index=files.index)
            if first is None:
                asked = ("rev-parse", "--is-shallow-repository", "--show-toplevel")
                self._place = processes.start(folder, *asked, valid_for=files.settings)
            commit = None if first is None else first.commit
            self._facts = PendingCommitFacts(processes, folder, files, commit) if facts else None
        except BaseException:
            processes.close()
            raise

    def __exit__(self, *_: object) -> None:
        self._processes.close()

    def finish(
        self,
        *,
        ignore: Sequence[str] = (),
        results_folder: Path | None = None,
        caller_file: Path | None = None,
    ) -> GitState:
        """Wait for git and return its answer; parameters and errors are those of :func:`read_git_state`."""
        first = self._first
        base_dir, shallow = self._place_of_repository() if first is None else (first.base_dir, first.shallow)
        uncounted = Uncounted.of(ignore, results_folder, base_dir)
        tree = self._work_tree.answer(base_dir)
        changes = list(judged(self._processes, base_dir, tree.changes, uncounted))
        counted = [change for change, counts in changes if counts]
        listed = {
            name: tuple(sorted({shown(change.path) for change in counted if change.field == name}))
            for name in COUNTED_KINDS
        }
        commit = None if tree.head.commit is None else shown(tree.head.commit)
        branch = None if tree.head.branch is None else shown(tree.head.branch)
        of_facts = branch if first is None else first.branch
        return GitState(
            base_dir=base_dir,
            commit=commit,
            branch=branch,
            facts=None if self._facts is None else self._facts.answer(tree.head, of_facts),
            shallow=shallow,
            # Without a commit, nothing can be reproduced.
            dirty=commit is None or bool(counted),
            **listed,
            ignored=tuple(sorted({shown(change.path) for change, counts in changes if not counts})),
            unmatched_ignores=uncounted.ignored.unmatched(change.path for change, _ in changes),
            caller_tracked=_is_tracked(caller_file, tree, base_dir) if first is None else first.caller_tracked,
            differences=None
            if first is None
            else find_differences(
                self._processes,
                base_dir,
                {name: getattr(first, name) for name in COUNTED_KINDS},
                counted,
                (first.commit, commit),
                uncounted,
            ),
        )

    def _place_of_repository(self) -> tuple[Path, bool]:
        shallow, _, top = self._processes.answer(self._place)[0].partition(b"\n")
        return Path(os.path.realpath(os.fsdecode(top.removesuffix(b"\n")))), shallow == b"true"


def _is_tracked(file: Path | None, tree: WorkTree, base_dir: Path) -> bool | None:
    path = None if file is None else path_in_repository(file, base_dir)
    return None if file is None else path is not None and tree.tracks(path)
