"""Refuse a run whose folder could not be created, or whose files could not be opened."""

from __future__ import annotations

import os
import sys
from datetime import datetime, timezone
from pathlib import Path

from gaitmap_results.exceptions import InvalidNameError
from gaitmap_results.store.layout import CUSTOM_METADATA_FILE, run_folder_name

__all__ = ["check_no_file_in_the_way", "check_path_length", "file_in_the_way"]


def check_path_length(folder: Path, prefix: str) -> None:
    """Refuse the folder of an entry if the system could not open the files of its runs.

    Raises
    ------
    InvalidNameError
        If the paths would be too long, or not valid in the system's encoding.
    """
    name = run_folder_name(datetime.now(timezone.utc), prefix=prefix, number=99)
    longest = folder / name / CUSTOM_METADATA_FILE
    try:
        n_bytes = len(os.fsencode(longest))
    except UnicodeEncodeError as error:
        encoding = sys.getfilesystemencoding()
        reason = f"this system writes names of files in {encoding}, which has no {error.object[error.start]!a}"
        advice = "Set a locale with UTF-8, for example with `export LC_ALL=C.UTF-8`, or choose another name"
        raise _refused(longest, reason, advice) from error
    length, limit = (len(str(longest)), _windows_limit()) if os.name == "nt" else (n_bytes, _limit())
    if length > limit:
        reason = f"its path would have {length} bytes, and this system opens paths of at most {limit}"
        raise _refused(longest, reason, "Shorten the entry name, or use a results folder that is not so deep")


def check_no_file_in_the_way(folder: Path, results_folder: Path) -> None:
    """Refuse the folder of an entry if a file is in its place, or in that of a folder above it.

    Raises
    ------
    InvalidNameError
        If there is such a file.
    """
    place = file_in_the_way(folder)
    if place is not None and results_folder in place.parents:
        reason = "it is a file, where a folder must go"
        raise _refused(place, reason, "Move the file away, or choose another name or results folder")


def _refused(path: Path, reason: str, advice: str) -> InvalidNameError:
    message = f"The run cannot be stored in {str(path)!a}: {reason}. {advice}."
    return InvalidNameError(message, what="path", value=str(path), reason=reason)


def file_in_the_way(folder: Path) -> Path | None:
    """Return the file, or the link without a target, in the place of a folder or of one above it."""
    places = (place for place in (folder, *folder.parents) if os.path.lexists(place) and not os.path.isdir(place))
    return next(places, None)


def _limit() -> int:
    try:
        return os.pathconf("/", "PC_PATH_MAX") - 1  # the limit counts the final NUL byte
    except (OSError, ValueError):
        return 4095


def _windows_limit() -> int:
    import ctypes

    try:
        long_paths = bool(ctypes.WinDLL("ntdll").RtlAreLongPathsEnabled())  # type: ignore[attr-defined]
    except (AttributeError, OSError):  # Windows before version 10
        long_paths = False
    return 32_766 if long_paths else 259
