"""The commands config and doctor."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest
from command import at_terminal, in_process
from git_repository import GitRepository
from run_folders import as_ordinary_user

from gaitmap_results.config import LocalConfig


@pytest.fixture
def config(tmp_path):
    """Return the environment that names a config file."""
    file = tmp_path / "my_config.json"
    file.write_text(
        json.dumps({"results_dir": "results", "n_jobs": 3, "datasets": {"lab": "data/lab"}, "debug": False})
    )
    return {"GAITMAP_RESULTS_CONFIG": str(file)}


def test_config_show(config, tmp_path):
    """Each value is shown with where it comes from."""
    lines = {line.split()[0]: line for line in in_process("config", "show", **config).out.splitlines() if line}
    fields = {field.name for field in dataclasses.fields(LocalConfig)} - {"datasets"}
    assert set(lines) == {"Name", "datasets.lab", "debug", *fields}
    assert str(tmp_path / "results") in lines["results_dir"]
    assert f"{tmp_path / 'my_config.json'} (named by GAITMAP_RESULTS_CONFIG)" in lines["n_jobs"]
    assert lines["cache_dir"].split(None, 1)[1].split("  ")[0] == "not set"
    assert lines["cache_dir"].endswith("default")
    beaten = in_process("config", "show", **config, GAITMAP_RESULTS_DEBUG="yes").out
    assert "GAITMAP_RESULTS_DEBUG" in next(line for line in beaten.splitlines() if line.startswith("debug"))


def test_the_config_of_gaitmap_challenges_is_told(tmp_path):
    """What counts although it was given to gaitmap_challenges is shown with its variable, by config and by doctor."""
    (tmp_path / "old.json").write_text(json.dumps({"gaitmap_challenges": {"results_dir": str(tmp_path / "old")}}))
    theirs = {"GAITMAP_CHALLENGES_CONFIG": str(tmp_path / "old.json"), "GAITMAP_CHALLENGES_DEBUG": "1"}
    shown = in_process("config", "show", **theirs).out
    assert f"{tmp_path / 'old.json'} (named by GAITMAP_CHALLENGES_CONFIG)" in shown
    told = in_process("doctor", **theirs).out
    assert "(GAITMAP_CHALLENGES_CONFIG, GAITMAP_CHALLENGES_DEBUG)" in told


def test_config_show_as_json(config, tmp_path):
    """The JSON has value and source of everything."""
    shown = json.loads(in_process("config", "show", "--json", **config).out)
    assert shown["n_jobs"] == {
        "value": 3,
        "source": "file",
        "where": str(tmp_path / "my_config.json"),
        "found_by": "GAITMAP_RESULTS_CONFIG",
    }
    assert shown["datasets"]["value"] == {"lab": str(tmp_path / "data" / "lab")}
    assert shown["debug"]["value"] is False


def test_config_show_without_any():
    """Without a config the defaults are shown, and how to write one."""
    done = in_process("config", "show")
    assert done.code == 0
    assert "There is no config here" in done.out


def test_config_template(tmp_path):
    """The file that is written can be used as it is, and is never overwritten."""
    done = in_process("config", "template")
    assert done.code == 0
    assert str(tmp_path / "gaitmap_results.json") in done.out
    shown = in_process("config", "show", "--json", GAITMAP_RESULTS_CONFIG=str(tmp_path / "gaitmap_results.json"))
    assert json.loads(shown.out)["n_jobs"]["value"] == LocalConfig().n_jobs
    done = in_process("config", "template")
    assert done.code == 1
    assert "An existing file is left as it is" in done.err


@pytest.mark.parametrize("command", [("config", "show"), ("list",)])
def test_a_wrong_config_is_a_message(command, tmp_path):
    """A config with a misspelt key is named with the key."""
    (tmp_path / "c.json").write_text('{"reslts_dir": "x"}')
    done = in_process(*command, GAITMAP_RESULTS_CONFIG=str(tmp_path / "c.json"))
    assert done.code == 1
    assert "reslts_dir" in done.err
    assert "Traceback" not in done.err


def findings(*arguments, **environment):
    """Return what the doctor found."""
    done = in_process("doctor", "--json", *arguments, **environment)
    return done.code, {each["what"]: each for each in json.loads(done.out)}


def test_doctor_where_a_run_would_be_official(config, tmp_path, monkeypatch):
    """In a clean repository with a config that asks for official runs, all is well."""
    repository = GitRepository(tmp_path / "repository")
    repository.write("experiment.py", "print('run')\n")
    repository.commit()
    monkeypatch.chdir(tmp_path / "repository")
    code, found = findings(**config)
    assert code == 0
    assert {each["verdict"] for each in found.values()} == {"good"}
    assert found["a run now"]["lines"] == ["would be official"]
    assert f"datasets.lab = {tmp_path / 'data' / 'lab'}, from {tmp_path / 'my_config.json'}" in [
        line.partition(" (")[0] for line in found["config"]["lines"]
    ]
    assert str(tmp_path / "results") in found["results folder"]["lines"][0]
    assert not (tmp_path / "results").exists()
    _, found = findings(**{**config, "GAITMAP_RESULTS_DEBUG": "true"})
    assert found["a run now"]["lines"][-1].startswith("There is no other reason")
    (tmp_path / "repository" / "experiment.py").write_text("changed\n")
    code, found = findings(**config)
    assert code == 0
    assert found["a run now"]["verdict"] == "note"
    assert "experiment.py" in found["a run now"]["lines"][1]


def test_doctor_without_config_and_repository(tmp_path):
    """Without a results folder no run could be recorded, which the exit code says; with one it could."""
    code, found = findings()
    assert code == 1
    assert found["results folder"]["verdict"] == "bad"
    code, found = findings(tmp_path)
    assert code == 0
    assert found["git"]["verdict"] == "note"
    assert "is not inside a git repository" in found["git"]["lines"][0]
    assert any("Nobody asked for an official run" in line for line in found["a run now"]["lines"])


def test_doctor_without_git(tmp_path):
    """Without git it says so, and that a run would be a debug run."""
    (tmp_path / "bin").mkdir()
    code, found = findings(tmp_path, PATH=str(tmp_path / "bin"))
    assert code == 0
    assert found["git"]["verdict"] == "note"
    assert found["a run now"]["verdict"] == "note"


def test_doctor_with_a_wrong_config(tmp_path):
    """A wrong config is said once, and the rest is looked at nevertheless."""
    place = {"GAITMAP_RESULTS_CONFIG": str(tmp_path / "nowhere.json")}
    done = in_process("doctor", tmp_path, **place)
    assert done.code == 1
    assert done.out.count("There is no config file") == 1
    assert "see above" in done.out
    assert "can be written" in done.out


def test_doctor_without_any_results_folder():
    """The refusal is said once, each place that was looked at on a line; what a run would be is told all the same."""
    shown = in_process("doctor").out
    assert shown.count("no path was given") == 1
    places = [line.strip() for line in shown.splitlines() if line.strip().startswith("- ")]
    assert [place.partition(":")[0] for place in places[:2]] == [
        "- set_config",
        "- environment variable GAITMAP_RESULTS_CONFIG",
    ]
    assert "would be a debug run:" in shown


@pytest.mark.parametrize("closed", [".", "results", "results/.unfinished"])
def test_doctor_with_a_closed_results_folder(closed, tmp_path):
    """A folder that cannot be written is found by trying: the results folder, the one above it, or .unfinished."""
    (tmp_path / closed).mkdir(parents=True, exist_ok=True)
    if closed == "results":
        (tmp_path / "results" / ".unfinished").mkdir()
    (tmp_path / closed).chmod(0o555)
    program = "import sys; sys.argv = ['x', 'doctor', sys.argv[1]]; from gaitmap_results.cli import main; main()"
    command = as_ordinary_user([sys.executable, "-c", program, str(tmp_path / "results")])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"cannot be written: Permission denied ({tmp_path / closed})" in done.stdout


def test_doctor_where_runs_cannot_be_built(tmp_path):
    """The folder in which runs are built is tried too."""
    (tmp_path / ".unfinished").touch()
    done = in_process("doctor", tmp_path)
    assert done.code == 1
    assert f"cannot be written: Not a directory ({tmp_path / '.unfinished'})" in done.out


def test_doctor_at_a_terminal(tmp_path):
    """At a terminal every line fits, and nothing is left behind in the folder that was tried."""
    results = tmp_path / "results"
    results.mkdir()
    done = at_terminal("doctor", results)
    assert done.code == 0
    assert all(len(line) <= 100 for line in done.lines if "/" not in line)
    assert done.lines[0].startswith("ok    gaitmap_results")
    assert list(results.iterdir()) == []
