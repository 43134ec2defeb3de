"""The journal of an unfinished run: what it says, and how it is written."""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from gaitmap_results.store import files
from gaitmap_results.store.json_files import dump_json
from gaitmap_results.store.json_values import encode_leniently
from gaitmap_results.store.layout import JOURNAL_FILE
from gaitmap_results.store.privacy import Redactor

__all__ = ["JOURNAL_SCHEMA_VERSION", "Journal"]

JOURNAL_SCHEMA_VERSION: Final = 1


class Journal:
    """The journal of one unfinished run; it is on the disk before the user's code runs.

    Parameters
    ----------
    folder
        The run's folder in ``.unfinished``.
    content
        What it says first.
    """

    def __init__(self, folder: Path, content: dict[str, Any]) -> None:
        self._folder = folder
        self.path = folder / JOURNAL_FILE
        # Beside the folder, not in it: a kill must not leave anything that would be published with the run.
        self._temporary = folder.with_name(f"{folder.name}.{JOURNAL_FILE}.new")
        self.content = {"schema_version": JOURNAL_SCHEMA_VERSION, **content}
        self._lock = threading.RLock()
        self._is_removed = False

    @classmethod
    def existing(cls, folder: Path, content: dict[str, Any]) -> Journal:
        """Return the journal of a run that its process left unfinished, in the folder or set aside."""
        journal = cls(folder, content)
        aside = cls.aside_path(folder)
        if aside.exists() and not journal.path.exists():
            journal.path = aside
        return journal

    def write(self, *, durable: bool = True, **changes: Any) -> None:
        """Change what the journal says, on the disk too.

        Parameters
        ----------
        durable
            Wait until it is on the disk, so that it survives a power failure and not only the death of the process.
        """
        if self._is_removed:  # the run is published; its journal must not come back
            return
        if changes.get("error") is not None:  # the text of an error is foreign
            changes["error"] = Redactor.for_this_process(None).tree(changes["error"])
        now = datetime.now(timezone.utc)
        # A challenge may finish in one thread while a signal is handled in another.
        with self._lock:
            self.content = {**self.content, **changes, "updated": now.isoformat(), "updated_utc": now.timestamp()}
            files.replace_file(self.path, self._temporary, self._encoded(), durable=durable)

    def _encoded(self) -> bytes:
        try:
            return dump_json(self.content)
        except TypeError:  # a path or the text of an error that is no UTF-8
            return dump_json(encode_leniently(self.content)[0])

    def set_aside(self) -> None:
        """Move the journal out of the run's folder; that it lies beside it says that the run is being published."""
        aside = self.aside_path(self.path.parent)
        files.move_file(self.path, aside)
        self.path = aside

    def bring_back(self) -> None:
        """Undo :meth:`set_aside`, after publishing failed."""
        original = self._folder / JOURNAL_FILE
        if self.path != original and self.path.exists():
            files.move_file(self.path, original)
            self.path = original

    def remove(self) -> None:
        """Delete the journal; the run is published, or nothing of it is worth keeping."""
        self._is_removed = True
        # A kill may have left it in the other place, and one that was just being written.
        for path in {self.path, self.aside_path(self._folder), self._temporary}:
            files.remove_file(path)

    @staticmethod
    def aside_path(folder: Path) -> Path:
        """Return where the journal lies while its run is being published."""
        return folder.with_name(f"{folder.name}.{JOURNAL_FILE}")
