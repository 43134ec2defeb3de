"""Find the runs below a folder, and read each metadata.json once.

Summaries of runs are cached until their file changes, which is checked each time.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from gaitmap_results.challenge import aware_datetime
from gaitmap_results.exceptions import CorruptRunError, RunNotFoundError
from gaitmap_results.reading.run_files import read_run_file
from gaitmap_results.showing.text import number, run_kind
from gaitmap_results.store.entry_names import entry_key
from gaitmap_results.store.json_files import parse_json, parse_json_roughly
from gaitmap_results.store.layout import METADATA_FILE, RESULTS_DIR, is_run_folder_name, run_folder_start

__all__ = ["RunSummary", "SkippedRun", "StoreScan", "by_start", "read_metadata", "read_summary", "repaired"]

# So many summaries are cached, of about 1 kB each.
_MAX_REMEMBERED: Final = 100_000

# gaitmap_challenges 0.1.0 took a clock in UTC for local time: `datetime.utcnow().timestamp()` in its challenge_base.py.
# The keys of that package, and ours; each also stands with `_utc` for the time stamp.
_KEYS = {"run_start_datetime": "run_start_datetime", "end_start_datetime": "run_end_datetime"}


class RunSummary(NamedTuple):
    """The facts by which a run is found; ``None`` is unknown.

    Attributes
    ----------
    folder
        The run folder.
    entry
        The parts of the entry's name.
    challenge_name, challenge_version, is_debug_run, run_id, git_commit_hash, git_dirty, runtime, run_start_datetime
        The values of these keys of metadata.json.
    kind
        ``debug`` or ``official``, and what ``official`` is based on.
    start
        The true start as a POSIX time stamp, in seconds.
    debug_reasons
        The codes of the reasons why it is a debug run.
    is_legacy
        Whether it is a record of gaitmap_challenges, which has no schema version.
    """

    folder: str
    entry: tuple[str, ...]
    challenge_name: str
    challenge_version: str
    is_debug_run: bool
    kind: str
    start: float | None
    run_start_datetime: str | None
    runtime: float | None
    git_commit_hash: str | None
    git_dirty: bool | None
    run_id: str | None
    debug_reasons: tuple[str, ...]
    is_legacy: bool

    @property
    def path(self) -> Path:
        """The run folder."""
        return Path(self.folder)


@dataclass(frozen=True)
class SkippedRun:
    """A folder that was skipped, and why."""

    folder: str
    reason: str


# The signature of each run's metadata.json, and its summary, by folder.
_known: dict[str, tuple[tuple[int, ...], RunSummary]] = {}


@dataclass
class StoreScan:
    """One pass over all folders below another one; iterate to get the summary of each run.

    Attributes
    ----------
    top
        Where to start, absolute.
    skipped
        The folders that were skipped so far.
    """

    top: str
    skipped: list[SkippedRun] = field(default_factory=list)

    def __iter__(self) -> Iterator[RunSummary]:
        # Real paths of scanned folders. Only links that leave all of them are followed: no loops, no run twice.
        scanned: list[str] = []
        tops = [self.top]
        while tops:
            # Scan outer folders before inner ones.
            tops.sort(key=lambda top: len(os.path.realpath(top)), reverse=True)
            top = tops.pop()
            real = os.path.realpath(top)
            if not any(_is_within(real, other) or _is_within(other, real) for other in scanned):
                scanned.append(real)
                yield from self._scan(top, tops)

    def _scan(self, top: str, links: list[str]) -> Iterator[RunSummary]:
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            is_foreign = False
            try:
                yield read_summary(folder)
                continue
            except RunNotFoundError:
                if is_run_folder_name(os.path.basename(folder)):
                    self.skipped.append(SkippedRun(folder, f"it has no {METADATA_FILE}"))
                    continue
            except CorruptRunError as error:
                self.skipped.append(SkippedRun(folder, str(error)))
                # Other programs may have files with this name beside run folders.
                if is_run_folder_name(os.path.basename(folder)):
                    continue
                is_foreign = True
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if entry.name.startswith(".") or (is_foreign and entry.name == RESULTS_DIR):
                            continue
                        if _is_folder(entry):
                            (links if entry.is_symlink() else waiting).append(entry.path)
            except OSError as error:
                if not is_foreign:  # foreign folders are already named
                    self.skipped.append(SkippedRun(folder, f"it cannot be read: {error.strerror or error}"))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def by_start(summary: RunSummary) -> tuple[float, int, str, str]:
    """Return the key that sorts runs by their true start, the oldest first."""
    start = summary.start
    name = os.path.basename(summary.folder)
    if start is None:
        # The folder's name has the start to the second.
        moment = run_folder_start(name)
        start = -math.inf if moment is None else moment.timestamp()
    # Of two runs with the same start, the higher number came later: _10 after _2.
    return start, len(name), name, summary.folder


def read_summary(folder: str) -> RunSummary:
    """Return the summary of the run in ``folder``, which is absolute.

    Raises
    ------
    RunNotFoundError
        If it has no metadata.json.
    CorruptRunError
        If that file cannot be read, or is not the record of a run; the message gives the reason.
    """
    if (known := _known.pop(folder, None)) is not None:
        with contextlib.suppress(OSError):  # reading it will raise the fitting error
            if _signature(os.stat(f"{folder}{os.sep}{METADATA_FILE}")) == known[0]:
                _known[folder] = known
                return known[1]
    content, status = _read(folder)
    # Rough parsing is enough: a summary has no integers beyond 64 bits.
    summary = _summarize(folder, _parse(content, parse_json_roughly))
    if len(_known) >= _MAX_REMEMBERED:
        _known.clear()
    _known[folder] = _signature(status), summary
    return summary


def read_metadata(folder: str) -> dict[str, Any]:
    """Return the metadata of the run in ``folder`` as a new dictionary; raise like :func:`read_summary`."""
    return _parse(_read(folder)[0], parse_json)


def _signature(status: os.stat_result) -> tuple[int, ...]:
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _read(folder: str) -> tuple[bytes, os.stat_result]:
    try:
        return read_run_file(folder, METADATA_FILE)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise RunNotFoundError(f"There is no run in {folder}: it has no {METADATA_FILE}.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CorruptRunError(f"its {METADATA_FILE} cannot be read: {reason}") from error


def _parse(content: bytes, parse: Callable[[bytes], Any]) -> dict[str, Any]:
    try:
        metadata = parse(content)
    except ValueError as error:
        raise CorruptRunError(f"its {METADATA_FILE} cannot be read as JSON: {error}") from error
    if not isinstance(metadata, dict):
        raise CorruptRunError(f"its {METADATA_FILE} is not a record: a JSON object is expected")
    return repaired(metadata)


def repaired(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return a record with correct time stamps; only records of gaitmap_challenges are changed.

    Their ISO 8601 texts have the offset from UTC and are correct.
    The end is also stored under the keys of our records.
    """
    if "schema_version" in metadata:
        return metadata
    changes: dict[str, dict[str, Any]] = {}
    fixed = dict(metadata)
    for key, our_key in _KEYS.items():
        moment = aware_datetime(metadata.get(key))
        stamp = number(metadata.get(f"{key}_utc"))
        # The two clocks were read one after the other; only a difference above one second is an offset.
        if moment is not None and stamp is not None and abs(moment.timestamp() - stamp) > 1:
            fixed[f"{key}_utc"] = moment.timestamp()
            changes[f"{key}_utc"] = {"stored": stamp, "repaired": moment.timestamp()}
        for ending in ("", "_utc"):
            if f"{key}{ending}" in fixed:
                fixed.setdefault(f"{our_key}{ending}", fixed[f"{key}{ending}"])
    fixed["repaired"] = changes
    return fixed


