"""Find in the results folder what a suite does not need to run again."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from gaitmap_results.exceptions import CorruptRunError, InvalidOptionError, RunNotFoundError
from gaitmap_results.provenance.collecting import read_git
from gaitmap_results.reading.index import RunSummary, StoreScan, by_start
from gaitmap_results.reading.loading import load_run_metadata
from gaitmap_results.store.layout import UNFINISHED_DIR
from gaitmap_results.suites.planning import PlannedEntry
from gaitmap_results.unfinished.listing import UnfinishedRun, list_unfinished

__all__ = ["Done", "find_done", "find_run_of_block", "find_unfinished", "runs_of_entry", "why_not_done"]

_SKIPS = (None, "same-commit", "recorded")


@dataclass(frozen=True)
class Done:
    """Why an entry does not run: there is a run already, or it is running elsewhere."""

    path: Path | None
    reason: str


def find_done(planned: Sequence[PlannedEntry], skip: str | None) -> dict[int, Done]:
    """Return the entries that need not run, by their position.

    Raises
    ------
    InvalidOptionError
        If there is no such way to skip.
    """
    if skip not in _SKIPS:
        raise InvalidOptionError(f"skip is {skip!r}; it takes 'same-commit', 'recorded' or None.")
    now = _Surroundings()
    found = {}
    for number, entry in enumerate(planned):
        running = next((run for run in now.unfinished(entry) if run.status == "running"), None)
        if running is not None:
            found[number] = Done(None, f"It is running already: {running.evidence} (run {running.run_id})")
        elif skip is not None and (run := _recorded(entry, skip, now)) is not None:
            found[number] = Done(run, "It is recorded already.")
    return found


def find_unfinished(entry: PlannedEntry) -> UnfinishedRun | None:
    """Return the latest run of an entry that was started and never published."""
    runs = _Surroundings().unfinished(entry)
    return max(runs, key=lambda run: run.started.timestamp() if run.started else 0.0, default=None)


def why_not_done(entry: PlannedEntry, skip: str | None) -> tuple[Path | None, list[str]]:
    """Return the latest official run of an entry, and in what it differs from one that would be made now."""
    now = _Surroundings()
    for run in runs_of_entry(entry):
        return run.path, [] if skip == "recorded" else list(now.differences(entry, run.path))
    return None, []


def runs_of_entry(entry: PlannedEntry) -> list[RunSummary]:
    """Return the official runs of an entry with its function and arguments, the latest first."""
    runs = [run for run in _all_runs(entry) if not run.is_debug_run and _is_same_call(entry, run.path)]
    return sorted(runs, key=by_start, reverse=True)


def find_run_of_block(entry: PlannedEntry) -> Path | None:
    """Return the run that a planned entry has stored, whatever became of its process."""
    for run in sorted(_all_runs(entry), key=by_start, reverse=True):
        if _metadata(run.path).get("block_id") == entry.task.block_id:
            return run.path
    return None


def _recorded(entry: PlannedEntry, skip: str, now: _Surroundings) -> Path | None:
    for run in runs_of_entry(entry):
        if skip == "recorded" or not any(now.differences(entry, run.path)):
            return run.path
    return None


def _all_runs(entry: PlannedEntry) -> Iterator[RunSummary]:
    """Yield every run of an entry, of any challenge and version; only its own folders are looked at."""
    parts = entry.plan.entry_parts
    for version in entry.plan.results_folder.glob("*/*/"):
        folder = version.joinpath(*parts)
        if not version.parent.name.startswith(".") and folder.is_dir():
            yield from (run for run in StoreScan(os.path.abspath(folder)) if run.entry == parts)


def _metadata(path: Path) -> Mapping[str, Any]:
    try:
        return load_run_metadata(path)
    except (CorruptRunError, RunNotFoundError):
        return {}


def _is_same_call(entry: PlannedEntry, path: Path) -> bool:
    """Say whether a run was made by the same function with the same arguments; what cannot be told is not the same."""
    recorded = _metadata(path).get("entry")
    if entry.call is None:
        return recorded is None or (isinstance(recorded, Mapping) and recorded.get("kind") == "suite")
    if not isinstance(recorded, Mapping) or recorded.get("name") != entry.call.name or entry.call.arguments is None:
        return False
    if recorded.get("module") is not None and entry.call.module is not None:
        same_place = bool(recorded["module"] == entry.call.module)
    else:
        file = recorded.get("file")
        same_place = bool(file and entry.call.file and PurePath(str(file)).name == entry.call.file.name)
    return same_place and recorded.get("arguments") == _as_stored(entry.call.arguments)


def _as_stored(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _as_stored(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_stored(each) for each in value]
    return str(value) if isinstance(value, PurePath) else value


@dataclass
class _Surroundings:
    """What a run would record that starts now; each fact is read once."""

    _unfinished: dict[Path, list[UnfinishedRun]] = field(default_factory=dict)
    _facts: dict[Any, tuple[str | None, bool | None]] = field(default_factory=dict)
    _packages: Mapping[str, Any] | None = None

    def unfinished(self, entry: PlannedEntry) -> list[UnfinishedRun]:
        folder = entry.plan.results_folder
        if folder not in self._unfinished:
            has_any = (folder / UNFINISHED_DIR).is_dir()
            self._unfinished[folder] = list_unfinished(folder)[0] if has_any else []
        return [run for run in self._unfinished[folder] if run.entry_name == entry.entry_name]

    def differences(self, entry: PlannedEntry, path: Path) -> Iterator[str]:
        """Yield why a recorded run is not what would run now."""
        recorded = _metadata(path)
        if entry.plan.use_git:
            commit, dirty = self._git(entry)
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

    def _git(self, entry: PlannedEntry) -> tuple[str | None, bool | None]:
        key = (entry.plan.git_dirty_ignore, entry.plan.results_folder)
        if key not in self._facts:
            state = read_git(git_dirty_ignore=key[0], results_folder=key[1]).state
            self._facts[key] = (None, None) if state is None else (state.commit, state.dirty)
        return self._facts[key]

    def _installed(self) -> Mapping[str, Any]:
        if self._packages is None:
            from gaitmap_results.provenance.packages import installed_packages

            self._packages = installed_packages().versions
        return self._packages


def _repository_differences(recorded: Mapping[str, Any]) -> Iterator[str]:
    """Yield in what another repository differs from what it was when a run was recorded."""
    from gaitmap_results.provenance.git import GitUnreadableError, read_git_state

    name = recorded.get("path") or recorded.get("remote") or "another repository"
    try:
        state = read_git_state(Path(str(recorded.get("path"))).expanduser())
    except (GitUnreadableError, OSError, RuntimeError):
        yield f"{name} cannot be found"
        return
    if state.dirty:
        yield f"{name} has uncommitted changes"
    elif state.commit != recorded.get("commit"):
        yield f"{name}: {_short(recorded.get('commit'))} → {_short(state.commit)}"


def _short(commit: object) -> str:
    return str(commit)[:8] if commit else "unknown"
