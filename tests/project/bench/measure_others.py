"""Measures recording a run with a result file of 200 kB beside other recorders, and looks at what each one stored."""

from __future__ import annotations

import contextlib
import importlib.util
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from facts_found import Stored, commit_edit, look, make_dirty
from measuring import COLUMNS, Plan, Table, in_turn, less_is_better, missing_row, more_is_better, show_amount
from running import run_alone
from sessions import Session
from surroundings import environment, run_git

__all__ = ["measure"]

_OURS = "gaitmap_results"
_KEPT = "sacred, one Experiment kept"
_SETTINGS = {
    "mlflow": "SQLite database, telemetry off, no autologging",
    "sacred": "file observer, a new Experiment for each run",
    "dvclive": "DVC repository, experiments saved (the default), analytics off",
    "signac": "one job for each run",
    "wandb": "offline, telemetry off, not printing",
}
_WHAT = "one recorded block, official, 200 kB, 10 parameters, 10 numbers"
_FLOOR = "two `git status`, the same bytes written through to the disk, one rename"
_VARIABLES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "1",
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",
    "WANDB_ERROR_REPORTING": "false",
    # sacred still imports a module that setuptools is about to take away.
    "PYTHONWARNINGS": "ignore",
}
_LOOKED_FOR = ("recorder", "commit", "changes", "packages", "machine", "caller", "git anew", "`fsync`", "one run")


def measure(plan: Plan) -> list[Table]:
    """Measure each recorder in its own process; they take turns."""
    installed = [name for name in _SETTINGS if importlib.util.find_spec(name)]
    names = [each for name in _SETTINGS for each in ([name, _KEPT] if name == "sacred" else [name])]
    stored = {name: _look(plan, name) for name in (_OURS, *names) if name == _OURS or _package(name) in installed}
    rounds = plan.size(full=30, quick=2)
    with contextlib.ExitStack() as stack:
        sessions = {name: stack.enter_context(_session(plan, name)) for name in stored}
        assert sessions[_OURS].ask("prepare")["value"] is True  # official
        ways = {name: lambda session=session: session.seconds("run") for name, session in sessions.items()}
        syncs = {name: session.ask("run")["syncs"] for name, session in sessions.items()}
        ways["floor"] = lambda: sessions[_OURS].seconds("floor")
        seconds = in_turn(ways, rounds, warm_up=plan.size(full=3, quick=1))
    rows = [_row(name, seconds, stored) for name in names]
    settings = "; ".join(f"{name} {version(name)}: {_SETTINGS[name]}" for name in installed)
    note = (
        f"{rounds} rounds in warm processes that take turns, each in a clean repository of 20 files. "
        "A recorder that copies a file finds it written. Nothing reaches a network."
        + (f" {settings[0].upper()}{settings[1:]}." if settings else "")
    )
    looked = [[name, *each.facts(), str(syncs[name]), _median(seconds[name])] for name, each in stored.items()]
    looked.append([f"({_FLOOR})", *["-"] * 7, _median(seconds["floor"])])
    return [
        Table("Beside other recorders", COLUMNS, rows, [note]),
        Table("What each of them stored", _LOOKED_FOR, looked, [_how_looked(stored)]),
    ]


def _row(name: str, seconds: dict[str, list[float]], stored: dict[str, Stored]) -> list[str]:
    if name not in seconds:
        return missing_row(f"{_WHAT}, beside {name}", f"{name} is not installed")
    ours, theirs = seconds[_OURS], seconds[name]
    if stored[name].has_provenance:
        return more_is_better(_WHAT, ours, name, theirs, at_least=1)
    more = [ours_once - theirs_once for ours_once, theirs_once in zip(ours, theirs, strict=True)]
    return less_is_better(
        f"what the same takes more than {name}, which stores no provenance",
        more,
        _FLOOR,
        seconds["floor"],
        at_most=1,
    )


def _package(name: str) -> str:
    return name.partition(",")[0]


def _median(values: list[float]) -> str:
    return show_amount(statistics.median(values))


def _how_looked(stored: dict[str, Stored]) -> str:
    lost = "; ".join(f"{name}: {', '.join(each.missing)}" for name, each in stored.items() if each.missing)
    return (
        "Found by searching everything that was written for a run in a repository with an edit that was not committed: "
        "the hash, the edited line or a word that there is one, names with their versions, and the name of the script. "
        "git anew: whether the second run of a process stores a commit that was made after the first. "
        "`fsync` is how often Python waited for the disk; a database or a process of the recorder's own may wait, too. "
        + (f"NOT found of what was handed over: {lost}." if lost else "All of them stored the file and the numbers.")
    )


def _look(plan: Plan, name: str) -> Stored:
    with _session(plan, name, folder=f"{name}_edited") as session:
        make_dirty(session.repository)
        session.seconds("run")
        commit_edit(session.repository)
        session.seconds("run")
    # Closed, as some write at the end of the process. What they keep elsewhere is in their home.
    return look([session.store, plan.folder / "home_of_edited" / name], session.repository)


def _session(plan: Plan, name: str, *, folder: str | None = None) -> Session:
    home = plan.folder / ("home_of_edited" if folder else "home_of_measured") / name
    home.mkdir(parents=True)
    variables = {"HOME": str(home), "DVC_SITE_CACHE_DIR": str(home / "site_cache"), **_VARIABLES}
    variables |= {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "CACHE", "DATA")}
    session = Session(
        plan,
        f"with_{_package(name)}",
        name=folder or name,
        variables=variables,
        arguments=("kept",) if name == _KEPT else (),
    )
    if name == "dvclive":
        _make_dvc_repository(session.repository, plan.folder, variables)
    return session


def _make_dvc_repository(repository: Path, folder: Path, variables: dict[str, str]) -> None:
    command = [sys.executable, "-m", "dvc", "init", "--quiet"]
    subprocess.run(command, cwd=repository, env={**environment(folder), **variables}, check=True)
    run_git(repository, "commit", "--quiet", "--message", "DVC")


if __name__ == "__main__":
    run_alone(measure)
