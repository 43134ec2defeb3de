"""Find the runs that are named in a command."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn

from gaitmap_results.cli.terminal import progress
from gaitmap_results.config import find_results_folder
from gaitmap_results.exceptions import (
    ConfigError,
    CorruptRunError,
    InvalidOptionError,
    NoResultsFolderError,
    RunNotFoundError,
)
from gaitmap_results.reading.index import RunSummary, StoreScan, by_start, read_summary
from gaitmap_results.showing.text import as_argument, bulleted
from gaitmap_results.store.entry_names import entry_text
from gaitmap_results.store.files import expanded
from gaitmap_results.store.layout import METADATA_FILE, UNFINISHED_DIR

__all__ = [
    "HOW_TO_NAME_A_RUN",
    "challenge_and_folder",
    "existing_results_folder",
    "find_run",
    "given_results_folder",
    "named_challenges",
    "scan",
    "split_off_results_folder",
]

#: Help text for commands that take a RUN.
HOW_TO_NAME_A_RUN = (
    "RUN is the path of a run folder, a run's id or the beginning of one (4 characters or more), an entry, a challenge "
    "and an entry, or @latest. An entry means its latest run. Parts of names are enough where they are unique. The "
    "results folder may be the last word, or --results; without it, the config's is used."
)
_LATEST = "@latest"
_MIN_ID = 4
_listed = partial(bulleted, most=10)


def given_results_folder(given: Path | None) -> Path:
    """Return the given results folder, or the config's; it may not exist.

    Raises
    ------
    NoResultsFolderError
        If none is given, and no config names one.
    """
    try:
        return find_results_folder(given)
    except NoResultsFolderError as error:
        raise NoResultsFolderError(
            "No results folder is given, and no config here has a results_dir. Name one with `--results FOLDER`,\n"
            'or once for all commands in pyproject.toml, in [tool.gaitmap_results]: `results_dir = "results"`.'
        ) from error


def existing_results_folder(given: Path | None) -> Path:
    """Return the given results folder, or the config's.

    Raises
    ------
    NoResultsFolderError
        If none is given, and no config names one.
    RunNotFoundError
        If the folder does not exist.
    """
    folder = given_results_folder(given)
    if not folder.is_dir():
        raise RunNotFoundError(f"There is no folder {folder}. Name the results folder, or record a first run.")
    return folder


def scan(folder: Path) -> tuple[list[RunSummary], StoreScan]:
    """Return all runs below a folder, sorted by challenge, version, entry and start, and the scan that found them."""
    found = StoreScan(str(folder))
    runs = []
    with progress("Reading runs") as advance:
        for summary in found:
            runs.append(summary)
            advance()
    runs.sort(key=lambda each: (each.challenge_name, each.challenge_version, each.entry, by_start(each)))
    return runs, found


def named_challenges(runs: Sequence[RunSummary], name: str | None) -> list[RunSummary]:
    """Return the runs of the challenges with this name, else of every challenge whose name contains it."""
    if name is None:
        return list(runs)
    exact = [summary for summary in runs if summary.challenge_name == name]
    return exact or [summary for summary in runs if name.casefold() in summary.challenge_name.casefold()]


def split_off_results_folder(words: Sequence[str], results: Path | None) -> tuple[Sequence[str], Path | None]:
    """Return the words that name runs, and the results folder, which may be the last of several words."""
    if results is None and len(words) > 1 and _is_results_folder(expanded(words[-1])):
        return words[:-1], Path(words[-1])
    return words, results


def _is_results_folder(folder: Path) -> bool:
    if not folder.is_dir() or os.path.lexists(folder / METADATA_FILE):
        return False
    if any(True for _ in StoreScan(str(folder))):
        return True
    # An entry or a challenge may have the name of some folder here.
    try:
        return not find_results_folder().is_dir()
    except ConfigError:
        return True


def find_run(words: Sequence[str], results: Path | None) -> RunSummary:
    """Return the named run; :data:`HOW_TO_NAME_A_RUN` says how to name it.

    Parameters
    ----------
    words
        A challenge and an entry may be one word with a space between them, an entry with spaces several words.
        The results folder may follow them.
    results
        The results folder; ``None`` means the config's.

    Raises
    ------
    RunNotFoundError
        If there is none.
    InvalidOptionError
        If there are several.
    """
    words, results = split_off_results_folder(words, results)
    if not words:
        raise InvalidOptionError("Name one run: its path, its id, an entry, a challenge and an entry, or @latest.")
    path = _folder_of_run(words[0]) if len(words) == 1 else None
    if path is not None and (os.path.lexists(path / METADATA_FILE) or not path.is_dir()):
        return _run_at(path)
    try:
        folder = existing_results_folder(results)
    except (NoResultsFolderError, RunNotFoundError) as error:
        raise type(error)(f"{_no_such_path(words)}{error}") from error
    runs, _ = scan(folder)
    given = " ".join(words)
    text = given if any(entry_text(each.entry) == given for each in runs) else " ".join(given.split())
    challenge, _, entry = text.partition(" ")
    found = [each for each in runs if entry_text(each.entry) == text.strip("/")]
    by_id = [] if found else _by_id(runs, text)
    if len(by_id) > 1:
        raise InvalidOptionError(
            f"{text!r} matches {len(by_id)} runs. Name one by its path:{_listed([each.folder for each in by_id])}"
        )
    found = found or by_id or _by_entry(runs, text) or _by_entry(named_challenges(runs, challenge), entry)
    place = expanded(text).resolve()  # a folder above runs, such as that of an entry
    found = found or [each for each in runs if each.path.parent == place]
    found = found or [each for each in runs if each.path.is_relative_to(place)]
    if not found:
        _refuse(words, runs, folder)
    entries = sorted({f"{each.challenge_name} {entry_text(each.entry)}" for each in found})
    if len(entries) > 1 and _LATEST not in (text, entry):
        raise InvalidOptionError(
            f"{text!r} matches {len(entries)} entries in {folder}. Name one, with its challenge:{_listed(entries)}"
        )
    return max(found, key=by_start)


def _folder_of_run(word: str) -> Path | None:
    """Return the folder that a word names, if it is a run folder, its metadata.json, or can only be a path."""
    path = expanded(word)
    if path.name == METADATA_FILE and os.path.lexists(path):
        return path.parent
    # Names of entries never begin with a dot.
    is_path = os.path.lexists(path / METADATA_FILE) or path.is_absolute() or word.startswith((".", "~"))
    return path if is_path else None


def _run_at(path: Path) -> RunSummary:
    folder = os.path.abspath(path)
    try:
        return read_summary(folder)
    except RunNotFoundError as error:
        raise error if os.path.lexists(folder) else RunNotFoundError(f"There is no folder {folder}.") from error
    except (CorruptRunError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise CorruptRunError(f"The run in {folder} cannot be read: {reason}.", path=path) from error


def _by_id(runs: Sequence[RunSummary], word: str) -> list[RunSummary]:
    """Return the runs with this id or beginning of an id, or in a folder of this name."""
    start = word.casefold() if len(word) >= _MIN_ID else "\0"
    return [each for each in runs if each.path.name == word or (each.run_id or "").casefold().startswith(start)]


def _by_entry(runs: Sequence[RunSummary], name: str) -> list[RunSummary]:
    """Return the runs of the entry with this name, else of those whose name contains it; ``@latest`` means all."""
    if name == _LATEST:
        return list(runs)
    name = name.strip("/")
    exact = [each for each in runs if entry_text(each.entry) == name]
    return exact or [each for each in runs if name and name.casefold() in entry_text(each.entry).casefold()]


def _refuse(words: Sequence[str], runs: Sequence[RunSummary], folder: Path) -> NoReturn:
    """Say that words match no run, and what is there."""
    text = " ".join(words)
    try:
        unfinished = [each.name for each in (folder / UNFINISHED_DIR).iterdir()]
    except OSError:
        unfinished = []
    if len(text) >= _MIN_ID and any(name.startswith(text.lower()) for name in unfinished):
        raise RunNotFoundError(
            f"The run {text} was not published, or not yet. "
            f"`gaitmap-results unfinished {as_argument(folder)}` says what became of it, and if it can be recovered."
        )
    of_challenge = named_challenges(runs, text.partition(" ")[0])
    path = "" if of_challenge else _no_such_path(words)
    known = sorted({f"{each.challenge_name} {entry_text(each.entry)}" for each in of_challenge or runs})
    there = f"Entries there:{_listed(known)}" if known else "There is no run in it."
    raise RunNotFoundError(f"{path}No run matches {text!r} in {folder}. {there}")


def _no_such_path(words: Sequence[str]) -> str:
    """Return the beginning of the message for a word that may have been a path."""
    if len(words) != 1 or words[0] == _LATEST:
        return ""
    if Path(words[0]).is_dir():
        return f"There is no run in the folder {words[0]}: it has no {METADATA_FILE}. "
    return f"There is no folder {words[0]}. "


def challenge_and_folder(words: Sequence[str], results: Path | None) -> tuple[str, Path]:
    """Return the full name of the challenge and the results folder in words like ``CHALLENGE RESULTS``.

    Raises
    ------
    RunNotFoundError
        If there is no such challenge or folder.
    InvalidOptionError
        If several challenges have that name.
    """
    name: str | None = words[0] if words else None
    if len(words) == 2:
        results = Path(words[1])
    elif len(words) == 1 and results is None and Path(words[0]).is_dir():
        name, results = None, Path(words[0])
    folder = existing_results_folder(results)
    runs, _ = scan(folder)
    matching = sorted({each.challenge_name for each in named_challenges(runs, name)})
    if not matching:
        what = f"No challenge matches {name!r} in {folder}" if name else f"There is no run in {folder}"
        known = sorted({each.challenge_name for each in runs})
        raise RunNotFoundError(f"{what}. Challenges there: {', '.join(known) or 'none'}.")
    if len(matching) > 1:
        raise InvalidOptionError(
            f"There are several challenges in {folder}. Name one, or a part of its name:{_listed(matching)}"
        )
    return matching[0], folder
