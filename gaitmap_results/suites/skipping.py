"""Decide which entries of a suite need to run, by the runs in the results folder."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from gaitmap_results.exceptions import CorruptRunError, InvalidOptionError, RunNotFoundError
from gaitmap_results.provenance.collecting import read_git
from gaitmap_results.reading.index import RunSummary, read_metadata
from gaitmap_results.store.privacy import Redactor
from gaitmap_results.store.secrets_in_text import without_named_secrets
from gaitmap_results.suites.planning import PlannedEntry
from gaitmap_results.suites.stored_runs import EntryRuns
from gaitmap_results.unfinished.listing import UnfinishedRun

__all__ = ["Standing", "StoreJudge"]

_SKIPS = (None, "same-commit", "recorded")
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
    why: tuple[str, ...] = ()

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
        self._own = frozenset(entry.task.block_id for entry in planned)
        self._names = Counter(_place(entry) for entry in planned)
        self._now = _Surroundings()

    def judge(self, entry: PlannedEntry) -> Standing:
        """Return the state of an entry; what was read is shared with the next entries."""
        is_only_one = self._names[_place(entry)] == 1
        return _judge(entry, _Wanted(self._skip, self._own, is_only_one), self._now)

    def look_again(self) -> None:
        """Forget the known runs, since others may have stored new ones."""
        self._now.folders.clear()


def _place(entry: PlannedEntry) -> tuple[Path, tuple[str, ...]]:
    return entry.plan.results_folder, entry.plan.entry_parts


class _Wanted(NamedTuple):
    """Which runs make another one unnecessary.

    Attributes
    ----------
    skip
        As in :func:`gaitmap_results.run_entries`.
    own
        The blocks of the suite itself.
    is_only_one
        Whether no other entry of the suite has the name of this one.
    """

    skip: str | None
    own: frozenset[str]
    is_only_one: bool


def _judge(entry: PlannedEntry, wanted: _Wanted, now: _Surroundings) -> Standing:
    runs = now.runs(entry)
    unfinished = [
        each
        for each in runs.unfinished(entry.entry_name)
        if each.journal.block_id not in wanted.own and _is_same_call(entry, each.journal.metadata or {}) is not False
    ]
    for each in unfinished:
        if each.run.status == "running":
            return Standing("running", each.run.path, (f"{each.run.evidence} (run {each.run.run_id})",))
    done: Path | None = None
    why: tuple[str, ...] = ()
    if wanted.skip is not None:
        done, why = _recorded(entry, wanted, runs.published(entry.plan.entry_parts), now)
        if done is not None:
            return Standing("recorded", done, why)
    latest = max((each.run for each in unfinished), key=_started, default=None)
    if latest is None:
        return Standing("missing", None, why)
    status = "lost" if latest.status in ("lost", "unknown") else "failed"
    return Standing(status, latest.path, (latest.error or latest.evidence, *why))


def _started(run: UnfinishedRun) -> float:
    return run.started.timestamp() if run.started else 0.0


def _recorded(
    entry: PlannedEntry, wanted: _Wanted, runs: list[RunSummary], now: _Surroundings
) -> tuple[Path | None, tuple[str, ...]]:
    """Return a run that makes a new one unnecessary and what is special about it, else why the latest one does not."""
    why = why_others = ""
    for number, run in enumerate(runs):
        known_as_other = wanted.skip == "same-commit" and not now.may_be_of_this_code(entry, run)
        # These runs only give reasons, and the latest ones are enough for that.
        if (why or number >= _LATEST) and (run.is_debug_run or known_as_other):
            continue
        recorded = _metadata(run)
        if not recorded or recorded.get("block_id") in wanted.own or not _is_current_version(run):
            continue
        other = _why_of_another(entry, wanted, run, recorded)
        if other:
            why_others = why_others or f"the run in {run.path.name} {other}"
        elif run.is_debug_run:
            reasons = ", ".join(run.debug_reasons) or "debug_run"
            why = why or f"the run in {run.path.name} is a debug run: {reasons}"
        elif differences := [] if wanted.skip == "recorded" else list(now.differences(entry, recorded)):
            why = why or f"the run in {run.path.name} differs: {', '.join(differences)}"
        elif isinstance(recorded.get("entry"), Mapping):
            return run.path, ()
        else:
            return run.path, (f"{run.path.name} was made without a function, and counts by its name and challenge",)
    why = why or why_others
    return None, (why,) if why else ()


def _why_of_another(entry: PlannedEntry, wanted: _Wanted, run: RunSummary, recorded: Mapping[str, Any]) -> str | None:
    """Say why a run cannot be known as a run of an entry; ``None`` if it is one."""
    if isinstance(recorded.get("entry"), Mapping):
        is_same = _is_same_call(entry, recorded)
        if is_same is None:
            return "has arguments that are not plain values, or they have now, so that nobody can compare them"
        return None if is_same else "is of another function or has other arguments"
    if wanted.skip == "same-commit":
        return "was made by save_run or recorded_run without a function, and is counted only with skip='recorded'"
    if entry.challenge is not None:
        return None if entry.challenge == run.challenge_name else "is of another challenge"
    if _loaded_class(run.challenge_name) is None:
        return "was made without a function, for a challenge that is not imported here"
    return None if wanted.is_only_one else "was made without a function, and several entries here have its name"


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
    if (found.get("name"), found.get("kind", "function")) != (entry.call.name, entry.call.kind):
        return False
    if found.get("module") is not None and entry.call.module is not None:
        is_same_place = bool(found["module"] == entry.call.module)
    else:
        file = found.get("file")
        is_same_place = bool(file and entry.call.file and PurePath(str(file)).name == entry.call.file.name)
    if not is_same_place:
        return False
    if found.get("arguments") is None or entry.call.arguments is None:
        return None
    stored = Redactor.for_this_process(entry.plan.relative_to).tree(
        without_named_secrets(_as_stored(entry.call.arguments))
    )
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


def _as_stored(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _as_stored(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_stored(each) for each in value]
    return str(value) if isinstance(value, PurePath) else value


@dataclass
class _Surroundings:
    """The provenance of a run that would start now; each fact is read once."""

    folders: dict[Path, EntryRuns] = field(default_factory=dict)
    _git: dict[Any, tuple[str | None, bool | None]] = field(default_factory=dict)
    _packages: Mapping[str, Any] | None = None

    def runs(self, entry: PlannedEntry) -> EntryRuns:
        folder = entry.plan.results_folder
        return self.folders.setdefault(folder, EntryRuns(folder))

    def may_be_of_this_code(self, entry: PlannedEntry, run: RunSummary) -> bool:
        """Say whether a run may be of this commit, by its summary alone."""
        if not entry.plan.use_git:
            return True
        commit, dirty = self._state(entry)
        return dirty is False and commit == run.git_commit_hash

    def differences(self, entry: PlannedEntry, recorded: Mapping[str, Any]) -> Iterator[str]:
        """Yield the differences between a recorded run and one that would start now."""
        if entry.plan.use_git:
            commit, dirty = self._state(entry)
            if dirty is not False:
                yield "there are uncommitted changes" if dirty else "the state of the repository is unknown"
            elif commit != recorded.get("git_commit_hash"):
                yield f"commit: {_short(recorded.get('git_commit_hash'))} → {_short(commit)}"
        packages = (recorded.get("system_info") or {}).get("packages_info") or {}
        installed = self._installed()
        changed = sorted(name for name in {**packages, **installed} if packages.get(name) != installed.get(name))
        if changed:
            shown = ", ".join(f"{name} {packages.get(name)} → {installed.get(name)}" for name in changed[:3])
            yield f"packages: {shown}" + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
        code = recorded.get("code")
        for repository in code.get("repositories") or [] if isinstance(code, Mapping) else []:
            yield from _repository_differences(repository)

    def _state(self, entry: PlannedEntry) -> tuple[str | None, bool | None]:
        key = (entry.plan.git_dirty_ignore, entry.plan.results_folder)
        if key not in self._git:
            state = read_git(git_dirty_ignore=key[0], results_folder=key[1]).state
            self._git[key] = (None, None) if state is None else (state.commit, state.dirty)
        return self._git[key]

    def _installed(self) -> Mapping[str, Any]:
        if self._packages is None:
            from gaitmap_results.provenance.packages import installed_packages

            self._packages = installed_packages().versions
        return self._packages


def _repository_differences(recorded: Mapping[str, Any]) -> Iterator[str]:
    """Yield how other repositories differ from their recorded state."""
    from gaitmap_results.provenance.git import GitUnreadableError, read_git_state

    name = recorded.get("path") or recorded.get("remote") or "another repository"
    try:
        state = read_git_state(Path(str(recorded.get("path"))).expanduser())
    except (GitUnreadableError, OSError, RuntimeError):
        yield f"{name} cannot be found"
        return
    # Untracked files there, such as __pycache__, are not what was imported.
    if state.commit is None or any((state.staged, state.unstaged, state.conflicted, state.submodules, state.hidden)):
        yield f"{name} has uncommitted changes"
    elif state.commit != recorded.get("commit"):
        yield f"{name}: {_short(recorded.get('commit'))} → {_short(state.commit)}"


def _short(commit: object) -> str:
    return str(commit)[:8] if commit else "unknown"
