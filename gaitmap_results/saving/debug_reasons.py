"""Name every reason that makes a run a debug run, with one function for each code."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gaitmap_results.exceptions import InvalidCustomMetadataError
from gaitmap_results.provenance.collecting import GitAnswer, GitEnd
from gaitmap_results.saving.debug_setting import DebugSetting
from gaitmap_results.store.safe_text import error_text, safe_text

if TYPE_CHECKING:
    from gaitmap_results.provenance.code_problems import Unidentified
    from gaitmap_results.provenance.git import GitState
    from gaitmap_results.provenance.loaded_code import LoadedCode

__all__ = [
    "DebugReason",
    "block_raised",
    "code_reasons",
    "custom_metadata_invalid",
    "describe_reasons",
    "git_reasons",
    "loaded_from_kept",
    "reasons_for_debug",
    "recovered",
    "results_written_again",
]


@dataclass(frozen=True)
class DebugReason:
    """Why a run is a debug run.

    Attributes
    ----------
    code
        A stable name, for programs.
    message
        What happened and how to fix it, for people.
    detail
        The data behind it.
    """

    code: str
    message: str
    detail: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the reason as it is stored."""
        return {"code": self.code, "message": self.message, "detail": self.detail}


def describe_reasons(reasons: Sequence[DebugReason]) -> str:
    """Return the reasons as a list of lines for a message."""
    return "\n".join(f"  - {reason.code}: {reason.message}" for reason in reasons)


def reasons_for_debug(
    setting: DebugSetting, answer: GitAnswer | None, code: LoadedCode | None, end: GitEnd | None = None
) -> list[DebugReason]:
    """Return every reason from the setting, the repository and the loaded code."""
    return [*_by_setting(setting), *git_reasons(answer, end), *code_reasons(answer, code)]


def code_reasons(answer: GitAnswer | None, code: LoadedCode | None) -> list[DebugReason]:
    """Return why the loaded code makes a run a debug run, without repeating git's own reasons."""
    if code is None:
        return []
    told = _reported_by_git(answer)
    files = [each for each in code.unidentified if not told(each)]
    if not files:
        return []
    # One package may bring a hundred files with the same problem, among which another file would be lost.
    alike: dict[tuple[str, str], list[str]] = {}
    for each in files:
        alike.setdefault((each.reason, each.fix), []).append(each.file)
    shown = " ".join(f"{some_paths(names)}: {reason}. {fix}" for (reason, fix), names in list(alike.items())[:5])
    rest = sum(len(names) for names in list(alike.values())[5:])
    more = f" {rest} more files are in code.unidentified." if rest else ""
    message = f"Nobody else can fetch all the code that was loaded: {shown}{more}"
    return [DebugReason("code.unidentified", message, {"files": [each._asdict() for each in files]})]


def _reported_by_git(answer: GitAnswer | None) -> Callable[[Unidentified], bool]:
    state = None if answer is None else answer.state
    if state is None:
        # Without a repository, git's own reasons already cover the files of the working directory.
        try:
            here = os.path.join(os.path.realpath(os.curdir), "")
        except OSError:  # the folder may have been deleted
            return lambda _: False
        return lambda each: os.path.realpath(each.file).startswith(here)
    changed = {*_changed_paths(state), *state.hidden}

    def is_reported(each: Unidentified) -> bool:
        try:
            inside = Path(os.path.realpath(each.file)).relative_to(state.base_dir).as_posix()
        except (ValueError, OSError):  # outside of the repository, or the working directory was deleted
            return False
        # git reports an untracked folder as one path that ends with a slash.
        return inside in changed or any(inside.startswith(path) for path in changed if path.endswith("/"))

    return is_reported


def git_reasons(answer: GitAnswer | None, end: GitEnd | None = None) -> list[DebugReason]:
    """Return why the repository makes a run a debug run; nothing if git was not asked.

    Parameters
    ----------
    answer
        What git said at the start.
    end
        What git said at the end, if the run has ended.
    """
    if answer is None:
        return []
    if answer.state is None:
        return [] if answer.problem is None else [DebugReason(answer.problem.code, answer.problem.message)]
    reasons = [*_no_commit(answer.state), *_dirty(answer.state)]
    return reasons if end is None else [*reasons, *_unavailable(end), *_changed_during_run(end)]


