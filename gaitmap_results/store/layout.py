"""Define where a run is stored, and refuse names and paths that cannot be."""

from __future__ import annotations

import os
import re
import sys
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import Final

from gaitmap_results.exceptions import InvalidNameError
from gaitmap_results.store.entry_names import entry_parts
from gaitmap_results.store.secrets_in_text import REDACTED, holds_token

__all__ = [
    "ATTESTATIONS_DIR",
    "ATTRIBUTES_FILE",
    "CHALLENGE_FILE",
    "CUSTOM_METADATA_FILE",
    "FILES_DIR",
    "JOURNAL_FILE",
    "MANIFEST_FILE",
    "MAX_NAME_BYTES",
    "METADATA_FILE",
    "RESULTS_DIR",
    "SCORES_FILE",
    "UNFINISHED_DIR",
    "check_entry_name",
    "check_folder_name",
    "check_no_file_in_the_way",
    "check_path_length",
    "check_prefix",
    "check_version",
    "checked_entry_folder",
    "entry_folder",
    "file_in_the_way",
    "is_run_folder_name",
    "run_folder_name",
    "run_folder_start",
]

METADATA_FILE: Final = "metadata.json"
CUSTOM_METADATA_FILE: Final = "custom_metadata.json"
SCORES_FILE: Final = "scores.json"
MANIFEST_FILE: Final = "MANIFEST.sha256"
JOURNAL_FILE: Final = "journal.json"
RESULTS_DIR: Final = "results"
FILES_DIR: Final = "files"
#: A challenge whose core results could not be saved, beside the journal: the object, or its attributes.
CHALLENGE_FILE: Final = "challenge.pickle"
ATTRIBUTES_FILE: Final = "challenge_attributes.pickle"
UNFINISHED_DIR: Final = ".unfinished"
#: The findings of reproductions; it holds no runs.
ATTESTATIONS_DIR: Final = ".attestations"

#: The maximum length of a part of an entry's name in UTF-8.
MAX_NAME_BYTES: Final = 100

# Linux allows 4096 bytes; the rest is for the results folder, the challenge, and the content of the run folder.
_MAX_ENTRY_CHARACTERS: Final = 500

# Python does not limit the length of a module path and class name, but file systems do.
_MAX_CHALLENGE_BYTES = 255

