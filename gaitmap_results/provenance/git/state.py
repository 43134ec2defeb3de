"""Read the state of a repository, at the start and at the end of a run."""

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
from gaitmap_results.provenance.git.uncounted_paths import Uncounted
from gaitmap_results.provenance.git.worktree import PendingWorkTree, WorkTree

__all__ = ["GitState", "PendingStatus", "read_git_state", "reread_git_state"]


@dataclass(frozen=True)
class GitState:
    r"""What git says about a work tree.

    All paths are relative to ``base_dir``, with ``/`` between their parts; bytes that are not UTF-8 are shown as
    ``\xff``.
    A folder in which nothing is tracked is listed as one path that ends with ``/``, a renamed file as two paths.

    Attributes
    ----------
    base_dir
        The top folder of the work tree, without links on the way.
    commit, branch, detached
        ``commit`` is None before the first commit, ``branch`` is None when no branch is checked out.
    facts
        How the commit is called and where it can be fetched; None if git was not asked for that yet.
    shallow
        Whether the history is cut off.
    dirty
        Whether the commit would not reproduce the files, apart from what does not count.
    staged, unstaged, untracked, conflicted, submodules, hidden
        The changed paths that count. A path can be both staged and unstaged.
        ``submodules`` are submodules at another commit or with files and without a repository, and what changed
        inside of one.
        ``hidden`` are paths whose changes git was told not to report (``assume-unchanged``, ``skip-worktree``).
    ignored
        The changed paths that do not count.
    unmatched_ignores
        Entries of the ignore list that match neither a file nor a change.
    caller_tracked
        Whether the caller's file is tracked; None if there is none or it is unknown.
    differences
        At the end of a run: what changed since its start; else None.
    """

    base_dir: Path
    commit: str | None
    branch: str | None
    detached: bool
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
    """Read the state of the repository that a folder lies in.

    Parameters
    ----------
    folder
        A folder inside the work tree.
    ignore
        Files, folders and patterns whose changes do not count, relative to the top of the work tree, as
        :func:`check_git_dirty_ignore` returns them.
    results_folder
        Where runs are stored; what is unfinished there does not count, as little as runs anywhere in the work tree.
    caller_file
        The file to look for among the tracked files.
    timeout
        Seconds that all of it may take.

    Raises
    ------
    GitUnreadableError
        If there is no repository, or git cannot read it.
    InvalidOptionError
        If ``ignore`` has an absolute entry that is the work tree or contains it.
    """
    with PendingStatus(folder, timeout=timeout) as pending:
        return pending.finish(ignore=ignore, results_folder=results_folder, caller_file=caller_file)


def reread_git_state(
    state: GitState,
    *,
    ignore: Sequence[str] = (),
    results_folder: Path | None = None,
    caller_file: Path | None = None,
    timeout: float = 30.0,
) -> GitState:
    """Read again what can have changed since ``state`` was read, and the facts about the commit of ``state``.

    Parameters and errors are those of :func:`read_git_state`.
    Whether the history is shallow and the caller's file is tracked are those of ``state``.
    """
    with PendingStatus(state.base_dir, first=state, timeout=timeout) as pending:
        return pending.finish(ignore=ignore, results_folder=results_folder, caller_file=caller_file)


class PendingStatus(contextlib.AbstractContextManager["PendingStatus"]):
    """The status of a repository, asked for now, so that other things can be done until it is waited for.

    None of git's processes outlives the block.

    Parameters
    ----------
    folder
        A folder inside the work tree.
    first
        What was read at the start of a run, if this is its end: the facts are then those about its commit.
    facts
        Whether to ask for the facts about the commit as well.
    timeout
        Seconds that all of it may take.
    """

    def __init__(
        self, folder: Path, *, first: GitState | None = None, facts: bool = True, timeout: float = 30.0
    ) -> None:
        self._first = first
        # If the repository is gone, git must not answer for another one that this one lay in.
        self._processes = processes = GitProcesses(timeout, ceiling=None if first is None else first.base_dir.parent)
        try:
            self._work_tree = PendingWorkTree(processes, folder)
            if first is None:
                self._place = processes.start(folder, "rev-parse", "--is-shallow-repository", "--show-toplevel")
            commit = None if first is None else first.commit
            self._facts = PendingCommitFacts(processes, folder, commit) if facts else None
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
        """Wait for git and return what it said; parameters and errors are those of :func:`read_git_state`."""
        first = self._first
        base_dir, shallow = self._place_of_repository() if first is None else (first.base_dir, first.shallow)
        uncounted = Uncounted.of(ignore, results_folder, base_dir)
        tree = self._work_tree.answer(base_dir)
        changes = list(judged(self._processes, base_dir, tree.changes, uncounted))
        counted = [change for change, counts in changes if counts]
        listed: dict[str, set[str]] = {name: set() for name in COUNTED_KINDS}
        for change in counted:
            listed[change.field].add(shown(change.path))
        commit = None if tree.head.commit is None else shown(tree.head.commit)
        branch = None if tree.head.branch is None else shown(tree.head.branch)
        return GitState(
            base_dir=base_dir,
            commit=commit,
            branch=branch,
            detached=branch is None,
            facts=None if self._facts is None else self._facts.answer(branch if first is None else first.branch),
            shallow=shallow,
            # Without a commit there is nothing that could reproduce anything.
            dirty=commit is None or bool(counted),
            **{name: tuple(sorted(paths)) for name, paths in listed.items()},
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
    return None if file is None else path_in_repository(file, base_dir) in tree.tracked
