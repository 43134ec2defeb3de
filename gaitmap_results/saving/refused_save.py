"""Keep the results of a challenge whose save is refused, with all that is known about its run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any, Final, TypeVar

from gaitmap_results.challenge import RunTimes
from gaitmap_results.config import find_results_folder
from gaitmap_results.exceptions import ConfigError, GaitmapResultsError
from gaitmap_results.provenance.collecting import collect_provenance
from gaitmap_results.saving.challenge_facts import ChallengeFacts
from gaitmap_results.saving.debug_setting import DebugSetting
from gaitmap_results.saving.finished_run import (
    FinishedRun,
    describe,
    draft_metadata,
    encode_for_storage,
)
from gaitmap_results.saving.kept_challenge import keep_challenge_of
from gaitmap_results.saving.metadata import MetadataBuilder, unknown_metadata
from gaitmap_results.saving.plan import SavePlan, make_plan
from gaitmap_results.saving.seen_times import seen_times
from gaitmap_results.showing.text import as_argument
from gaitmap_results.store.deferred_signals import deferred_signals
from gaitmap_results.store.entry_names import as_entry_name, entry_json
from gaitmap_results.store.journal import JournalContent
from gaitmap_results.store.layout import check_challenge_name, check_entry_name, check_prefix, check_version
from gaitmap_results.store.rescue import rescue
from gaitmap_results.store.safe_text import error_text
from gaitmap_results.store.staging import Staging
from gaitmap_results.user_code.caller import Caller
from gaitmap_results.user_code.class_names import full_class_name

__all__ = ["keep_refused"]

_T = TypeVar("_T")
# Replaces a refused name until the draft is complete; `recover` then asks for the name.
_PLACEHOLDER: Final = "unknown"
# Arguments of `save_run` that are always accepted.
_ACCEPTED: Final[Mapping[str, Any]] = {
    "entry_name": _PLACEHOLDER,
    "debug_run": None,
    "stored_filenames_relative_to": None,
    "use_git": True,
    "git_dirty_ignore": (),
    "debug_folder_prefix": "_",
    "_force_local_debug_run_setting": False,
}


def keep_refused(
    challenge: Any,
    error: GaitmapResultsError,
    options: Mapping[str, Any],
    *,
    caller: Caller | None = None,
    known: MetadataBuilder | None = None,
    source: Any = None,
) -> None:
    """Write the core results of a challenge whose save is refused, and add their place to the error.

    Parameters
    ----------
    challenge
        The challenge, after its run.
    error
        Why it is refused.
    options
        The arguments of ``save_run``, by name; refused arguments are not kept.
    caller
        The caller of the save, if known.
    known
        What a block knew when the run started, used instead of ``options`` and ``caller``.
    source
        Writes the core results, if not the challenge.
    """
    if isinstance(challenge, type) or not callable(getattr(challenge, "save_core_results", None)):
        return
    names = {
        "entry_name": _accepted(lambda: _checked_entry(options["entry_name"])),
        "challenge_name": _accepted(lambda: check_challenge_name(full_class_name(type(challenge)))),
        "challenge_version": _accepted(lambda: check_version(challenge.VERSION)),
    }
    times = RunTimes.of_challenge(challenge) or seen_times(challenge) or RunTimes(None, None, None, None)
    try:
        with deferred_signals():
            staging = _open(options, names, times)
            error.path = staging.folder
            kept = _keep(challenge, staging, source)
            draft = _draft(challenge, staging, names, times, known or (lambda: _builder(staging, options, caller)))
            staging.note(metadata=draft, error={"message": str(error)})
    except Exception as failure:  # noqa: BLE001 - the refusal is the error to raise; this one is told with it
        kept = f"The core results could not be kept: {error_text(failure)}."
    else:
        kept += _how_to_publish(staging, names)
    error.args = (f"{error}\n{kept}",)


def _accepted(check: Callable[[], _T]) -> _T | None:
    try:
        return check()
    except Exception:  # noqa: BLE001 - a refused name counts as unknown
        return None


def _checked_entry(entry_name: object) -> str | tuple[str, ...] | None:
    check_entry_name(entry_name)
    return as_entry_name(entry_name)


def _open(options: Mapping[str, Any], names: Mapping[str, Any], times: RunTimes) -> Staging:
    custom_metadata, _, _ = encode_for_storage(options["custom_metadata"])
    journal = JournalContent(
        status="save_failed",
        core_results="none",
        started=times.start or datetime.now(timezone.utc),
        custom_metadata=custom_metadata,
        debug_folder_prefix=_accepted(lambda: check_prefix(options["debug_folder_prefix"])),
        **names,
    )
    results_folder = None
    try:
        results_folder = find_results_folder(options["path"])
        return Staging(results_folder, journal)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, the results come first
        return rescue(journal, away_from=results_folder)


def _keep(challenge: Any, staging: Staging, source: Any) -> str:
    """Write the core results, else the pickled challenge, and return where."""
    try:
        staging.save_core_results(challenge if source is None else source)
    except (Exception, SystemExit) as failure:  # noqa: BLE001 - the challenge's own
        text = f"The core results could not be kept: {error_text(failure)}."
        return f"{text}{keep_challenge_of(challenge, staging)}"
    except BaseException:  # a second Ctrl-C
        keep_challenge_of(challenge, staging)
        raise
    return f"The core results are kept in {staging.core_results}."


def _draft(
    challenge: Any,
    staging: Staging,
    names: Mapping[str, Any],
    times: RunTimes,
    builder: MetadataBuilder | Callable[[], MetadataBuilder],
) -> dict[str, Any]:
    """Return the metadata for recovering the run, or at least its names and times."""
    name, version = (names[key] or _PLACEHOLDER for key in ("challenge_name", "challenge_version"))
    facts = ChallengeFacts.not_asked(name, version)
    run = FinishedRun(challenge, facts, times, staging)
    entry_name = names["entry_name"]
    stored = {**names, "entry_name": None if entry_name is None else entry_json(entry_name)}
    draft = known = unknown_metadata(staging.run_id, times)
    staging.note(metadata={**known, **stored})  # before the challenge is asked, which may end the program
    try:
        describe(run)
        draft = draft_metadata(run, builder if isinstance(builder, MetadataBuilder) else builder()) or known
    except Exception as error:  # noqa: BLE001 - less is known then
        staging.note(error={"message": error_text(error)})
    return {**draft, **stored}


def _builder(staging: Staging, options: Mapping[str, Any], caller: Caller | None) -> MetadataBuilder:
    plan = _plan(staging, options)
    provenance = collect_provenance(caller, **plan.of_provenance())
    return MetadataBuilder(plan, provenance, lambda: options["custom_metadata"])


def _plan(staging: Staging, options: Mapping[str, Any]) -> SavePlan:
    """Return a plan of the accepted arguments, each checked alone."""
    chosen = {**_ACCEPTED, "path": staging.results_folder}
    for name in _ACCEPTED:
        tried = {**chosen, name: options.get(name, chosen[name])}
        if _accepted(lambda tried=tried: make_plan(tried)) is not None:  # type: ignore[misc]
            chosen = tried
    try:
        return make_plan(chosen)
    except ConfigError:  # a wrong config or variable; what the machine and git say is known all the same
        setting = DebugSetting(debug=True, source="default")
        return SavePlan(_PLACEHOLDER, (_PLACEHOLDER,), staging.results_folder, setting, None, True, (), "_")


def _how_to_publish(staging: Staging, names: Mapping[str, Any]) -> str:
    if staging.journal.content.core_results != "complete":
        return ""
    missing = "".join(f" --{name.replace('_', '-')} …" for name, value in names.items() if value is None)
    return (
        " Publish them as a debug run with\n"
        f"  gaitmap-results recover {staging.run_id} --results {as_argument(staging.results_folder)}{missing}"
    )