_OWN_FILES: Final = (METADATA_FILE, CUSTOM_METADATA_FILE, SCORES_FILE, MANIFEST_FILE, JOURNAL_FILE)
# What the name of a folder must not hold, and why; a run folder can be copied to any machine.
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_REFUSED_NAMES: Final = (
    (r"\A\Z", "it is empty"),
    (r"[/\\]", "it contains a path separator (for nested entries use a tuple of strings)"),
    (r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", "it contains a NUL, a line break or another control character"),
    (r"\A\.", "it starts with a dot, which would hide the folder or leave it"),
    (r"[\ud800-\udfff]", "it contains a lone surrogate, which cannot be written as UTF-8"),
    (r"\A(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[1-9¹²³]) *(\.|\Z)", "it is the name of a device on Windows"),
    (r"[. ]\Z", "it ends in a dot or a space, which Windows drops"),
    (r'[<>:"|?*]', 'it contains one of <>:"|?*, which Windows does not allow in a name'),
    (rf"\A({'|'.join(map(re.escape, _OWN_FILES))})\Z", "it is the name of a file in every run folder"),
)
_FLAGS: Final = re.IGNORECASE | re.DOTALL
_RUN_FOLDER = re.compile(r"(?P<prefix>.*?)(?P<start>\d{8}_\d{6})(?:_(?P<number>\d+))?", re.DOTALL)


def check_folder_name(name: object, *, what: str, max_bytes: int = MAX_NAME_BYTES) -> str:
    """Return ``name`` if it can be the name of a single folder on every file system.

    Parameters
    ----------
    name
        The name to check.
    what
        What the error calls the name.
    max_bytes
        The maximum length in bytes of UTF-8.

    Returns
    -------
    name
        The name, unchanged.

    Raises
    ------
    InvalidNameError
        If the name could leave its folder, or is invalid on Linux, macOS or Windows.

    Examples
    --------
    >>> from gaitmap_results.store.layout import check_folder_name
    >>> check_folder_name("shin_improved", what="entry name")
    'shin_improved'
    """
    reason = _why_refused(name, max_bytes)
    if reason is not None:
        raise _refused(what, name, reason)
    return str(name)


def _refused(what: str, value: object, reason: str) -> InvalidNameError:
    message = (
        f"The {what} {value!r} cannot be the name of a folder: {reason}. "
        "Choose another one; nothing was run or stored under it."
    )
    return InvalidNameError(message, what=what, value=value, reason=reason)


def _why_refused(name: object, max_bytes: int) -> str | None:
    if not isinstance(name, str):
        return f"it is of type {type(name).__name__}, not a string"
    reason = _refused_for_its_characters(name)
    if reason is not None:
        return reason
    n_bytes = len(name.encode())
    return f"it has {n_bytes} bytes in UTF-8, more than {max_bytes}" if n_bytes > max_bytes else None


@lru_cache(maxsize=1024)  # each process of a suite checks the names of all its entries
def _refused_for_its_characters(name: str) -> str | None:
    return next((reason for pattern, reason in _REFUSED_NAMES if re.search(pattern, name, _FLAGS)), None)


def check_entry_name(entry_name: object) -> tuple[str, ...]:
    """Return the parts of an entry's name, each checked.

    Parameters
    ----------
    entry_name
        A string, or a tuple (or list) of strings for nested folders.

    Returns
    -------
    parts
        The parts; a string has one.

    Raises
    ------
    InvalidNameError
        If it has no part, or a part is not a valid folder name or looks like a token.

    Examples
    --------
    >>> from gaitmap_results.store.layout import check_entry_name
    >>> check_entry_name("shin"), check_entry_name(("gaitmap", "shin", "tuned"))
    (('shin',), ('gaitmap', 'shin', 'tuned'))
    """
    parts = entry_parts(entry_name)
    if any(isinstance(part, str) and holds_token(part) for part in parts):
        # It would be stored and published with the run, and must not be in the error either.
        raise _refused("entry name", REDACTED, "it holds a token or a key")
    if not parts or sum(len(str(part)) for part in parts) > _MAX_ENTRY_CHARACTERS:
        reason = f"it has more than {_MAX_ENTRY_CHARACTERS} characters in all" if parts else "it has no part"
        raise _refused("entry name", f"{str(entry_name)[:50]}…" if parts else entry_name, reason)
    what = "entry name" if len(parts) == 1 else "part of the entry name"
    for part in parts:
        check_folder_name(part, what=what)
        # If an entry's folder could pass for a run's, one would be stored inside the other.
        if is_run_folder_name(str(part)):
            raise _refused(what, part, "it looks like the folder of a run (a time stamp)")
    return tuple(map(str, parts))


def check_version(version: object) -> str:
    """Return a challenge's ``VERSION`` if it is a valid folder name, else raise ``InvalidNameError``."""
    return check_folder_name(version, what="challenge's VERSION")


def check_prefix(prefix: object) -> str:
    """Return ``debug_folder_prefix`` if a run's folder can start with it, else raise ``InvalidNameError``.

    With the empty prefix, only their metadata distinguish debug runs.
    """
    if prefix == "":
        return ""
    # Checked with a character behind it, so that a prefix like "con" or "a " is fine and "../" is not.
    check_folder_name(prefix if not isinstance(prefix, str) else f"{prefix}0", what="debug_folder_prefix")
    return str(prefix)


def check_challenge_name(name: str) -> str:
    """Return the full name of a challenge if it is a valid folder name, else raise ``InvalidNameError``."""
    return check_folder_name(name, what="challenge's module and class name", max_bytes=_MAX_CHALLENGE_BYTES)


def entry_folder(results_folder: Path, challenge_name: str, version: str, entry_parts: tuple[str, ...]) -> Path:
    """Return the folder for the runs of one entry."""
    return results_folder.joinpath(challenge_name, version, *entry_parts)


def checked_entry_folder(results_folder: Path, challenge_name: object, version: object, entry_name: object) -> Path:
    """Return the folder for the runs of one entry, or raise ``InvalidNameError`` for a name that cannot be a folder."""
    names = check_challenge_name(str(challenge_name)), check_version(version)
    return entry_folder(results_folder, *names, check_entry_name(entry_name))


def run_folder_name(start: datetime, *, prefix: str = "", number: int = 0) -> str:
    """Return the name of a run's folder.

    Parameters
    ----------
    start
        The start of the run; aware, in any time zone.
    prefix
        The prefix of a debug run's folder.
    number
        0 for the first run with this name, else the suffix.

    Examples
    --------
    >>> from datetime import datetime, timezone
    >>> from gaitmap_results.store.layout import run_folder_name
    >>> run_folder_name(datetime(2026, 3, 29, 12, 30, 5, tzinfo=timezone.utc), prefix="_", number=2)
    '_20260329_123005_2'
    """
    name = f"{prefix}{start.astimezone(timezone.utc):%Y%m%d_%H%M%S}"
    return f"{name}_{number}" if number else name


def is_run_folder_name(name: str) -> bool:
    """Return whether a name is a time stamp after a prefix without letters and digits, so only a run's folder has it.

    Examples
    --------
    >>> from gaitmap_results.store.layout import is_run_folder_name
    >>> is_run_folder_name("_20260329_123005_2"), is_run_folder_name("tuned_20260329_123005")
    (True, False)
    """
    match = _RUN_FOLDER.fullmatch(name)
    return match is not None and not any(character.isalnum() for character in match["prefix"])


def run_folder_start(name: str) -> datetime | None:
    """Return the start of a run according to its folder's name, to the second; ``None`` for any other name."""
    match = _RUN_FOLDER.fullmatch(name)
    if match is None:
        return None
    day, time = map(int, match["start"].split("_"))
    # strptime takes ten times as long, and a store may hold ten thousand runs.
    try:
        return datetime(
            day // 10000, day // 100 % 100, day % 100, time // 10000, time // 100 % 100, time % 100, tzinfo=timezone.utc
        )
    except ValueError:
        return None


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
        raise _path_refused(longest, reason, advice) from error
    length, limit = (len(str(longest)), _windows_limit()) if os.name == "nt" else (n_bytes, _path_limit())
    if length > limit:
        reason = f"its path would have {length} bytes, and this system opens paths of at most {limit}"
        raise _path_refused(longest, reason, "Shorten the entry name, or use a results folder that is not so deep")


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
        raise _path_refused(place, reason, "Move the file away, or choose another name or results folder")


def _path_refused(path: Path, reason: str, advice: str) -> InvalidNameError:
    message = f"The run cannot be stored in {str(path)!a}: {reason}. {advice}."
    return InvalidNameError(message, what="path", value=str(path), reason=reason)


def file_in_the_way(folder: Path) -> Path | None:
    """Return the file, or the link without a target, in the place of a folder or of one above it."""
    places = (place for place in (folder, *folder.parents) if os.path.lexists(place) and not os.path.isdir(place))
    return next(places, None)


def _path_limit() -> int:
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
