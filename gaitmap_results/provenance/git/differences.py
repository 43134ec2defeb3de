"""Find out what changed in a repository during a run."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gaitmap_results.provenance.git.changes import Change, shown
from gaitmap_results.provenance.git.judging import files_in
from gaitmap_results.provenance.git.processes import GitProcesses, GitUnreadableError
from gaitmap_results.provenance.git.uncounted_paths import Uncounted

__all__ = ["Differences", "find_differences"]

_CODE = frozenset({".py", ".pyx", ".so", ".pyd", ".ipynb"})
# One change in the output of `git diff-tree --raw -z`.
_RAW = re.compile(rb":[0-7]+ [0-7]+ [0-9a-f]+ [0-9a-f]+ (?P<what>[A-Z])[0-9]*\0(?P<path>[^\0]+)\0")


@dataclass(frozen=True)
class Differences:
    """The relevant differences between the start and the end of a run.

    Attributes
    ----------
    changed
        The paths that changed; they may be the code that ran.
    created
        New untracked files that are neither code nor loaded: the output of the run.
    other_commit
        Whether the commit changed and git could not say how.
    """

    changed: tuple[str, ...] = ()
    created: tuple[str, ...] = ()
    other_commit: bool = False

    def __bool__(self) -> bool:
        """Return whether the commit may differ from the code that ran."""
        return bool(self.changed) or self.other_commit


def find_differences(
    processes: GitProcesses,
    base_dir: Path,
    first: Mapping[str, Iterable[str]],
    last: Iterable[Change],
    commits: tuple[str | None, str | None],
    uncounted: Uncounted,
) -> Differences:
    """Return what changed since the start of a run.

    Parameters
    ----------
    processes
        Starts git.
    base_dir
        The top folder of the working tree.
    first
        The relevant changed paths at the start, by field.
    last
        The relevant changes at the end.
    commits
        The commits that were checked out at the start and at the end.
    uncounted
        Decides which paths to ignore.
    """
    before = {name: set(paths) for name, paths in first.items()}
    listed: dict[str, set[str]] = {name: set() for name in first}
    new: list[Change] = []
    for change in last:
        path = shown(change.path)
        listed[change.field].add(path)
        if change.kind == "untracked" and not _is_among(path, before[change.field]):
            new.append(change)
    created, code = _sorted_out(processes, base_dir, new)
    changed = {path for name, paths in listed.items() for path in paths if not _is_among(path, before[name])}
    changed.update(path for name, paths in before.items() for path in paths if not _is_among(path, listed[name]))
    changed.difference_update(shown(change.path) for change in new)
    changed.update(map(shown, code))
    start, end = commits
    paths: Iterable[bytes] | None = ()
    if start != end:
        paths = _changed_by_commits(processes, base_dir, start, end, uncounted)
        changed.update(map(shown, paths or ()))
    return Differences(tuple(sorted(changed)), tuple(sorted(map(shown, created))), other_commit=paths is None)


def _is_among(path: str, others: set[str]) -> bool:
    """Say whether a path is listed; a folder may be listed as one path at one time and by its content at another."""
    folders = (path[: end + 1] for end, letter in enumerate(path) if letter == "/")
    if path in others or any(folder in others for folder in folders):
        return True
    return path.endswith("/") and any(other.startswith(path) for other in others)


def _sorted_out(processes: GitProcesses, base_dir: Path, new: list[Change]) -> tuple[set[bytes], set[bytes]]:
    """Return which new files are output of the run and which may be code; a folder of output is one path."""
    output: set[bytes] = set()
    code: set[bytes] = set()
    loaded = _loaded_files() if new else set()
    for change in new:
        files = files_in(processes, base_dir, change) if change.path.endswith(b"/") else {change.path}
        inner = {path for path in files if _may_have_run(base_dir, path, loaded)}
        code |= inner
        output |= files - inner if inner else {change.path}
    return output, code


def _may_have_run(base_dir: Path, path: bytes, loaded: set[str]) -> bool:
    name = os.fsdecode(path)
    # The content of a folder that git could not open is unknown.
    is_code = name.endswith("/") or PurePosixPath(name).suffix.lower() in _CODE
    return is_code or os.path.realpath(base_dir / name) in loaded


def _loaded_files() -> set[str]:
    # Attribute access could make a module load others.
    files = (vars(module).get("__file__") for module in list(sys.modules.values()) if hasattr(module, "__dict__"))
    return {os.path.realpath(file) for file in files if isinstance(file, str)}


def _changed_by_commits(
    processes: GitProcesses, base_dir: Path, start: str | None, end: str | None, uncounted: Uncounted
) -> list[bytes] | None:
    """Return the relevant paths in which two commits differ; None if git could not say.

    An added file was untracked before, and is ignored where an untracked file would be output of the run.
    """
    if start is None or end is None:
        return None
    options = ("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-ext-diff", "--ignore-submodules=none")
    try:
        output, _ = processes.answer(processes.start(base_dir, *options, start, end, "--"))
    except GitUnreadableError:
        return None
    loaded = _loaded_files()
    return [
        path
        for path, is_new in ((each["path"], each["what"] == b"A") for each in _RAW.finditer(output))
        if not uncounted.covers(path, untracked=is_new) and (not is_new or _may_have_run(base_dir, path, loaded))
    ]
