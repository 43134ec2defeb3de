"""However a run was started, it is run again so, or its entry alone; each case is recorded and run for real."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from git_repository import GitRepository
from studies import ENTRIES, STEPS, Study, environment_with_package, make_study, takes_minutes

from gaitmap_results import reproduce_run

pytestmark = pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed")

BLOCK = """
from gaitmap_results import recorded_run
from steps import CountSteps

for number in (1, 2):
    with recorded_run("looped", debug_run=False, path="../results"):
        CountSteps().run(lambda person: number)
"""
SUITE = """
from gaitmap_results import Entry
from steps import CountSteps
from functions import one

ENTRIES = [Entry(("nested", "one"), CountSteps(), one, debug_run=False, path="../results")]
"""
OTHERS = """
import asyncio
from gaitmap_results import record_run
from steps import CountSteps

@record_run(debug_run=False, path="../results")
async def awaited(x, /, *args, y=2, **more):
    await asyncio.sleep(0)
    CountSteps().run(lambda person: x + sum(args) + y + sum(more.values()))

class Entries:
    @classmethod
    @record_run("of_class", debug_run=False, path="../results")
    def go(cls, file):
        CountSteps().run(lambda person: len(open(file).read()))

if __name__ == "__main__":
    asyncio.run(awaited(1, 2, y=3, z=4))
    Entries.go(__file__)
"""

SEEDED = """
import os, random
from gaitmap_results import record_run
from steps import CountSteps

@record_run(debug_run=False, path="../../results")
def seeded(limits):
    CountSteps().run(lambda person: random.random() + len(str(limits)))

if __name__ == "__main__":
    random.seed(3)
    os.chdir("src")
    seeded({"cutoff": (0.5, 10)})
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that holds this package."""
    found = environment_with_package(tmp_path_factory.mktemp("environment"))
    return found or pytest.skip("the package registry cannot be reached")


@pytest.fixture
def study(tmp_path, python, monkeypatch) -> Study:
    """A study; the test starts in its repository."""
    study = make_study(tmp_path, python)
    monkeypatch.chdir(study.path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return study


def come_out_again(study: Study) -> None:
    """Run every recorded run again; the user's folders stay as they are."""
    before = study.state()
    runs = [file.parent for file in study.results.glob("*/*/**/metadata.json")]
    found = {run.parent.name + run.name: reproduce_run(run, environment="current") for run in runs}
    assert {name: each.verdict for name, each in found.items()} == dict.fromkeys(found, "bitwise"), found
    assert study.state() == before


def test_a_script_with_several_runs_of_one_entry(study):
    """Each run is held against the one at its place in the order."""
    study.repository.write("run.py", BLOCK)
    study.repository.commit()
    study.record("run.py")
    come_out_again(study)


def test_an_entry_of_a_suite_in_a_process_of_its_own(study):
    """The worker's own command line is never run again; the entry is found in the file that made it."""
    study.repository.write("suite.py", SUITE)
    study.repository.write("functions.py", "def one(person):\n    return 1\n")
    study.repository.commit()
    # With a way up in it, as whoever has no environment activated types it.
    study.record(os.path.relpath(study.python.parent / "gaitmap-results", study.path), "run", "suite.py")
    come_out_again(study)


def test_coroutines_class_methods_and_arguments_of_every_kind(study):
    """They are called as they were; a path into the repository leads to the work tree."""
    study.repository.write("others.py", OTHERS)
    study.repository.commit()
    study.record("others.py")
    come_out_again(study)


def test_what_a_script_does_before_it_calls_its_entry(study):
    """Where the entry alone gives other numbers, its whole script runs, from the folder that it was started in."""
    study.repository.write("run.py", SEEDED)
    study.repository.write("src/data.txt", "")
    study.repository.commit()
    run = study.record("run.py")
    come_out_again(study)
    assert "`python run.py`" in str(reproduce_run(run, environment="current").notes)


def test_code_of_other_repositories(study, tmp_path):
    """A library on the path and a script beside the study come from their recorded commits, whatever they hold now."""
    library, scripts = GitRepository(tmp_path / "library"), GitRepository(tmp_path / "scripts")
    for repository, file in ((library, "steps.py"), (scripts, "entries.py")):
        (study.path / file).rename(repository.path / file)
        repository.commit()
    study.repository.commit()
    study.record("../scripts/entries.py", PYTHONPATH=str(library.path))
    library.write("steps.py", "raise RuntimeError('a later version')\n")
    library.commit()
    come_out_again(study)
    assert not (library.path / ".git" / "worktrees").exists()


def test_modules_in_a_submodule_and_in_a_folder_on_the_path(study, tmp_path):
    """The commit says which one of the submodule; `code.import_folders` says where modules were imported from."""
    origin = GitRepository(tmp_path / "origin")
    origin.write("steps.py", STEPS)
    # Otherwise the first import leaves an untracked file in the submodule.
    origin.write(".gitignore", "__pycache__/\n")
    origin.commit()
    (study.path / "steps.py").unlink()
    study.repository.git("submodule", "add", str(origin.path), "library")
    study.repository.write("src/entries.py", ENTRIES)
    study.repository.write("block.py", BLOCK)
    study.repository.commit()
    study.record("-c", "import entries; entries.scaled(3)", PYTHONPATH=os.pathsep.join(["src", "library"]))
    study.record("block.py", PYTHONPATH="library")
    come_out_again(study)


@takes_minutes
def test_a_package_that_was_installed_from_a_folder(study, tmp_path):
    """It is built again from the recorded commit of that folder's repository, under either spelling of its name."""
    library = GitRepository(tmp_path / "library")
    library.write("project/pyproject.toml", PROJECT)
    library.write("project/steps_library/__init__.py", STEPS)
    library.commit()
    own = tmp_path / "venv"
    shutil.copytree(study.python.parents[1], own, symlinks=True)
    study.python = own / study.python.relative_to(study.python.parents[1])
    study.repository.write("entries.py", ENTRIES.replace("from steps ", "from steps_library "))
    study.repository.commit()
    install = [study.python, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall"]
    for options in (["--editable"], []):
        done = subprocess.run([*install, *options, library.path / "project"], check=False)
        if done.returncode != 0:
            pytest.skip("the package registry cannot be reached")
        run = study.record("entries.py")
        assert reproduce_run(run).verdict == "bitwise"


PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "steps-library"
version = "0.1"
"""
