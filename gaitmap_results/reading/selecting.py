"""Find the runs of a challenge, and select among them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from gaitmap_results.challenge import all_challenge_names
from gaitmap_results.exceptions import (
    CorruptRunError,
    InvalidOptionError,
    RunNotFoundError,
    SkippedRunWarning,
)
from gaitmap_results.reading import index
from gaitmap_results.reading.criteria import Predicate, make_criteria
from gaitmap_results.reading.index import RunSummary, SkippedRun, StoreScan, by_start
from gaitmap_results.showing.text import bulleted
from gaitmap_results.store.files import expanded
from gaitmap_results.store.layout import is_run_folder_name
from gaitmap_results.user_code.user_warnings import warn_user

__all__ = [
    "filter_results",
    "find_runs",
    "get_all_result_paths",
    "get_latest_result",
    "paths_of_entry",
    "warn_about_skipped",
]

_MAX_SHOWN = 10


def get_all_result_paths(challenge_class_or_full_name: Any, base_path: str | Path) -> dict[tuple[str, ...], list[Path]]:
    """Return the run folders of a challenge.

    Folders that cannot be read as runs are left out, and one warning names them all.

    Parameters
    ----------
    challenge_class_or_full_name
        The class of the challenge, an instance, or the full name under which its runs are stored (module and class).
        The name also finds the runs of a challenge that has been renamed or removed.
    base_path
        The results folder, or a folder above it.

    Returns
    -------
    results
        For each entry its run folders as absolute paths, the oldest start first.
        Entries are tuples, even if the name is a single string.

    Raises
    ------
    RunNotFoundError
        If the folder does not exist, or has no run of the challenge.
    InvalidOptionError
        If several folders below ``base_path`` hold runs of the challenge, but none is directly in it.

    Warns
    -----
    SkippedRunWarning
        If folders had to be left out.

    Examples
    --------
    >>> from gaitmap_results import get_all_result_paths
    >>> results = get_all_result_paths(StrideTime, "results")
    >>> {entry: len(paths) for entry, paths in results.items()}
    {('as_published',): 1, ('recalibrated',): 1}
    """
    runs, skipped = find_runs(challenge_class_or_full_name, base_path)
    warn_about_skipped(skipped)
    grouped: dict[tuple[str, ...], list[RunSummary]] = {}
    for summary in runs:
        grouped.setdefault(summary.entry, []).append(summary)
    return {entry: [summary.path for summary in sorted(grouped[entry], key=by_start)] for entry in sorted(grouped)}


def find_runs(challenge_class_or_full_name: Any, base_path: str | Path) -> tuple[list[RunSummary], list[SkippedRun]]:
    """Return the runs of a challenge, including its former names, and the folders that were skipped.

    Raises
    ------
    RunNotFoundError, InvalidOptionError
        As :func:`get_all_result_paths` does.
    """
    base = Path(os.path.abspath(expanded(base_path)))
    names = all_challenge_names(challenge_class_or_full_name)
    folders = _challenge_folders(base, names)
    runs: list[RunSummary] = []
    skipped: list[SkippedRun] = []
    for folder in folders:
        scan = StoreScan(str(folder))
        for summary in scan:
            if summary.challenge_name in names:
                runs.append(summary)
            else:
                reason = f"it is a run of another challenge, {summary.challenge_name}"
                scan.skipped.append(SkippedRun(summary.folder, reason))
        skipped += scan.skipped
    if not runs:
        warn_about_skipped(skipped)
        raise RunNotFoundError(
            f"There is a folder of the challenge {names[0]}, but no run in it: {folders[0]}. "
            "Runs that were started and never published are in .unfinished; `gaitmap-results unfinished` lists them."
        )
    return runs, skipped


def filter_results(
    results: Mapping[tuple[str, ...], Sequence[str | Path]],
    challenge_version: str | None = None,
    is_debug_run: bool | None = None,
    *,
    entry: str | Collection[str] | None = None,
    since: str | date | None = None,
    until: str | date | None = None,
    commit: str | None = None,
    verification: str | Collection[str] | None = None,
    predicate: Predicate | None = None,
) -> dict[tuple[str, ...], list[Path]]:
    """Return the runs that meet all criteria; entries without such a run are left out.

    Parameters
    ----------
    results
        The runs, as :func:`get_all_result_paths` returns them.
    challenge_version
        Only runs of this version of the challenge.
    is_debug_run
        ``True`` for debug runs only, ``False`` for official runs only.
    entry
        Only this entry, and the ones nested in it: ``"gaitmap"`` selects ``("gaitmap", "shin")`` too.
        Nested names are a tuple, or a string with ``/``.
    since, until
        Only runs that started in this time.
        Each is a date, a datetime, or a text: ISO 8601, ``"today"``, ``"yesterday"`` or ``"2 days ago"``.
        A time without an offset from UTC is local time; a date in ``until`` includes that day.
    commit
        Only runs of this commit; the first characters of its hash are enough.
    verification
        Only runs in one of these states: ``"intact"``, ``"changed"``, ``"no manifest"``, ``"unreadable"``.
        This reads every file of the runs that meet the other criteria.
    predicate
        Only runs for which this function returns something true; it gets the metadata as a new dictionary.

    Returns
    -------
    results
        A new dictionary of the same form and order.

    Raises
    ------
    InvalidOptionError
        If a criterion makes no sense.

    Warns
    -----
    SkippedRunWarning
        If one of the folders can no longer be read.

    Examples
    --------
    >>> from gaitmap_results import filter_results, get_all_result_paths
    >>> results = get_all_result_paths(StrideTime, "results")
    >>> list(filter_results(results, is_debug_run=False, since="2026-03-01"))
    [('as_published',), ('recalibrated',)]
    >>> filter_results(results, predicate=lambda metadata: metadata["runtime"] > 3600)
    {}
    """
    is_met = make_criteria(
        challenge_version=challenge_version,
        is_debug_run=is_debug_run,
        entry=entry,
        since=since,
        until=until,
        commit=commit,
        verification=verification,
        predicate=predicate,
    )
    skipped: list[SkippedRun] = []
    selected = {
        name: [path for path, summary in _read_all(paths_of_entry(name, paths), skipped) if is_met(summary)]
        for name, paths in results.items()
    }
    warn_about_skipped(skipped)
    return {name: paths for name, paths in selected.items() if paths}


def get_latest_result(results: Mapping[tuple[str, ...], Sequence[str | Path]]) -> dict[tuple[str, ...], Path]:
    """Return the run of each entry that started last, in whatever order its runs are given.

    Parameters
    ----------
    results
        The runs, as :func:`get_all_result_paths` or :func:`filter_results` returns them.

    Returns
    -------
    latest
        For each entry one run folder; an entry without a run is left out.

    Warns
    -----
    SkippedRunWarning
        If one of the folders can no longer be read.

    Examples
    --------
    >>> from gaitmap_results import get_all_result_paths, get_latest_result
    >>> latest = get_latest_result(get_all_result_paths(StrideTime, "results"))
    >>> latest["as_published",].parent.name
    'as_published'
    """
    skipped: list[SkippedRun] = []
    latest = {}
    for entry, paths in results.items():
        runs = list(_read_all(paths_of_entry(entry, paths), skipped))
        if runs:
            latest[entry], _ = max(runs, key=lambda run: by_start(run[1]))
    warn_about_skipped(skipped)
    return latest


def paths_of_entry(entry: object, paths: object) -> list[Path]:
    """Return the run folders of one entry as absolute paths."""
    if isinstance(paths, (str, os.PathLike)) or not isinstance(paths, Iterable):
        raise InvalidOptionError(
            f"The entry {entry!r} has {paths!r} where a list of run folders is expected. "
            "Give what get_all_result_paths returns; get_latest_result comes last."
        )
    return [Path(os.path.abspath(path)) for path in paths]


def warn_about_skipped(skipped: Sequence[SkippedRun]) -> None:
    """Warn once about all folders that were skipped."""
    if not skipped:
        return
    shown = bulleted([f"{each.folder}: {each.reason}" for each in skipped], _MAX_SHOWN)
    what = "1 folder is" if len(skipped) == 1 else f"{len(skipped)} folders are"
    warn_user(f"{what} left out, since no run can be read there:{shown}", SkippedRunWarning)


def _read_all(paths: Iterable[Path], skipped: list[SkippedRun]) -> Iterator[tuple[Path, RunSummary]]:
    for path in paths:
        folder = str(path)
        try:
            yield path, index.read_summary(folder)
        except (RunNotFoundError, CorruptRunError) as error:
            skipped.append(SkippedRun(folder, str(error)))


def _challenge_folders(base: Path, names: Sequence[str]) -> list[Path]:
    """Return the existing folders of a challenge's names in a results folder, or in the only one below ``base``."""
    if not base.is_dir():
        raise RunNotFoundError(f"There is no folder {base}. Give the results folder, or a folder above it.")
    if base.name in names:
        return [base]
    found = [base / name for name in names if (base / name).is_dir()] or sorted(_folders_called(names, base))
    if not found:
        raise RunNotFoundError(
            f"There is no run of the challenge {names[0]} in {base}: no folder of this name is in it or below. "
            "Check the name, and that this is the results folder."
        )
    results_folders = sorted({folder.parent for folder in found})
    if len(results_folders) > 1:
        shown = "".join(f"\n  {folder}" for folder in results_folders)
        raise InvalidOptionError(f"Several folders below {base} hold runs of {names[0]}. Give one of them:{shown}")
    return found


def _folders_called(names: Sequence[str], base: Path) -> Iterator[Path]:
    for folder, subfolders, _ in os.walk(base):
        yield from (Path(folder, name) for name in names if name in subfolders)
        subfolders[:] = [
            each
            for each in subfolders
            if each not in names and not each.startswith(".") and not is_run_folder_name(each)
        ]
