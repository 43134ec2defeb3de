"""Find the folder and journal of each unfinished run on disk."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gaitmap_results.exceptions import RunNotFoundError
from gaitmap_results.store.journal import Journal, JournalContent, read_journal
from gaitmap_results.store.layout import JOURNAL_FILE, UNFINISHED_DIR

__all__ = ["Place", "find_places"]

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
