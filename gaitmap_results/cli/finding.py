"""Find the runs that are named in a command."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

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
from gaitmap_results.showing.text import as_argument, one_line
from gaitmap_results.store.entry_names import entry_text
from gaitmap_results.store.layout import METADATA_FILE, UNFINISHED_DIR

__all__ = [
    "HOW_TO_NAME_A_RUN",
    "RESULTS_PATH",
    "existing_results_folder",
    "find_run",
    "given_results_folder",
    "named_challenges",
    "results_argument",
    "results_option",
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
_MAX_SHOWN = 10
RESULTS_PATH = click.Path(file_okay=False, path_type=Path)

Function = TypeVar("Function", bound=Callable[..., Any])


def results_option(function: Function) -> Function:
    """Give a command the option ``--results``, passed as ``results``."""
    help_text = "The results folder; without it, the config's is used."
    return click.option("--results", type=RESULTS_PATH, help=help_text)(function)


def results_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the results folder, by position or ``--results``, passed as ``results``."""

    @wraps(function)
    def command(*args: Any, results: Path | None, named_results: Path | None, **options: Any) -> Any:
        if results is not None and named_results is not None:
            raise click.UsageError(f"The results folder is given twice: {results} and --results {named_results}.")
        return function(*args, results=results or named_results, **options)

    help_text = "The results folder, as RESULTS."
    command = click.option("--results", "named_results", type=RESULTS_PATH, help=help_text)(command)
    return click.argument("results", required=False, type=RESULTS_PATH)(command)


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
    if results is None and len(words) > 1 and _is_results_folder(Path(words[-1]).expanduser()):
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
    if len(words) == 1 and (folder_of_run := _folder_of_run(words[0])) is not None:
        return _run_at(folder_of_run)
    try:
        folder = existing_results_folder(results)
    except (NoResultsFolderError, RunNotFoundError) as error:
        raise type(error)(f"{_no_such_path(words)}{error}") from error
    runs, _ = scan(folder)
    words = _split(words, runs)
    challenge, word = words if len(words) == 2 else (None, words[0])
    of_challenge = named_challenges(runs, challenge)
    if challenge is None and not _is_entry(word, runs) and (found := _by_id(runs, word)):
        return _only(found, word)
    if runs and not of_challenge:
        known = sorted({each.challenge_name for each in runs})
        raise RunNotFoundError(f"No challenge matches {challenge!r} in {folder}. Challenges there:{_listed(known)}")
    matching = of_challenge if word == _LATEST else _by_entry(of_challenge, word, folder)
    if not matching:
        _refuse_unfinished(word, folder)
        path = "" if named_challenges(runs, word) else _no_such_path(words)
        said = f"{path}No run matches {' '.join(words)!r} in {folder}."
        raise RunNotFoundError(f"{said} {_what_is_there(word, of_challenge, runs)}")
    return max(matching, key=by_start)


def _refuse_unfinished(word: str, folder: Path) -> None:
    """Raise RunNotFoundError if a word is the beginning of the id of a run that was not published."""
    start = word.casefold()
    try:
        names = [each.name.casefold() for each in (folder / UNFINISHED_DIR).iterdir()]
    except OSError:
        return
    if len(start) >= _MIN_ID and any(name.startswith(start) for name in names):
        raise RunNotFoundError(
            f"The run {word} was not published, or not yet. "
            f"`gaitmap-results unfinished {as_argument(folder)}` says what became of it, and if it can be recovered."
        )


def _folder_of_run(word: str) -> Path | None:
    """Return the folder that a word names, if it is a run folder, its metadata.json, or can only be a path."""
    path = Path(word).expanduser()
    if path.name == METADATA_FILE and os.path.lexists(path):
        return path.parent
    # Names of entries never begin with a dot.
    is_path = os.path.lexists(path / METADATA_FILE) or path.is_absolute() or word.startswith((".", "~"))
    return path if is_path else None


