"""Build the metadata of a run that its own program did not publish."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from gaitmap_results.saving.debug_reasons import recovered
from gaitmap_results.saving.metadata import unknown_metadata
from gaitmap_results.store import layout
from gaitmap_results.store.journal import JournalContent
from gaitmap_results.store.json_files import find_foreign_json
from gaitmap_results.unfinished.listing import UnfinishedRun, UnfinishedRunOnDisk

__all__ = ["recovered_metadata", "start_of", "stored_custom_metadata", "stored_metadata"]


def stored_metadata(found: UnfinishedRunOnDisk) -> dict[str, Any]:
    """Return the most complete metadata of a run, from its file or a draft; empty if there are none."""
    for folder in _folders(found.run):
        journal = found.journal
        if folder != found.run.path:
            journal = JournalContent.from_json(find_foreign_json(folder / layout.JOURNAL_FILE))
        for candidate in (find_foreign_json(folder / layout.METADATA_FILE), journal.metadata):
            if isinstance(candidate, dict) and candidate.get("run_id") == found.run.run_id:
                return candidate
    return {}


def stored_custom_metadata(found: UnfinishedRunOnDisk) -> Any:
    """Return the author's custom metadata as far as they were written; ``None`` if they were not."""
    for folder in _folders(found.run):
        stored = find_foreign_json(folder / layout.CUSTOM_METADATA_FILE)
        if isinstance(stored, dict):
            return stored
    return found.journal.custom_metadata


def _folders(run: UnfinishedRun) -> list[Path]:
    return [run.path] if run.rescued_to is None else [run.rescued_to, run.path]


def recovered_metadata(found: UnfinishedRunOnDisk, stored: dict[str, Any], custom_metadata: Any) -> dict[str, Any]:
    """Return the content of metadata.json of a recovered run."""
    metadata = {**unknown_metadata(found.run.run_id), **stored}
    errors = _list_of(metadata["collection_errors"])
    if metadata["run_start_datetime_utc"] is None:
        metadata["caller_file_path"] = found.journal.caller
        if (start := found.run.started) is not None:
            metadata["run_start_datetime_utc"] = start.timestamp()
            metadata["run_start_datetime"] = start.astimezone().isoformat()
            metadata["timing_source"] = "block"
    if not stored:
        errors.append({"what": "metadata", "error": "The run ended before its provenance was written down."})
    if custom_metadata is None:
        errors.append({"what": "custom_metadata", "error": "The run ended before they were written down."})
    reason = recovered(status=found.run.status, certainty=found.run.certainty, evidence=found.run.evidence)
    # An earlier recovery that could not publish the run has already added the reason.
    known = _list_of(metadata["debug_reasons"])
    before = [each for each in known if not (isinstance(each, dict) and each.get("message") == reason.message)]
    metadata["debug_reasons"] = [*before, reason.to_json()]
    return {**metadata, "is_debug_run": True, "collection_errors": errors}


def _list_of(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else []


def start_of(found: UnfinishedRunOnDisk, metadata: dict[str, Any]) -> datetime:
    """Return when a run started, from the best source available."""
    try:
        return datetime.fromtimestamp(metadata["run_start_datetime_utc"], timezone.utc)
    except (TypeError, ValueError, OverflowError, OSError):
        return found.run.started or datetime.now(timezone.utc)
