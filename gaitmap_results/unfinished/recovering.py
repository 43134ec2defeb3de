"""Publish or delete unfinished runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from gaitmap_results.config import find_results_folder
from gaitmap_results.exceptions import (
    GaitmapResultsError,
    InvalidNameError,
    InvalidOptionError,
    RecorderStateError,
    ResultsFolderError,
    SaveError,
)
from gaitmap_results.reading.verifying import verify_run
from gaitmap_results.saving.debug_reasons import recovered
from gaitmap_results.saving.finished_run import StoredResults
from gaitmap_results.saving.metadata import unknown_metadata
from gaitmap_results.store import layout
from gaitmap_results.store.deferring import deferred_signals
from gaitmap_results.store.journal import MAX_JSON_BYTES, JournalContent, as_entry_name, read_journal
from gaitmap_results.store.json_files import read_foreign_json
from gaitmap_results.store.staging import Staging
from gaitmap_results.unfinished.listing import UnfinishedRun, UnfinishedRunOnDisk, find_unfinished_run, is_complete

__all__ = ["discard_run", "recover_run"]


def recover_run(
    run_id: str,
    results: str | Path | None = None,
    *,
    entry_name: str | tuple[str, ...] | None = None,
    challenge_name: str | None = None,
    challenge_version: str | None = None,
    even_if_running: bool = False,
) -> Path:
    """Publish an unfinished run whose core results are complete, as a debug run.

    What was known about the run when its results were written is stored with it; what was not is stored as unknown.
    Why it is a debug run is told by the reason ``recovered``.

    Parameters
    ----------
    run_id
        The run, as :func:`gaitmap_results.unfinished_runs` names it; the start is enough where no other run has it.
    results
        The results folder.
        If not given, the config's is used.
    entry_name, challenge_name, challenge_version
        What the journal of the run does not know, for example the version of a challenge that had none.
    even_if_running
        Publish it although its process is still alive: for a block that has ended in a program that goes on, such as a
        notebook, and that could not say so because the disk was full.

    Returns
    -------
    path
        The run folder.

    Raises
    ------
    ConfigError
        If there is no config to say where runs are stored, or it is wrong.
    RunNotFoundError
        If there is no such unfinished run, or several.
    RecorderStateError
        If the run is still being recorded.
    SaveError
        If its core results are not complete, or the results folder cannot be written; ``path`` says where they are.
    InvalidOptionError
        If the entry or the challenge is not known and not given, or is another one than was given.
    InvalidNameError
        If one of the names cannot be a folder.

    Examples
    --------
    >>> import tempfile
    >>> from gaitmap_results import BaseChallenge, load_run_metadata, recover_run, save_run, unfinished_runs
    >>> class CountSteps(BaseChallenge):
    ...     def run(self, optimizer):
    ...         self.n_steps_ = optimizer()
    ...
    ...     def save_core_results(self, folder_path):
    ...         _ = (folder_path / "steps.txt").write_text(str(self.n_steps_))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     challenge = CountSteps()
    ...     challenge.run(lambda: 12)
    ...     try:
    ...         save_run(challenge, "constant", custom_metadata={}, path=folder, use_git=False)
    ...     except TypeError:  # the class has no VERSION
    ...         pass
    ...     run = unfinished_runs(folder)[0]
    ...     path = recover_run(run.run_id, folder, challenge_version="1.0.0")
    ...     [reason["code"] for reason in load_run_metadata(path)["debug_reasons"]]
    ['recovered']
    """
    results_folder = find_results_folder(results)
    found = find_unfinished_run(results_folder, run_id)
    if found.published_as is not None:
        _remove_leftovers(results_folder, found)
        return found.published_as
    if not even_if_running:
        _refuse_running(found.run, "recovered")
    given = {"entry_name": entry_name, "challenge_name": challenge_name, "challenge_version": challenge_version}
    try:
        with deferred_signals():
            return _publish(results_folder, found, {key: value for key, value in given.items() if value is not None})
    except GaitmapResultsError:
        raise
    except (OSError, ValueError, TypeError) as error:
        raise SaveError(
            f"The run {found.run.run_id} could not be recovered: {type(error).__name__}: {error}. Nothing of it is "
            f"lost; its core results are in {found.run.rescued_to or found.run.path}.",
            path=found.run.rescued_to or found.run.path,
        ) from error


def discard_run(run_id: str, results: str | Path | None = None) -> Path:
    """Delete an unfinished run with all that it has stored.

    Parameters
    ----------
    run_id
        The run, as :func:`gaitmap_results.unfinished_runs` names it; the start is enough where no other run has it.
    results
        The results folder.
        If not given, the config's is used.

    Returns
    -------
    path
        The folder that was deleted.
        What was rescued to a folder outside of the results folder stays there.

    Raises
    ------
    ConfigError
        If there is no config to say where runs are stored, or it is wrong.
    RunNotFoundError
        If there is no such unfinished run, or several.
    RecorderStateError
        If the run is still being recorded.
    ResultsFolderError
        If it cannot be deleted.

    Examples
    --------
    >>> import tempfile
    >>> from gaitmap_results import discard_run, recorded_run, unfinished_runs
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     try:
    ...         with recorded_run("my_entry", path=folder, use_git=False):
    ...             raise RuntimeError("no such recording")
    ...     except RuntimeError:
    ...         pass
    ...     _ = discard_run(unfinished_runs(folder)[0].run_id, folder)
    ...     unfinished_runs(folder)
    []
    """
    results_folder = find_results_folder(results)
    found = find_unfinished_run(results_folder, run_id)
    if found.published_as is None:
        _refuse_running(found.run, "discarded")
    _remove_leftovers(results_folder, found)
    return found.run.path


def _refuse_running(run: UnfinishedRun, what: str) -> None:
    if run.status == "running":
        raise RecorderStateError(
            f"The run {run.run_id} cannot be {what}: it is still running. {run.evidence} Wait for its end, or end it."
        )


def _remove_leftovers(results_folder: Path, found: UnfinishedRunOnDisk) -> None:
    """Delete what is in ``.unfinished`` of a run: all of it, or what a kill right after the publication left there."""
    run = found.run
    try:
        Staging.existing(results_folder, run.run_id, found.journal).discard()
    except OSError as error:
        raise ResultsFolderError(
            f"The unfinished run {run.run_id} cannot be deleted from {run.path.parent}: {error.strerror or error}. "
            "What is left of it is still listed.",
            results_folder=results_folder,
        ) from error


def _publish(results_folder: Path, found: UnfinishedRunOnDisk, given: dict[str, Any]) -> Path:
    source = _complete_core_results(found)
    run, stored = found.run, _stored_metadata(found)
    names = {key: _settle(key, stored.get(key, getattr(found.journal, key)), given.get(key)) for key in _HOW_TO_NAME}
    parent = layout.entry_folder(
        results_folder,
        layout.check_challenge_name(str(names["challenge_name"])),
        layout.check_version(names["challenge_version"]),
        layout.check_entry_name(names["entry_name"]),
    )
    custom_metadata = _stored_custom_metadata(found)
    # In the journal first: what is read from elsewhere now would be lost by a kill in the middle of this.
    drafts: dict[str, Any] = {"metadata": stored or None, "custom_metadata": custom_metadata}
    staging = Staging.existing(results_folder, run.run_id, replace(found.journal, **names, **drafts))
    staging.take_over()
    if source != run.path:
        staging.save_core_results(StoredResults(source / layout.RESULTS_DIR))
    metadata = _metadata(found, stored, custom_metadata) | names
    staging.write_metadata(metadata, staging.write_custom_metadata(custom_metadata or {}), staging.hash_core_results())
    return staging.publish(parent, _start(found, metadata), _prefix(found.journal.debug_folder_prefix))


_HOW_TO_NAME = {
    "entry_name": "entry_name (--entry-name)",
    "challenge_name": "challenge_name (--challenge-name)",
    "challenge_version": "challenge_version (--challenge-version)",
}


def _settle(key: str, known: Any, given: Any) -> Any:
    """Return the name that is known or given; a run is never filed under another name than its own."""
    if key == "entry_name":
        known, given = as_entry_name(known), as_entry_name(given)
    if known is None and given is None:
        raise InvalidOptionError(
            f"The journal of this run does not know the {key.replace('_', ' ')}. Name it with {_HOW_TO_NAME[key]}."
        )
    if known is not None and given is not None and known != given:
        raise InvalidOptionError(
            f"The {key.replace('_', ' ')} of this run is {known!r}, not {given!r}. Leave out {_HOW_TO_NAME[key]}."
        )
    return given if known is None else known


def _complete_core_results(found: UnfinishedRunOnDisk) -> Path:
    """Return the folder that holds all core results of a run: its own, or the one they were rescued to.

    Raises
    ------
    SaveError
        If they are not complete anywhere.
    """
    run = found.run
    if is_complete(run.path, found.journal) or _is_whole(run.path):
        return run.path
    if run.rescued_to is not None:
        return run.rescued_to
    state = {"none": "has no core results: no challenge had finished", "partial": "has only a part of its core results"}
    what = state.get(run.core_results, "may have only a part of its core results")
    raise SaveError(
        f"The run {run.run_id} cannot be recovered: it {what}. {run.evidence} What there is, is in {run.path}.",
        path=run.path,
    )


def _is_whole(folder: Path) -> bool:
    """Say whether a run without a readable journal is complete all the same: its manifest, written last, says so."""
    try:
        found = verify_run(folder)
    except (GaitmapResultsError, OSError):
        return False
    unexpected = set(found.extra) - {layout.JOURNAL_FILE}
    return found.has_manifest and not (found.missing or found.changed or unexpected)


def _stored_metadata(found: UnfinishedRunOnDisk) -> dict[str, Any]:
    """Return the fullest metadata.json there is of a run, for itself or as a draft; if there is none, nothing."""
    for folder in _folders(found.run):
        journal = found.journal if folder == found.run.path else _journal_in(folder)
        for candidate in (_read(folder / layout.METADATA_FILE), journal.metadata):
            if isinstance(candidate, dict) and candidate.get("run_id") == found.run.run_id:
                return candidate
    return {}


def _stored_custom_metadata(found: UnfinishedRunOnDisk) -> Any:
    """Return what the author of the entry wanted to store, as far as it was written down; ``None`` if it was not."""
    for folder in _folders(found.run):
        stored = _read(folder / layout.CUSTOM_METADATA_FILE)
        if isinstance(stored, dict):
            return stored
    return found.journal.custom_metadata


def _folders(run: UnfinishedRun) -> list[Path]:
    return [run.path] if run.rescued_to is None else [run.rescued_to, run.path]


def _journal_in(folder: Path) -> JournalContent:
    try:
        return read_journal(folder / layout.JOURNAL_FILE)
    except (OSError, ValueError):
        return JournalContent()


def _read(path: Path) -> Any:
    try:
        return read_foreign_json(path, max_bytes=MAX_JSON_BYTES)
    except (OSError, ValueError):
        return None


def _metadata(found: UnfinishedRunOnDisk, stored: dict[str, Any], custom_metadata: Any) -> dict[str, Any]:
    """Return what metadata.json says of a recovered run."""
    metadata = {**unknown_metadata(found.run.run_id), **stored}
    errors = _list_of(metadata["collection_errors"])
    if not stored:
        metadata.update(_from_journal(found))
        errors.append({"what": "metadata", "error": "The run ended before it was written down where it comes from."})
    if custom_metadata is None:
        errors.append({"what": "custom_metadata", "error": "The run ended before they were written down."})
    reason = recovered(status=found.run.status, certainty=found.run.certainty, evidence=found.run.evidence)
    metadata["debug_reasons"] = [*_list_of(metadata["debug_reasons"]), reason.to_json()]
    return {**metadata, "is_debug_run": True, "collection_errors": errors}


def _from_journal(found: UnfinishedRunOnDisk) -> dict[str, Any]:
    start = found.run.started
    return {
        "run_start_datetime_utc": None if start is None else start.timestamp(),
        "run_start_datetime": None if start is None else start.astimezone().isoformat(),
        "timing_source": None if start is None else "block",
        "caller_file_path": found.journal.caller,
    }


def _list_of(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else []


def _start(found: UnfinishedRunOnDisk, metadata: dict[str, Any]) -> datetime:
    try:
        return datetime.fromtimestamp(metadata["run_start_datetime_utc"], timezone.utc)
    except (TypeError, ValueError, OverflowError, OSError):
        return found.run.started or datetime.now(timezone.utc)


def _prefix(stated: str | None) -> str:
    try:
        return layout.check_prefix("_" if stated is None else stated)
    except InvalidNameError:
        return "_"
