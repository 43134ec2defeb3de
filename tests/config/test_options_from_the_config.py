"""Options of runs for which the config gives a default: it counts where a call says nothing."""

from __future__ import annotations

import json
import os
import signal
import warnings
from pathlib import Path
from typing import Any

import pytest
from challenges import ExampleChallenge
from git_repository import GitRepository

from gaitmap_results import LocalConfig, recorded_run, reset_config, save_run, set_config
from gaitmap_results.config.file import read_pyproject

# This file lies outside of the repositories of these tests.
pytestmark = pytest.mark.filterwarnings("ignore:.* is not tracked by the repository")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepository:
    """Give a clean repository, which is the working directory, with the results beside it."""
    repository = GitRepository(tmp_path / "project")
    repository.write("a.txt", "a")
    repository.commit()
    monkeypatch.chdir(repository.path)
    yield repository
    reset_config()


def record(**options: Any) -> dict[str, Any]:
    """Record a run in a block, and return its record; a warning is an error."""
    with recorded_run("entry", **options) as recorder:
        ExampleChallenge().run(int)
    return json.loads((recorder.path_ / "metadata.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("argument", [None, ["other"]])
def test_what_does_not_count(project: GitRepository, tmp_path: Path, argument: list[str] | None) -> None:
    """Entries of the config do not count and need not exist; a list that is given replaces them."""
    set_config(LocalConfig(results_dir=tmp_path / "results", git_dirty_ignore=["notes", "never_there"]))
    project.write("notes/today.txt", "x")
    project.write("other/a.txt", "x") if argument else None
    metadata = record(**({} if argument is None else {"git_dirty_ignore": argument}))
    assert metadata["git_dirty"] is (argument is not None)
    assert metadata["git_dirty_ignore"] == (argument or ["notes", "never_there"])


def test_a_block_looks_for_its_config_once(
    project: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a block takes from a config is from one reading, so that it belongs together; the next one looks again."""
    project.write("pyproject.toml", f"[tool.gaitmap_results]\nresults_dir = '{tmp_path / 'results'}'\n")
    opened: list[str] = []
    monkeypatch.setattr(
        "gaitmap_results.config.lookup.read_pyproject",
        lambda file, kind: opened.append(str(file)) or read_pyproject(file, kind),
    )
    for number in (1, 2):
        assert record()["config"]["results_dir"] == str(tmp_path / "results")
        assert opened.count(str(project.path / "pyproject.toml")) == number


def test_paths_are_stored_relative(project: GitRepository, tmp_path: Path) -> None:
    """The folder of the config counts in a block and in save_run, and an argument wins."""
    set_config(LocalConfig(results_dir=tmp_path / "results", stored_filenames_relative_to=project.path))
    assert record()["git_base_dir"] == "."
    assert record(stored_filenames_relative_to=tmp_path)["git_base_dir"] == "project"
    saved = save_run(ExampleChallenge().run(int), "entry", custom_metadata={})
    assert json.loads((saved / "metadata.json").read_text(encoding="utf-8"))["git_base_dir"] == "."


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_signals_end_a_block(project: GitRepository, tmp_path: Path) -> None:
    """A signal that the config names ends a block in order."""
    set_config(LocalConfig(results_dir=tmp_path / "results", handle_signals=["SIGUSR1"]))
    recorder = recorded_run("entry", use_git=False)
    with pytest.raises(SystemExit), warnings.catch_warnings(), recorder:
        os.kill(os.getpid(), signal.SIGUSR1)
    assert recorder.status_ == "terminated"
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL


def test_resources_are_sampled(project: GitRepository, tmp_path: Path) -> None:
    """The interval of the config counts where a block gives none."""
    set_config(LocalConfig(results_dir=tmp_path / "results", sample_resources_s=0.05))
    assert record()["resources"]["peak_memory_bytes"]["sampled"] is not None
