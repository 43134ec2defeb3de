"""What a record holds so that the run can be repeated, and where a repetition sends its runs."""

from __future__ import annotations

import json
import os

import pytest
from challenges import ExampleChallenge, stored_runs
from git_repository import GitRepository
from processes import run_python

from gaitmap_results import record_run, recorded_run
from gaitmap_results.exceptions import ConfigError
from gaitmap_results.store.json_files import read_json

SUITE = """
from pathlib import Path
from gaitmap_results import Entry
from steps import CountSteps

ENTRIES = [Entry(("shin", "tuned"), CountSteps(), 12, path=Path(__file__).parents[1] / "store", debug_run=False)]
if __name__ == "__main__":
    ENTRIES[0]()
"""
STEPS = """
from gaitmap_results import BaseChallenge

class CountSteps(BaseChallenge):
    VERSION = "1"

    def run(self, optimizer):
        self.n = optimizer

    def save_core_results(self, folder_path):
        (folder_path / "steps.txt").write_text(str(self.n))

    @classmethod
    def load_core_results(cls, folder_path):
        return (folder_path / "steps.txt").read_text()
"""


@pytest.mark.parametrize("as_module", [False, True])
def test_an_entry_of_a_suite_is_recorded_with_the_file_that_made_it(tmp_path, monkeypatch, as_module):
    """`entry` names it, and the folder that its modules came from is in `code.import_folders`."""
    repository = GitRepository(tmp_path / "study")
    repository.write("src/steps.py", STEPS)
    repository.write("suite.py", SUITE)
    repository.commit()
    monkeypatch.chdir(repository.path)
    monkeypatch.setenv("PYTHONPATH", "src", prepend=os.pathsep)
    program = ["-c", "import suite; suite.ENTRIES[0]()"] if as_module else ["suite.py"]
    run_python(*program, cwd=repository.path)
    (stored,) = stored_runs(tmp_path / "store")
    expected = {"file": "suite.py", "kind": "suite", "name": "shin/tuned", "module": "suite" if as_module else None}
    assert {key: stored["entry"][key] for key in expected} == expected
    assert "src" in stored["code"]["import_folders"]


def test_secrets_among_arguments_are_not_stored(tmp_path):
    """An argument with the name of a secret is removed, at any depth; the call is then known not to be repeatable."""

    @record_run("entry", path=tmp_path, use_git=False)
    def entry(password, **options):
        ExampleChallenge().run(1)

    entry("hunter2", passwords=["hunter2"], level=2, nested={"api_token": "hunter2", "label": "shin"})
    (file,) = tmp_path.glob("*/*/entry/*/metadata.json")
    assert "hunter2" not in file.read_text(encoding="utf-8")
    hidden = "<redacted>"
    nested = {"passwords": hidden, "level": 2, "nested": {"api_token": hidden, "label": "shin"}}
    assert read_json(file)["entry"]["arguments"] == {"password": hidden, "options": nested}


def test_a_redirect_beats_every_path_and_says_so(tmp_path, monkeypatch, capsys):
    """What runs again must not write into the store that it is held against, whatever folder its code names."""
    monkeypatch.setenv("GAITMAP_RESULTS_REDIRECT", str(tmp_path / "elsewhere"))
    with recorded_run("entry", path=tmp_path / "results", use_git=False) as recorder:
        ExampleChallenge().run(1)
    assert recorder.path_.is_relative_to(tmp_path / "elsewhere")
    assert not (tmp_path / "results").exists()
    assert read_json(recorder.path_ / "metadata.json")["entry_name"] == "entry"
    assert f"GAITMAP_RESULTS_REDIRECT overrides every other results folder: {tmp_path}" in capsys.readouterr().err


def test_a_redirect_needs_no_other_results_folder_and_must_be_a_path(tmp_path, monkeypatch):
    """The config that named the folder need not be there; an empty value is an error and not the working directory."""
    monkeypatch.setenv("GAITMAP_RESULTS_REDIRECT", str(tmp_path / "elsewhere"))
    with recorded_run("entry", use_git=False):
        ExampleChallenge().run(1)
    assert len(list((tmp_path / "elsewhere").glob("*/*/entry/*"))) == 1
    monkeypatch.setenv("GAITMAP_RESULTS_REDIRECT", "")
    with pytest.raises(ConfigError, match="GAITMAP_RESULTS_REDIRECT"), recorded_run("entry", use_git=False):
        pass


def test_a_tolerance_of_a_score_is_stored(tmp_path):
    """A score that is less exact than others says so in scores.json; what is no tolerance is noted."""

    class Timed(ExampleChallenge):
        SCORES = {"error_s": "minimize"}
        TOLERANCES = {"error_s": 1e-3}

        def get_scores(self):
            return {"error_s": 0.5}

    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        Timed().run(1)
    assert json.loads((recorder.path_ / "scores.json").read_text())["tolerances"] == {"error_s": 1e-3}
    Timed.TOLERANCES = {"other": "much"}
    with pytest.warns(match="TOLERANCES"), recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        Timed().run(1)
    assert "tolerances" not in json.loads((recorder.path_ / "scores.json").read_text())
