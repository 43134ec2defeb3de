"""Define, read and write the journal of an unfinished run."""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from gaitmap_results.store import files
from gaitmap_results.store.entry_names import EntryName, as_entry_name
from gaitmap_results.store.json_files import dump_json, read_foreign_json
from gaitmap_results.store.json_values import encode_leniently
from gaitmap_results.store.layout import JOURNAL_FILE
from gaitmap_results.store.privacy import Redactor

__all__ = ["JOURNAL_SCHEMA_VERSION", "Journal", "JournalContent", "read_journal"]

#: The version of the format of journal.json; it increases when a key changes its meaning.
JOURNAL_SCHEMA_VERSION: Final = 1


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _object(value: object) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _moment(value: object) -> datetime | None:
    try:
        stamp = _seconds(value)
        return None if stamp is None else datetime.fromtimestamp(stamp, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None


# How to read an untrusted value, by the type of its field.
_READ: Final[dict[Any, Callable[[object], Any]]] = {
    "str | None": _text,
    "dict[str, Any] | None": _object,
    "float | None": _seconds,
    "datetime | None": _moment,
    "EntryName | None": as_entry_name,
}


@dataclass(frozen=True)
class JournalContent:
    """The content of an unfinished run's journal; ``None`` stands for a missing value.

    Each field is a key of ``journal.json``; docs/reference/journal.schema.json tells its meaning.
    A moment is stored twice: as local time in ISO 8601 for people, and with ``_utc`` as a POSIX time stamp.
    """

    run_id: str | None = None
    status: str | None = None
    core_results: str | None = None
    block_id: str | None = None
    entry_name: EntryName | None = None
    challenge_name: str | None = None
    challenge_version: str | None = None
    started: datetime | None = None
    process: dict[str, Any] | None = None
    heartbeat_s: float | None = None
    caller: str | None = None
    debug_folder_prefix: str | None = None
    metadata: dict[str, Any] | None = None
    custom_metadata: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    signal: str | None = None
    ended: datetime | None = None
    runtime: float | None = None
    rescued_to: str | None = None
    rescued_from: str | None = None
    updated: datetime | None = None

    @classmethod
    def from_json(cls, content: object) -> JournalContent:
        """Return the content of a parsed journal of any version, without trusting any value."""
        found = content if isinstance(content, dict) else {}
        keys = {each.name: _READ[each.type] for each in dataclasses.fields(cls)}
        return cls(**{key: read(found.get(f"{key}_utc" if read is _moment else key)) for key, read in keys.items()})

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``journal.json``."""
        written: dict[str, Any] = {"schema_version": JOURNAL_SCHEMA_VERSION}
        for each in dataclasses.fields(self):
            value = getattr(self, each.name)
            if _READ[each.type] is _moment:
                written[each.name] = None if value is None else value.astimezone().isoformat()
                written[f"{each.name}_utc"] = None if value is None else value.timestamp()
            else:
                written[each.name] = list(value) if isinstance(value, tuple) else value
        return written


def read_journal(path: Path) -> JournalContent:
    """Return the content of a journal.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is not a journal: not a regular file, too large, or not a JSON object.
    """
    content = read_foreign_json(path)
    if not isinstance(content, dict):
        raise ValueError("a JSON object is expected")
    return JournalContent.from_json(content)


class Journal:
    """The journal of one unfinished run; it is on the disk before the user's code runs.

    Parameters
    ----------
    folder
        The run's folder in ``.unfinished``.
    content
        Its first content.
    """

    def __init__(self, folder: Path, content: JournalContent) -> None:
        self._folder = folder
        self.path = folder / JOURNAL_FILE
        self._temporary = self.temporary_path(folder)
        self.content = content
        self._lock = threading.RLock()
        self._is_removed = False

    @classmethod
    def existing(cls, folder: Path, content: JournalContent) -> Journal:
        """Return the journal of a run that its process left unfinished, in the folder or beside it."""
        journal = cls(folder, content)
        aside = cls.aside_path(folder)
        if aside.exists() and not journal.path.exists():
            journal.path = aside
        return journal

    def change(self, **changes: Any) -> None:
        """Change the content in memory; the next :meth:`write` stores it."""
        if changes.get("error") is not None:  # the text of an error may hold secrets
            changes["error"] = Redactor.for_this_process(None).tree(changes["error"])
        # A challenge may finish in one thread while another handles a signal.
        with self._lock:
            self.content = dataclasses.replace(self.content, **changes)

    def write(self, *, durable: bool = True, **changes: Any) -> None:
        """Change the content, and write it to the disk.

        Parameters
        ----------
        durable
            Wait until it is on the disk, so that it survives a power failure and not only the death of the process.
        """
        if self._is_removed:  # the run is published; its journal must not come back
            return
        with self._lock:
            self.change(**changes, updated=datetime.now(timezone.utc))
            files.replace_file(self.path, self._temporary, self._encoded(), durable=durable)

    def _encoded(self) -> bytes:
        content = self.content.to_json()
        try:
            return dump_json(content)
        except TypeError:  # a path or the text of an error that is not UTF-8
            return dump_json(encode_leniently(content)[0])

    def set_aside(self) -> None:
        """Move the journal out of the run's folder, which marks the run as being published."""
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
        """Delete the journal of a run that is published or not worth keeping."""
        self._is_removed = True
        # A kill may have left it in the other place, or half written.
        for path in {self.path, self.aside_path(self._folder), self._temporary}:
            files.remove_file(path)

    @staticmethod
    def aside_path(folder: Path) -> Path:
        """Return the journal's path while its run is being published."""
        return folder.with_name(f"{folder.name}.{JOURNAL_FILE}")

    @staticmethod
    def temporary_path(folder: Path) -> Path:
        """Return the path for writing a new journal before it replaces the old one.

        It is beside the folder, not in it: a kill must not leave anything that would be published with the run.
        """
        return folder.with_name(f"{folder.name}.{JOURNAL_FILE}.new")
