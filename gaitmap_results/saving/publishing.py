"""Publish one finished run, or keep its results wherever possible."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gaitmap_results.config import REDIRECT_VARIABLE
from gaitmap_results.exceptions import (
    GaitmapResultsError,
    ResultsFolderError,
    SaveError,
)
from gaitmap_results.saving.debug_reasons import custom_metadata_invalid, loaded_from_kept, results_written_again
from gaitmap_results.saving.finished_run import FinishedRun, encode_for_storage, stage_elsewhere
from gaitmap_results.saving.kept_challenge import was_loaded
from gaitmap_results.saving.metadata import MetadataBuilder, Outcome
from gaitmap_results.saving.plan import SavePlan
from gaitmap_results.showing.text import as_argument, run_kind
from gaitmap_results.store import files, layout
from gaitmap_results.store.deferred_signals import deferred_signals
from gaitmap_results.store.safe_text import error_text

__all__ = ["PublishedRun", "describe_saved", "publish"]


@dataclass(frozen=True)
class PublishedRun:
    """A published run.

    Attributes
    ----------
    path
        The run folder.
    metadata
        The content of its metadata.json.
    error
        The error to raise now that the run is safe; ``None`` if all went well.
    """

    path: Path
    metadata: dict[str, Any]
    error: GaitmapResultsError | None = None


def publish(run: FinishedRun, metadata: MetadataBuilder, ask_outcome: Callable[[], Outcome]) -> PublishedRun:
    """Complete the folder of a staged run, and move it to its place.

    Signals that ask the process to end wait until that is done.

    Parameters
    ----------
    run
        The run.
    metadata
        Builds the content of metadata.json and custom_metadata.json.
    ask_outcome
        Returns the outcome; called last, after everything that does not depend on it.

    Raises
    ------
    SaveError
        If the run cannot be published; ``path`` says where the core results are.
    """
    plan = metadata.plan
    encoded, invalid, notes = encode_for_storage(metadata.custom_metadata())
    own_reasons = [] if invalid is None else [custom_metadata_invalid(invalid)]
    if was_loaded(run.challenge):
        own_reasons.append(loaded_from_kept())

    def ask() -> Outcome:
        outcome = ask_outcome()
        again = [results_written_again()] if run.was_written_again else []
        return replace(outcome, reasons=(*outcome.reasons, *own_reasons, *again), errors=(*outcome.errors, *notes))

    with deferred_signals():
        try:
            path, stored = _publish_staged(run, metadata, ask, encoded)
        except Exception as failure:
            if files.is_folder(run.staging.core_results):
                raise _publishing_failed(run, failure) from failure
            # The results folder vanished after the core results were written; the challenge may still have them.
            stage_elsewhere(run, plan, OSError(error_text(failure)))
            try:
                path, stored = _publish_staged(run, metadata, ask, encoded)
            except Exception as second:
                raise _publishing_failed(run, second) from second
    if run.staging.results_folder != plan.results_folder:
        return PublishedRun(path, stored, _was_rescued(run, path, plan))
    if invalid is not None:
        invalid.path = path
        invalid.args = (f"{invalid}\nThe run is stored all the same, as a debug run, in {path}.",)
    return PublishedRun(path, stored, invalid)


def _publish_staged(
    run: FinishedRun, metadata: MetadataBuilder, ask_outcome: Callable[[], Outcome], custom_metadata: Any
) -> tuple[Path, dict[str, Any]]:
    plan, staging = metadata.plan, run.staging
    # Hash while git is still working.
    listed = staging.write_custom_metadata(custom_metadata), staging.hash_core_results()
    outcome = ask_outcome()
    outcome = replace(outcome, errors=(*outcome.errors, *run.notes))
    content = metadata.build(run.facts, run.times, outcome, run_id=staging.run_id)
    stored = staging.write_metadata(content, *listed)
    parent = layout.entry_folder(staging.results_folder, run.facts.name, run.facts.version, plan.entry_parts)
    start = run.times.start or metadata.provenance.moment
    return staging.publish(parent, start, plan.prefix if outcome.reasons else ""), stored


def _publishing_failed(run: FinishedRun, failure: Exception) -> SaveError:
    text = error_text(failure)
    run.staging.note(status="save_failed", error={"message": text})
    return SaveError(
        f"The run could not be published: {text}. Its core results are complete in {run.staging.folder}. "
        "When the cause is fixed, publish them with\n"
        f"  gaitmap-results recover {run.staging.run_id} --results {as_argument(run.staging.results_folder)}",
        path=run.staging.folder,
    )


def _was_rescued(run: FinishedRun, path: Path, plan: SavePlan) -> ResultsFolderError:
    return ResultsFolderError(
        f"The results folder {plan.results_folder} can no longer be written. The run is complete in {path}; "
        f"copy what is in {run.staging.results_folder} to {plan.results_folder} when you can write there again.",
        results_folder=plan.results_folder,
        path=path,
    )


def describe_saved(published: PublishedRun) -> str:
    """Return the line that tells the user what was stored, and a second one if it went elsewhere."""
    redirected = os.environ.get(REDIRECT_VARIABLE)
    sent = f"\n{REDIRECT_VARIABLE} overrides every other results folder: {redirected}" if redirected else ""
    if not published.metadata["is_debug_run"]:
        kind = run_kind(published.metadata)
        return f"Saved official run to {published.path}" + (f" ({kind})" if kind != "official" else "") + sent
    reasons = ", ".join(reason["code"] for reason in published.metadata["debug_reasons"])
    return f"Saved debug run ({reasons}) to {published.path}{sent}"