def _summarize(folder: str, metadata: dict[str, Any]) -> RunSummary:
    try:
        entry = entry_key(metadata["entry_name"])
        names = metadata["challenge_name"], metadata["challenge_version"]
        is_debug_run = metadata["is_debug_run"]
    except KeyError as error:
        raise CorruptRunError(f"its {METADATA_FILE} is not that of a run: it has no {error.args[0]}") from error
    except TypeError as error:
        raise CorruptRunError(f"its {METADATA_FILE} is not that of a run: {error}") from error
    if not (entry and isinstance(names[0], str) and isinstance(names[1], str) and isinstance(is_debug_run, bool)):
        raise CorruptRunError(f"its {METADATA_FILE} is not that of a run: a name or is_debug_run has the wrong type")
    return RunSummary(
        folder=folder,
        entry=entry,
        challenge_name=names[0],
        challenge_version=names[1],
        is_debug_run=is_debug_run,
        kind=run_kind(metadata),
        start=number(metadata.get("run_start_datetime_utc")),
        run_start_datetime=_text(metadata.get("run_start_datetime")),
        runtime=number(metadata.get("runtime")),
        git_commit_hash=_text(metadata.get("git_commit_hash")),
        git_dirty=dirty if isinstance(dirty := metadata.get("git_dirty"), bool) else None,
        run_id=_text(metadata.get("run_id")),
        debug_reasons=_codes(metadata.get("debug_reasons")),
        is_legacy="schema_version" not in metadata,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _codes(reasons: Any) -> tuple[str, ...]:
    codes = [reason.get("code") for reason in reasons if isinstance(reason, dict)] if isinstance(reasons, list) else []
    return tuple(code for code in codes if isinstance(code, str))
