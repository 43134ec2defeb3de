"""Finds the runs that the words of a command mean."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from gaitmap_results.cli.terminal import progress
from gaitmap_results.config import find_results_folder
from gaitmap_results.exceptions import CorruptRunError, InvalidOptionError, NoResultsFolderError, RunNotFoundError
from gaitmap_results.reading.index import RunSummary, StoreScan, by_start, read_summary

__all__ = ["RESULTS_PATH", "existing_results_folder", "find_run", "named_challenges", "scan"]

RESULTS_PATH = click.Path(file_okay=False, path_type=Path)
_MIN_ID = 4
_MAX_SHOWN = 10


def existing_results_folder(given: Path | None) -> Path:
    """Return the results folder, the given one or the config's.

    Raises
    ------
    NoResultsFolderError
        If none is given, and no config names one.
    RunNotFoundError
        If there is no such folder.
    """
    try:
        folder = find_results_folder(given)
    except NoResultsFolderError as error:
        raise NoResultsFolderError(
            "It is not known which results folder is meant: none was named, and no config here has a results_dir. "
            "Name one, for example `gaitmap-results list my_results`; `gaitmap-results doctor` looks for a config."
        ) from error
    if not folder.is_dir():
        raise RunNotFoundError(f"There is no folder {folder}. Name the results folder, or record a first run.")
    return folder


def scan(folder: Path) -> tuple[list[RunSummary], StoreScan]:
    """Return all runs below a folder, sorted by challenge, version, entry and start, and what the scan left out."""
    found = StoreScan(str(folder))
    runs = []
    with progress("Reading runs") as advance:
        for summary in found:
            runs.append(summary)
            advance()
    runs.sort(key=lambda summary: (summary.challenge_name, summary.challenge_version, summary.entry, by_start(summary)))
    return runs, found


def named_challenges(runs: Sequence[RunSummary], name: str | None) -> list[RunSummary]:
    """Return the runs of the challenges that a name means: the full name, else every name it is a part of."""
    if name is None:
        return list(runs)
    exact = [summary for summary in runs if summary.challenge_name == name]
    return exact or [summary for summary in runs if name.casefold() in summary.challenge_name.casefold()]


def find_run(words: Sequence[str], results: Path | None) -> RunSummary:
    """Return the run that is meant by a path, an id, its beginning, a folder's name, or by challenge and entry.

    Raises
    ------
    RunNotFoundError
        If there is none.
    InvalidOptionError
        If there are several.
    """
    if len(words) > 2:
        raise InvalidOptionError("Name one run: its path, its id, or a challenge and an entry.")
    if len(words) == 1 and _is_path(words[0]):
        return _run_at(Path(words[0]))
    folder = existing_results_folder(results)
    runs, _ = scan(folder)
    if len(words) == 2:
        return _latest(runs, words[0], words[1], folder)
    word = words[0].casefold()
    meant = [
        summary
        for summary in runs
        if summary.path.name == words[0]
        or (len(word) >= _MIN_ID and summary.run_id is not None and summary.run_id.casefold().startswith(word))
    ]
    if len(meant) > 1:
        raise InvalidOptionError(
            f"{words[0]} is the beginning or name of several runs. Name one by its path:{_lines(meant)}"
        )
    if not meant:
        raise RunNotFoundError(
            f"There is no run {words[0]} in {folder}. RUN is a path, an id or at least {_MIN_ID} characters of its "
            "beginning, a run folder's name, or a challenge and an entry; `gaitmap-results list` shows them."
        )
    return meant[0]


def _is_path(word: str) -> bool:
    return os.sep in word or (os.altsep is not None and os.altsep in word) or Path(word).exists()


def _run_at(path: Path) -> RunSummary:
    folder = os.path.abspath(path)
    try:
        return read_summary(folder)
    except CorruptRunError as error:
        raise CorruptRunError(f"The run in {folder} cannot be read: {error}.", path=path) from error
    except OSError as error:
        raise CorruptRunError(f"The run in {folder} cannot be read: {error.strerror or error}.", path=path) from error


def _latest(runs: Sequence[RunSummary], challenge: str, entry: str, folder: Path) -> RunSummary:
    of_challenge = named_challenges(runs, challenge)
    names = sorted({summary.challenge_name for summary in of_challenge})
    parts = entry.strip("/").split("/")
    meant = [summary for summary in of_challenge if "/".join(summary.entry).split("/") == parts]
    if len({summary.challenge_name for summary in meant}) > 1:
        raise InvalidOptionError(f"{challenge} is a part of several challenges' names: {', '.join(names)}.")
    if not names:
        known = ", ".join(sorted({summary.challenge_name for summary in runs})) or "none"
        raise RunNotFoundError(f"There is no run of a challenge {challenge} in {folder}. The challenges are: {known}.")
    if not meant:
        known = ", ".join(sorted({"/".join(summary.entry) for summary in of_challenge}))
        raise RunNotFoundError(f"The challenge {', '.join(names)} has no entry {entry}. Its entries are: {known}.")
    return max(meant, key=by_start)


def _lines(runs: Sequence[RunSummary]) -> str:
    shown = "".join(f"\n  {summary.folder}" for summary in runs[:_MAX_SHOWN])
    return shown + (f"\n  and {len(runs) - _MAX_SHOWN} more" if len(runs) > _MAX_SHOWN else "")
