"""Runs come out again in environments made from their records, for whoever has the results and a clone of the code."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from documents import TOP, File, Page
from git_repository import GitRepository
from studies import ENTRIES, Study, environment_with_package, make_study, takes_minutes, write_wheel

from gaitmap_results import reproduce_run
from gaitmap_results.comparing.result_differences import compare_runs_by_numbers
from gaitmap_results.reproducing import pythons
from gaitmap_results.reproducing.reproduction import check_run

pytestmark = [
    takes_minutes,
    pytest.mark.timeout(3000),
    pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed"),
]

REPRODUCED = ("bitwise", "equal but for measured times")
COMMAND = ("-c", "from gaitmap_results.cli import main; main()")
ALGORITHM = "def steps(person):\n    return {}\n"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that holds this package."""
    found = environment_with_package(tmp_path_factory.mktemp("environment"))
    return found or pytest.skip("the package registry cannot be reached")


@pytest.fixture(scope="module")
def python_with_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that also holds what the demo needs."""
    found = environment_with_package(tmp_path_factory.mktemp("demo"), "[demo]")
    return found or pytest.skip("the package registry cannot be reached")


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    """An empty folder for what is temporary."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return folder


def _runs(results: Path) -> list[Path]:
    return sorted(file.parent for file in results.glob("*/*/**/metadata.json") if ".attestations" not in file.parts)


def _come_out_again_elsewhere(study: Study, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the command again from a clone; it records all entries, and each is held against its run."""
    runs = _runs(study.results)
    assert [json.loads((run / "metadata.json").read_text())["debug_reasons"] for run in runs] == [[]] * len(runs)
    clone = study.path.parent / "clone"
    subprocess.run(["git", "clone", "--quiet", study.path, clone], check=True)
    study.path.rename(study.path.parent / "gone")
    monkeypatch.chdir(clone)
    found = reproduce_run(runs[0], keep=True)
    assert found.verdict in REPRODUCED, found
    again = {run.parent.relative_to(study.results): run for run in runs}
    (kept,) = temporary.glob("*/results")
    assert {run.parent.relative_to(kept) for run in _runs(kept)} == again.keys()
    for run in _runs(kept):
        verdict = compare_runs_by_numbers(again[run.parent.relative_to(kept)], run).verdict()
        assert verdict in REPRODUCED, (run, verdict)


def test_the_four_entries_of_the_demo(tmp_path, python_with_demo, temporary, monkeypatch):
    """Recorded in a repository, they come out again in an environment made from the record."""
    repository = GitRepository(tmp_path / "study")
    repository.write("README.md", "Which algorithm finds the most contacts?\n")
    repository.commit()
    study = Study(repository, tmp_path / "results", python_with_demo)
    study.record(str(python_with_demo.parent / "gaitmap-results"), "demo", str(study.results))
    _come_out_again_elsewhere(study, temporary, monkeypatch)


def test_the_entries_of_the_tutorial(tmp_path, python_with_demo, temporary, monkeypatch):
    """The script of the tutorial, made official, records two entries that come out again."""
    page = Page.read(TOP / "docs" / "tutorial.md")
    script = next(step.text for step in page.steps() if isinstance(step, File) and step.name == "record.py")
    repository = GitRepository(tmp_path / "study")
    repository.write("record.py", script.replace('path="results"', 'path="../results", debug_run=False'))
    repository.commit()
    study = Study(repository, tmp_path / "results", python_with_demo)
    study.record("record.py")
    _come_out_again_elsewhere(study, temporary, monkeypatch)


def test_without_uv(tmp_path, python, temporary, monkeypatch):
    """The environment is the same if venv and pip make it, with the pip of this Python or with one of their own."""
    study = make_study(tmp_path, python)
    run = study.record("entries.py")
    monkeypatch.chdir(study.path)
    monkeypatch.setitem(sys.modules, "uv", None)
    places = [each for each in os.environ["PATH"].split(os.pathsep) if not (Path(each) / "uv").exists()]
    monkeypatch.setenv("PATH", os.pathsep.join(places))
    assert pythons.find_uv() is None
    before = study.state()
    for first_pip in (23, 10_000):
        monkeypatch.setattr("gaitmap_results.reproducing.environment._FIRST_PIP", first_pip)
        found = reproduce_run(run)
        assert (found.verdict, found.reasons) == ("bitwise", []), found
        lock = (found.attestation.parent / found.attestation.name.replace("reproduction", "pylock")).with_suffix(
            ".toml"
        )
        assert 'name = "click"' in lock.read_text()
        assert "sha256" in lock.read_text()
    assert study.state() == before
    assert list(temporary.iterdir()) == []


def test_an_algorithm_that_changed_and_a_package_that_is_gone(tmp_path, python, temporary, monkeypatch):
    """With a later version of the package the numbers differ; with the recorded one they do not, while it is there."""
    own = tmp_path / "venv"
    shutil.copytree(python.parents[1], own, symlinks=True)
    study = make_study(tmp_path, own / python.relative_to(python.parents[1]))
    entries = ENTRIES.replace("lambda person: 3.7 * factor * int(person[1:]) + offset", "steps")
    study.repository.write("entries.py", f"from gait_algorithm import steps\n{entries}")
    study.repository.commit()
    wheels = [
        write_wheel(tmp_path, "gait_algorithm", version, gait_algorithm=ALGORITHM.format(result))
        for version, result in (("1.0", "12"), ("2.0", "12 if person != 'P02' else 12.5"))
    ]
    install = [study.python, "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*install, wheels[0]], check=True)
    run = study.record("entries.py")
    subprocess.run([*install, wheels[1]], check=True)
    monkeypatch.chdir(study.path)
    assert reproduce_run(run).verdict == "bitwise"
    command = [study.python, *COMMAND, "reproduce", run, "--yes", "--environment", "current", "--json"]
    done = subprocess.run(command, env=study.environment(), capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    assert (done.returncode, found["verdict"]) == (1, "differs"), done.stderr
    (score,) = found["scores"]
    assert (score["name"], score["worst_unit"], score["worst_difference"]) == ("error", ["P02"], 0.5)
    assert found["causes"]["packages"] == [{"name": "gait_algorithm", "first": "1.0", "second": "2.0"}]
    wheels[0].unlink()
    plan = check_run(run)
    assert plan.problems == ["No index has gait_algorithm==1.0."]
    assert reproduce_run(run).verdict == "not reproducible"
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("step", ["Asking the index", "Checking out", "Installing", "Running the recorded code"])
def test_ctrl_c_at_any_step(tmp_path, python, temporary, step):
    """Whatever a real SIGINT interrupts, work trees and temporary folders are removed, and nothing else is touched."""
    study = make_study(tmp_path, python)
    run = study.record("entries.py")
    before = study.state()
    command = [sys.executable, *COMMAND, "reproduce", str(run), "--yes"]
    process = subprocess.Popen(command, cwd=study.path, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert any(line.startswith(step) for line in process.stderr)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=500)
    assert process.returncode == 130
    assert study.state() == before
    assert list(temporary.iterdir()) == []
