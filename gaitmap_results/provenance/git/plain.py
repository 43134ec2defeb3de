"""Reads from the files of a plain repository what would otherwise take three processes of git."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gaitmap_results.provenance.git.index_file import list_tracked

__all__ = ["PlainRepository", "find_plain_repository"]

_MAX_BYTES = 1 << 20
# What a setting's line may look like; anything else (quotes, escapes, comments, values over several lines, tabs in a
# value, of which versions of git make different things) is git's.
_SECTION = re.compile(rb'\[(?P<name>[A-Za-z0-9-]+)(?: "(?P<part>[ !#-\[\]-~]*)")?\]')
_VISIBLE = rb"!$-:<-\[\]-~\x80-\xff"
_SETTING = re.compile(rb"(?P<key>[A-Za-z][A-Za-z0-9-]*) *= *(?P<value>[" + _VISIBLE + rb"][ " + _VISIBLE + rb"]*)")
# Sections and settings that send git to other files, to another work tree or to another kind of repository.
_ELSEWHERE = re.compile(rb"include(if)?\..*|core\.worktree|extensions\..*")
# Settings that may have no other value than the one that git gives them in a new repository.
_VERSION = b"core.repositoryformatversion"
_FIXED = {_VERSION: b"0", b"core.bare": b"false"}
_WANTED = re.compile(rb"remote\..*\.url|branch\..*\.remote")
_COMMIT = re.compile(rb"[0-9a-f]{40}\n?")
_SHALLOW = re.compile(rb"(?:[0-9a-f]{40}\n)+")
# Sections in a file of the user that can hold the remote of a branch or lead to it.
_REMOTE_SECTION = re.compile(rb"\[\s*(?:remote|branch|include)", re.IGNORECASE)
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

    That is so for linked work trees, submodules, included settings, remotes among the settings of the user, and
    whatever else is not usual.
    Only a system-wide file of settings in another place than ``/etc/gitconfig`` is not looked at, because where it is
    was decided when git was built.
    """
    if any(name in os.environ for name in _SETTINGS_VARIABLES):
        return None
    try:
        base_dir = _top_folder(folder)
        if base_dir is None or not _is_usual(base_dir) or _has_remote_elsewhere():
            return None
        settings = _settings(_read(base_dir / ".git" / "config"))
        shallow = _is_shallow(base_dir / ".git" / "shallow")
        tracked = list_tracked(base_dir / ".git" / "index")
    except (OSError, ValueError):
        return None
    return None if settings is None else PlainRepository(base_dir, shallow, settings, tracked)


def _top_folder(given: Path) -> Path | None:
    folder = Path(os.path.realpath(given))
    drive, real_drive = (os.path.normcase(os.path.splitdrive(path)[0]) for path in (os.path.abspath(given), folder))
    # git names the folders of a network drive of Windows in its own way.
    if drive != real_drive or not folder.is_dir() or ".git" in folder.parts:
        return None
    ceilings = {
        os.path.normcase(os.path.realpath(ceiling))
        for ceiling in os.environ.get("GIT_CEILING_DIRECTORIES", "").split(os.pathsep)
        if ceiling
    }
    device = folder.stat().st_dev
    for candidate in (folder, *folder.parents):
        if candidate != folder and (
            os.path.normcase(candidate) in ceilings or candidate.stat().st_dev != device  # git stops at both
        ):
            return None
        if _exists(candidate / ".git"):
            return candidate
        if _exists(candidate / "HEAD"):
            return None  # perhaps a bare repository, which git would take
    return None


def _exists(path: Path) -> bool:
    """Return whether there is anything of that name, and raise if that cannot be seen."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True


def _is_usual(base_dir: Path) -> bool:
    """Return whether git would take the ``.git`` of a folder, and nothing in there leads elsewhere.

    A ``.git`` folder that is no repository git passes over.
    """
    # A path with a separator in it could not be given to git as a ceiling.
    if os.pathsep in str(base_dir):
        return False
    # Where letters of either case are the same, the path may be spelled differently from what git would say.
    if os.name != "nt" and _exists(base_dir / ".GIT"):
        return False
    folder = base_dir / ".git"
    for place in (folder, folder / "objects", folder / "refs"):
        if not stat.S_ISDIR(place.lstat().st_mode) or not os.access(place, os.X_OK):
            return False
    head = _read(folder / "HEAD")
    return not _exists(folder / "commondir") and (head.startswith(b"ref: refs/") or _COMMIT.fullmatch(head) is not None)


def _read(path: str | Path, *, follow_links: bool = False) -> bytes:
    found = os.stat(path, follow_symlinks=follow_links)
    # Nothing but a file may be opened: another process could wait for what is read from a pipe.
    if not stat.S_ISREG(found.st_mode) or found.st_size > _MAX_BYTES:
        raise ValueError("not usual")
    return Path(path).read_bytes()


def _is_shallow(path: Path) -> bool:
    if not _exists(path):
        return False
    if not _SHALLOW.fullmatch(_read(path)):
        raise ValueError("not usual")
    return True


def _has_remote_elsewhere() -> bool:
    """Return whether there may be a remote, or the remote of a branch, outside of the repository's own settings."""
    for path in _other_files():
        if not os.path.isabs(path):
            return True
        try:
            if _REMOTE_SECTION.search(_read(path, follow_links=True)):
                return True
        except FileNotFoundError:
            continue
    return False


def _other_files() -> set[str]:
    """Return the places where git looks for settings of the machine and of the user: rather too many than too few."""
    found = set(_user_files())
    if os.environ.get("GIT_CONFIG_NOSYSTEM") not in ("1", "true"):
        default = "/etc/gitconfig" if os.name != "nt" else os.path.expandvars(r"%PROGRAMDATA%\Git\config")
        found.add(os.environ.get("GIT_CONFIG_SYSTEM", default))
    return found - {"", os.devnull}


def _user_files() -> Iterator[str]:
    variables = os.environ
    if "GIT_CONFIG_GLOBAL" in variables:
        yield variables["GIT_CONFIG_GLOBAL"]
        return
    homes = [variables.get("HOME", ""), os.path.expanduser("~")]
    homes.append(variables.get("HOMEDRIVE", "") + variables.get("HOMEPATH", ""))
    for home in filter(None, homes):
        yield os.path.join(home, ".gitconfig")
        yield os.path.join(home, ".config", "git", "config")
    for name in ("XDG_CONFIG_HOME", "APPDATA"):
        if variables.get(name):
            yield os.path.join(variables[name], "git", "config")


def _settings(config: bytes) -> bytes | None:
    found = []
    has_version = False
    for name, value in _lines(config):
        if _ELSEWHERE.fullmatch(name) or _FIXED.get(name, value) != value:
            return None
        has_version |= name == _VERSION
        if _WANTED.fullmatch(name):
            found.append(b"%s\n%s\0" % (name, value))
    return b"".join(found) if has_version else None


def _lines(config: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and value of every setting.

    Raises
    ------
    ValueError
        If a line is not of the usual form.
    """
    section = b""
    for line in config.split(b"\n"):
        stripped = line.strip(b" \t\r")
        header, setting = _SECTION.fullmatch(stripped), _SETTING.fullmatch(stripped)
        if header:
            part = header["part"]
            section = header["name"].lower() + (b"" if part is None else b"." + part)
        elif setting and section:
            yield section + b"." + setting["key"].lower(), setting["value"]
        elif stripped:
            raise ValueError("not usual")
