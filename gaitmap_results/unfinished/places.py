"""Find where each unfinished run lies on the disk."""

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
    """Where an unfinished run lies.

    Attributes
    ----------
    run_id
        The run.
    folder
        Its folder in ``.unfinished``, named by the run and, where a process has claimed it, by that.
        It need not be there: a run that is being published has a journal only.
    journals
        The places of its journal, the most likely first.
    """

    run_id: str
    folder: Path
    journals: tuple[Path, ...]

    def read_journal(self) -> tuple[JournalContent, str | None, Path | None]:
        """Return what the journal says, or why it says nothing, and where it lies."""
        problem = f"It has no {JOURNAL_FILE}: it is starting just now, or was killed when it did."
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
    """Return where the unfinished runs of a results folder lie, and what else is there.

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
        # Not an empty list: nobody would look for the runs that are in there.
        raise RunNotFoundError(
            f"Whether there are unfinished runs is not known: {folder} cannot be read ({error.strerror or error})."
        ) from error
    folders: dict[str, list[Path]] = {}
    journals: dict[str, list[Path]] = {}
    skipped = []
    for path in entries:
        match = _NAME.fullmatch(path.name)
        if path.is_symlink():
            skipped.append(f"{path} was skipped: it is a symbolic link.")
        elif match is None or (match["journal"] is None) != path.is_dir():
            # A run that was published since the folder was listed is gone, and nothing to warn about; file servers and
            # file managers keep files that start with a dot everywhere.
            if path.exists() and not path.name.startswith("."):
                skipped.append(f"{path} was skipped: it is not an unfinished run.")
        elif match["journal"] is None:
            folders.setdefault(match["run_id"], []).append(path)
        elif not path.name.endswith(".new"):  # a journal that was being written when its run was killed
            journals.setdefault(match["run_id"], []).append(path)
    run_ids = sorted({*folders, *journals})
    return [_place(run_id, folders.get(run_id, []), journals.get(run_id, [])) for run_id in run_ids], skipped


def _place(run_id: str, folders: list[Path], journals: list[Path]) -> Place:
    """Put together what belongs to one run; a kill during a claim may have left its folder and journal apart."""
    folder = folders[-1] if folders else _without_suffix(journals[-1])
    likely = (folder / JOURNAL_FILE, Journal.aside_path(folder))
    return Place(run_id, folder, (*likely, *(path for path in journals if path not in likely)))


def _without_suffix(aside: Path) -> Path:
    return aside.with_name(aside.name.removesuffix(f".{JOURNAL_FILE}"))
