"""Publish or delete unfinished runs."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from gaitmap_results.config import find_results_folder
from gaitmap_results.exceptions import (
    GaitmapResultsError,
    InvalidNameError,
    InvalidOptionError,
    RecorderStateError,
    ResultsFolderError,
    RunNotFoundError,
    SaveError,
)
from gaitmap_results.reading.verifying import verify_run
from gaitmap_results.saving.finished_run import StoredResults
from gaitmap_results.saving.kept_challenge import how_to_load
from gaitmap_results.store import layout
from gaitmap_results.store.deferred_signals import deferred_signals
from gaitmap_results.store.entry_names import as_entry_name
from gaitmap_results.store.journal import JournalContent
from gaitmap_results.store.json_files import find_foreign_json
from gaitmap_results.store.safe_text import error_text
from gaitmap_results.store.staging import Staging
from gaitmap_results.unfinished.claiming import claimed, refuse_claimed
from gaitmap_results.unfinished.listing import (
    UnfinishedRun,
    UnfinishedRunOnDisk,
    find_unfinished_run,
    is_complete,
    read_place,
)
from gaitmap_results.unfinished.recovered_metadata import (
    recovered_metadata,
    start_of,
    stored_custom_metadata,
    stored_metadata,
)
from gaitmap_results.unfinished.run_finding import Place

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

    The record holds what was known when the results were written; everything else is stored as unknown.
    The reason ``recovered`` says why it is a debug run.

    Parameters
    ----------
    run_id
        The run, as :func:`gaitmap_results.unfinished_runs` names it; the start is enough where no other run has it.
        Its folder, its entry (where no other run has it) and ``@latest`` name it, too.
    results
        The results folder.
        If not given, the config's is used.
    entry_name, challenge_name, challenge_version
        Only needed where the run's journal lacks them, for example for a challenge without a version.
    even_if_running
        Whether to publish it although its process is still alive.
        This is for a block in a notebook or another running program that could not record its end on a full disk.
        A run with a fresh heartbeat is refused all the same, because its block is still open.

    Returns
    -------
    path
        The run folder.

    Raises
    ------
    ConfigError
        If there is no config to say where runs are stored, or it is wrong.
    RunNotFoundError
        If there is no such unfinished run, or several, or if another process has claimed it.
    RecorderStateError
        If the run is still being recorded.
    SaveError
        If its core results are not complete, or the results folder cannot be written; ``path`` says where they are.
    InvalidOptionError
        If the entry or the challenge is neither known nor given, or the given one differs from the known one.
    InvalidNameError
        If one of the names cannot be a folder.

    Examples
    --------
    >>> import tempfile
    >>> from gaitmap_results import BaseChallenge, load_run_metadata
    >>> from gaitmap_results import recover_run, save_run, unfinished_runs
    >>> class CountSteps(BaseChallenge):
    ...     def run(self, optimizer):
    ...         self.n_steps_ = optimizer()
    ...
    ...     def save_core_results(self, folder_path):
    ...         _ = (folder_path / "steps.txt").write_text(str(self.n_steps_))
    ...
    ...     @classmethod
    ...     def load_core_results(cls, folder_path):
    ...         return (folder_path / "steps.txt").read_text()
    >>> challenge = CountSteps()
    >>> challenge.run(lambda: 12)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     try:
    ...         save_run(challenge, "constant", custom_metadata={}, path=folder)
    ...     except TypeError:  # the class has no VERSION
    ...         pass
    ...     run = unfinished_runs(folder)[0]
    ...     path = recover_run(run.run_id, folder, challenge_version="1.0.0")
    ...     [reason["code"] for reason in load_run_metadata(path)["debug_reasons"]]
    ['debug_run.default', 'git.not_a_repository', 'recovered']
    """
    results_folder = find_results_folder(results)
    found = find_unfinished_run(results_folder, run_id)
    if found.published_as is not None:
        # Its publisher may be deleting the journal right now.
        with contextlib.suppress(RunNotFoundError):
            _remove(results_folder, found)
        return found.published_as
    refuse_claimed(found.place, by_force=even_if_running)
    if not even_if_running or found.shows_signs_of_life:
        _refuse_running(found.run, "recovered")
    try:
        _complete_core_results(found)
    except SaveError:
        # Another process may have claimed it while it was read.
        refuse_claimed(find_unfinished_run(results_folder, found.run.run_id).place, by_force=even_if_running)
        raise
    given = {"entry_name": entry_name, "challenge_name": challenge_name, "challenge_version": challenge_version}
    try:
        with deferred_signals(), claimed(found.place) as held:
            return _publish(results_folder, _read_again(results_folder, found, held), given)
    except GaitmapResultsError:
        raise
    except (OSError, ValueError, TypeError) as error:
        where = found.run.rescued_to or results_folder / layout.UNFINISHED_DIR / found.run.run_id
        raise SaveError(
            f"The run {found.run.run_id} could not be recovered: {error_text(error)}. Nothing of it is "
            f"lost; its core results are in {where}.",
            path=where,
        ) from error


def _read_again(results_folder: Path, found: UnfinishedRunOnDisk, held: Place) -> UnfinishedRunOnDisk:
    """Read a claimed run again, and keep the verdict about its end from before."""
    again = read_place(results_folder, held)
    if again is None:
        raise RunNotFoundError(f"The unfinished run {held.run_id} is gone from {held.folder.parent}.")
    before = found.run
    run = replace(again.run, status=before.status, certainty=before.certainty, evidence=before.evidence)
    return replace(again, run=run)


