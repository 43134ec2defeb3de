"""Find the files of each unfinished run: in ``.unfinished``, in a rescue folder, or already published."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gaitmap_results.exceptions import GaitmapResultsError, RunNotFoundError
from gaitmap_results.store.files import is_real_file
from gaitmap_results.store.journal import Journal, JournalContent, read_journal
from gaitmap_results.store.json_files import find_foreign_json
from gaitmap_results.store.layout import (
    ATTRIBUTES_FILE,
    CHALLENGE_FILE,
    JOURNAL_FILE,
    METADATA_FILE,
    UNFINISHED_DIR,
    checked_entry_folder,
)
from gaitmap_results.store.rescue import is_rescue_folder, rescue_folders
from gaitmap_results.store.staging import has_core_results

__all__ = ["Place", "find_kept_challenge", "find_places", "find_published", "find_rescued"]

_UUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_NAME: Final = re.compile(
    rf"(?P<folder>(?P<run_id>{_UUID})(?:\.claimed-[0-9a-z-]+)?)(?P<journal>\.{re.escape(JOURNAL_FILE)}(?:\.new)?)?"
)


@dataclass(frozen=True)
class Place:
    """Where an unfinished run is on disk.

    Attributes
    ----------
    run_id
        The run's identifier.
    folder
        Its folder in ``.unfinished``, named after the run and the process that has claimed it, if any.
        It need not exist: a run that is being published has only a journal.
    journals
        The possible places of its journal, the most likely first.
    """

    run_id: str
    folder: Path
    journals: tuple[Path, ...]

    def read_journal(self) -> tuple[JournalContent, str | None, Path | None]:
        """Return the journal's content, or why it cannot be read, and its path."""
        problem = f"It has no {JOURNAL_FILE}: it is just starting, or was killed while starting."
        there = None
        for path in self.journals:
            try:
                return read_journal(path), None, path
            except FileNotFoundError:
                continue
            except (OSError, ValueError, RecursionError, MemoryError) as error:
                problem = f"{path} cannot be read: {error}."
                there = path
        return JournalContent(), problem, there


def find_places(results_folder: Path) -> tuple[list[Place], list[str]]:
    """Return the places of the unfinished runs of a results folder, and anything else found there.

    Raises
    ------
    RunNotFoundError
        If there is no such results folder, or its ``.unfinished`` cannot be read.
    """
    folder = results_folder / UNFINISHED_DIR
    if not results_folder.is_dir():
        raise RunNotFoundError(f"There is no results folder {results_folder}. Name the one that runs were stored in.")
    if folder.is_symlink():
        return [], [f"{folder} is a symbolic link; its target is not read."]
    try:
        entries = sorted(folder.iterdir())
    except FileNotFoundError:
        return [], []
    except OSError as error:
        # An empty list would hide the runs in it.
        raise RunNotFoundError(
            f"The unfinished runs cannot be listed: {folder} cannot be read ({error.strerror or error})."
        ) from error
    folders: dict[str, list[Path]] = {}
    journals: dict[str, list[Path]] = {}
    skipped = []
    for path in entries:
        match = _NAME.fullmatch(path.name)
        if path.is_symlink():
            skipped.append(f"{path} was skipped: it is a symbolic link.")
        elif match is None or (match["journal"] is None) != path.is_dir():
            # The run may have been published since the listing, and file servers keep hidden files everywhere.
            if path.exists() and not path.name.startswith("."):
                skipped.append(f"{path} was skipped: it is not an unfinished run.")
        elif match["journal"] is None:
            folders.setdefault(match["run_id"], []).append(path)
        elif not path.name.endswith(".new"):  # a kill interrupted the writing of a journal
            journals.setdefault(match["run_id"], []).append(path)
    run_ids = sorted({*folders, *journals})
    return [_place(run_id, folders.get(run_id, []), journals.get(run_id, [])) for run_id in run_ids], skipped


def _place(run_id: str, folders: list[Path], journals: list[Path]) -> Place:
    """Match folder and journal of one run, which a kill during a claim may have separated."""
    folder = folders[-1] if folders else _without_suffix(journals[-1])
    likely = (folder / JOURNAL_FILE, Journal.aside_path(folder))
    return Place(run_id, folder, (*likely, *(path for path in journals if path not in likely)))


def _without_suffix(aside: Path) -> Path:
    return aside.with_name(aside.name.removesuffix(f".{JOURNAL_FILE}"))


def find_published(results_folder: Path, run_id: str, journal: JournalContent) -> Path | None:
    """Return the run folder of a run, if it is where its journal expects it."""
    try:
        parent = checked_entry_folder(
            results_folder, journal.challenge_name, journal.challenge_version, journal.entry_name
        )
        candidates = sorted(parent.iterdir())
    except (OSError, GaitmapResultsError):
        return None
    visible = (path for path in candidates if not path.name.startswith("."))
    return next((path for path in visible if _is_record_of(path / METADATA_FILE, run_id)), None)


def find_rescued(run_id: str, journal: JournalContent) -> Path | None:
    """Return the folder in a rescue folder that holds the complete core results of a run.

    The journal may name it; since a full disk may have prevented that, the rescue folders of this computer are
    searched, too.
    """
    for store in _rescue_stores(run_id, journal):
        unfinished = store / UNFINISHED_DIR / run_id
        if has_core_results(unfinished) and _says_complete(unfinished / JOURNAL_FILE):
            return unfinished
        # Do not rely on names in the journal: the disk may have been full before they were known.
        for file in store.rglob(METADATA_FILE):
            if UNFINISHED_DIR not in file.parts and _is_record_of(file, run_id):
                return file.parent
    return None


def find_kept_challenge(run_id: str, folder: Path, journal: JournalContent) -> Path | None:
    """Return the pickle of a challenge whose results could not be saved: beside its journal, or in a rescue folder."""
    folders = [folder, *(store / UNFINISHED_DIR / run_id for store in _rescue_stores(run_id, journal))]
    files = (each / name for each in folders for name in (CHALLENGE_FILE, ATTRIBUTES_FILE))
    return next((file for file in files if is_real_file(file)), None)


def _rescue_stores(run_id: str, journal: JournalContent) -> Iterator[Path]:
    stated = journal.rescued_to
    path = Path(stated) if stated is not None and "\0" not in stated else None
    # A journal may be forged: read only what a rescue of this run can have written.
    if path is not None and path.parts[-2:] == (UNFINISHED_DIR, run_id) and is_rescue_folder(path.parent.parent):
        yield path.parent.parent
    yield from rescue_folders()


def _says_complete(path: Path) -> bool:
    return JournalContent.from_json(find_foreign_json(path)).core_results == "complete"


def _is_record_of(path: Path, run_id: str) -> bool:
    content = find_foreign_json(path)
    return isinstance(content, dict) and content.get("run_id") == run_id
