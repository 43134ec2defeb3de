"""Words for what a user should know about his run."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from gaitmap_results.exceptions import (
    DebugRunWarning,
    DebugSettingWarning,
    IncompleteProvenanceWarning,
    UnmatchedIgnoreWarning,
    UntrackedCallerWarning,
)
from gaitmap_results.provenance.collecting import GitReading, Provenance, unwatched_files
from gaitmap_results.saving.debug_reasons import DebugReason, describe_reasons
from gaitmap_results.saving.plan import SavePlan
from gaitmap_results.user_code.user_warnings import PendingWarnings

__all__ = [
    "advise_about_debug",
    "advise_about_start",
    "advise_about_unknowns",
    "advise_before_start",
    "git_reasons",
    "reasons_for_debug",
]


def git_reasons(reading: GitReading | None, *, changed: bool | None = False) -> list[DebugReason]:
    """Return why the repository makes a run a debug run; none if git was not asked.

    Parameters
    ----------
    reading
        What git said at the start.
    changed
        Whether commit or files changed during the run; ``None`` is unknown, which is not unchanged.
    """
    if reading is None:
        return []
    state = reading.state
    if state is None:
        return [reading.problem] if reading.problem is not None else []
    reasons = []
    if state.commit is None:
        reasons.append(
            DebugReason("git.no_commit", "The repository has no commit yet. Commit the code, then run again.")
        )
    changed_paths = (state.conflicted, state.staged, state.unstaged, state.submodules, state.untracked)
    paths = list(dict.fromkeys(chain.from_iterable(changed_paths)))
    if paths:
        shown = ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
        message = (
            f"There are changes that the commit does not hold: {shown}. Commit them, remove them, or name what does "
            "not matter in git_dirty_ignore."
        )
        reasons.append(DebugReason("git.dirty", message, {"paths": paths}))
    unwatched = unwatched_files(reading)
    if unwatched:
        message = (
            f"git was told not to look for changes in {', '.join(unwatched[:5])}, so that nobody knows whether the "
            "commit holds this code. Take that back with `git update-index --no-assume-unchanged --no-skip-worktree`."
        )
        reasons.append(DebugReason("git.unavailable", message, {"paths": unwatched}))
    if changed is None:
        reasons.append(
            DebugReason("git.unavailable", "The state of the repository could not be read at the end of the run.")
        )
    elif changed:
        message = "The repository changed during the run, so that the commit may not be the code that ran. Run again."
        reasons.append(DebugReason("git.changed_during_run", message))
    return reasons


def reasons_for_debug(plan: SavePlan, reading: GitReading | None, *, changed: bool | None = False) -> list[DebugReason]:
    """Return why a run is a debug run: by its setting, and by the repository; see :func:`git_reasons`."""
    setting = plan.setting.reason
    return [*([setting] if setting else []), *git_reasons(reading, changed=changed)]


def advise_before_start(plan: SavePlan, provenance: Provenance) -> list[DebugReason]:
    """Warn while the run can still be stopped, and return why its repository makes it a debug run."""
    pending = PendingWarnings()
    advise_about_start(plan, provenance, pending)
    advise_about_unknowns(provenance.errors, pending)
    reasons = git_reasons(provenance.git)
    advise_about_debug(plan, reasons, pending, will_be=True)
    pending.show()
    return reasons


def advise_about_start(plan: SavePlan, provenance: Provenance, pending: PendingWarnings) -> None:
    """Collect what the user should know about his setting and his repository."""
    if plan.setting.disagreement:
        pending.add(plan.setting.disagreement, DebugSettingWarning)
    state = provenance.git.state if provenance.git else None
    if state is None:
        return
    for entry in state.unmatched_ignores:
        pending.add(
            f"git_dirty_ignore names {entry!r}, but there is nothing of this name in {state.base_dir}. Check the "
            "spelling; paths are relative to the root of the repository.",
            UnmatchedIgnoreWarning,
        )
    if state.caller_tracked is False and provenance.caller is not None:
        pending.add(
            f"{provenance.caller.file} is not tracked by the repository {state.base_dir}: the commit that is stored "
            "says nothing about this code. Add the file to the repository, or run from inside the one it belongs to.",
            UntrackedCallerWarning,
        )


def advise_about_unknowns(errors: Sequence[dict[str, str]], pending: PendingWarnings) -> None:
    """Collect one warning for all facts that could not be determined."""
    if errors:
        listed = "\n".join(f"  - {error['what']}: {error['error']}" for error in errors)
        pending.add(
            f"Something about where this run comes from is not known, and is stored as unknown:\n{listed}",
            IncompleteProvenanceWarning,
        )


def advise_about_debug(
    plan: SavePlan, reasons: Sequence[DebugReason], pending: PendingWarnings, *, will_be: bool = False
) -> None:
    """Collect the warning for a run that was asked to be official and is (or will be) none."""
    if plan.setting.debug or not reasons:
        return
    verb = "will be" if will_be else "is"
    pending.add(
        f"An official run of {plan.entry_name!r} was asked for, but it {verb} a debug run, which may not be published "
        f"or compared:\n{describe_reasons(reasons)}",
        DebugRunWarning,
    )
