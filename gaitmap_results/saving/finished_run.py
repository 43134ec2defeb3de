"""Keep the results of one finished challenge on disk until they are published."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from gaitmap_results.challenge import RunTimes
from gaitmap_results.exceptions import CoreResultsError, GaitmapResultsError, InvalidCustomMetadataError, SaveError
from gaitmap_results.saving.challenge_facts import ChallengeFacts
from gaitmap_results.saving.kept_challenge import keep_challenge_of
from gaitmap_results.saving.metadata import MetadataBuilder, unknown_metadata
from gaitmap_results.saving.plan import SavePlan
from gaitmap_results.store import files
from gaitmap_results.store.deferred_signals import deferred_signals
from gaitmap_results.store.entry_names import entry_json
from gaitmap_results.store.json_values import encode_custom_metadata, encode_leniently
from gaitmap_results.store.rescue import rescue
from gaitmap_results.store.safe_text import error_text
from gaitmap_results.store.staging import Staging

__all__ = [
    "FinishedRun",
    "StoredResults",
    "describe",
    "draft_metadata",
    "encode_for_storage",
    "keep_run",
    "note_interrupted",
    "note_names",
    "stage",
    "stage_elsewhere",
]

_logger = logging.getLogger("gaitmap_results")
# At most so many values of the custom metadata that could not be stored are named.
_MAX_NAMED: Final = 100
# They come from the challenge's own work, so writing elsewhere would not help.
_OTHER_THAN_DISK: Final = (ConnectionError, TimeoutError, ChildProcessError, FileExistsError)
_JSON_CURE: Final = (
    " If these are values of NumPy, write them with `json.dump(..., default=lambda value: value.tolist())`."
)


@dataclass(eq=False)
class FinishedRun:
    """One run of a challenge that has ended, and where its results are.

    Attributes
    ----------
    challenge
        The challenge.
    facts
        What the challenge says about itself.
    times
        When it ran.
    place
        The unfinished run that holds its core results; ``None`` until they are written.
    source
        Writes the core results: the challenge, or :class:`StoredResults` where they are already on disk.
    failure
        Why they could not be written; they are not requested again.
    was_superseded
        Whether the same object has begun to run again.
    was_saved_by_user
        Whether the user saved this run with ``save_run``.
    was_written_again
        Whether the challenge was asked for its core results once more, because the folder could not take them.
    origin
        The unfinished run that already holds the core results, to copy them from.
    notes
        The entries of ``collection_errors`` about its core results.
    """

    challenge: Any
    facts: ChallengeFacts
    times: RunTimes
    place: Staging | None = None
    source: Any = None
    failure: GaitmapResultsError | None = None
    was_superseded: bool = False
    was_saved_by_user: bool = False
    was_written_again: bool = False
    origin: Staging | None = None
    notes: list[dict[str, str]] = field(default_factory=list)

    @property
    def staging(self) -> Staging:
        """The unfinished run that holds its core results."""
        if self.place is None:
            raise SaveError(f"The results of {self.facts.name} are not on the disk.")
        return self.place

    @property
    def is_kept(self) -> bool:
        """Whether all of its core results are on disk."""
        return self.place is not None and self.failure is None

    def bring_author_files(self, source: Path) -> None:
        """Copy the author's files to this run; if that fails, the run is published without some of them."""
        try:
            self.staging.bring_author_files(source)
        except OSError as error:
            self.notes.append({"what": "files", "error": f"Not all files in {source} could be copied: {error}"})

    @property
    def is_complete(self) -> bool:
        """Whether its journal says that all of its core results are on disk."""
        return self.place is not None and self.place.journal.content.core_results == "complete"

    def discard(self) -> None:
        """Delete the folder, because the user has saved the same results or there are none."""
        if self.place is not None:
            self.place.discard()


@dataclass(frozen=True)
class StoredResults:
    """Core results that are already on disk, to be copied where a challenge would write them."""

    folder: Path

    def save_core_results(self, folder_path: Path) -> None:
        """Copy them; links stay links, since their targets are not part of the results."""
        shutil.copytree(self.folder, folder_path, symlinks=True, dirs_exist_ok=True)


