"""Save a challenge that has run."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gaitmap_results.challenge import RunTimes, check_challenge
from gaitmap_results.exceptions import GaitmapResultsError, InvalidOptionError, SaveError
from gaitmap_results.provenance.collecting import GitEnd, collect_provenance
from gaitmap_results.saving.advice import (
    advise_about_debug,
    advise_about_loading,
    advise_about_start,
    advise_about_unknowns,
)
from gaitmap_results.saving.challenge_facts import ChallengeFacts
from gaitmap_results.saving.debug_reasons import reasons_for_debug
from gaitmap_results.saving.finished_run import (
    FinishedRun,
    StoredResults,
    describe,
    note_interrupted,
    note_names,
    stage,
    write_draft,
)
from gaitmap_results.saving.metadata import MetadataBuilder, Outcome
from gaitmap_results.saving.plan import SavePlan, make_plan
from gaitmap_results.saving.publishing import PublishedRun, describe_saved, publish
from gaitmap_results.saving.refused_save import keep_refused
from gaitmap_results.saving.seen_times import seen_times
from gaitmap_results.saving.unfinished_folder import open_staging_somewhere
from gaitmap_results.store.deferred_signals import deferred_signals
from gaitmap_results.store.safe_text import error_text
from gaitmap_results.user_code import open_blocks as _open_blocks
from gaitmap_results.user_code.announcing import announce
from gaitmap_results.user_code.caller import Caller, find_caller
from gaitmap_results.user_code.user_warnings import PendingWarnings

__all__ = ["check_offset", "save_run"]


def save_run(
    challenge: Any,
    entry_name: str | tuple[str, ...],
    *,
    custom_metadata: dict[str, Any],
    path: str | Path | None = None,
    debug_run: bool | None = None,
    stored_filenames_relative_to: str | Path | None = None,
    use_git: bool = True,
    git_dirty_ignore: Sequence[str] = (),
    debug_folder_prefix: str = "_",
    _force_local_debug_run_setting: bool = False,
    _caller_file_path_stack_offset: int = 0,
) -> Path:
    """Save a challenge on which ``run`` was already called, together with its provenance.

    Prefer :func:`gaitmap_results.recorded_run` or :func:`gaitmap_results.record_run`.
    They check the code and refuse bad input before anything is computed.

    The run is stored in ``{challenge_module}.{challenge_class}/{challenge_version}/{entry_name}/{timestamp}`` below
    the results folder; ``timestamp`` is the start in UTC.

    Parameters
    ----------
    challenge
        The challenge, after its run.
    entry_name
        The name of the entry; a tuple of strings makes nested folders.
    custom_metadata
        What you want to store beside the results.
        Allowed are strings, booleans, numbers, ``None``, lists and dictionaries with string keys, and also NumPy
        values, paths, dates and enumerations.
    path
        The results folder.
        If not given, the config's is used.
    debug_run
        Whether this is a debug run.
        If not given, the config's setting is used; if there is none, it is a debug run.
    stored_filenames_relative_to
        The folder that stored paths become relative to.
        The home folder then becomes ``~``, and the name of the user does not appear.
    use_git
        Whether to store the state of the repository that the current working directory is in.
        ``False`` also gives up the check that makes a run with uncommitted changes a debug run.
    git_dirty_ignore
        Files and folders whose changes do not count, relative to the root of the repository.
        Patterns with ``*``, ``?`` or ``[`` work as in ``.gitignore``.
    debug_folder_prefix
        What the folder of a debug run starts with.
    _force_local_debug_run_setting
        If ``True``, the config's setting wins over ``debug_run``.
    _caller_file_path_stack_offset
        How many of your own functions stand between the code that should be stored as the caller and this call.

    Returns
    -------
    path
        The run folder.

    Raises
    ------
    GaitmapResultsError
        If an argument is wrong, or the run cannot be stored.
        The core results are saved before anything else; the ``path`` of the error says where they are.

    Warns
    -----
    DebugRunWarning
        If you asked for an official run and it is a debug run; every reason is named.

    Examples
    --------
    >>> from gaitmap_results import save_run
    >>> challenge.run(optimizer)
    >>> path = save_run(challenge, "shin_tuned", custom_metadata={}, path="results")
    >>> sorted(file.name for file in path.glob("*.json"))
    ['custom_metadata.json', 'metadata.json', 'scores.json']
    """
    options = locals().copy()
    caller = None
    try:
        caller = find_caller(check_offset(_caller_file_path_stack_offset))
        name, version = check_challenge(challenge)
        plan = make_plan(options)
        plan.check_paths(name, version)
    except GaitmapResultsError as error:
        _keep_refused(challenge, error, options, caller)
        raise
    except Exception as error:  # an argument's own code may raise anything
        refusal = SaveError(f"The arguments of save_run could not be read: {error_text(error)}.")
        _keep_refused(challenge, refusal, options, caller)
        raise refusal from error
    published, pending = _save(challenge, name, version, plan, caller, custom_metadata)
    announce(describe_saved(published))
    block = _open_blocks.find_block()
    if block is not None:
        block.challenge_was_saved(challenge, published.path, published.metadata)
    if published.error is not None:
        pending.log("shown here because an error is raised")
        raise published.error
    try:
        pending.show()
    except Warning as warning:  # the user's filter turned a warning into an error; the run is stored all the same
        warning.path = published.path  # type: ignore[attr-defined]
        raise
    return published.path


def check_offset(offset: object) -> int:
    """Return ``_caller_file_path_stack_offset`` if it is a count of frames.

    Raises
    ------
    InvalidOptionError
        If it is not.
    """
    if isinstance(offset, bool) or not isinstance(offset, int) or offset < 0:
        raise InvalidOptionError(
            f"_caller_file_path_stack_offset is {offset!r}; it takes the number of your own functions in between."
        )
    return offset


def _save(
    challenge: Any, name: str, version: str, plan: SavePlan, caller: Caller, custom_metadata: Any
) -> tuple[PublishedRun, PendingWarnings]:
    """Save the core results first; whatever fails later must not lose them."""
    times = RunTimes.of_challenge(challenge) or seen_times(challenge) or RunTimes(None, None, None, None)
    facts = ChallengeFacts.not_asked(name, version)
    run = FinishedRun(challenge, facts, times, open_staging_somewhere(plan, None), _stored_results(challenge))
    run.staging.journal.change(started=times.start or run.staging.journal.content.started)
    try:
        with deferred_signals():
            return _publish(run, plan, caller, custom_metadata)
    except GaitmapResultsError:
        raise
    except BaseException as error:
        note_interrupted(run, error)
        raise


def _publish(
    run: FinishedRun, plan: SavePlan, caller: Caller, custom_metadata: Any
) -> tuple[PublishedRun, PendingWarnings]:
    stage(run, plan)
    note_names(run, plan, custom_metadata)
    block = _open_blocks.find_block()
    author_files = None if block is None else block.runs.files.find()
    if author_files is not None:
        run.bring_author_files(author_files)
    try:
        provenance = collect_provenance(caller, **plan.of_provenance())
    except GaitmapResultsError as error:
        run.staging.note(status="save_failed", error={"message": str(error)})
        error.path = run.staging.folder
        error.args = (f"{error}\nThe core results are kept in {run.staging.core_results}.",)
        raise
    metadata = MetadataBuilder(plan, provenance, lambda: custom_metadata)
    write_draft(run, metadata)
    describe(run)
    end = GitEnd(provenance.git.state if provenance.git else None, changed=False)
    reasons = reasons_for_debug(plan.setting, provenance.git, provenance.code)
    published = publish(run, metadata, lambda: Outcome(reasons, end, provenance.code))
    pending = PendingWarnings()
    advise_about_start(plan, provenance, pending)
    advise_about_unknowns(published.metadata["collection_errors"], pending)
    advise_about_loading(run.challenge, pending)
    advise_about_debug(plan, reasons, pending)
    return published, pending


def _keep_refused(
    challenge: Any, error: GaitmapResultsError, options: Mapping[str, Any], caller: Caller | None
) -> None:
    if caller is None:
        with contextlib.suppress(Exception):  # nothing may prevent keeping the results
            caller = find_caller()
    keep_refused(challenge, error, options, caller=caller, source=_stored_results(challenge))


def _stored_results(challenge: Any) -> StoredResults | None:
    """Return the core results that an open block stored when ``run`` ended; they are not requested again."""
    block = _open_blocks.find_block()
    folder = None if block is None else block.core_results_of(challenge)
    return None if folder is None else StoredResults(folder)
