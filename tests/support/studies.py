"""Makes a study with an official run, recorded in an environment of its own, that can be run again."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from git_repository import GitRepository, git_environment

import gaitmap_results
from gaitmap_results.store.manifest import manifest_content

__all__ = ["STEPS", "Study", "environment_with_package", "make_study", "seal", "takes_minutes", "write_wheel"]

takes_minutes = pytest.mark.skipif(
    os.environ.get("TOX_ENV_NAME") != "reproduce", reason="takes minutes; tox -e reproduce runs it"
)

STEPS = """
import json
from pathlib import Path

from gaitmap_results import BaseChallenge


class CountSteps(BaseChallenge):
    VERSION = "1.0.0"
    SCORES = {"error": "minimize"}

    def run(self, optimizer):
        with self._measure_time():
            self.n_ = {person: optimizer(person) for person in ("P01", "P02", "P03")}
        return self

    def get_scores(self):
        return {"error": {person: abs(n - 10) for person, n in self.n_.items()}}

    def save_core_results(self, folder_path):
        (folder_path / "steps.json").write_text(json.dumps(self.n_))

    @classmethod
    def load_core_results(cls, folder_path):
        return json.loads((folder_path / "steps.json").read_text())
"""
ENTRIES = """
import sys

from gaitmap_results import record_run

from steps import CountSteps


@record_run("scaled", debug_run=False, path="../results")
def scaled(factor, *, offset=0):
    CountSteps().run(lambda person: 3.7 * factor * int(person[1:]) + offset)


if __name__ == "__main__":
    scaled(2, offset=1)
"""


@dataclass
class Study:
    """A repository, the results folder beside it, and the Python that records."""

    repository: GitRepository
    results: Path
    python: Path

    @property
    def path(self) -> Path:
        """The top folder of the repository."""
        return self.repository.path

    def record(self, *arguments: str, **variables: str) -> Path:
        """Run Python in the repository and return the run that this recorded last."""
        done = subprocess.run(
            [self.python, *arguments],
            cwd=self.path,
            env=self.environment(**variables),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found = sorted(self.results.glob("*/*/**/metadata.json"), key=lambda file: file.stat().st_mtime_ns)
        return found[-1].parent

    def environment(self, **variables: str) -> dict[str, str]:
        """Return the environment of a user who works there: nothing of the tests is on Python's path."""
        own = git_environment(self.path)
        return {**{name: value for name, value in own.items() if name != "PYTHONPATH"}, **variables}

    def state(self) -> tuple[Any, ...]:
        """Return all that a reproduction must not touch: work trees, branches, changes, and every file of the store."""
        repository = self.repository
        files = {
            str(file.relative_to(self.results)): file.read_bytes()
            for file in self.results.rglob("*")
            if file.is_file() and ".attestations" not in file.parts
        }
        listed = [
            repository.git(*words) for words in (("worktree", "list"), ("branch", "--all"), ("status", "--short"))
        ]
        return (*listed, (self.path / ".git" / "worktrees").exists(), files)


def seal(run: Path) -> None:
    """Write the manifest of a run folder anew, as if it had been published with what it holds now."""
    (run / "MANIFEST.sha256").unlink()
    (run / "MANIFEST.sha256").write_bytes(manifest_content(run))


def make_study(folder: Path, python: Path) -> Study:
    """Make a repository with a challenge and an entry."""
    repository = GitRepository(folder / "study")
    repository.write("steps.py", STEPS)
    repository.write("entries.py", ENTRIES)
    repository.write(".gitignore", "__pycache__/\n")
    repository.commit()
    return Study(repository, folder / "results", python)


def environment_with_package(folder: Path, extra: str = "") -> Path | None:
    """Make an environment with this package as a wheel, so that its code is identified; None without an index."""
    source = Path(gaitmap_results.__file__).parents[1]
    wheels = folder / "wheels"
    if (source / "pyproject.toml").is_file():
        done = _run("uv", "build", "--quiet", "--wheel", "--out-dir", wheels, source)
        if done.returncode != 0:
            return None
    else:  # tested as an installed wheel, which is made again from its files
        _wheel_of_installed(wheels)
    (wheel,) = wheels.glob("*.whl")
    python = folder / "venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    steps = [
        (
            "uv",
            "venv",
            "--quiet",
            "--seed",
            "--python",
            getattr(sys, "_base_executable", sys.executable),
            folder / "venv",
        ),
        ("uv", "pip", "install", "--quiet", "--python", python, f"{wheel}{extra}"),
        # pip, and not uv, stores the hash of an archive.
        (python, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", wheel),
    ]
    return python if all(_run(*step).returncode == 0 for step in steps) else None


def write_wheel(folder: Path, name: str, version: str, **modules: str) -> Path:
    """Write a wheel of pure Python modules."""
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    about = f"{name}-{version}.dist-info"
    files = {f"{module}.py": text for module, text in modules.items()}
    files[f"{about}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files[f"{about}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    rows = "".join(f"{file},,\n" for file in [*files, f"{about}/RECORD"])
    with zipfile.ZipFile(wheel, "w") as opened:
        for file, text in {**files, f"{about}/RECORD": rows}.items():
            opened.writestr(file, text)
    return wheel


def _wheel_of_installed(target: Path) -> None:
    """Pack the installed package as a wheel: its files with the metadata that lie beside them."""
    from importlib.metadata import distribution

    found = distribution("gaitmap_results")
    target.mkdir()
    with zipfile.ZipFile(target / f"gaitmap_results-{found.version}-py3-none-any.whl", "w") as wheel:
        for file in found.files or ():
            left_out = file.name in ("direct_url.json", "INSTALLER", "REQUESTED") or file.suffix == ".pyc"
            if not left_out and ".." not in file.parts:
                wheel.write(file.locate(), str(file))


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run([*map(str, command)], env=environment, capture_output=True, text=True, check=False)
