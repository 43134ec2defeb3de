"""Collect where a run comes from, and keep all other facts where one fails."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gaitmap_results import config
from gaitmap_results.provenance.collection_errors import Collector
from gaitmap_results.store.secrets_in_text import redact_command

if TYPE_CHECKING:
    from gaitmap_results.provenance.git import GitState, GitUnreadableError, PendingStatus
    from gaitmap_results.provenance.loaded_code import CodeQuestion, LoadedCode
    from gaitmap_results.provenance.packages import InstalledPackages
    from gaitmap_results.provenance.resources import ResourceMeter
    from gaitmap_results.store.heartbeat import Heart
    from gaitmap_results.user_code.caller import Caller
    from gaitmap_results.user_code.entry import Entry

__all__ = [
    "GitAnswer",
    "GitEnd",
    "PendingEndStatus",
    "Provenance",
    "collect_code",
    "collect_provenance",
    "read_git",
    "start_meter",
]


@dataclass(frozen=True)
class GitAnswer:
    """What git said at one moment, or why it gave no answer."""

    state: GitState | None
    problem: GitUnreadableError | None = None


@dataclass(frozen=True)
class GitEnd:
    """What git said at the end of a run.

    Attributes
    ----------
    state
        The state at the end; ``None`` if git was not asked again.
    changed
        Whether the commit or relevant files changed during the run; ``None`` if unknown.
    """

    state: GitState | None
    changed: bool | None

    @property
    def changed_paths(self) -> tuple[str, ...]:
        """The paths that changed during the run."""
        return () if self.state is None or self.state.differences is None else self.state.differences.changed

    @property
    def created_paths(self) -> tuple[str, ...]:
        """The untracked files that the run created and that are not code."""
        return () if self.state is None or self.state.differences is None else self.state.differences.created


@dataclass(frozen=True)
class Provenance:
    """What was known when a run started.

    Attributes
    ----------
    moment
        The time of collection.
    caller
        The code that asked for the record.
    git
        What git said; ``None`` if it was not asked.
    git_options
        The options of :func:`gaitmap_results.provenance.git.read_git_state`.
    system_info, config, command, orig_argv
        The values of these keys of metadata.json.
    cwd
        The working directory, with symbolic links resolved.
    code_question, code
        The input and the result of the audit of the loaded code; ``None`` if git was not asked.
    entry
        The decorated function, if one is recorded.
    errors
        The facts that could not be determined.
    """

    moment: datetime
    caller: Caller | None
    git: GitAnswer | None
    git_options: dict[str, Any]
    system_info: dict[str, Any]
    config: dict[str, Any] | None
    command: list[str] | None
    orig_argv: list[str] | None
    cwd: Path | None
    code_question: CodeQuestion | None
    code: LoadedCode | None
    entry: Entry | None
    errors: tuple[dict[str, str], ...]


def collect_provenance(
    caller: Caller | None,
    *,
    use_git: bool,
    git_dirty_ignore: Sequence[str],
    results_folder: Path,
    entry: Entry | None = None,
    will_be_reread: bool = False,
) -> Provenance:
    """Return where a run that starts now comes from.

    Parameters
    ----------
    caller
        The code that asked for the record.
    use_git
        Whether to ask git.
    git_dirty_ignore
        The validated entries of this option: changes to ignore.
    results_folder
        The absolute path of the folder for runs.
    entry
        The decorated function, if one is recorded.
    will_be_reread
        Leave facts that cannot change until then to :class:`PendingEndStatus`.
    """
    moment = datetime.now(timezone.utc)
    collector = Collector()
    options = {
        "ignore": git_dirty_ignore,
        "results_folder": results_folder,
        "caller_file": None if caller is None else caller.file,
    }
    with contextlib.ExitStack() as until_read:
        # git runs in processes of its own, so everything else is collected meanwhile.
        under_way = collector.collect("git", _start_git, until_read, facts=not will_be_reread) if use_git else None
        system_info, packages = _system_info(collector)
        found_config = collector.collect("config", _config)
        command = collector.collect("command", redact_command, sys.argv)
        answer = collector.collect("git", _finish_git, under_way, options) if under_way else None
    if use_git and answer is None:
        from gaitmap_results.provenance.git import GitUnreadableError

        text = "The state of the repository could not be read."
        answer = GitAnswer(None, GitUnreadableError("git.unavailable", text))
    editables: dict[str, Path] = {}
    if packages is not None:
        from gaitmap_results.provenance.package_sources import direct_urls, editable_folders

        editables = editable_folders(packages)
        system_info["packages_direct_url"] = direct_urls(collector, packages, answer.state if answer else None)
    state = answer.state if answer else None
    question = None
    if use_git:
        from gaitmap_results.provenance.loaded_code import CodeQuestion

        base_dir, commit = (None, None) if state is None else (state.base_dir, state.commit)
        question = CodeQuestion(base_dir, commit, git_dirty_ignore, caller, entry, editables)
    return Provenance(
        moment=moment,
        caller=caller,
        git=answer,
        git_options=options,
        system_info=system_info,
        config=found_config,
        command=command,
        orig_argv=collector.collect("orig_argv", redact_command, sys.orig_argv),
        cwd=collector.collect("cwd", lambda: Path.cwd().resolve()),
        code_question=question,
        code=collect_code(question, system_info["packages_info"], collector, will_be_reread=will_be_reread),
        entry=entry,
        errors=tuple(collector.errors),
    )


def read_git(*, git_dirty_ignore: Sequence[str], results_folder: Path) -> GitAnswer:
    """Return the state of the repository that the current working directory is in."""
    with contextlib.ExitStack() as until_read:
        options = {"ignore": git_dirty_ignore, "results_folder": results_folder}
        return _finish_git(_start_git(until_read), options)


def _start_git(until_read: contextlib.ExitStack, *, facts: bool = True) -> PendingStatus | GitAnswer:
    from gaitmap_results.provenance.git import GitUnreadableError, PendingStatus

    try:
        return until_read.enter_context(PendingStatus(Path.cwd(), facts=facts))
    except GitUnreadableError as error:
        return GitAnswer(None, error)


def _finish_git(under_way: PendingStatus | GitAnswer, options: dict[str, Any]) -> GitAnswer:
    from gaitmap_results.provenance.git import GitUnreadableError

    if isinstance(under_way, GitAnswer):
        return under_way
    try:
        return GitAnswer(under_way.finish(**options))
    except GitUnreadableError as error:
        return GitAnswer(None, error)


class PendingEndStatus(contextlib.AbstractContextManager["PendingEndStatus"]):
    """What git says at the end of a run: asked on creation, awaited on use.

    Parameters
    ----------
    provenance
        What was known at the start.
    collector
        Keeps the error if git gives no answer.
    """

    _WHAT: Final = "git at the end of the run"

    def __init__(self, provenance: Provenance, collector: Collector) -> None:
        from gaitmap_results.provenance.git import PendingStatus

        self._options = provenance.git_options
        self._start = provenance.git.state if provenance.git else None
        self._collector = collector
        start = self._start
        self._under_way = (
            None if start is None else collector.collect(self._WHAT, PendingStatus, start.base_dir, first=start)
        )

    def __exit__(self, *_: object) -> None:
        if self._under_way is not None:
            self._under_way.__exit__()

    def finish(self) -> GitEnd:
        """Wait for git and return what it said."""
        if self._start is None:
            return GitEnd(None, changed=False)
        end = None if self._under_way is None else self._collector.collect(self._WHAT, self._read, self._under_way)
        return GitEnd(None, changed=None) if end is None else GitEnd(end, changed=bool(end.differences))

    def _read(self, under_way: PendingStatus) -> GitState:
        return under_way.finish(**self._options)


def collect_code(
    question: CodeQuestion | None,
    versions: Mapping[str, str | None] | None,
    collector: Collector,
    *,
    will_be_reread: bool = False,
) -> LoadedCode | None:
    """Return where to fetch the code that is loaded now.

    Parameters
    ----------
    question
        The input of the audit; None for no audit.
    versions
        The listed packages, which may differ from the imported ones.
    collector
        Keeps what could not be determined.
    will_be_reread
        Whether the code is collected again at the end of the run.
    """
    from gaitmap_results.provenance.package_versions import versions_in_use

    for name, used, version in collector.collect("packages", versions_in_use, versions or {}) or ():
        text = f"This process uses {name} {used}, but version {version} is listed as installed."
        collector.note_once("packages", f"{text} The copy that was imported first counts for the results.")
    if question is None:
        return None
    code = collector.collect("code", _audit, question, will_be_reread) or _unknown(collector)
    for note in code.notes:
        collector.note_once("code", note)
    return code


def _audit(question: CodeQuestion, will_be_reread: bool) -> LoadedCode:
    from gaitmap_results.provenance.loaded_code import audit_loaded_code

    return audit_loaded_code(question, will_be_reread=will_be_reread)


def _unknown(collector: Collector) -> LoadedCode:
    """Return the result of an audit that failed: unknown code counts as unidentified."""
    from gaitmap_results.provenance.code_problems import Unidentified
    from gaitmap_results.provenance.loaded_code import LoadedCode

    reason = f"where it can be fetched could not be determined: {collector.errors[-1]['error']}"
    return LoadedCode(unidentified=(Unidentified("all code", reason, "Please report this as a bug."),))


def _config() -> dict[str, Any] | None:
    found = config.find_config()
    return None if found is None else found.to_json_dict()


def _system_info(collector: Collector) -> tuple[dict[str, Any], InstalledPackages | None]:
    from gaitmap_results.provenance import machine as _system
    from gaitmap_results.provenance.packages import installed_packages

    packages = collector.collect("packages", installed_packages)
    for problem in packages.problems if packages else ():
        collector.note("packages", problem)
    info = {
        "python_version": sys.version,
        "python_implementation": sys.implementation.name,
        "packages_info": packages.versions if packages else None,
        "packages_direct_url": None,
        "packages_shadowed": packages.shadowed if packages else None,
        "python_build": collector.collect("python_build", _system.python_build),
        "cpu": collector.collect("cpu", _system.cpu_info),
        "os": collector.collect("os", _system.os_info),
        "memory": collector.collect("memory", _system.memory_info),
        "limits": collector.collect("limits", _system.limits_info),
        "slurm": collector.collect("slurm", _system.slurm_info),
    }
    return info, packages


def start_meter(interval_s: float | None = None, heart: Heart | None = None) -> ResourceMeter:
    """Start to measure CPU time and memory; with an interval, also take samples and give signs of life."""
    from gaitmap_results.provenance.resources import ResourceMeter

    return ResourceMeter.start(interval_s=interval_s, heart=heart)