def _split(words: Sequence[str], runs: Sequence[RunSummary]) -> Sequence[str]:
    """Return a challenge and an entry, or only an entry; both may be in one word, and an entry may have spaces."""
    text = " ".join(words)
    is_entry = len(words) == 1 or not named_challenges(runs, words[0])
    return [text] if is_entry and _by_name(runs, text) else text.split(maxsplit=1) or words


def _is_entry(word: str, runs: Sequence[RunSummary]) -> bool:
    return any(entry_text(each.entry) == word for each in runs)


def _what_is_there(word: str, of_challenge: Sequence[RunSummary], runs: Sequence[RunSummary]) -> str:
    """Return suggestions for a word that matches no run."""
    inside = [each for each in runs if Path(word).is_dir() and each.path.is_relative_to(Path(word).resolve())]
    if inside and len(inside) < len(runs):
        return f"Runs in the folder {word}:{_listed([each.folder for each in inside])}"
    if named := named_challenges(runs, word):
        names = sorted({f"{each.challenge_name} {entry_text(each.entry)}" for each in named})
        return f"It is the name of a challenge; name an entry, too:{_listed(names)}"
    known = sorted({entry_text(each.entry) for each in of_challenge})
    return f"Entries there:{_listed(known)}" if known else "There is no run in it."


def _no_such_path(words: Sequence[str]) -> str:
    """Return the beginning of the message for a word that may have been a path."""
    if len(words) != 1 or words[0] == _LATEST:
        return ""
    if Path(words[0]).is_dir():
        return f"There is no run in the folder {words[0]}: it has no {METADATA_FILE}. "
    return f"There is no folder {words[0]}. "


def _run_at(path: Path) -> RunSummary:
    folder = os.path.abspath(path)
    try:
        os.lstat(folder)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RunNotFoundError(f"There is no folder {folder}.") from error
    except OSError:
        pass  # reading it will raise the reason
    try:
        return read_summary(folder)
    except CorruptRunError as error:
        raise CorruptRunError(f"The run in {folder} cannot be read: {error}.", path=path) from error
    except OSError as error:
        raise CorruptRunError(f"The run in {folder} cannot be read: {error.strerror or error}.", path=path) from error


def _by_id(runs: Sequence[RunSummary], word: str) -> list[RunSummary]:
    """Return the runs with this id or beginning of an id, or in a folder of this name."""
    start = word.casefold()
    return [
        each
        for each in runs
        if each.path.name == word
        or (len(start) >= _MIN_ID and each.run_id is not None and each.run_id.casefold().startswith(start))
    ]


def _only(found: Sequence[RunSummary], word: str) -> RunSummary:
    if len(found) > 1:
        raise InvalidOptionError(
            f"{word!r} matches {len(found)} runs. Name one by its path:{_listed([each.folder for each in found])}"
        )
    return found[0]


def _by_name(runs: Sequence[RunSummary], word: str) -> list[RunSummary]:
    name = word.strip("/")
    exact = [each for each in runs if entry_text(each.entry) == name]
    return exact or [each for each in runs if name.casefold() in entry_text(each.entry).casefold()]


def _by_entry(runs: Sequence[RunSummary], word: str, folder: Path) -> list[RunSummary]:
    """Return the runs of the only entry with this name, else of the only one whose name contains it."""
    matching = _by_name(runs, word)
    entries = sorted({f"{each.challenge_name} {entry_text(each.entry)}" for each in matching})
    if len(entries) > 1:
        raise InvalidOptionError(
            f"{word!r} matches {len(entries)} entries in {folder}. Name one, with its challenge:{_listed(entries)}"
        )
    return matching


def _listed(names: Sequence[str]) -> str:
    shown = "".join(f"\n  {one_line(name)}" for name in names[:_MAX_SHOWN])
    return shown + (f"\n  and {len(names) - _MAX_SHOWN} more" if len(names) > _MAX_SHOWN else "")
