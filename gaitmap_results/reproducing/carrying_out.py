"""Run a planned reproduction in temporary folders, and remove them afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gaitmap_results.config import REDIRECT_VARIABLE
from gaitmap_results.provenance.git.processes import GitUnreadableError
from gaitmap_results.provenance.resource_limits import THREAD_VARIABLES
from gaitmap_results.reproducing import child_program
from gaitmap_results.reproducing.children import Finished, clean_environment, run_child
from gaitmap_results.reproducing.environment import EnvironmentBuilder, EnvironmentFailedError
from gaitmap_results.reproducing.packages import PackagePlan, plan_packages
from gaitmap_results.reproducing.planning import Plan
from gaitmap_results.reproducing.pythons import find_uv
from gaitmap_results.reproducing.record import RecordedRun
from gaitmap_results.reproducing.recorded_call import Call, import_root
from gaitmap_results.reproducing.repositories import WorkTrees
from gaitmap_results.reproducing.restored_paths import Places
from gaitmap_results.showing.text import counted
from gaitmap_results.store.deferred_signals import deferred_signals
from gaitmap_results.store.files import expanded

__all__ = ["Environment", "Report", "Workspace", "check_packages", "open_workspace", "run_again"]

#: Called with the current step.
Report = Callable[[str], object]
#: The packages of an environment, and what makes it.
Environment = tuple[PackagePlan, EnvironmentBuilder]


@dataclass(frozen=True)
class Workspace:
    """The temporary folders of one reproduction."""

    folder: Path
    trees: WorkTrees

    @property
    def store(self) -> Path:
        """The results folder of the reproduction."""
        return self.folder / "results"

    def empty_store(self) -> None:
        """Remove the runs of an earlier attempt, and what it changed in the code."""
        shutil.rmtree(self.store, ignore_errors=True)
        self.trees.remove()


@contextlib.contextmanager
def open_workspace(*, keep: bool = False) -> Iterator[Workspace]:
    """Yield temporary folders, which are always removed in the end unless ``keep`` is set."""
    folder = Path(tempfile.mkdtemp(prefix="gaitmap_results_reproduce_")).resolve()
    workspace = Workspace(folder, WorkTrees(folder / "code"))
    try:
        (folder / "code").mkdir()
        yield workspace
    finally:
        if not keep:
            with deferred_signals():
                workspace.trees.remove()
                shutil.rmtree(folder, ignore_errors=True)


def check_packages(plan: Plan, workspace: Workspace, report: Report) -> Environment | None:
    """Ask the index for the packages of a plan, and note missing ones; ``None`` if no environment is needed."""
    if plan.environment == "current" or plan.python is None or not plan.repositories:
        return None
    packages = plan_packages(plan.record, plan.places(workspace.trees))
    plan.notes += packages.notes
    builder = EnvironmentBuilder(plan.python, workspace.folder, find_uv())
    how = "uv" if builder.uv is not None else "pip, which takes longer than uv"
    report(f"Asking the index for {counted(len(packages.requirements), 'package')} ({how})")
    try:
        lock = builder.find(packages)
    except EnvironmentFailedError as error:
        plan.problems.append(str(error))
        return packages, builder
    plan.problems += [f"No index has {requirement}." for requirement in lock.missing]
    if lock.problem is not None:
        plan.problems.append(f"The packages could not be looked up on the index:\n{lock.problem}")
    return packages, builder


def run_again(plan: Plan, workspace: Workspace, environment: Environment | None, report: Report) -> Finished:
    """Check out the code, make the environment and call the entry.

    Raises
    ------
    GitUnreadableError
        If a commit cannot be checked out.
    EnvironmentFailedError
        If a package cannot be installed.
    """
    places = plan.places(workspace.trees)
    for repository, target in sorted(places.targets.items(), key=lambda each: len(each[1].parts)):
        report(f"Checking out {repository.commit[:10]} of {repository.top}")
        workspace.trees.make(repository.top, repository.commit, target)
    _bring_vouched(plan, places)
    if environment is None:
        python = Path(sys.executable)
    else:
        packages, builder = environment
        if not builder.is_made:
            report(f"Installing {counted(len(packages.names), 'package')}")
        python = builder.make(packages)
    if plan.call is None:
        raise GitUnreadableError("git.unavailable", "There is nothing to call.")
    cwd = places.cwd(plan.record)
    cwd.mkdir(parents=True, exist_ok=True)
    if plan.call.entry is None:
        cwd = _started_in(plan.call, cwd, places.top)
    command, folders = _command(plan.call, plan.record, places, python, workspace)
    report("Running the recorded code")
    env = _environment(plan.record, workspace.store, folders)
    return run_child(command, cwd=cwd, env=env, log=workspace.folder / "run")


def _started_in(call: Call, cwd: Path, top: Path) -> Path:
    """Return the folder in which a command was typed; its code may have changed the working directory since."""
    file = call.script if call.module is None else call.module.partition(".")[0]
    folders = [cwd, *(each for each in cwd.parents if each.is_relative_to(top))]
    found = (each for each in folders for name in (file, f"{file}.py") if (each / str(name)).exists())
    return next(found, cwd)


def _bring_vouched(plan: Plan, places: Places) -> None:
    """Copy the files that are in no commit and have not changed since the record."""
    for path, _ in plan.record.vouched:
        recorded = expanded(path)
        for repository, target in places.targets.items():
            source = recorded if recorded.is_absolute() else repository.top / recorded
            inside = places.of(source) if recorded.is_absolute() else target / recorded
            if inside is not None and source.is_file() and not inside.exists():
                inside.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, inside)
                break


def _environment(record: RecordedRun, store: Path, folders: list[str]) -> Mapping[str, str]:
    """Return this process's environment with the recorded threads and seeds, but without paths to other code."""
    env = {name: value for name, value in clean_environment().items() if name not in THREAD_VARIABLES}
    env |= record.variables
    env |= {REDIRECT_VARIABLE: str(store), "PYTHONDONTWRITEBYTECODE": "1"}
    if folders:
        env["PYTHONPATH"] = os.pathsep.join(folders)
    return env