def _by_setting(setting: DebugSetting) -> Iterator[DebugReason]:
    if not setting.debug:
        return
    message = {
        "argument": "You asked for a debug run with debug_run=True. Pass debug_run=False for an official one.",
        "config": f"{setting.asker} asks for debug runs. Set GAITMAP_RESULTS_DEBUG=false, or `debug` in the config, "
        "for official ones.",
        "default": "Nobody asked for an official run. Pass debug_run=False, or set GAITMAP_RESULTS_DEBUG=false.",
    }[setting.source]
    yield DebugReason(f"debug_run.{setting.source}", message)


def _no_commit(state: GitState) -> Iterator[DebugReason]:
    if state.commit is None:
        yield DebugReason("git.no_commit", "The repository has no commit yet. Commit the code, then run again.")


def _dirty(state: GitState) -> Iterator[DebugReason]:
    paths = _changed_paths(state)
    messages = []
    if paths:
        hint = " Add __pycache__/ to .gitignore." if any("__pycache__/" in path for path in paths) else ""
        closed = [path for path in paths if path.endswith("/") and not os.access(state.base_dir / path, os.R_OK)]
        hint += f" You have no permission to open {some_paths(closed)}, so its content is unknown." if closed else ""
        messages.append(
            f"There are uncommitted changes: {some_paths(paths)}. Commit them, remove them, or name what does not "
            f"matter in git_dirty_ignore.{hint}"
        )
    if state.hidden:
        messages.append(
            f"git is set to ignore changes in {some_paths(state.hidden)}, so the commit may not contain this code. "
            "Undo that with `git update-index --no-assume-unchanged --no-skip-worktree`."
        )
    if messages:
        yield DebugReason("git.dirty", " ".join(messages), {"paths": list(dict.fromkeys([*paths, *state.hidden]))})


def _changed_paths(state: GitState) -> list[str]:
    changed = (state.conflicted, state.staged, state.unstaged, state.submodules, state.untracked)
    return list(dict.fromkeys(chain.from_iterable(changed)))


def _unavailable(end: GitEnd) -> Iterator[DebugReason]:
    if end.changed is None:
        yield DebugReason("git.unavailable", "The state of the repository could not be read at the end of the run.")


def _changed_during_run(end: GitEnd) -> Iterator[DebugReason]:
    if not end.changed:
        return
    paths = list(end.changed_paths)
    what = (
        f"These files changed during the run: {some_paths(paths)}."
        if paths
        else "The repository is now at another commit."
    )
    message = f"{what} The commit may not contain the code that ran. Run again, and change nothing until it ends."
    yield DebugReason("git.changed_during_run", message, {"paths": paths})


def custom_metadata_invalid(error: InvalidCustomMetadataError) -> DebugReason:
    """Return the reason for custom metadata that cannot be stored as JSON."""
    return DebugReason(
        "custom_metadata.invalid",
        "Values of the custom metadata cannot be stored as JSON; their repr is stored instead. Convert them.",
        {"problems": [{"key_path": key_path, "reason": reason} for key_path, reason in error.problems]},
    )


def block_raised(error: BaseException) -> DebugReason:
    """Return the reason for a block that raised ``error`` after a challenge had finished."""
    message = f"The code after the challenge raised {error_text(error)}. Fix it and run again."
    return DebugReason("block.raised", message, {"type": type(error).__name__})


def recovered(*, status: str, certainty: str, evidence: str) -> DebugReason:
    """Return the reason for a run that its own program did not publish."""
    return DebugReason(
        "recovered",
        "The run was published by `recover`, not by the program that ran it. Run it again for an official one.",
        {"status": status, "certainty": certainty, "evidence": safe_text(evidence)},
    )


def loaded_from_kept() -> DebugReason:
    """Return the reason for a challenge that a failed save had kept, and that did not run in this program."""
    return DebugReason(
        "recovered",
        "The challenge was loaded from the file that a failed save had kept, so another program ran it, perhaps with "
        "other code. Run it again for an official run.",
    )


def results_written_again() -> DebugReason:
    """Return the reason for core results that were lost with the results folder, and were requested again."""
    return DebugReason(
        "recovered",
        "The results folder lost the core results, or could not take them, so the challenge wrote them again. It may "
        "have changed since its run, or hold results that can be read only once. Run it again for an official run.",
    )


def some_paths(paths: Sequence[str]) -> str:
    """Return the first paths of a list on one line, and the number of further ones."""
    return ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
