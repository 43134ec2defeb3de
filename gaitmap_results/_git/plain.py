"""Reads from the files of a plain repository what would otherwise take two processes of git."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gaitmap_results._git.index_file import list_tracked

__all__ = ["PlainRepository", "find_plain_repository"]

_MAX_BYTES = 1 << 20
# What a setting's line may look like; anything else (quotes, escapes, comments, values over several lines) is git's.
_SECTION = re.compile(rb"\[(?P<name>[A-Za-z0-9-]+)(?: \"(?P<part>[^\"\\\n]*)\")?\]")
_SETTING = re.compile(rb"(?P<key>[A-Za-z][A-Za-z0-9-]*) *= *(?P<value>[^\"\\#;\s](?:[^\"\\#;\n]*[^\"\\#;\s])?)")
# Sections and settings that send git to other files or another work tree.
_ELSEWHERE = re.compile(rb"include(if)?\..*|core\.worktree|extensions\..*")
_WANTED = re.compile(rb"remote\..*\.url|branch\..*\.remote", re.DOTALL)
_COMMIT = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?\n?")
# Settings that come from the environment count like those of a file.
_SETTINGS_VARIABLES = ("GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS", "GIT_DISCOVERY_ACROSS_FILESYSTEM")


@dataclass(frozen=True)
class PlainRepository:
    """A repository with its ``.git`` folder in the top folder of its work tree, and all settings in one file.

    Attributes
    ----------
    base_dir
        The top folder of the work tree, without links on the way.
    shallow
        Whether the history is cut off.
    settings
        The URLs of remotes and the remotes of branches, as ``git config -z --get-regexp`` lists them.
    tracked
        The tracked files, as ``git ls-files -z -v`` lists them; ``None`` if git is to be asked for them.
    """

    base_dir: Path
    shallow: bool
    settings: bytes
    tracked: bytes | None


def find_plain_repository(folder: Path) -> PlainRepository | None:
    """Return the repository that a folder lies in, or ``None`` if that is to be found out by git itself.

    That is so for linked work trees, submodules, included settings, and whatever else is not usual.
    """
    if any(name in os.environ for name in _SETTINGS_VARIABLES):
        return None
    try:
        base_dir = _top_folder(Path(os.path.realpath(folder)))
        if base_dir is None or not _is_repository(base_dir / ".git"):
            return None
        settings = _settings(_read(base_dir / ".git" / "config"))
        shallow = os.path.lexists(base_dir / ".git" / "shallow")
        tracked = list_tracked(base_dir / ".git" / "index")
    except (OSError, ValueError):
        return None
    return None if settings is None else PlainRepository(base_dir, shallow, settings, tracked)


def _top_folder(folder: Path) -> Path | None:
    ceilings = [
        os.path.realpath(ceiling)
        for ceiling in os.environ.get("GIT_CEILING_DIRECTORIES", "").split(os.pathsep)
        if ceiling
    ]
    device = folder.stat().st_dev
    if ".git" in folder.parts:
        return None
    for candidate in (folder, *folder.parents):
        if candidate != folder and (str(candidate) in ceilings or candidate.stat().st_dev != device):
            return None
        if os.path.lexists(candidate / ".git"):
            return candidate
    return None


def _is_repository(folder: Path) -> bool:
    """Say whether git would take a folder for its own; one that is no repository it passes over."""
    if not all(
        os.path.isdir(place) and not os.path.islink(place) for place in (folder, folder / "objects", folder / "refs")
    ):
        return False
    head = _read(folder / "HEAD")
    return head.startswith(b"ref: refs/") or _COMMIT.fullmatch(head) is not None


def _read(path: Path) -> bytes:
    if path.is_symlink() or path.stat().st_size > _MAX_BYTES:
        raise ValueError("not usual")
    return path.read_bytes()


def _settings(config: bytes) -> bytes | None:
    found = []
    for name, value in _lines(config):
        if _ELSEWHERE.fullmatch(name) or (name, value.lower()) == (b"core.bare", b"true"):
            return None
        if _WANTED.fullmatch(name):
            found.append(b"%s\n%s\0" % (name, value))
    return b"".join(found)


def _lines(config: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and value of every setting.

    Raises
    ------
    ValueError
        If a line is not of the usual form.
    """
    section = b""
    for line in config.split(b"\n"):
        stripped = line.strip()
        header, setting = _SECTION.fullmatch(stripped), _SETTING.fullmatch(stripped)
        if header:
            part = header["part"]
            section = header["name"].lower() + (b"" if part is None else b"." + part)
        elif setting and section:
            yield section + b"." + setting["key"].lower(), setting["value"]
        elif stripped:
            raise ValueError("not usual")
