"""Read the state of a repository, at the start and at the end of a run."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gaitmap_results.provenance.git.changes import parse_status, shown_changes, start_status
from gaitmap_results.provenance.git.commit import CommitFacts, PendingCommitFacts
from gaitmap_results.provenance.git.ignoring import (
    covers,
    entries_in_repository,
    matches_a_file,
    path_in_repository,
    results_entries,
)
from gaitmap_results.provenance.git.processes import GitProcesses

__all__ = ["GitState", "PendingStatus", "read_git_state", "reread_git_state"]


_COUNTED = ("staged", "unstaged", "untracked", "conflicted", "submodules")


@dataclass(frozen=True)
class GitState:
    r"""What git says about a work tree.

    All paths are relative to ``base_dir``, with ``/`` between their parts; bytes that are no UTF-8 are shown as
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
        Whether the commit would not reproduce the files, apart from the ignored ones.
    staged, unstaged, untracked, conflicted, submodules
        The changed paths that count. A path can be both staged and unstaged.
    ignored
        The changed paths that do not count.
    unmatched_ignores
        Entries of the ignore list that match neither a file nor a change.
    hidden
        Tracked files whose changes git was told not to report (``assume-unchanged``, ``skip-worktree``).
    caller_tracked
        Whether the caller's file is tracked; None if there is none or it is unknown.
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
    ignored: tuple[str, ...]
    unmatched_ignores: tuple[str, ...]
    hidden: tuple[str, ...]
    caller_tracked: bool | None

    def differs_from(self, other: GitState) -> bool:
        """Return whether the commit, or one of the changed paths that count, is not the same as in ``other``."""
        return any(getattr(self, name) != getattr(other, name) for name in ("commit", *_COUNTED))


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
        Files and folders whose changes do not count, relative to the top of the work tree, as
        :func:`check_git_dirty_ignore` returns them.
    results_folder
        Changes in it do not count either, if it lies strictly inside the work tree and ``caller_file`` is not in it.
    caller_file
        The file to look for among the tracked files.
    timeout
        Seconds that all of it may take.

    Raises
    ------
    GitUnreadableError
        If there is no repository, or git cannot read it.
    InvalidOptionError
        If ``ignore`` has an absolute entry that does not lie inside the work tree.
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
            # Side by side: in a large repository the status alone takes nearly all of the time.
            self._status = start_status(processes, folder)
            if first is None:
                self._place = processes.start(folder, "rev-parse", "--is-shallow-repository", "--show-toplevel")
            self._listing = processes.start(
                folder, "ls-files", "-z", "-v", "--full-name", "--recurse-submodules", "--", ":(top)"
            )
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
        files = self._processes.answer_or_none(self._listing)
        results = results_entries(results_folder, caller_file, base_dir)
        counted = _status_fields(self._processes, self._status, base_dir, ignore, results)
        branch = counted["branch"] if first is None else first.branch
        return GitState(
            base_dir=base_dir,
            shallow=shallow,
            facts=None if self._facts is None else self._facts.answer(branch),
            hidden=_hidden(files or b"", base_dir),
            caller_tracked=_is_tracked(caller_file, files, base_dir) if first is None else first.caller_tracked,
            **counted,
        )

    def _place_of_repository(self) -> tuple[Path, bool]:
        shallow, _, top = self._processes.answer(self._place)[0].partition(b"\n")
        return Path(os.path.realpath(os.fsdecode(top.removesuffix(b"\n")))), shallow == b"true"


def _status_fields(
    processes: GitProcesses, status: int, base_dir: Path, entries: Sequence[str], results: set[bytes]
) -> dict[str, Any]:
    """Return the fields of GitState that an answer of ``git status`` decides."""
    head, changes = parse_status(*processes.answer(status))
    ignored = entries_in_repository(entries, base_dir)
    covered = results.union(ignored.values())
    found: dict[str, set[bytes]] = {name: set() for name in (*_COUNTED, "ignored")}
    for change in shown_changes(processes, base_dir, changes, covered):
        found["ignored" if covers(covered, change.path) else change.kind].add(change.path)
    changed = set[bytes]().union(*found.values())
    unmatched = [
        entry
        for entry, place in ignored.items()
        if not matches_a_file(place, base_dir) and not any(covers([place], path) for path in changed)
    ]
    return {
        "commit": None if head.commit is None else _text(head.commit),
        "branch": None if head.branch is None else _text(head.branch),
        "detached": head.branch is None,
        # Without a commit there is nothing that could reproduce anything.
        "dirty": head.commit is None or any(found[name] for name in _COUNTED),
        **{name: tuple(_text(path) for path in sorted(paths)) for name, paths in found.items()},
        "unmatched_ignores": tuple(_text(os.fsencode(entry)) for entry in unmatched),
    }


def _hidden(files: bytes, base_dir: Path) -> tuple[str, ...]:
    """Return the files that ``git ls-files -v`` marks: a small letter is assume-unchanged, an S is skip-worktree."""
    marked = re.findall(rb"(?:\A|\0)[a-zS] ([^\0]*)", files)
    # A sparse checkout marks every file that it leaves out; nothing of those is hidden.
    return tuple(_text(path) for path in marked if os.path.lexists(base_dir / os.fsdecode(path)))


def _is_tracked(file: Path | None, files: bytes | None, base_dir: Path) -> bool | None:
    if file is None or files is None:
        return None
    path = path_in_repository(file, base_dir)
    return path is not None and re.search(rb"(?:\A|\0). " + re.escape(path) + rb"\0", files) is not None


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")