def keep_run(
    run: FinishedRun, metadata: MetadataBuilder, new_staging: Callable[[], Staging], *, is_half: bool = False
) -> None:
    """Write a run's core results, then its metadata.

    The challenge is asked about itself only after its results are on disk: its repr may raise or never return.

    Parameters
    ----------
    run
        The run.
    metadata
        Says what metadata.json will hold.
    new_staging
        Returns the folder to write to.
    is_half
        Whether the run was stopped before its end; its core results are then never marked complete.

    Raises
    ------
    SaveError
        If the core results cannot be written; ``run.failure`` is this error.
    """
    # What a signal's handler raises waits until the end: it must not pass for an error of the challenge.
    with deferred_signals():
        try:
            run.place = new_staging()
            if is_half:
                run.place.save_half_of_core_results(run.challenge)
                return
            stage(run, metadata.plan, draft=draft_metadata(run, metadata))
        except GaitmapResultsError as error:
            run.failure = error
            raise
        except BaseException as error:
            if not run.is_complete:
                note_interrupted(run, error)
            raise
        if run.origin is None:  # otherwise it was described when its results were kept
            describe(run)
        write_draft(run, metadata)


def note_interrupted(run: FinishedRun, error: BaseException) -> None:
    """Note in the journal of a run why saving it ended early; without complete results, keep its challenge."""
    text = f"Saving {run.facts.name} was interrupted by {type(error).__name__}"
    if run.place is None:
        run.failure = CoreResultsError(f"{text}.")
        return
    run.place.note(
        status="interrupted" if isinstance(error, KeyboardInterrupt) else "save_failed",
        error={"type": type(error).__name__, "message": f"{text}."},
    )
    if not run.is_complete:
        kept = keep_challenge_of(run.challenge, run.place)
        text = f"{text}. What it had written is in {run.place.folder}.{kept}"
        run.failure = CoreResultsError(text, path=run.place.folder)


def stage(run: FinishedRun, plan: SavePlan, *, draft: dict[str, Any] | None = None) -> None:
    """Write a run's core results; signals that ask the process to end wait until that is done.

    If the results folder can no longer be written, they go to a rescue folder, which becomes ``run.staging``.

    Parameters
    ----------
    draft
        What is known of metadata.json; the journal keeps it when it marks the results complete.

    Raises
    ------
    CoreResultsError
        If the challenge's ``save_core_results`` raises.
    """
    journal = run.staging.journal
    journal.change(challenge_name=run.facts.name, challenge_version=run.facts.version)
    if draft is not None:
        journal.change(metadata=draft)
    with deferred_signals():
        try:
            run.staging.save_core_results(_source(run))
        except OSError as error:
            if isinstance(error, _OTHER_THAN_DISK):
                raise _core_results_error(run, error) from error
            stage_elsewhere(run, plan, error)
        except Exception as error:
            raise _core_results_error(run, error) from error
    _note_missing_files(run)


def _note_missing_files(run: FinishedRun) -> None:
    errors: list[OSError] = []  # a folder that cannot be listed may not be empty
    found = list(files.walk(run.staging.core_results, on_error=lambda _, error: errors.append(error)))
    if not errors and not any(each.kind == "file" for each in found):
        text = "save_core_results wrote no file into the folder that it was given."
        run.notes.append({"what": "core_results", "error": text})


def _source(run: FinishedRun) -> Any:
    if run.origin is not None:
        return StoredResults(run.origin.core_results)
    return run.challenge if run.source is None else run.source


