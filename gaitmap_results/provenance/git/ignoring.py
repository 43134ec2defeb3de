"""Decide which paths ``git_dirty_ignore`` covers.

Inside this package a path is the bytes that git prints.
A name may not be valid text, and a decision about it must not depend on how it is shown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from gaitmap_results.exceptions import InvalidOptionError
from gaitmap_results.provenance.git.patterns import compile_pattern, is_pattern, matches_everything

__all__ = ["IgnoreList", "check_git_dirty_ignore", "is_in", "path_in_repository"]


def check_git_dirty_ignore(entries: Sequence[str | Path]) -> tuple[str, ...]:
    """Return the normalised entries of a ``git_dirty_ignore`` list, or refuse invalid ones.

    Absolute paths and ``~`` stay, because only a repository can say whether they are in it.

    Raises
    ------
    InvalidOptionError
        If it is not a list of paths, or if an entry is empty, leaves the repository, or would ignore all of it.

    Examples
    --------
    >>> from gaitmap_results.provenance.git import check_git_dirty_ignore
    >>> check_git_dirty_ignore(["./results/", "docs//figures", "results", "slurm-*.out"])
    ('results', 'docs/figures', 'slurm-*.out')
    """
    given: object = entries
    if isinstance(given, (str, bytes, os.PathLike)) or not isinstance(given, Iterable):
        raise InvalidOptionError(
            f"git_dirty_ignore must be a list of files, folders and patterns, but it is {given!r}. "
            "Put a single one into a list: git_dirty_ignore=['results']."
        )
    return tuple(dict.fromkeys(_checked(entry) for entry in given))


def _checked(entry: object) -> str:
    if not isinstance(entry, (str, PurePath)):
        raise _refused(entry, "it is neither a string nor a Path")
    if "\0" in str(entry):
        raise _refused(entry, "it contains a NUL character")
    path = PurePath(entry)
    if not str(entry) or path == PurePath(path.anchor) or path.parts == ("~",):
        raise _refused(entry, "it stands for everything, so no change would count")
    if str(entry).startswith("!"):
        raise _refused(entry, "it starts with '!', and there are no exceptions here")
    if ".." in path.parts:
        raise _refused(entry, "it contains '..'")
    if path.anchor and not path.is_absolute():
        raise _refused(entry, "it is neither absolute nor relative to the repository")
    checked = path.as_posix()
    if is_pattern(checked):
        # A trailing slash restricts a pattern to folders.
        checked += "/" if str(entry).endswith("/") else ""
        if matches_everything(checked):
            raise _refused(entry, "it matches every file, so no change would count")
    return checked


def _refused(entry: object, reason: str) -> InvalidOptionError:
    return InvalidOptionError(
        f"The entry {entry!r} of git_dirty_ignore is refused: {reason}. "
        "Name files or folders relative to the top folder of the repository, or patterns as in .gitignore."
    )


@dataclass(frozen=True)
class IgnoreList:
    """The meaning of the entries of ``git_dirty_ignore`` in one repository.

    Attributes
    ----------
    base_dir
        The top folder of the working tree, with symbolic links resolved.
    places
        The path of each entry in the working tree, if it is there.
    patterns
        The compiled form of each pattern.
    outside
        The entries outside of the working tree, as absolute paths; they vouch for code there.
    """

    base_dir: Path
    places: Mapping[str, bytes]
    patterns: Mapping[str, re.Pattern[str]]
    outside: Mapping[str, str]

    @classmethod
    def of(cls, entries: Iterable[str], base_dir: Path) -> IgnoreList:
        """Return the meaning of validated entries.

        Raises
        ------
        InvalidOptionError
            If an absolute entry is the working tree or contains it.
        """
        places, patterns, outside = {}, {}, {}
        for entry in entries:
            if is_pattern(entry):
                patterns[entry] = compile_pattern(entry)
            absolute = os.path.expanduser(entry)
            if not PurePath(absolute).is_absolute():
                places[entry] = os.fsencode(entry.rstrip("/"))
                continue
            place = path_in_repository(absolute, base_dir, follow=False)
            real = os.path.realpath(absolute)
            if place is not None:
                places[entry] = place
                if entry in patterns:
                    patterns[entry] = compile_pattern(f"/{os.fsdecode(place)}{'/' * entry.endswith('/')}")
            elif real == str(base_dir) or path_in_repository(base_dir, Path(real)) is not None:
                raise _refused(entry, f"it contains the repository {base_dir}, so no change would count")
            else:
                outside[entry] = real
        return cls(base_dir, places, patterns, outside)

    def covers(self, path: bytes) -> bool:
        """Return whether an entry covers a path of the working tree; a folder ends with ``/``."""
        text = os.fsdecode(path)
        return any(is_in(path, place) for place in self.places.values()) or any(
            pattern.match(text) for pattern in self.patterns.values()
        )

    def vouches_for(self, file: Path) -> bool:
        """Return whether an entry covers a file, inside or outside of the working tree."""
        ways = {os.path.abspath(file), os.path.realpath(file)}
        inside = [path_in_repository(way, self.base_dir, follow=False) for way in ways]
        if any(self.covers(place) for place in inside if place is not None):
            return True
        named = [compile_pattern(place) for place in self.outside.values() if is_pattern(place)]
        return any(
            is_in(os.fsencode(way), os.fsencode(place)) for way in ways for place in self.outside.values()
        ) or any(pattern.match(way.replace(os.sep, "/").lstrip("/")) for way in ways for pattern in named)

    def unmatched(self, changed: Iterable[bytes]) -> tuple[str, ...]:
        """Return the entries that match neither a file nor a change, except patterns."""
        changed = tuple(changed)
        there = {
            entry: _is_there(self.base_dir, place) or any(is_in(path, place) for path in changed)
            for entry, place in self.places.items()
        }
        there |= {entry: os.path.lexists(place) for entry, place in self.outside.items()}
        return tuple(entry for entry, is_there in there.items() if not is_there and entry not in self.patterns)


def is_in(path: bytes, place: bytes) -> bool:
    """Return whether a path is ``place`` or inside of it."""
    path = path.rstrip(b"/")
    return path == place or path.startswith(place + b"/")


def path_in_repository(path: str | Path, base_dir: Path, *, follow: bool = True) -> bytes | None:
    """Return a path relative to the working tree, or None if it is not strictly inside.

    Links in the parent folders are resolved, so that every way to a file gives the same path.
    A link at the end is resolved only with ``follow``.
    ``base_dir`` must not contain links.
    """
    absolute = os.path.abspath(path)
    folder, name = os.path.split(absolute)
    real = os.path.realpath(absolute) if follow else os.path.join(os.path.realpath(folder), name)
    base = os.path.join(base_dir, "")
    if not os.path.normcase(real).startswith(os.path.normcase(base)):
        return None
    inside = real[len(base) :]
    return os.fsencode(inside.replace(os.sep, "/")) if inside else None


def _is_there(base_dir: Path, place: bytes) -> bool:
    """Return whether git could report a place in the working tree as changed."""
    path = base_dir / os.fsdecode(place)
    # git does not follow links, so an entry that leads through one would never match.
    return os.path.lexists(path) and os.path.realpath(path.parent) == str(path.parent)
