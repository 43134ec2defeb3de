"""Refuse runs whose files could not be opened once they are published."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

from gaitmap_results.exceptions import InvalidNameError
from gaitmap_results.store.layout import CUSTOM_METADATA_FILE, run_folder_name

__all__ = ["check_path_length"]


def check_path_length(folder: Path, prefix: str) -> None:
    """Refuse the folder of an entry if the files of its runs would have paths that the system cannot open.

    Raises
    ------
    InvalidNameError
        If they would.
    """
    name = run_folder_name(datetime.now(timezone.utc), prefix=prefix, number=99)
    longest = folder / name / CUSTOM_METADATA_FILE
    length, limit = (len(str(longest)), _windows_limit()) if os.name == "nt" else (len(os.fsencode(longest)), _limit())
    if length > limit:
        reason = f"its path would have {length} bytes, and this system opens paths of at most {limit}"
        raise InvalidNameError(
            f"The run cannot be stored: {reason}: {longest}. Shorten the entry name, or use a results folder that is "
            "not so deep.",
            what="path",
            value=str(longest),
            reason=reason,
        )


def _limit() -> int:
    try:
        return os.pathconf("/", "PC_PATH_MAX") - 1  # which counts the byte that ends it
    except (OSError, ValueError):
        return 4095


def _windows_limit() -> int:
    import ctypes

    try:
        long_paths = bool(ctypes.WinDLL("ntdll").RtlAreLongPathsEnabled())  # type: ignore[attr-defined]
    except (AttributeError, OSError):  # Windows before version 10
        long_paths = False
    return 32_766 if long_paths else 259
