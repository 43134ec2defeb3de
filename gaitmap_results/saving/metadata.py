"""Build the content of metadata.json."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gaitmap_results._version import __version__
from gaitmap_results.challenge import RunTimes
from gaitmap_results.provenance.collecting import GitAnswer, GitEnd, Provenance
from gaitmap_results.saving.challenge_facts import ChallengeFacts
from gaitmap_results.saving.debug_reasons import DebugReason, reasons_for_debug
from gaitmap_results.saving.plan import SavePlan
from gaitmap_results.store.entry_names import entry_json
from gaitmap_results.store.json_values import encode_leniently
from gaitmap_results.store.privacy import Redactor
from gaitmap_results.store.secrets_in_text import without_named_secrets
from gaitmap_results.user_code.caller import Caller

if TYPE_CHECKING:
    from gaitmap_results.provenance.loaded_code import LoadedCode

__all__ = ["SCHEMA_VERSION", "MetadataBuilder", "Outcome", "unknown_metadata"]

#: The version of the format of metadata.json; increased when a key changes its meaning.
SCHEMA_VERSION: Final = 1


@dataclass(frozen=True)
class Outcome:
    """What was known when a run ended.

    Attributes
    ----------
    reasons
        Every reason that makes it a debug run; empty for an official run.
    git
        What git said at the end; ``None`` if not yet known.
    code
        Where the loaded code can be fetched; ``None`` if git was not asked.
    resources
        CPU time and peak memory.
    errors
        What could not be determined.
    """

    reasons: Sequence[DebugReason] = ()
    git: GitEnd | None = None
    code: LoadedCode | None = None
    resources: dict[str, Any] | None = None
    errors: Sequence[dict[str, str]] = field(default_factory=tuple)


_KEYS: Final = (
    *("entry_name", "challenge_name", "challenge_version", "is_debug_run"),
    *("repr_challenge", "repr_pipeline", "repr_dataset", "dataset_name", "dataset_columns"),
    *("run_start_datetime_utc", "run_start_datetime", "run_end_datetime_utc", "run_end_datetime"),
    *("runtime", "timing_source", "system_info", "config", "caller_file_path"),
    *("git_commit_hash", "git_dirty", "git_base_dir", "git_dirty_ignore"),
    *("schema_version", "run_id", "block_id", "recorder_version", "debug_reasons"),
    *("git", "code", "caller", "command", "orig_argv", "cwd", "entry", "parameters", "data"),
    *("resources", "collection_errors"),
)


def unknown_metadata(run_id: str, times: RunTimes | None = None) -> dict[str, Any]:
    """Return the metadata of a run that is unknown except for its times."""
    known = {"run_id": run_id, "schema_version": SCHEMA_VERSION, "recorder_version": __version__}
    return {
        **dict.fromkeys(_KEYS),
        **known,
        **(_times(times) if times else {}),
        "debug_reasons": [],
        "collection_errors": [],
    }


class MetadataBuilder:
    """Build metadata.json for each run of a block, or for one saved run.

    Parameters
    ----------
    plan
        The plan of the save.
    provenance
        What was known at the start.
    custom_metadata
        Returns the author's custom metadata, which may change until the block ends.
    block_id
        Identifier of the block.
    """

    def __init__(
        self,
        plan: SavePlan,
        provenance: Provenance,
        custom_metadata: Callable[[], Any],
        *,
        block_id: str | None = None,
    ) -> None:
        self.plan = plan
        self.provenance = provenance
        self.custom_metadata = custom_metadata
        self.block_id = block_id
        # Collected now, since a program may remove a secret from the environment once it has read it.
        self._secrets = Redactor.for_this_process(plan.relative_to).secrets
        self._parts: dict[str, tuple[object, tuple[str, ...], _Part]] = {}

    def build(self, facts: ChallengeFacts, times: RunTimes, outcome: Outcome, *, run_id: str) -> dict[str, Any]:
        """Return the content of metadata.json, beginning with the keys of gaitmap_challenges in their names and types.

        Do not change it: its values are shared with the records of other runs.
        """
        redactor = self._redactor()
        known = self._once("start", None, redactor, self._known_at_start)
        described = self._once("challenge", facts, redactor, lambda redactor: _described(facts, redactor))
        ended = self._once("outcome", outcome, redactor, lambda redactor: self._ended(outcome, redactor))
        lossy = [*known.lossy, *described.lossy, *ended.lossy]
        errors = [*self.provenance.errors, *facts.errors, *outcome.errors, *lossy]
        record = {
            **known.content,
            **described.content,
            **ended.content,
            # Not redacted: these names identify a run, and hold no paths.
            "entry_name": entry_json(self.plan.entry_name),
            "challenge_name": facts.name,
            "challenge_version": facts.version,
            "is_debug_run": bool(outcome.reasons),
            **_times(times),
            "schema_version": SCHEMA_VERSION,
            "run_id": run_id,
            "block_id": self.block_id,
            "recorder_version": __version__,
            "collection_errors": redactor.tree(errors),
        }
        return {key: record[key] for key in _KEYS}

    def build_start(self, run_id: str) -> dict[str, Any]:
        """Return the metadata known before a challenge runs: code, machine and entry."""
        redactor = self._redactor()
        known = self._once("start", None, redactor, self._known_at_start)
        return {
            **unknown_metadata(run_id),
            **known.content,
            "entry_name": entry_json(self.plan.entry_name),
            "block_id": self.block_id,
            "collection_errors": redactor.tree([*self.provenance.errors, *known.lossy]),
        }

    @cached_property
    def outcome_so_far(self) -> Outcome:
        """What is known of the outcome before the block ends."""
        code = self.provenance.code
        return Outcome(reasons_for_debug(self.plan.setting, self.provenance.git, code), code=code)

    def _ended(self, outcome: Outcome, redactor: Redactor) -> _Part:
        return _part(
            {
                "debug_reasons": [reason.to_json() for reason in outcome.reasons],
                "git": _git_details(self.provenance.git, outcome.git),
                "code": None if outcome.code is None else outcome.code.to_json(redactor.path),
                "resources": outcome.resources,
            },
            redactor,
        )

    def _redactor(self) -> Redactor:
        redactor = Redactor.for_this_process(self.plan.relative_to, secrets=self._secrets)
        self._secrets = redactor.secrets
        return redactor

    def _once(self, name: str, source: object, redactor: Redactor, build: Callable[[Redactor], _Part]) -> _Part:
        """Reuse a part that was built before, unless its source or the known secrets have changed."""
        known = self._parts.get(name)
        if known is None or known[0] is not source or known[1] != redactor.secrets:
            known = self._parts[name] = (source, redactor.secrets, build(redactor))
        return known[2]

    def _known_at_start(self, redactor: Redactor) -> _Part:
        """Return the metadata that are the same for all runs of the block."""
        plan, provenance = self.plan, self.provenance
        system_info = dict(provenance.system_info)
        # Hundreds of names and versions; skipping them saves time, and nothing in them is private.
        packages = system_info.pop("packages_info", None)
        part = _part(
            {
                "system_info": system_info,
                "config": _config(provenance.config, redactor),
                "caller_file_path": _caller_path(provenance.caller, redactor),
                **_git_summary(plan, provenance.git, redactor),
                "caller": _caller(provenance.caller, redactor),
                "command": provenance.command,
                "orig_argv": provenance.orig_argv,
                "cwd": _inside_repository(provenance.cwd, provenance.git, redactor),
                "entry": _entry(provenance, redactor),
            },
            redactor,
        )
        described = {**part.content["system_info"], "packages_info": packages}
        part.content["system_info"] = {key: described[key] for key in provenance.system_info}  # in the same order
        return part


class _Part(NamedTuple):
    """Some keys of a record, and the values among them that could not be stored."""

    content: dict[str, Any]
    lossy: list[dict[str, str]]


def _part(content: dict[str, Any], redactor: Redactor) -> _Part:
    encoded, problems = encode_leniently(content)
    return _Part(redactor.tree(encoded), _lossy(problems))


def _described(facts: ChallengeFacts, redactor: Redactor) -> _Part:
    """Return the challenge's facts as they are stored in the draft and in the record."""
    part = _part(
        {
            "repr_challenge": facts.repr_challenge,
            "repr_pipeline": facts.repr_pipeline,
            "repr_dataset": facts.repr_dataset,
            "parameters": facts.parameters,
            "data": facts.data,
        },
        redactor,
    )
    names, lossy = encode_leniently([facts.dataset_name, facts.dataset_columns])
    part.content["dataset_name"], part.content["dataset_columns"] = names
    part.lossy.extend(_lossy(lossy))
    return part


