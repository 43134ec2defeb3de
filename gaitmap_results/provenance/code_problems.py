"""Explain why nobody else can fetch a loaded file."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

from gaitmap_results.provenance.file_origin import Origin, is_generated_version_file
from gaitmap_results.provenance.git.tracking import FileInRepository

__all__ = ["VOUCH", "FileState", "Unidentified", "original_of_copy", "why_unidentified"]

#: What a user may do instead of committing a file.
VOUCH = "or name it in git_dirty_ignore, which vouches for it"
#: The size of a file, and its modification time in nanoseconds.
FileState: TypeAlias = tuple[int, int]


class Unidentified(NamedTuple):
    """Code that nobody else can fetch: its place, the reason, and what to do about it."""

    file: str
    reason: str
    fix: str


def original_of_copy(file: str, origin: Origin, found: Mapping[str, FileInRepository]) -> FileInRepository | None:
    """Return the tracked original of an installed file, or else one that explains why there is none."""
    sources = [found[str(path)] for path in origin.counterparts if str(path) in found]
    same = [each for each in sources if each.state == "unchanged" and _same_content(each.file, file)]
    return next(iter(same or sources), None)


def _same_content(one: str, other: str) -> bool:
    try:
        return _compared(one, _state(one), other, _state(other))
    except OSError:
        return False


@functools.lru_cache(maxsize=4096)
def _compared(one: str, _: FileState, other: str, __: FileState) -> bool:
    return Path(one).read_bytes() == Path(other).read_bytes()


def _state(file: str) -> FileState:
    status = os.stat(file)
    return status.st_size, status.st_mtime_ns


def why_unidentified(file: str, origin: Origin, source: FileInRepository | None) -> Unidentified | None:
    """Return why nobody else can fetch a file that must be in a repository; None if there is no problem."""
    if origin.kind == "folder":
        return _problem_of_copy(file, origin, source)
    if source is None:
        if origin.kind == "tool":
            return None
        if origin.reason:
            return Unidentified(file, origin.reason, origin.fix)
        fix = (
            "Put it into a git repository and commit it, or install the package that it belongs to from an index or a "
            "VCS URL, or name its absolute path in git_dirty_ignore, which vouches for it."
        )
        return Unidentified(file, "it is in no repository", fix)
    if source.state == "unchanged" or (source.state == "ignored" and is_generated_version_file(Path(file))):
        return None
    if origin.reason and source.state in ("untracked", "ignored"):
        return Unidentified(file, origin.reason, origin.fix)
    reason, fix = {
        "modified": ("it has uncommitted changes", f"Commit it, {VOUCH}."),
        "untracked": ("git does not track it", f"Add it to the repository and commit it, {VOUCH}."),
        "ignored": ("git ignores it", f"Commit it (`git add --force`), {VOUCH}."),
    }.get(source.state, (f"git could not say whether it is committed: {source.problem}", "Fix that, and run again."))
    return Unidentified(file, reason, fix)


def _problem_of_copy(file: str, origin: Origin, source: FileInRepository | None) -> Unidentified | None:
    name = "its package" if origin.package is None else origin.package.name
    if source is not None and source.state == "unchanged" and _same_content(source.file, file):
        return None
    if is_generated_version_file(Path(file)) and (source is None or source.state == "ignored"):
        return None
    if source is None:
        fix = "Install the package from an index or a VCS URL, or from a folder that is a git repository."
        return Unidentified(file, f"{name} was installed from a folder in which no repository has this file", fix)
    if source.state == "unchanged":
        fix = "Install the package again from its folder."
        return Unidentified(file, f"it is not what the folder that {name} was installed from holds now", fix)
    fix = "Commit what is in the folder, and install the package again."
    return Unidentified(file, f"in the folder that {name} was installed from it is {source.state}", fix)