def stage_elsewhere(run: FinishedRun, plan: SavePlan, error: OSError) -> None:
    """Save once more in a rescue folder, since the disk may have caused the error.

    Raises
    ------
    CoreResultsError
        If that fails, too.
    """
    first = run.staging
    if first.results_folder != plan.results_folder:
        raise _core_results_error(run, error) from error
    text = error_text(error)
    content = replace(first.journal.content, rescued_from=str(first.folder))
    try:
        rescued = rescue(
            content,
            lambda staging: staging.save_core_results(_source(run)),
            away_from=plan.results_folder,
            run_id=first.run_id,
        )
    except Exception:  # noqa: BLE001 - maybe the challenge's own; the first error is the one to tell
        raise _core_results_error(run, error) from error
    first.note(status="rescued", rescued_to=str(rescued.folder), error={"message": text})
    run.place = rescued
    run.was_written_again = _source(run) is run.challenge
    _write_scores(run)
    run.notes.append({"what": "core_results", "error": f"They were written again, since the first time failed: {text}"})


def _core_results_error(run: FinishedRun, error: Exception) -> CoreResultsError:
    text = error_text(error)
    run.staging.note(status="save_failed", error={"message": text})
    kept = keep_challenge_of(run.challenge, run.staging)
    cure = _JSON_CURE if isinstance(error, TypeError) and "JSON serializable" in text else ""
    return CoreResultsError(
        f"save_core_results of {run.facts.name} failed with {text}.{cure} "
        f"What it had written is in {run.staging.folder}.{kept}",
        path=run.staging.folder,
    )


def describe(run: FinishedRun) -> None:
    """Ask a challenge for its facts and scores, after its results are on disk."""
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


def draft_metadata(run: FinishedRun, metadata: MetadataBuilder) -> dict[str, Any] | None:
    """Return the metadata that `recover` needs if the program dies; ``None`` if they cannot be collected."""
    try:
        return metadata.build(run.facts, run.times, metadata.outcome_so_far, run_id=run.staging.run_id)
    except Exception as error:  # noqa: BLE001 - the results come first; this only makes them easier to publish
        _logger.warning("What is known of the run %s could not be put together: %s", run.staging.run_id, error)
        return None


def note_names(run: FinishedRun, plan: SavePlan, custom_metadata: Any) -> None:
    """Write names, times and custom metadata into the journal, before anything is asked."""
    entry_name = entry_json(plan.entry_name)
    names = {"entry_name": entry_name, "challenge_name": run.facts.name, "challenge_version": run.facts.version}
    encoded, _, _ = encode_for_storage(custom_metadata)
    run.staging.note(metadata={**unknown_metadata(run.staging.run_id, run.times), **names}, custom_metadata=encoded)


def write_draft(run: FinishedRun, metadata: MetadataBuilder) -> None:
    """Write into the journal of a staged run what `recover` needs to publish it."""
    draft = draft_metadata(run, metadata)
    try:
        encoded, _, notes = encode_for_storage(metadata.custom_metadata())
        if draft is not None:
            draft = {**draft, "collection_errors": [*draft["collection_errors"], *notes]}
        run.staging.journal.write(durable=False, metadata=draft, custom_metadata=encoded)
    except Exception as error:  # noqa: BLE001 - as above
        _logger.warning("The journal %s could not be completed: %s", run.staging.journal.path, error)


def encode_for_storage(custom_metadata: Any) -> tuple[Any, InvalidCustomMetadataError | None, list[dict[str, str]]]:
    """Return custom metadata as JSON values.

    Returns
    -------
    encoded
        The values.
    error
        Names the values that were replaced by their repr; ``None`` if there are none.
    notes
        The entries of ``collection_errors`` about values that had to be left out.
    """
    nulls: list[str] = []
    encoded, _ = encode_leniently(custom_metadata, nulls=nulls)
    error = None
    try:
        encode_custom_metadata(custom_metadata)
    except InvalidCustomMetadataError as invalid:
        error = invalid
    if not nulls:
        return encoded if isinstance(encoded, dict) else {"value": encoded}, error, []
    more = f" and at {len(nulls) - _MAX_NAMED} more places" if len(nulls) > _MAX_NAMED else ""
    text = f"JSON has no NaN, no infinity and no NA; null is stored at {', '.join(nulls[:_MAX_NAMED])}{more}."
    return encoded, error, [{"what": "custom_metadata", "error": text}]
