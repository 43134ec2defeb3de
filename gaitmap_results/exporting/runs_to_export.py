"""Find the runs to export, each with its files, and refuse damaged ones."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gaitmap_results.exceptions import CorruptRunError, InvalidOptionError, RunNotFoundError
from gaitmap_results.reading.attestations import attestations_folder, attested_id, withdrawn_reason
from gaitmap_results.reading.index import RunSummary, StoreScan, by_start, read_metadata, read_summary
from gaitmap_results.reading.loading import load_run_custom_metadata
from gaitmap_results.reading.run_files import IN_ANNEX, is_in_annex, read_run_file
from gaitmap_results.reading.verifying import verify_run
from gaitmap_results.showing.text import bulleted
from gaitmap_results.store.files import expanded, hash_file, walk
from gaitmap_results.store.layout import ATTESTATIONS_DIR, MANIFEST_FILE, METADATA_FILE, check_folder_name
from gaitmap_results.store.manifest import parse_manifest

__all__ = ["FileToExport", "RunToExport", "find_runs", "run_to_export"]

_MAX_SHOWN: Final = 10
_MAX_NAME_BYTES: Final = 255


@dataclass(frozen=True)
class FileToExport:
    """A file to export, its name in the export, and its size in bytes and SHA-256."""

    name: str
    path: Path
    size: int
    sha256: str


@dataclass(frozen=True)
class RunToExport:
    """A run with everything that is exported of it.

    Attributes
    ----------
    summary
        The summary of the run.
    metadata, custom_metadata
        The content of these two files.
    place
        The run folder, relative to a results folder, with ``/`` in it.
    files
        Its files, named relative to the results folder.
    attested
        The files of its folder in ``.attestations``.
    withdrawn
        Why it was withdrawn, if it was.
    left_out
        Links and special files, which are not exported.
    """

    summary: RunSummary
    metadata: dict[str, Any]
    custom_metadata: Any
    place: str
    files: tuple[FileToExport, ...]
    attested: tuple[FileToExport, ...] = ()
    withdrawn: str | None = None
    left_out: tuple[str, ...] = ()


def find_runs(paths: Sequence[Path]) -> list[RunToExport]:
    """Return the runs at these paths: run folders, or folders with runs below them.

    Raises
    ------
    RunNotFoundError
        If a path has no run.
    CorruptRunError
        If a run cannot be read or has changed since it was saved; every such run is named.
    InvalidOptionError
        If two runs would get the same place.
    """
    summaries: dict[str, tuple[RunSummary, str | None]] = {}
    problems: list[str] = []
    for path in paths:
        for summary, top in _summaries(path, problems):
            summaries.setdefault(os.path.realpath(summary.folder), (summary, top))
    runs = []
    for summary, top in sorted(summaries.values(), key=lambda pair: (_names(pair[0]), by_start(pair[0]))):
        place = _place(summary, top)
        try:
            runs.append(run_to_export(summary, place))
        except CorruptRunError as error:
            problems.append(f"{summary.folder}: {error}")
    if problems:
        raise CorruptRunError(
            "Nothing is written, because these runs are damaged or cannot be read:"
            f"{bulleted(problems, _MAX_SHOWN)}\nSee `gaitmap-results verify`, and name the runs that are intact."
        )
    known: dict[tuple[str, str], RunSummary] = {}
    for run in runs:
        for what, key in (("place", run.place), ("id", attested_id(run.summary))):
            other = known.setdefault((what, key), run.summary)
            if other is not run.summary:
                raise InvalidOptionError(
                    f"Two runs have the same {what} {key}, so one is a copy:\n  {other.folder}\n  "
                    f"{run.summary.folder}\nName the runs, without the copy."
                )
    return runs


def _summaries(path: Path, problems: list[str]) -> Iterator[tuple[RunSummary, str | None]]:
    """Yield the runs at a path, with the folder in which they were searched."""
    folder = os.path.abspath(expanded(path))
    if os.path.lexists(os.path.join(folder, METADATA_FILE)):
        try:
            yield read_summary(folder), None
        except (CorruptRunError, OSError) as error:
            problems.append(f"{folder}: {error}")
        return
    if not os.path.isdir(folder):
        raise RunNotFoundError(f"There is no folder {folder}. Name run folders, or a results folder.")
    scan = StoreScan(folder)
    found = list(scan)
    problems += [f"{each.folder}: {each.reason}" for each in scan.skipped]
    if not found and not problems:
        raise RunNotFoundError(f"There is no run in {folder}.")
    yield from ((summary, folder) for summary in found)


def _names(summary: RunSummary) -> tuple[str, ...]:
    return (summary.challenge_name, summary.challenge_version, *summary.entry)


def _place(summary: RunSummary, top: str | None) -> str:
    """Return a run's place in a results folder: its path below ``top``, else from its record."""
    names = _names(summary)
    if top is not None:
        parts = os.path.relpath(summary.folder, top).split(os.sep)
        if len(parts) > len(names):
            return "/".join(parts)
    for name in names:
        check_folder_name(name, what="name in the record", max_bytes=_MAX_NAME_BYTES)
    return "/".join((*names, os.path.basename(summary.folder)))


def run_to_export(summary: RunSummary, place: str) -> RunToExport:
    """Return a run with its files.

    Parameters
    ----------
    summary
        The run.
    place
        The folder at the beginning of its file names; may be empty.

    Raises
    ------
    CorruptRunError
        If it is damaged or cannot be read.
    """
    folder = summary.path
    try:
        verification = verify_run(folder)
        if verification.status not in ("intact", "no manifest"):
            what = [*verification.missing, *verification.changed, *verification.extra]
            what += [f"{name} ({reason})" for name, reason in verification.skipped]
            shown = f"{', '.join(what[:3])}{' …' if len(what) > 3 else ''}"
            raise CorruptRunError(f"{verification.status}: {shown}", path=folder)
        files, left_out = _run_files(folder, f"{place}/" if place else "")
        attested_folder = attestations_folder(summary)
        attested: tuple[FileToExport, ...] = ()
        if attested_folder is not None and attested_folder.is_dir():
            attested, _ = _run_files(attested_folder, f"{ATTESTATIONS_DIR}/{attested_folder.name}/")
        metadata, custom_metadata = read_metadata(str(folder)), load_run_custom_metadata(folder)
    except (RunNotFoundError, OSError, ValueError) as error:
        raise CorruptRunError(str(error), path=folder) from error
    return RunToExport(summary, metadata, custom_metadata, place, files, attested, withdrawn_reason(summary), left_out)


def _run_files(folder: Path, prefix: str) -> tuple[tuple[FileToExport, ...], tuple[str, ...]]:
    """Return the regular files of a folder, named with a prefix, and the names of everything else in it.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If git-annex keeps a file elsewhere.
    """
    known = _manifest(folder)
    found: list[FileToExport] = []
    left_out: list[str] = []
    for name, path, kind in walk(folder):
        if kind == "folder":
            continue
        if name not in known and is_in_annex(str(path)):
            raise ValueError(f"{name}: {IN_ANNEX}")
        if kind == "other":
            left_out.append(f"{prefix}{name}")
        else:
            digest = known.get(name) or hash_file(path)
            found.append(FileToExport(f"{prefix}{name}", path, path.stat().st_size, digest))
    return tuple(found), tuple(left_out)


def _manifest(folder: Path) -> dict[str, str]:
    try:
        return dict(parse_manifest(read_run_file(str(folder), MANIFEST_FILE)[0]))
    except FileNotFoundError:
        return {}
