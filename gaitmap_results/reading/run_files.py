"""Read the files of a run folder, and nothing outside of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from gaitmap_results.exceptions import CorruptRunError, RunNotFoundError
from gaitmap_results.store.files import read_regular_file, walk
from gaitmap_results.store.json_files import parse_json

__all__ = [
    "IN_ANNEX",
    "MAX_BYTES",
    "is_in_annex",
    "links_out",
    "load_run_file",
    "read_run_file",
    "read_run_json",
    "why_not_followed",
]

_Parsed = TypeVar("_Parsed")

#: A larger metadata.json, custom_metadata.json or manifest is not read.
MAX_BYTES: Final = 64_000_000

_ANNEX: Final = "annex/objects"
_ANNEX_POINTER: Final = b"/annex/objects/"
#: Why a file in git-annex is not read; it is not damaged.
IN_ANNEX: Final = "git-annex keeps its content elsewhere; run `git annex get` and `git annex unlock` in that folder"


def read_run_file(folder: str, name: str) -> tuple[bytes, os.stat_result]:
    """Return the content of a file of a run folder, and its status before reading.

    Raises
    ------
    OSError
        If the file is missing or cannot be opened.
    ValueError
        If it is not a regular file, links to outside the run folder, or is larger than :data:`MAX_BYTES`.
    """
    path = f"{folder}{os.sep}{name}"
    try:
        content, status = read_regular_file(path, max_bytes=MAX_BYTES, follow_links=False)
    except ValueError:
        if not os.path.islink(path):
            raise
        if (reason := why_not_followed(path, folder)) is not None:
            raise ValueError(reason) from None
        content, status = read_regular_file(os.path.realpath(path), max_bytes=MAX_BYTES, follow_links=False)
    if content.startswith(_ANNEX_POINTER):
        raise ValueError(IN_ANNEX)
    return content, status


def read_run_json(folder: Path, name: str) -> Any:
    """Return the content of a JSON file of a run folder; see :func:`load_run_file`."""
    return load_run_file(folder, name, parse_json)


def load_run_file(folder: Path, name: str, parse: Callable[[bytes], _Parsed]) -> _Parsed:
    """Return the parsed content of a file of a run folder.

    Raises
    ------
    RunNotFoundError
        If it is missing.
    CorruptRunError
        If it cannot be read or parsed.
    """
    try:
        return parse(read_run_file(str(folder), name)[0])
    except (FileNotFoundError, NotADirectoryError) as error:
        if not folder.is_dir():
            raise RunNotFoundError(f"There is no folder {folder}, so there is no run to read.") from error
        raise RunNotFoundError(
            f"There is no run in {folder}: it has no {name}. A run folder is the one that is named after a time stamp."
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CorruptRunError(f"{folder / name} cannot be read: {reason}.", path=folder) from error


def why_not_followed(link: str, folder: str) -> str | None:
    """Return why a link in a run folder is not followed; ``None`` if its target is in the folder."""
    if is_in_annex(link):
        return IN_ANNEX
    if os.path.realpath(link).startswith(os.path.realpath(folder) + os.sep):
        return None
    return "it is a link that leads out of the run folder"


def is_in_annex(path: str) -> bool:
    """Say whether a file is a link into git-annex, or only the name of an annexed key."""
    try:
        if os.path.islink(path):
            return _ANNEX in os.readlink(path).replace(os.sep, "/")
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return False
        with open(path, "rb") as file:
            return file.read(len(_ANNEX_POINTER)) == _ANNEX_POINTER
    except OSError:
        return False


def links_out(folder: Path, within: str) -> list[tuple[str, str]]:
    """Return the links of a folder that are not followed, each with the reason.

    Parameters
    ----------
    folder
        The run folder.
    within
        The name of its subfolder to search.
    """
    inner = folder / within
    links = [(within, inner)] if inner.is_symlink() else []
    if not links and inner.is_dir():
        links = [
            (f"{within}/{name}", path) for name, path, kind in walk(inner) if kind == "other" and path.is_symlink()
        ]
    reasons = ((name, why_not_followed(str(path), str(folder))) for name, path in links)
    return [(name, reason) for name, reason in reasons if reason is not None]