def discard_run(run_id: str, results: str | Path | None = None) -> Path:
    """Delete an unfinished run with everything that it has stored.

    Parameters
    ----------
    run_id
        The run, as :func:`gaitmap_results.unfinished_runs` names it; the start is enough where no other run has it.
        Its folder, its entry (where no other run has it) and ``@latest`` name it, too.
    results
        The results folder.
        If not given, the config's is used.

    Returns
    -------
    path
        The folder that was deleted.
        Files in a rescue folder outside the results folder stay there.

    Raises
    ------
    ConfigError
        If there is no config to say where runs are stored, or it is wrong.
    RunNotFoundError
        If there is no such unfinished run, or several, or if another process has claimed it.
    RecorderStateError
        If the run is still being recorded.
    ResultsFolderError
        If the run cannot be deleted.

    Examples
    --------
    >>> from gaitmap_results import discard_run, unfinished_runs
    >>> run = unfinished_runs("results")[0]
    >>> _ = discard_run(run.run_id, "results")
    >>> unfinished_runs("results")
    []
    """
    results_folder = find_results_folder(results)
    found = find_unfinished_run(results_folder, run_id)
    if found.published_as is None:
        _refuse_running(found.run, "discarded")
    _remove(results_folder, found)
    return found.run.path


def _refuse_running(run: UnfinishedRun, what: str) -> None:
    if run.status == "running":
        raise RecorderStateError(
            f"The run {run.run_id} cannot be {what}: it is still running. {run.evidence} Let it end, or stop it."
        )


def _remove(results_folder: Path, found: UnfinishedRunOnDisk) -> None:
    """Delete a run from ``.unfinished``, or the remains that a kill right after the publication left there."""
    run = found.run
    refuse_claimed(found.place)
    try:
        with claimed(found.place) as held:
            Staging.existing(results_folder, run.run_id, found.journal, folder=held.folder).discard()
    except OSError as error:
        raise ResultsFolderError(
            f"The unfinished run {run.run_id} cannot be deleted from {run.path.parent}: {error.strerror or error}. "
            "What is left of it is still listed.",
            results_folder=results_folder,
        ) from error


def _publish(results_folder: Path, found: UnfinishedRunOnDisk, given: dict[str, Any]) -> Path:
    source = _complete_core_results(found)
    run, stored = found.run, stored_metadata(found)
    names = {key: _settle(key, _known(key, stored, found.journal), given.get(key)) for key in _HOW_TO_NAME}
    parent = layout.checked_entry_folder(
        results_folder, names["challenge_name"], names["challenge_version"], names["entry_name"]
    )
    custom_metadata = stored_custom_metadata(found)
    # Into the journal first: a kill during the next steps would lose what was read from elsewhere.
    drafts: dict[str, Any] = {"metadata": stored or None, "custom_metadata": custom_metadata}
    staging = Staging.existing(results_folder, run.run_id, replace(found.journal, **names, **drafts), folder=run.path)
    staging.take_over()
    if source != run.path:
        staging.save_core_results(StoredResults(source / layout.RESULTS_DIR))
        staging.bring_author_files(source / layout.FILES_DIR)
        scores = find_foreign_json(source / layout.SCORES_FILE)
        if scores is not None:  # neither missing nor cut off by a kill
            staging.write_scores(scores)
    metadata = recovered_metadata(found, stored, custom_metadata) | names
    staging.write_metadata(metadata, staging.write_custom_metadata(custom_metadata or {}), staging.hash_core_results())
    return staging.publish(parent, start_of(found, metadata), _prefix(found.journal.debug_folder_prefix))


_HOW_TO_NAME = {
    "entry_name": "entry_name (--entry-name)",
    "challenge_name": "challenge_name (--challenge-name)",
    "challenge_version": "challenge_version (--challenge-version)",
}


def _known(key: str, stored: dict[str, Any], journal: JournalContent) -> Any:
    return getattr(journal, key) if stored.get(key) is None else stored[key]


def _settle(key: str, known: Any, given: Any) -> Any:
    """Return the known or the given name; refuse a given name that differs from the known one."""
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
    """Return the folder with all core results of a run: its own, or its rescue folder.

    Raises
    ------
    SaveError
        If neither has them all.
    """
    run = found.run
    if is_complete(run.path, found.journal) or _is_whole(run.path):
        return run.path
    if run.rescued_to is not None:
        return run.rescued_to
    state = {"none": "has no core results: no challenge had finished", "partial": "has only a part of its core results"}
    what = state.get(run.core_results, "may have only a part of its core results")
    kept = "" if run.challenge_file is None else f"\n{how_to_load(run.challenge_file)}"
    raise SaveError(
        f"The run {run.run_id} cannot be recovered: it {what}. {run.evidence} What was saved is in {run.path}.{kept}",
        path=run.path,
    )


def _is_whole(folder: Path) -> bool:
    """Say whether a run without a readable journal is complete, which its manifest proves as it is written last."""
    try:
        found = verify_run(folder)
    except (GaitmapResultsError, OSError):
        return False
    unexpected = set(found.extra) - {layout.JOURNAL_FILE}
    return found.has_manifest and not (found.missing or found.changed or unexpected)


def _prefix(stated: str | None) -> str:
    try:
        return layout.check_prefix("_" if stated is None else stated)
    except InvalidNameError:
        return "_"
