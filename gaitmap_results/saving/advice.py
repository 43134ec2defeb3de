"""Give users the warnings that they need about their run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gaitmap_results.challenge import has_written
from gaitmap_results.exceptions import (
    CreatedFilesWarning,
    DebugRunWarning,
    DebugSettingWarning,
    IncompleteProvenanceWarning,
    UnloadableResultsWarning,
    UnmatchedIgnoreWarning,
)
from gaitmap_results.provenance.collecting import GitEnd, Provenance
from gaitmap_results.saving.debug_reasons import DebugReason, code_reasons, describe_reasons, git_reasons, some_paths
from gaitmap_results.saving.plan import SavePlan
from gaitmap_results.user_code.announcing import announce
from gaitmap_results.user_code.user_warnings import PendingWarnings

__all__ = [
    "advise_about_created_files",
    "advise_about_debug",
    "advise_about_loading",
    "advise_about_start",
    "advise_about_unknowns",
    "advise_before_start",
]

# Each piece of advice is given once, not by every block.
_reported: set[str] = set()


def advise_before_start(plan: SavePlan, provenance: Provenance) -> list[DebugReason]:
    """Warn while the run can still be stopped; return why its repository or code makes it a debug run."""
    pending = PendingWarnings()
    advise_about_start(plan, provenance, pending)
    advise_about_unknowns(provenance.errors, pending)
    reasons = [*git_reasons(provenance.git), *code_reasons(provenance.git, provenance.code)]
    advise_about_debug(plan, reasons, pending, will_be=True)
    pending.show()
    return reasons


def advise_about_start(plan: SavePlan, provenance: Provenance, pending: PendingWarnings) -> None:
    """Collect the warnings about the user's setting and repository."""
    if plan.foreign_config is not None and plan.foreign_config not in _reported:
        _reported.add(plan.foreign_config)
        announce(plan.foreign_config)
    if plan.setting.disagreement:
        pending.add(plan.setting.disagreement, DebugSettingWarning)
    state = provenance.git.state if provenance.git else None
    if state is None:
        return
    for entry in () if plan.ignore_from_config else state.unmatched_ignores:
        pending.add(
            f"git_dirty_ignore names {entry!r}, but nothing in {state.base_dir} has this name. Check the "
            "spelling; paths are relative to the root of the repository.",
            UnmatchedIgnoreWarning,
        )


def advise_about_created_files(plan: SavePlan, end: GitEnd | None, pending: PendingWarnings) -> None:
    """Collect advice on files that the run left behind, which would make the next run a debug run."""
    if end is not None and end.created_paths and not plan.setting.debug:
        pending.add(
            f"The run left untracked files in the repository: {some_paths(end.created_paths)}. They do not affect this "
            "run, but the next one would be a debug run. Name them in .gitignore or in git_dirty_ignore, or move "
            "them elsewhere.",
            CreatedFilesWarning,
        )


def advise_about_unknowns(errors: Sequence[dict[str, str]], pending: PendingWarnings) -> None:
    """Collect one warning for all facts that could not be determined."""
    if errors:
        listed = "\n".join(f"  - {error['what']}: {error['error']}" for error in errors)
        pending.add(
            f"Part of the provenance of this run could not be determined, and is stored as unknown:\n{listed}",
            IncompleteProvenanceWarning,
        )


def advise_about_loading(challenge: Any, pending: PendingWarnings) -> None:
    """Collect the warning for a challenge that cannot load what it saved."""
    if not has_written(challenge, "load_core_results"):
        pending.add(
            f"The results of {type(challenge).__qualname__} are stored, but it has no method "
            "`load_core_results(folder_path)` of its own, so load_run cannot load them. Write it in the class; "
            "you do not have to repeat the run.",
            UnloadableResultsWarning,
        )


def advise_about_debug(
    plan: SavePlan, reasons: Sequence[DebugReason], pending: PendingWarnings, *, will_be: bool = False
) -> None:
    """Collect the warning for a run that was requested as official and is, or will be, a debug run."""
    if plan.setting.debug or not reasons:
        return
    verb = "will be" if will_be else "is"
    pending.add(
        f"You asked for an official run of {plan.entry_name!r}, but it {verb} a debug run, which may not be published "
        f"or compared:\n{describe_reasons(reasons)}",
        DebugRunWarning,
    )
