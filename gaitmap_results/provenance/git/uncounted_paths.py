"""Decide which changed paths of a working tree to ignore."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gaitmap_results.provenance.git.ignoring import IgnoreList, path_in_repository
from gaitmap_results.store.files import is_settled
from gaitmap_results.store.layout import (
    ATTESTATIONS_DIR,
    MANIFEST_FILE,
    METADATA_FILE,
    UNFINISHED_DIR,
    run_folder_start,
)
from gaitmap_results.store.rescue import is_rescue_folder

__all__ = ["Uncounted"]

_OWN_FOLDERS = (UNFINISHED_DIR, ATTESTATIONS_DIR)
# Slurm's default name for the log of a job.
_SLURM_LOG = re.compile(rb"(?:.*/)?slurm-[^/]*\.(?:out|err)", re.DOTALL)
# The challenge, its version and an entry of one part.
_FOLDERS_ABOVE_A_RUN = 3


@dataclass(frozen=True)
class Uncounted:
    """The paths to ignore in one working tree.

    They are the entries of ``git_dirty_ignore``, the folders that this package makes (runs, unfinished runs,
    attestations, rescued runs), and untracked files that receive the output of the process.

    Attributes
    ----------
    ignored
        The meaning of ``git_dirty_ignore``.
    results
        The path of the results folder in the working tree (b"" for the top folder), or None if it is outside.
    link
        The path of a link in the working tree to the results folder, if it is one.
    logs
        The status of the files that the process prints to.
    slurm
        Whether the process is part of a Slurm job.
    """

    ignored: IgnoreList
    results: bytes | None
    link: bytes | None
    logs: tuple[os.stat_result, ...]
    slurm: bool

    @classmethod
    def of(cls, entries: Iterable[str], results_folder: Path | None, base_dir: Path) -> Uncounted:
        """Return the paths to ignore, given the entries of ``git_dirty_ignore`` and the results folder."""
        results = link = None
        if results_folder is not None:
            is_top = os.path.realpath(results_folder) == str(base_dir)
            results = b"" if is_top else path_in_repository(results_folder, base_dir)
            if results_folder.is_symlink():  # onto a larger disk
                link = path_in_repository(results_folder, base_dir, follow=False)
        return cls(
            ignored=IgnoreList.of(entries, base_dir),
            results=results,
            link=link,
            logs=tuple(_logs()),
            slurm="SLURM_JOB_ID" in os.environ,
        )

    def covers(self, path: bytes, *, untracked: bool) -> bool:
        """Return whether to ignore a changed path; a folder ends with ``/``."""
        return (
            self.ignored.covers(path) or path == self.link or self._is_own(path) or (untracked and self._is_log(path))
        )

    def may_lie_in(self, folder: bytes) -> bool:
        """Return whether a changed folder that counts may contain paths to ignore."""
        if self.ignored.patterns or self.logs or self.slurm or self._copied_to:
            return True
        if self.results is not None and (folder.startswith(self.results) or self.results.startswith(folder)):
            return True
        return any(place.startswith(folder) for place in (self.link or b"", *self.ignored.places.values()))

    @cached_property
    def _copied_to(self) -> tuple[os.stat_result, ...]:
        # Searched only if there is an untracked path, because all processes of the machine are looked at.
        return tuple(_logs_of_pipeline())

    def _is_log(self, path: bytes) -> bool:
        if self.slurm and _SLURM_LOG.fullmatch(path):
            return True
        if not self.logs and not self._copied_to:
            return False
        try:
            found = os.stat(self.ignored.base_dir / os.fsdecode(path))
        except OSError:
            return False
        return any(os.path.samestat(found, log) for log in (*self.logs, *self._copied_to))

    def _is_own(self, path: bytes) -> bool:
        parts = os.fsdecode(path.rstrip(b"/")).split("/")
        place = os.fspath(self.ignored.base_dir)
        for number, name in enumerate(parts):
            place = os.path.join(place, name)
            if _is_own_folder(place, name, may_be_run=_may_hold_runs(parts[:number])):
                return True
        return path.endswith(b"/") and _holds_own_only(place, parts)


def _is_own_folder(place: str, name: str, *, may_be_run: bool) -> bool:
    """Return whether a folder is that of a run, or of those that are not finished, or of attestations, or a rescue."""
    if name in _OWN_FOLDERS:
        return True
    if not may_be_run or run_folder_start(name) is None:
        return is_rescue_folder(place)
    # A deleted run does not change the code, either.
    is_run = any(os.path.isfile(f"{place}/{file}") for file in (METADATA_FILE, MANIFEST_FILE))
    return is_run or not os.path.lexists(place)


def _may_hold_runs(parts: list[str]) -> bool:
    """Return whether a folder lies deep enough below one that is named like the class of a challenge."""
    return any("." in name.strip(".") for name in parts[: max(0, len(parts) - _FOLDERS_ABOVE_A_RUN + 1)])


# When the folders in which only runs were found had changed; a run that is added or removed changes that.
_folders_of_runs: dict[str, int] = {}


def _holds_own_only(folder: str, parts: list[str]) -> bool:
    """Return whether all files of a folder belong to runs, stopping at the first that does not."""
    try:
        changed = os.stat(folder).st_mtime_ns
        if _folders_of_runs.get(folder) == changed:
            return True
        entries = list(os.scandir(folder))
    except OSError:
        return False
    may_be_run, only_runs = _may_hold_runs(parts), bool(entries)
    for entry in entries:
        if _is_own_folder(entry.path, entry.name, may_be_run=may_be_run):
            continue
        if not (entry.is_dir(follow_symlinks=False) and _holds_own_only(entry.path, [*parts, entry.name])):
            return False
        only_runs = False
    if only_runs and is_settled(changed):
        _folders_of_runs[folder] = changed
    return bool(entries)


def _logs() -> Iterator[os.stat_result]:
    """Yield the status of each regular file that the process writes its output and errors to."""
    for stream in (1, 2, sys.stdout, sys.stderr):
        try:
            found = os.fstat(stream if isinstance(stream, int) else stream.fileno())
        except (OSError, ValueError, AttributeError):  # closed, or not a file
            continue
        if stat.S_ISREG(found.st_mode):
            yield found


def _logs_of_pipeline() -> Iterator[os.stat_result]:
    """Yield the status of each file that another process of this one's pipeline writes its output or errors to."""
    if sys.platform == "win32" or not any(_is_pipe(descriptor) for descriptor in (1, 2)):
        return
    import psutil

    for pid in psutil.pids():
        with contextlib.suppress(psutil.Error, OSError):
            # Only the few processes of the pipeline are described, which takes long.
            if os.getpgid(pid) == os.getpgrp():
                process = psutil.Process(pid)
                is_tee = process.name() == "tee"  # it also writes to others of its files
                yield from [os.stat(file.path) for file in process.open_files() if is_tee or file.fd in (1, 2)]


def _is_pipe(descriptor: int) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    except OSError:
        return False
