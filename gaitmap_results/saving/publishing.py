"""Brings one finished challenge to its place in the results folder, or keeps its results where it can."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from gaitmap_results.challenge import RunTimes
from gaitmap_results.exceptions import (
    CoreResultsError,
    GaitmapResultsError,
    InvalidCustomMetadataError,
    ResultsFolderError,
    SaveError,
)
from gaitmap_results.provenance.collecting import Collector, Provenance
from gaitmap_results.saving.debug_reasons import custom_metadata_invalid, reasons_for_debug
from gaitmap_results.saving.metadata import ChallengeFacts, Outcome, RecordWriter
from gaitmap_results.saving.plan import SavePlan
from gaitmap_results.store import files, layout
from gaitmap_results.store.deferring import deferred_signals
from gaitmap_results.store.heartbeat import heartbeat_interval
from gaitmap_results.store.journal import JournalContent
from gaitmap_results.store.json_values import encode_custom_metadata, encode_leniently
from gaitmap_results.store.privacy import Redactor
from gaitmap_results.store.staging import Staging, rescue_folder

__all__ = [
    "FinishedRun",
    "Published",
    "describe",
    "describe_saved",
    "draft_metadata",
    "open_staging",
    "open_staging_somewhere",
    "publish",
    "stage",
    "write_draft",
]

_logger = logging.getLogger("gaitmap_results")


@dataclass
class FinishedRun:
    """A challenge that ran, its results on the disk, and what is known about its run.

    Attributes
    ----------
    challenge
        The challenge.
    facts
        What it says about itself.
    times
        When it ran.
    staging
        The unfinished run that holds its core results.
    """

    challenge: Any
    facts: ChallengeFacts
    times: RunTimes
    staging: Staging


@dataclass(frozen=True)
class Published:
    """A run that is in its place.

    Attributes
    ----------
    path
        The run folder.
    metadata
        What its metadata.json says.
    error
        What to raise now that nothing can be lost any more; ``None`` if all went well.
    """

    path: Path
    metadata: dict[str, Any]
    error: GaitmapResultsError | None = None


def journal_start(
    plan: SavePlan, provenance: Provenance | None, block_id: str | None, custom_metadata: Any = None
) -> JournalContent:
    """Return what the journal of a run says first: enough to judge it from outside."""
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
    plan: SavePlan, provenance: Provenance | None, *, block_id: str | None = None, custom_metadata: Any = None
) -> Staging:
    """Start an unfinished run in the results folder, which proves that it can be written.

    Parameters
    ----------
    custom_metadata
        What is known of it now, encoded, so that it is not lost if the run ends before its time.

    Raises
    ------
    ResultsFolderError
        If it cannot.
    """
    return Staging(plan.results_folder, journal_start(plan, provenance, block_id, custom_metadata))


def open_staging_somewhere(plan: SavePlan, provenance: Provenance | None, *, block_id: str | None = None) -> Staging:
    """Start an unfinished run for results that are there already: in the results folder, or else in a rescue folder."""
    try:
        return open_staging(plan, provenance, block_id=block_id)
    except ResultsFolderError:
        # The results come first; `publish` tells where they went.
        return Staging(rescue_folder(), journal_start(plan, provenance, block_id))


def stage(run: FinishedRun, plan: SavePlan, *, draft: dict[str, Any] | None = None) -> None:
    """Write a challenge's core results; signals that ask the process to end wait until that is done.

    Where the results folder cannot be written any more, they go to a rescue folder; ``run.staging`` is then that.

    Parameters
    ----------
    draft
        What metadata.json will say, as far as it is known; the journal keeps it with the word that the results are
        complete.

    Raises
    ------
    CoreResultsError
        If the challenge's ``save_core_results`` raises.
    """
    journal = run.staging.journal
    journal.change(challenge_name=run.facts.name, challenge_version=run.facts.version)
    if draft is not None:
        journal.change(metadata=draft)
    if journal.content.status == "save_failed":  # this is another attempt
        journal.change(status="running", error=None)
    with deferred_signals():
        try:
            run.staging.save_core_results(run.challenge)
        except OSError as error:
            _stage_elsewhere(run, plan, error)
        except Exception as error:
            raise _core_results_error(run, error) from error


def _stage_elsewhere(run: FinishedRun, plan: SavePlan, error: OSError) -> None:
    """Save once more in a rescue folder: it may have been the disk, or the challenge itself."""
    first = run.staging
    if first.results_folder != plan.results_folder:
        raise _core_results_error(run, error) from error
    text = f"{type(error).__name__}: {error}"
    content = replace(first.journal.content, rescued_from=str(first.folder))
    try:
        rescued = Staging(rescue_folder(), content, run_id=first.run_id)
    except OSError:
        raise _core_results_error(run, error) from error
    try:
        rescued.save_core_results(run.challenge)
    except Exception:  # noqa: BLE001 - the challenge's own; the first error is the one to tell
        shutil.rmtree(rescued.results_folder, ignore_errors=True)
        raise _core_results_error(run, error) from error
    first.note(status="rescued", rescued_to=str(rescued.folder), error={"message": text})
    run.staging = rescued
    _write_scores(run)


def _core_results_error(run: FinishedRun, error: Exception) -> CoreResultsError:
    text = f"{type(error).__name__}: {error}"
    run.staging.note(status="save_failed", error={"message": text})
    return CoreResultsError(
        f"save_core_results of {run.facts.name} failed with {text}. What it had written is in {run.staging.folder}. "
        "Mend the method and save the challenge again with save_run, while this program still has it.",
        path=run.staging.folder,
    )


def describe(run: FinishedRun) -> None:
    """Ask a challenge about itself and for its scores, after its results are on the disk."""
    run.facts = ChallengeFacts.of(run.challenge, run.facts.name, run.facts.version)
    _write_scores(run)


def _write_scores(run: FinishedRun) -> None:
    if run.facts.scores is None:
        return
    try:
        run.staging.write_scores(run.facts.scores)
    except (OSError, TypeError, ValueError) as error:  # TypeError: a unit is an integer of more than 64 bit
        note = {"what": "scores", "error": f"scores.json could not be written: {error}"}
        run.facts = replace(run.facts, errors=(*run.facts.errors, note))


def draft_metadata(run_id: str, writer: RecordWriter, facts: ChallengeFacts, times: RunTimes) -> dict[str, Any] | None:
    """Return what `recover` needs to publish a run whose end is not known; if that fails, it does with less."""
    try:
        reasons = reasons_for_debug(writer.plan.setting, writer.provenance.git)
        return writer.write(facts, times, Outcome(reasons), run_id=run_id)
    except Exception as error:  # noqa: BLE001 - the results come first; this only makes them easier to publish
        _logger.warning("What is known of the run %s could not be put together: %s", run_id, error)
        return None


def write_draft(run: FinishedRun, writer: RecordWriter, custom_metadata: Any) -> None:
    """Leave in the journal of a staged run what `recover` needs to publish it."""
    draft = draft_metadata(run.staging.run_id, writer, run.facts, run.times)
    try:
        encoded, _ = _encode(custom_metadata)
        run.staging.journal.write(durable=False, metadata=draft, custom_metadata=encoded)
    except Exception as error:  # noqa: BLE001 - as above
        _logger.warning("The journal %s could not be completed: %s", run.staging.journal.path, error)


def publish(
    run: FinishedRun, writer: RecordWriter, ask_outcome: Callable[[], Outcome], custom_metadata: Any
) -> Published:
    """Write everything else into the folder of a staged run, and move it to its place.

    Signals that ask the process to end wait until that is done.

    Parameters
    ----------
    run
        The run.
    writer
        Says what metadata.json holds.
    ask_outcome
        Returns what was known at its end; it is called once all is done that does not depend on that.
    custom_metadata
        What the user wants to be stored.

    Raises
    ------
    SaveError
        If that cannot be done; ``path`` says where the core results are.
    """
    plan = writer.plan
    encoded, invalid = _encode(custom_metadata)

    def ask() -> Outcome:
        outcome = ask_outcome()
        more = () if invalid is None else (custom_metadata_invalid(invalid),)
        return replace(outcome, reasons=(*outcome.reasons, *more))

    with deferred_signals():
        try:
            path, metadata = _publish_staged(run, writer, ask, encoded)
        except Exception as failure:
            if files.is_folder(run.staging.core_results):
                raise _publishing_failed(run, failure) from failure
            # The results folder went away after the core results were written; the challenge still has them.
            _stage_elsewhere(run, plan, OSError(f"{type(failure).__name__}: {failure}"))
            try:
                path, metadata = _publish_staged(run, writer, ask, encoded)
            except Exception as second:
                raise _publishing_failed(run, second) from second
    if run.staging.results_folder != plan.results_folder:
        return Published(path, metadata, _was_rescued(run, path, plan))
    if invalid is not None:
        invalid.path = path
        invalid.args = (f"{invalid}\nThe run is stored all the same, as a debug run, in {path}.",)
    return Published(path, metadata, invalid)


def _encode(custom_metadata: Any) -> tuple[Any, InvalidCustomMetadataError | None]:
    try:
        return encode_custom_metadata(custom_metadata), None
    except InvalidCustomMetadataError as error:
        encoded, _ = encode_leniently(custom_metadata)
        return encoded if isinstance(encoded, dict) else {"value": encoded}, error


def _publish_staged(
    run: FinishedRun, writer: RecordWriter, ask_outcome: Callable[[], Outcome], custom_metadata: Any
) -> tuple[Path, dict[str, Any]]:
    plan, staging = writer.plan, run.staging
    # While git is at work.
    listed = staging.write_custom_metadata(custom_metadata), staging.hash_core_results()
    outcome = ask_outcome()
    record = writer.write(run.facts, run.times, outcome, run_id=staging.run_id)
    metadata = staging.write_metadata(record, *listed)
    parent = layout.entry_folder(staging.results_folder, run.facts.name, run.facts.version, plan.entry_parts)
    start = run.times.start or writer.provenance.moment
    return staging.publish(parent, start, plan.prefix if outcome.reasons else ""), metadata


def _publishing_failed(run: FinishedRun, failure: Exception) -> SaveError:
    text = f"{type(failure).__name__}: {failure}"
    run.staging.note(status="save_failed", error={"message": text})
    return SaveError(
        f"The run could not be published: {text}. Its core results are complete in {run.staging.folder}. "
        "When the cause is mended, publish them with\n"
        f"  gaitmap-results recover {run.staging.run_id} --results {run.staging.results_folder}",
        path=run.staging.folder,
    )


def _was_rescued(run: FinishedRun, path: Path, plan: SavePlan) -> ResultsFolderError:
    return ResultsFolderError(
        f"The results folder {plan.results_folder} cannot be written any more. The run is complete in {path}; "
        f"copy what is in {run.staging.results_folder} to {plan.results_folder} when that is back.",
        results_folder=plan.results_folder,
        path=path,
    )


def describe_saved(published: Published) -> str:
    """Return the one line that tells the user what was stored."""
    if not published.metadata["is_debug_run"]:
        return f"Saved official run to {published.path}"
    reasons = ", ".join(reason["code"] for reason in published.metadata["debug_reasons"])
    return f"Saved debug run ({reasons}) to {published.path}"