def _command(
    call: Call, record: RecordedRun, places: Places, python: Path, workspace: Workspace
) -> tuple[list[str | Path], list[str]]:
    """Return the command, and the folders to add to Python's import path."""
    roles = [
        (each.recorded.place or 0, str(target / (each.recorded.folder or ".")))
        for each, target in places.targets.items()
        if each.recorded.role == "path"
    ]
    own = [str(places.top / folder) for folder in record.import_folders]
    if call.entry is not None:
        specification = workspace.folder / "entry.json"
        specification.write_text(json.dumps(_specification(call, record, places, roles, own)), encoding="utf-8")
        # Passed as text, because a file would count as loaded code that is in no commit.
        program = Path(str(child_program.__file__)).read_text(encoding="utf-8")
        return [python, *call.options, "-c", program, specification], []
    arguments = [places.in_text(word) for word in call.arguments]
    folders = [folder for _, folder in sorted(roles)] + own
    if call.module is not None:
        return [python, *call.options, "-m", call.module, *arguments], folders
    if call.console_script is not None and places.of(str(call.script)) is None:
        return [python, *call.options, python.parent / call.console_script, *arguments], folders
    return [python, *call.options, places.in_text(str(call.script)), *arguments], folders


def _specification(
    call: Call, record: RecordedRun, places: Places, roles: list[tuple[int, str]], own: list[str]
) -> dict[str, Any]:
    """Return the input of ``child_program``."""
    entry = call.entry
    if entry is None:
        raise TypeError("There is no entry to be called alone.")
    file = None if entry.file is None else places.of(entry.file) or _in_main(entry.file, places)
    script = None if call.script is None else places.in_text(call.script)
    first = str(places.cwd(record) if script is None else (places.cwd(record) / script).parent)
    root = import_root(entry)
    front = [*([] if root is None else [str(places.top / root)]), first, *own]
    return {
        "kind": entry.kind,
        # A script that was started with -m has a module name.
        "module": entry.module or (call.module if _is_file_of(call.module, entry.file) else None),
        "file": None if file is None else str(file),
        "name": entry.name,
        "arguments": places.in_value(dict(entry.arguments or {})),
        "entry_name": record.metadata.get("entry_name"),
        "argv": [script or str(file), *(places.in_text(word) for word in call.arguments)],
        "paths": [*((0, folder) for folder in reversed(list(dict.fromkeys(front)))), *sorted(roles)],
    }


def _in_main(file: str, places: Places) -> Path:
    path = expanded(file)
    return path if path.is_absolute() else places.top / path


def _is_file_of(module: str | None, file: str | None) -> bool:
    if module is None or file is None:
        return False
    stem = module.replace(".", "/")
    return Path(file).as_posix().endswith((f"{stem}.py", f"{stem}/__main__.py"))
