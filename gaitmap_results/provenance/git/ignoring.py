"""Decides which paths of a work tree do not count as changed.

Inside this package a path is the bytes that git prints, because a name need not be text, and what is decided about a
name must not depend on how it is shown.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from gaitmap_results.exceptions import InvalidOptionError

__all__ = [
    "check_git_dirty_ignore",
    "covers",
    "entries_in_repository",
    "matches_a_file",
    "path_in_repository",
    "results_entries",
]


def check_git_dirty_ignore(entries: Sequence[str | Path]) -> tuple[str, ...]:
    """Return the entries of a ``git_dirty_ignore`` list in one spelling, or refuse what can never be meant.

    No repository is needed.
    Absolute paths stay absolute, because only a repository can say whether they lie in it.

    Raises
    ------
    InvalidOptionError
        If it is not a list of paths, or if an entry is empty, leaves the repository, or would ignore all of it.

    Examples
    --------
    >>> from gaitmap_results.provenance.git import check_git_dirty_ignore
    >>> check_git_dirty_ignore(["./results/", "docs//figures", "results"])
    ('results', 'docs/figures')
    """
    given: object = entries
    if isinstance(given, (str, bytes, os.PathLike)) or not isinstance(given, Iterable):
        raise InvalidOptionError(
            f"git_dirty_ignore must be a list of files and folders, but it is {given!r}. "
            "Put a single one into a list: git_dirty_ignore=['results']."
        )
    return tuple(dict.fromkeys(_checked(entry) for entry in given))


def _checked(entry: object) -> str:
    if not isinstance(entry, (str, PurePath)):
        raise _refused(entry, "it is neither a string nor a Path")
    if "\0" in str(entry):
        raise _refused(entry, "it contains a NUL character")
    path = PurePath(entry)
    if not str(entry) or path == PurePath(path.anchor):
        raise _refused(entry, "it stands for everything, so no change would count")
    if ".." in path.parts:
        raise _refused(entry, "it contains '..'")
    if path.anchor and not path.is_absolute():
        raise _refused(entry, "it is neither absolute nor relative to the repository")
    return path.as_posix()


def _refused(entry: object, reason: str) -> InvalidOptionError:
    return InvalidOptionError(
        f"The entry {entry!r} of git_dirty_ignore is refused: {reason}. "
        "Name files or folders inside the repository, relative to its top folder, without wildcards."
    )


def entries_in_repository(entries: Sequence[str], base_dir: Path) -> dict[str, bytes]:
    """Return where in the work tree each checked entry is.

    Raises
    ------
    InvalidOptionError
        If an absolute entry is not strictly inside the work tree.
    """
    found = {}
    for entry in entries:
        path = os.fsencode(entry)
        if PurePath(entry).is_absolute():
            inside = path_in_repository(entry, base_dir, follow=False)
            if inside is None:
                raise _refused(entry, f"it does not lie inside the repository {base_dir}")
            path = inside
        found[entry] = path
    return found


def results_entries(results_folder: Path | None, caller_file: Path | None, base_dir: Path) -> set[bytes]:
    """Return where in the work tree the results folder is, if its changes do not count."""
    if results_folder is None:
        return set()
    # A results folder that is a link into a larger disk is a link in the repository and a folder outside of it.
    places = {path_in_repository(results_folder, base_dir, follow=follow) for follow in (True, False)}
    entries = {place for place in places if place is not None}
    caller = None if caller_file is None else path_in_repository(caller_file, base_dir)
    return set() if caller is not None and covers(entries, caller) else entries


def path_in_repository(path: str | Path, base_dir: Path, *, follow: bool = True) -> bytes | None:
    """Return a path relative to the work tree, or None if it is not strictly inside.

    Links on the way are followed, so that every way to a file gives the same path; a link at the end only with
    ``follow``.
    There is none on the way to ``base_dir``.
    """
    absolute = os.path.abspath(path)
    folder, name = os.path.split(absolute)
    real = os.path.realpath(absolute) if follow else os.path.join(os.path.realpath(folder), name)
    base = os.path.join(base_dir, "")
    if not os.path.normcase(real).startswith(os.path.normcase(base)):
        return None
    inside = real[len(base) :]
    return os.fsencode(inside.replace(os.sep, "/")) if inside else None


def covers(entries: Iterable[bytes], path: bytes) -> bool:
    """Return whether a path is one of the entries or lies in one of them."""
    path = path.rstrip(b"/")
    return any(path == entry or path.startswith(entry + b"/") for entry in entries)


def matches_a_file(entry: bytes, base_dir: Path) -> bool:
    """Return whether an entry names something in the work tree that git could report as changed."""
    path = base_dir / os.fsdecode(entry)
    # git does not look behind links, hence an entry that leads through one would never match.
    return os.path.lexists(path) and os.path.realpath(path.parent) == str(path.parent)
