"""Open the folder of an unfinished run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any
from uuid import uuid4

from gaitmap_results.provenance.collecting import Provenance
from gaitmap_results.provenance.collection_errors import Collector
from gaitmap_results.saving.plan import SavePlan
from gaitmap_results.store.heartbeat import heartbeat_interval
from gaitmap_results.store.journal import JournalContent
from gaitmap_results.store.privacy import Redactor
from gaitmap_results.store.rescue import rescue
from gaitmap_results.store.staging import Staging

__all__ = ["open_staging", "open_staging_somewhere"]


def journal_start(
    plan: SavePlan, provenance: Provenance | None, block_id: str | None, custom_metadata: Any = None
) -> JournalContent:
    """Return the first content of a run's journal: enough to judge the run from outside."""
    from gaitmap_results.provenance.process_identity import current_process

    collector = Collector()
    process = collector.collect("process", current_process)
    caller = provenance.caller if provenance else None
    redactor = Redactor.for_this_process(plan.relative_to)
    return JournalContent(
        status="running",
        core_results="none",
        block_id=block_id,
        entry_name=plan.entry_name,
        started=provenance.moment if provenance else datetime.now(timezone.utc),
        process=None if process is None else process.to_json(),
        heartbeat_s=heartbeat_interval(plan.sample_resources_s),
        caller=None if caller is None or caller.file is None else redactor.path(caller.file),
        debug_folder_prefix=plan.prefix,
        custom_metadata=custom_metadata,
    )


def open_staging(
    plan: SavePlan,
    provenance: Provenance | None,
    *,
    block_id: str | None = None,
    custom_metadata: Any = None,
    draft: Callable[[str], dict[str, Any]] | None = None,
) -> Staging:
    """Create an unfinished run in the results folder, which proves that it is writable.

    Parameters
    ----------
    custom_metadata
        The custom metadata known now, encoded, so that they are not lost if the run dies.
    draft
        Returns what is known of metadata.json, given the identifier of the run.

    Raises
    ------
    ResultsFolderError
        If the results folder cannot be written.
    """
    journal, run_id = journal_start(plan, provenance, block_id, custom_metadata), str(uuid4())
    if draft is not None:
        journal = replace(journal, metadata=draft(run_id))
    return Staging(plan.results_folder, journal, run_id=run_id)


def open_staging_somewhere(plan: SavePlan, provenance: Provenance | None, *, block_id: str | None = None) -> Staging:
    """Create an unfinished run for existing results, in the results folder or else in a rescue folder."""
    journal = journal_start(plan, provenance, block_id)
    try:
        return Staging(plan.results_folder, journal)
    except OSError:
        # No error here: the results come first, and `publish` reports where they went.
        return rescue(journal, away_from=plan.results_folder)
