"""Find the results of a run in a rescue folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gaitmap_results.exceptions import GaitmapResultsError
from gaitmap_results.store.files import is_real_file
from gaitmap_results.store.journal import JournalContent
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

__all__ = ["find_kept_challenge", "find_published", "find_rescued"]


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
    for store in _places(run_id, journal):
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
    folders = [folder, *(store / UNFINISHED_DIR / run_id for store in _places(run_id, journal))]
    files = (each / name for each in folders for name in (CHALLENGE_FILE, ATTRIBUTES_FILE))
    return next((file for file in files if is_real_file(file)), None)


def _places(run_id: str, journal: JournalContent) -> Iterator[Path]:
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
