"""Choose a rescue folder when the results folder cannot be written, and find existing ones."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from gaitmap_results.store import files
from gaitmap_results.store.journal import JournalContent
from gaitmap_results.store.staging import Staging
from gaitmap_results.store.umask import open_to_owner

__all__ = ["is_rescue_folder", "rescue", "rescue_folders"]

_PREFIX: Final = "gaitmap_results_rescue_"
# Errors of a place that cannot take the results; any other error comes from the results themselves.
_CANNOT_TAKE_IT: Final = frozenset(
    getattr(errno, name, None) for name in ("ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EIO", "ENAMETOOLONG")
)


def rescue(
    journal: JournalContent,
    write: Callable[[Staging], Any] | None = None,
    *,
    away_from: Path | None = None,
    run_id: str | None = None,
) -> Staging:
    """Open an unfinished run in the first place that can take it, in a folder that only its user can read.

    The places are the submission folder of a Slurm job, the working directory, the user's state folder, /var/tmp and
    the temporary directory; those on another file system than the results folder come first.

    Parameters
    ----------
    journal
        The first content of its journal.
    write
        Writes the rescued data; if the disk is full, the next place is tried.
    away_from
        The results folder that cannot be written, if any.
    run_id
        The identifier of the run.

    Raises
    ------
    OSError
        If no place can take it.
    Exception
        Any other error of ``write``.
    """
    problem: OSError = FileNotFoundError(errno.ENOENT, "no folder can take the rescued run")
    for place in _ordered(_places(), away_from):
        folder = None
        try:
            folder = _make(place)
            staging = Staging(folder, journal, run_id=run_id)
            if write is not None:
                write(staging)
        except BaseException as error:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
            if not isinstance(cause, OSError) or (folder is not None and cause.errno not in _CANNOT_TAKE_IT):
                raise
            problem = cause
        else:
            return staging
    raise problem


def rescue_folders() -> Iterator[Path]:
    """Yield this user's rescue folders in the places that this process can see."""
    for place in _places():
        with suppress(OSError):
            yield from filter(is_rescue_folder, sorted(place.glob(f"{_PREFIX}*")))


def is_rescue_folder(path: str | Path) -> bool:
    """Return whether :func:`rescue` can have made a folder; anybody may write to the temporary directory."""
    return os.path.basename(path).startswith(_PREFIX) and files.is_own_folder(Path(path))


@open_to_owner()
def _make(place: Path) -> Path:
    files.make_folder(place)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    # A place may be in a repository, which must stay clean.
    files.write_file(folder / ".gitignore", b"*\n", durable=False)
    return folder


def _places() -> list[Path]:
    found: dict[Path, None] = {}
    for find in (_submission, Path.cwd, _state_folder, _var_tmp, lambda: Path(tempfile.gettempdir())):
        with suppress(OSError, RuntimeError):  # the working directory was deleted, or the home folder is unknown
            place = find()
            if place is not None:
                found[Path(os.path.realpath(place))] = None
    return list(found)


def _submission() -> Path | None:
    folder = os.environ.get("SLURM_SUBMIT_DIR")
    return Path(folder) if folder else None


def _state_folder() -> Path:
    if os.name == "nt":
        parent = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        parent = Path.home() / "Library" / "Application Support"
    else:  # https://specifications.freedesktop.org/basedir-spec/latest/
        parent = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return parent / "gaitmap_results"


def _var_tmp() -> Path | None:
    return None if os.name == "nt" else Path("/var/tmp")  # noqa: S108 - only through mkdtemp


def _ordered(places: list[Path], away_from: Path | None) -> list[Path]:
    """Return the places outside of a folder, those on another file system first."""
    if away_from is None:
        return places
    folder = Path(os.path.realpath(away_from))
    outside = [place for place in places if not place.is_relative_to(folder)]
    return sorted(outside, key=lambda place: _device(place) == _device(folder))


def _device(path: Path) -> int | None:
    for folder in (path, *path.parents):
        with suppress(OSError):
            return folder.stat().st_dev
    return None
