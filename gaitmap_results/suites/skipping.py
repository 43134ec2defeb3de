"""Decide which entries of a suite need to run, by the runs in the results folder."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any

from gaitmap_results.exceptions import CorruptRunError, InvalidOptionError, RunNotFoundError
from gaitmap_results.provenance.collecting import read_git
from gaitmap_results.reading.index import RunSummary, read_metadata
from gaitmap_results.store.files import expanded
from gaitmap_results.store.privacy import Redactor
from gaitmap_results.store.secrets_in_text import without_named_secrets
from gaitmap_results.suites.planning import PlannedEntry
from gaitmap_results.suites.stored_runs import EntryRuns
from gaitmap_results.unfinished.listing import UnfinishedRun

__all__ = ["Standing", "StoreJudge"]

_SKIPS = (None, "same-commit", "recorded")
# Of runs that cannot count, so many of the latest ones are read to say why.
_LATEST = 10


@dataclass(frozen=True)
class Standing:
    """The state of an entry before a suite starts.

    Attributes
    ----------
    status
        ``recorded`` and ``running``: it need not run.
        ``missing``, ``failed`` and ``lost``: it does.
    path
        The run, or the folder of the unfinished one.
    why
        In words: where it runs, how it ended, how a recorded run differs, or why it counts.
    """

    status: str
    path: Path | None
    why: str = ""

    @property
    def needs_to_run(self) -> bool:
        """Whether the suite must run the entry."""
        return self.status not in ("recorded", "running")


class StoreJudge:
    """Judge entries by the results folder; read commit and packages of this program once.

    Parameters
    ----------
    skip
        Which recorded runs make another one unnecessary.
    planned
        The entries of the suite; runs that the suite itself starts do not make other entries unnecessary.

    Raises
    ------
    InvalidOptionError
        If ``skip`` is unknown.
    """

    def __init__(self, skip: str | None, planned: Sequence[PlannedEntry]) -> None:
        if skip not in _SKIPS:
            raise InvalidOptionError(f"skip is {skip!r}; it takes 'same-commit', 'recorded' or None.")
        self._skip = skip
        self._own = {entry.task.block_id for entry in planned}
        self._names = Counter(entry.place for entry in planned)
        self._folders: dict[Path, EntryRuns] = {}
        self._commits: dict[Any, tuple[str, str]] = {}

    def judge(self, entry: PlannedEntry) -> Standing:
        """Return the state of an entry; what was read is shared with the next entries."""
        folder = entry.plan.results_folder
        runs = self._folders.setdefault(folder, EntryRuns(folder))
        unfinished = [
            each.run
            for each in runs.unfinished(entry.entry_name)
            if each.journal.block_id not in self._own and _is_same_call(entry, each.journal.metadata or {}) is not False
        ]
        for run in unfinished:
            if run.status == "running":
                return Standing("running", run.path, f"{run.evidence} (run {run.run_id})")
        done, why = None, ""
        if self._skip is not None:
            done, why = self._recorded(entry, runs.published(entry.plan.entry_parts))
        if done is not None:
            return Standing("recorded", done, why)
        if not unfinished:
            return Standing("missing", None, why)
        latest = max(unfinished, key=_started)
        status = "lost" if latest.status in ("lost", "unknown") else "failed"
        return Standing(status, latest.path, "; ".join(filter(None, (latest.error or latest.evidence, why))))

    def look_again(self) -> None:
        """Forget the known runs, since others may have stored new ones."""
        self._folders.clear()

    def _recorded(self, entry: PlannedEntry, runs: list[RunSummary]) -> tuple[Path | None, str]:
        """Return a run that makes a new one unnecessary and what is special about it, else why the latest does not."""
        commit, problem = self._commit(entry)
        why = why_others = ""
        for number, run in enumerate(runs):
            may_count = not (run.is_debug_run or problem) and commit in ("", run.git_commit_hash)
            if not may_count and (why or number >= _LATEST):
                continue
            recorded = _metadata(run)
            if not recorded or recorded.get("block_id") in self._own or not _is_current_version(run):
                continue
            name = run.path.name
            if other := self._why_of_another(entry, run, recorded):
                why_others = why_others or f"the run in {name} {other}"
            elif run.is_debug_run:
                why = why or f"the run in {name} is a debug run: {', '.join(run.debug_reasons) or 'debug_run'}"
            elif differences := ", ".join(self._differences(commit, problem, recorded)):
                why = why or f"the run in {name} differs: {differences}"
            elif isinstance(recorded.get("entry"), Mapping):
                return run.path, ""
            else:
                return run.path, f"{name} was made without a function, and counts by its name and challenge"
        return None, why or why_others

    def _why_of_another(self, entry: PlannedEntry, run: RunSummary, recorded: Mapping[str, Any]) -> str | None:
        """Say why a run cannot be known as a run of an entry; ``None`` if it is one."""
        if isinstance(recorded.get("entry"), Mapping):
            is_same = _is_same_call(entry, recorded)
            if is_same is None:
                return "has arguments that are not plain values, or they have now, so that nobody can compare them"
            return None if is_same else "is of another function or has other arguments"
        if self._skip == "same-commit":
            return "was made by save_run or recorded_run without a function, and is counted only with skip='recorded'"
        if entry.challenge is not None:
            return None if entry.challenge == run.challenge_name else "is of another challenge"
        if _loaded_class(run.challenge_name) is None:
            return "was made without a function, for a challenge that is not imported here"
        is_only_one = self._names[entry.place] == 1
        return None if is_only_one else "was made without a function, and several entries here have its name"

    def _commit(self, entry: PlannedEntry) -> tuple[str, str]:
        """Return the commit that a run needs, and why no run can have it; empty where any commit counts."""
        if self._skip == "recorded" or not entry.plan.use_git:
            return "", ""
        key = entry.plan.git_dirty_ignore, entry.plan.results_folder
        if key not in self._commits:
            state = read_git(git_dirty_ignore=key[0], results_folder=key[1]).state
            if state is None or state.commit is None or state.dirty is None:
                self._commits[key] = "unknown", "the state of the repository is unknown"
            else:
                self._commits[key] = state.commit, "there are uncommitted changes" if state.dirty else ""
        return self._commits[key]

    def _differences(self, commit: str, problem: str, recorded: Mapping[str, Any]) -> Iterator[str]:
        """Yield the differences between a recorded run and one that would start now."""
        if self._skip == "recorded":
            return
        if problem:
            yield problem
        elif commit not in ("", recorded.get("git_commit_hash")):
            yield f"commit: {_short(recorded.get('git_commit_hash'))} → {_short(commit)}"
        packages = (recorded.get("system_info") or {}).get("packages_info") or {}
        installed = self._installed
        changed = sorted(name for name in {**packages, **installed} if packages.get(name) != installed.get(name))
        if changed:
            shown = ", ".join(f"{name} {packages.get(name)} → {installed.get(name)}" for name in changed[:3])
            yield f"packages: {shown}" + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
        code = recorded.get("code")
        for repository in code.get("repositories") or [] if isinstance(code, Mapping) else []:
            yield from _repository_differences(repository)

    @cached_property
    def _installed(self) -> Mapping[str, Any]:
        from gaitmap_results.provenance.packages import installed_packages

        return installed_packages().versions


def _started(run: UnfinishedRun) -> float:
    return run.started.timestamp() if run.started else 0.0


def _metadata(run: RunSummary) -> Mapping[str, Any]:
    try:
        return read_metadata(run.folder)
    except (CorruptRunError, RunNotFoundError, OSError):  # changed or deleted since it was found
        return {}


def _is_same_call(entry: PlannedEntry, recorded: Mapping[str, Any]) -> bool | None:
    """Say whether a record or draft has the same function and arguments; ``None`` if unknown."""
    found = recorded.get("entry")
    if not isinstance(found, Mapping):
        return False
    call = entry.call
    if (found.get("name"), found.get("kind", "function")) != (call.name, call.kind):
        return False
    if found.get("module") is not None and call.module is not None:
        is_same_place = bool(found["module"] == call.module)
    else:
        file = found.get("file")
        is_same_place = bool(file and call.file and PurePath(str(file)).name == call.file.name)
    if not is_same_place:
        return False
    if found.get("arguments") is None or call.arguments is None:
        return None
    as_json = json.loads(json.dumps(call.arguments, default=str))  # paths as texts
    stored = Redactor.for_this_process(entry.plan.relative_to).tree(without_named_secrets(as_json))
    return bool(found["arguments"] == stored)


def _is_current_version(run: RunSummary) -> bool:
    """Say whether a run has the current version of its challenge, if the challenge is loaded."""
    version = getattr(_loaded_class(run.challenge_name), "VERSION", None)
    return version is None or str(version) == run.challenge_version


def _loaded_class(full_name: str) -> Any:
    """Return the class of this name; ``None`` if it is not loaded. A script's classes are named like its file."""
    module, _, name = full_name.rpartition(".")
    main = sys.modules.get("__main__")
    if module not in sys.modules and PurePath(getattr(main, "__file__", None) or "").stem == module:
        return getattr(main, name, None)
    return getattr(sys.modules.get(module), name, None)


def _repository_differences(recorded: Mapping[str, Any]) -> Iterator[str]:
    """Yield how other repositories differ from their recorded state."""
    from gaitmap_results.provenance.git import GitUnreadableError, read_git_state

    name = recorded.get("path") or recorded.get("remote") or "another repository"
    try:
        state = read_git_state(expanded(str(recorded.get("path"))))
    except (GitUnreadableError, OSError):
        yield f"{name} cannot be found"
        return
    # Untracked files there, such as __pycache__, are not what was imported.
    if state.commit is None or any((state.staged, state.unstaged, state.conflicted, state.submodules, state.hidden)):
        yield f"{name} has uncommitted changes"
    elif state.commit != recorded.get("commit"):
        yield f"{name}: {_short(recorded.get('commit'))} → {_short(state.commit)}"


def _short(commit: object) -> str:
    return str(commit)[:8] if commit else "unknown"
