"""Decide for each changed path of a working tree whether it counts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from gaitmap_results.provenance.git.changes import Change, closed_folders
from gaitmap_results.provenance.git.processes import GitProcesses
from gaitmap_results.provenance.git.uncounted_paths import Uncounted

__all__ = ["files_in", "judged"]


def judged(
    processes: GitProcesses, base_dir: Path, changes: Iterable[Change], uncounted: Uncounted
) -> Iterator[tuple[Change, bool]]:
    """Yield every change with whether it counts, splitting a folder where its files differ in that.

    git lists a folder without tracked files as one path.
    """
    for change in changes:
        untracked = change.kind == "untracked"
        if uncounted.covers(change.path, untracked=untracked):
            yield change, False
        elif not change.path.endswith(b"/") or not uncounted.may_lie_in(change.path):
            yield change, True
        else:
            files = files_in(processes, base_dir, change)
            covered = {path for path in files if uncounted.covers(path, untracked=untracked)}
            for counts, paths, others in ((False, covered, files - covered), (True, files - covered, covered)):
                for path in _shortened(paths, others, change.path):
                    yield replace(change, path=path), counts


def files_in(processes: GitProcesses, base_dir: Path, change: Change) -> set[bytes]:
    """Return the files of a changed folder, without those that git ignores."""
    if change.kind == "submodules":  # a folder without a repository, so git cannot list it
        return set(_walk(base_dir, change.path)) or {change.path}
    options = ("--literal-pathspecs", "ls-files", "-z", "--others", "--exclude-standard")
    folder = base_dir / os.fsdecode(change.submodule)
    asked = processes.start(folder, *options, "--", os.fsdecode(change.path[len(change.submodule) :]))
    output, messages = processes.answer(asked)
    found = [path for path in output.split(b"\0") if path] + closed_folders(messages)
    return {change.submodule + path for path in found} or {change.path}


def _walk(base_dir: Path, path: bytes) -> Iterator[bytes]:
    top = os.fsencode(base_dir)
    for folder, _, files in os.walk(os.path.join(top, path)):
        for name in files:
            yield os.path.relpath(os.path.join(folder, name), top).replace(os.fsencode(os.sep), b"/")


def _shortened(paths: Iterable[bytes], others: Iterable[bytes], top: bytes) -> set[bytes]:
    """Replace paths by the outermost folders that hold none of the others, as git itself lists them."""
    mixed = {folder for path in others for folder in _folders(path, top)}
    return {next((folder for folder in _folders(path, top) if folder not in mixed), path) for path in paths}


def _folders(path: bytes, top: bytes) -> Iterator[bytes]:
    """Yield the folders around a path from the outside in, starting at ``top``."""
    at = path.find(b"/", len(top) - 1)
    while at != -1:
        yield path[: at + 1]
        at = path.find(b"/", at + 1)
