"""Publish one run of a block that has ended, and tell the user."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from gaitmap_results.recording.assigned_run_id import is_reported_elsewhere
from gaitmap_results.recording.block_runs import BlockRuns
from gaitmap_results.saving.advice import advise_about_loading, advise_about_unknowns
from gaitmap_results.saving.finished_run import FinishedRun
from gaitmap_results.saving.metadata import MetadataBuilder, Outcome
from gaitmap_results.saving.publishing import PublishedRun, describe_saved, publish
from gaitmap_results.user_code.announcing import announce
from gaitmap_results.user_code.user_warnings import PendingWarnings

__all__ = ["publish_in_block", "report_published"]


def publish_in_block(
    run: FinishedRun, runs: BlockRuns, metadata: MetadataBuilder, ask_outcome: Callable[[], Outcome]
) -> PublishedRun:
    """Publish a run of a block with the author's files; request its results now if it was not observed.

    Raises
    ------
    SaveError
        If its results could not be saved, when its run ended or now, or if it cannot be published.
    """
    if run.failure is not None:
        raise run.failure
    if run.place is None:
        # What the challenge does now is not part of the run, and it may wait for the processes of this program.
        with contextlib.suppress(Exception):  # told when the run is published
            ask_outcome()
        runs.keep(run)
    runs.files.bring_to(run)
    published = publish(run, metadata, ask_outcome)
    runs.files.were_given_to(published.path)
    if run.origin is not None:
        run.origin.discard()
    return published


def report_published(
    published: PublishedRun, run: FinishedRun, metadata: MetadataBuilder, pending: PendingWarnings
) -> None:
    """Log where a run is, and collect the warnings that could not be given at the start of the block."""
    if not is_reported_elsewhere(published.metadata["block_id"]):
        announce(describe_saved(published))
    known = len(metadata.provenance.errors)
    advise_about_unknowns(published.metadata["collection_errors"][known:], pending)
    advise_about_loading(run.challenge, pending)
