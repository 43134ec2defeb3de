"""Gives every process of the benchmarks the same surroundings, whatever is set on this machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import gaitmap_results

__all__ = ["commit_all", "environment", "make_repository", "run_git"]

HERE = Path(__file__).parent
_FOREIGN = ("GIT_", "GAITMAP_", "SLURM_", "MLFLOW_", "WANDB_", "DVC", "COVERAGE_", "PYTEST_")
_MANY_LINES = "x = 1\n" * 50
# git compares the content of every file that is as young as its index, again and again.
_LONG_AGO = 1_700_000_000


def environment(folder: Path) -> dict[str, str]:
    """Return the environment variables of a process.

    Nothing of the user's settings and home counts.
    Compiled files of Python lie in ``folder``, so that a second start always finds them, and no source folder changes.
    """
    variables = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    home = folder / "home"
    home.mkdir(exist_ok=True)
    variables.update(
        HOME=str(home),
        XDG_CONFIG_HOME=str(home / "config"),
        XDG_CACHE_HOME=str(home / "cache"),
        XDG_DATA_HOME=str(home / "data"),
        GIT_CONFIG_GLOBAL=os.devnull,
        GIT_CONFIG_NOSYSTEM="1",
        GIT_CEILING_DIRECTORIES=os.path.realpath(folder),
        PYTHONPYCACHEPREFIX=str(folder / "compiled"),
        PYTHONPATH=os.pathsep.join([str(HERE), *_source_folder()]),
    )
    for role in ("AUTHOR", "COMMITTER"):
        variables[f"GIT_{role}_NAME"] = "Bench Person"
        variables[f"GIT_{role}_EMAIL"] = "bench@example.org"
    return variables


def _source_folder() -> list[str]:
    """Return where the package is, if it is not installed."""
    folder = Path(gaitmap_results.__file__).parents[1]
    return [str(folder)] if (folder / "pyproject.toml").is_file() else []


def run_git(repository: Path, *arguments: str) -> str:
    """Run git in a repository and return what it prints."""
    done = subprocess.run(
        ["git", *arguments], cwd=repository, env=environment(repository.parent), capture_output=True, check=True
    )
    return done.stdout.decode(errors="replace")


def make_repository(folder: Path, *, script: Path | None = None, n_files: int = 20) -> Path:
    """Make a clean repository with one commit, and return the script in it.

    It has a remote that was pushed to, as most have: some recorders store changes only then.

    Parameters
    ----------
    folder
        The top folder, which is not there yet.
    script
        What to commit as ``gait_entry.py``, which is the file that calls the recorder.
    n_files
        How many other files there are, hundred in a folder.
    """
    entry = folder / "gait_entry.py"
    folder.mkdir(parents=True)
    files = [folder / f"part_{number // 100:03d}" / f"module_{number:05d}.py" for number in range(n_files)]
    for parent in {file.parent for file in files}:
        parent.mkdir()
    for number, file in enumerate(files):
        file.write_text(f"NUMBER = {number}\n{_MANY_LINES}", encoding="utf-8")
    if script is not None:
        entry.write_bytes(script.read_bytes())
        files.append(entry)
    for file in files:
        os.utime(file, (_LONG_AGO, _LONG_AGO))
    run_git(folder, "init", "--quiet")
    run_git(folder, "remote", "add", "origin", "https://example.org/bench.git")
    branch = commit_all(folder)
    run_git(folder, "branch", "--quiet", f"--set-upstream-to=origin/{branch}")
    return entry


def commit_all(repository: Path) -> str:
    """Commit all files, as if the commit were also pushed, and return the name of the branch."""
    run_git(repository, "add", "--all")
    run_git(repository, "commit", "--quiet", "--allow-empty", "--message", "all of it")
    branch = run_git(repository, "symbolic-ref", "--short", "HEAD").strip()
    run_git(repository, "update-ref", f"refs/remotes/origin/{branch}", "HEAD")
    return branch
