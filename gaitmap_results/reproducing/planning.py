"""Find out before anything runs whether and how a recorded run can be run again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gaitmap_results.exceptions import CorruptRunError, NotReproducibleError
from gaitmap_results.reading.index import RunSummary, StoreScan, by_start, read_metadata, read_summary
from gaitmap_results.reading.verifying import verify_run
from gaitmap_results.reproducing.pythons import Interpreter, find_python, look_at
from gaitmap_results.reproducing.record import RecordedRepository, RecordedRun
from gaitmap_results.reproducing.recorded_call import Call, describe_call, find_call, whole_command
from gaitmap_results.reproducing.repositories import LocalRepository, WorkTrees, find_repository
from gaitmap_results.reproducing.restored_paths import Places
from gaitmap_results.showing.text import counted
from gaitmap_results.store.entry_names import entry_text
from gaitmap_results.store.files import expanded, hash_file
from gaitmap_results.store.secrets_in_text import REDACTED

__all__ = ["Plan", "make_plan", "read_run", "siblings"]

_SHORT: Final = 10


@dataclass
class Plan:
    """The steps of a reproduction, and its obstacles.

    Attributes
    ----------
    record
        The run.
    environment
        ``recorded`` or ``current``.
    problems
        The obstacles, in words.
    notes
        Notes for the user that do not prevent it.
    call
        The call to repeat.
    repositories
        The repositories, beginning with that of the working directory.
    python
        The Python for the environment.
    """

    record: RecordedRun
    environment: str
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    call: Call | None = None
    repositories: list[LocalRepository] = field(default_factory=list)
    python: Interpreter | None = None

    def places(self, trees: WorkTrees) -> Places:
        """Return where each repository will be checked out."""
        return Places(self.repositories[0], trees.place(self.repositories))

    def lines(self) -> Iterator[str]:
        """Yield a line for each step."""
        summary = self.record.summary
        yield f"{entry_text(summary.entry)} of {summary.challenge_name} {summary.challenge_version}"
        if self.call is not None:
            yield f"calls {describe_call(self.call)}"
            if self.call.entry is not None and (command := whole_command(self.record)) is not None:
                yield f"runs `{describe_call(command)}` if that does not give the recorded numbers"
        for repository in self.repositories:
            yield f"commit {repository.commit[:_SHORT]} of {repository.top}"
        if self.environment == "current":
            yield "with this Python and its packages"
        elif self.python is not None:
            yield f"with Python {self.python.version} and {counted(len(self.record.packages), 'package')} of the record"


def read_run(path: Path) -> RecordedRun:
    """Read the record of a run, and refuse one that must not be run again.

    Raises
    ------
    RunNotFoundError, CorruptRunError
        If there is no run, or it cannot be read.
    NotReproducibleError
        If it is a debug run, had uncommitted changes, or was changed after it was saved.
    """
    folder = Path(os.path.abspath(expanded(path)))
    try:
        summary = read_summary(str(folder))
    except CorruptRunError as error:
        raise CorruptRunError(f"The run in {folder} cannot be read: {error}.", path=folder) from error
    reasons = list(_refusals(summary))
    if reasons:
        raise NotReproducibleError(
            f"The run in {folder} is not run again: {' '.join(reasons)}", reasons=reasons, path=folder
        )
    return RecordedRun.read(summary)


def _refusals(summary: RunSummary) -> Iterator[str]:
    if summary.is_debug_run:
        codes = ", ".join(summary.debug_reasons) or "no reason is stored"
        yield f"It is a debug run ({codes}): nobody can tell which code made it. {_instead_of(summary)}"
    elif summary.git_dirty:
        yield "There were uncommitted changes. Commit them, and record it again."
    verified = verify_run(summary.path)
    if verified.status not in ("intact", "no manifest"):
        yield f"Its files are not what was published ({verified.status}). See gaitmap-results verify."


def _instead_of(summary: RunSummary) -> str:
    """Say which run of the same entry can be run again."""
    entry = (summary.challenge_name, summary.challenge_version, summary.entry)
    official = [
        each
        for each in StoreScan(str(summary.path.parent))
        if each.kind == "official" and (each.challenge_name, each.challenge_version, each.entry) == entry
    ]
    if not official:
        return "Record an official run."
    latest = max(official, key=by_start)
    return f"The latest official run of this entry is {latest.run_id or latest.folder}."


def make_plan(record: RecordedRun, *, environment: str, python: str | Path | None) -> Plan:
    """Look for everything that a reproduction needs; the index is asked later."""
    plan = Plan(record, environment)
    if any(REDACTED in str(word) for word in [*record.argv, *(record.metadata.get("command") or ())]):
        plan.problems.append("A secret was taken out of the recorded command, so it cannot be run again.")
    elif record.entry is not None and REDACTED in str(record.entry.arguments):
        plan.problems.append("A secret was taken out of the recorded arguments, so the entry cannot be called again.")
    plan.call, why_not = find_call(record)
    if plan.call is None:
        plan.problems.append(why_not)
    elif plan.call.entry is None:
        plan.notes.append(_what_the_script_records(record))
    _find_repositories(plan)
    _find_python(plan, python)
    _look_at_vouched(plan)
    return plan


def _find_repositories(plan: Plan) -> None:
    record = plan.record
    if record.commit is None:
        plan.problems.append("The record names no commit: the code was not checked when it was recorded.")
        return
    main = RecordedRepository(None, record.text("git_base_dir"), record.commit, record.text("git", "remote"))
    found = find_repository(main, [Path.cwd(), record.summary.path])
    if found is None:
        plan.problems.append(_no_repository(main))
        return
    plan.repositories.append(found)
    if record.part("git").get("pushed") is False:
        plan.notes.append(
            f"The commit {record.commit[:_SHORT]} was not on any remote when it was recorded: "
            "unless it was pushed since, only you can run it again."
        )
    for other in record.repositories:
        if other.role == "submodule":
            continue  # the commit of the outer repository determines its submodules
        name = Path(other.path or "").name
        local = find_repository(other, [found.top.parent / name] if name else [])
        if local is None:
            plan.problems.append(_no_repository(other))
        elif other.role == "path" and other.folder is None:
            plan.problems.append(f"It is not known from which folder of {local.top} code was imported.")
        else:
            plan.repositories.append(local)


def _no_repository(wanted: RecordedRepository) -> str:
    commit = str(wanted.commit)[:_SHORT]
    source = f"Clone {wanted.remote}" if wanted.remote else "Get the repository"
    package = f" (package {wanted.package})" if wanted.package else ""
    where = f"{wanted.path or 'of an unknown place'}{package}"
    stand = "and run the command in it" if wanted.role is None else "to that place"
    return f"The commit {commit} of the repository {where} is not here. {source} {stand}, or fetch that commit."


def _find_python(plan: Plan, given: str | Path | None) -> None:
    record = plan.record
    if plan.environment == "current":
        return
    if record.python is None:
        plan.problems.append("The record does not name the version of Python.")
        return
    if given is not None:
        plan.python = look_at(given)
        if plan.python is None:
            plan.problems.append(f"{given} is not a Python that can be run.")
    else:
        plan.python = find_python(record.python, record.implementation)
        if plan.python is None:
            plan.problems.append(
                f"Python {record.python} ({record.implementation}) is not installed. Install it "
                f"(`uv python install {record.python}`), or name one with --python."
            )
    if plan.python is not None and plan.python.version != record.python:
        plan.notes.append(f"Python {plan.python.version} stands in for {record.python}, which is not installed.")
    if not record.packages:
        plan.problems.append("The record does not name the packages.")


def _look_at_vouched(plan: Plan) -> None:
    for path, digest in plan.record.vouched:
        file = expanded(path)  # absolute, or in one of the repositories
        files = [repository.top / file for repository in plan.repositories] or [file]
        found = next((each for each in files if each.is_file()), None)
        if found is None or digest is None or hash_file(found) != digest:
            plan.problems.append(f"{path}, which was only vouched for, no longer exists, or has changed.")


def siblings(record: RecordedRun) -> list[RunSummary]:
    """Return the runs that the same command stored in the same results folder, in order, including this one."""
    summary = record.summary
    store = summary.path.parents[len(summary.entry) + 2]
    key = _command_key(record.metadata)
    found = [run for run in StoreScan(str(store)) if run.git_commit_hash == summary.git_commit_hash]
    return sorted((run for run in found if _command_key(read_metadata(run.folder)) == key), key=by_start)


def _command_key(metadata: Any) -> tuple[object, ...]:
    return tuple(str(metadata.get(key)) for key in ("git_commit_hash", "orig_argv", "command", "cwd"))


def _what_the_script_records(record: RecordedRun) -> str:
    names = [f"{run.challenge_name} {entry_text(run.entry)}" for run in siblings(record)]
    runs = counted(len(dict.fromkeys(names)), "entry", "entries")
    return (
        f"The record names no function that could be called alone, so the whole script runs. It recorded {runs} "
        f"(in {counted(len(names), 'run')} of this store); only this one is compared."
    )