def _lossy(problems: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"what": key_path, "error": reason} for key_path, reason in problems]


def _times(times: RunTimes) -> dict[str, Any]:
    return {
        "run_start_datetime_utc": _timestamp(times.start),
        "run_start_datetime": _local(times.start),
        "run_end_datetime_utc": _timestamp(times.end),
        "run_end_datetime": _local(times.end),
        "runtime": times.runtime,
        "timing_source": times.source,
    }


def _timestamp(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _local(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone().isoformat()


def _config(config: dict[str, Any] | None, redactor: Redactor) -> dict[str, Any] | None:
    if config is None:
        return None
    shown = {
        key: redactor.path(value) if key.endswith("_dir") and isinstance(value, str) else value
        for key, value in config.items()
    }
    datasets = shown.get("datasets")
    if isinstance(datasets, dict):
        shown["datasets"] = {
            name: redactor.path(value) if isinstance(value, str) else value for name, value in datasets.items()
        }
    return shown


def _caller_path(caller: Caller | None, redactor: Redactor) -> str | None:
    return redactor.path(caller.file) if caller is not None and caller.file is not None else None


def _caller(caller: Caller | None, redactor: Redactor) -> dict[str, Any] | None:
    if caller is None:
        return None
    return {
        "kind": caller.kind,
        "file": _caller_path(caller, redactor),
        "line": caller.line,
        "function": caller.function,
        "sha256": caller.sha256,
    }


def _inside_repository(path: Path | None, answer: GitAnswer | None, redactor: Redactor) -> str | None:
    """Return a path relative to the repository of the working directory, else like any other path."""
    state = answer.state if answer else None
    if path is None:
        return None
    if state is not None and path.is_relative_to(state.base_dir):
        return path.relative_to(state.base_dir).as_posix()
    return redactor.path(path)


def _entry(provenance: Provenance, redactor: Redactor) -> dict[str, Any] | None:
    entry = provenance.entry
    if entry is None:
        return None
    file = None if entry.file is None else entry.file.resolve()
    return {
        "file": _inside_repository(file, provenance.git, redactor),
        "module": entry.module,
        "kind": entry.kind,
        "name": entry.name,
        "arguments": without_named_secrets(entry.arguments),
    }


def _git_summary(plan: SavePlan, answer: GitAnswer | None, redactor: Redactor) -> dict[str, Any]:
    state = answer.state if answer else None
    return {
        "git_commit_hash": state.commit if state else None,
        "git_dirty": state.dirty if state else None,
        "git_base_dir": redactor.path(state.base_dir) if state else None,
        "git_dirty_ignore": list(plan.git_dirty_ignore) if plan.use_git else None,
    }


def _git_details(answer: GitAnswer | None, end: GitEnd | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    state = answer.state
    if state is None:
        why = answer.problem
        problem = None if why is None else {"code": why.code, "message": why.message, "detail": {}}
        return {"problem": problem, "changed_during_run": None if end is None else end.changed}
    last = None if end is None else end.state
    facts = state.facts if last is None else last.facts
    return {
        "branch": state.branch,
        **{name: getattr(facts, name, None) for name in ("describe", "remote", "pushed")},
        "shallow": state.shallow,
        "caller_tracked": state.caller_tracked,
        **{
            name: list(getattr(state, name))
            for name in ("staged", "unstaged", "untracked", "conflicted", "submodules", "ignored", "hidden")
        },
        "start": {"commit": state.commit, "dirty": state.dirty},
        "end": None if last is None else {"commit": last.commit, "dirty": last.dirty},
        "changed_during_run": None if end is None else end.changed,
        "created_during_run": [] if end is None else list(end.created_paths),
    }
