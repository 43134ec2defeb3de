"""What MLflow is told of a run, and the names that it takes; MLflow itself is not needed for that."""

from __future__ import annotations

import json
import posixpath
import re
import sys

import pytest
from command import in_process
from exported_runs import COMMIT, write_whole_run
from hypothesis import given
from hypothesis import strategies as st
from run_folders import PUBLISHED, needs_published

from gaitmap_results import send_to_mlflow, withdraw_run
from gaitmap_results.exceptions import MissingExtraError
from gaitmap_results.exporting.mlflow_content import artifact_name, mlflow_name, mlflow_run, original_name
from gaitmap_results.exporting.runs_to_export import find_runs


def content_of(path):
    """Return what MLflow is told of the run in a folder."""
    return mlflow_run(find_runs([path])[0])


def test_names_that_mlflow_takes_stay():
    """Only what MLflow refuses is changed, by the rule of Office Open XML."""
    for name in ("f1_score", "stride length.mean", "a/b-c", "ü", "_x00", "acc_x", "_x002", "a_x1/b"):
        assert mlflow_name(name) == name
    assert mlflow_name("f1 (%)") == "f1 _x0028__x0025__x0029_"
    assert mlflow_name("_x0025_") == "_x005F_x0025_"


@given(st.text("_x0025F(/.%\n\U0001f6b6", max_size=12) | st.text(max_size=12))
def test_every_name_can_be_changed_back(name):
    """MLflow takes the changed name of anything, and it leads back to the name that it was."""
    changed = mlflow_name(name)
    assert original_name(changed) == name
    # What MLflow 3.17 checks, mlflow/utils/validation.py.
    assert re.match(r"^[/\w.\- :]*$", changed)
    assert posixpath.normpath(changed) == changed != "."
    assert not changed.startswith(("..", "/"))
    assert original_name(artifact_name(name)) == name
    assert not set("#?%") & set(artifact_name(name))


def test_a_name_that_is_too_long_is_cut():
    """A longer name than MLflow takes keeps its beginning; two of them stay different, and a tag has the whole name."""
    names = [f"{'a' * 300}{end}" for end in "xy"]
    assert len({mlflow_name(name) for name in names}) == 2
    assert all(len(mlflow_name(name)) <= 250 for name in names)


def test_all_that_was_recorded_is_told(tmp_path):
    """Name, times in milliseconds, parameters as dotted names, means of scores, and tags say what the record says."""
    pipeline = {"algo": {"axis": "z", "limits": [1, 2.5], "none": None}, "low pass (Hz)": 12, "empty": {}}
    parameters = {"challenge": {"class": "C", "parameters": {"folds": 3}}, "dataset": None}
    parameters["pipeline"] = {"class": "lab.Shin", "parameters": pipeline}
    values = (("P1", 4.0), ("P2", 5.0))
    rows = [{"unit": [unit], "fold": None, "scores": {"error": value, "gone": None}} for unit, value in values]
    more = {"directions": {"error": "minimize", "gone": None}, "rows": rows}
    run = write_whole_run(tmp_path / "results", ["grp", "b"], parameters=parameters, more=more, runtime=12.5)
    run_id = json.loads((run / "metadata.json").read_text())["run_id"]
    told = content_of(run)
    assert told.name == "grp/b"
    assert (told.start, told.end) == (1774787405250, 1774787417750)
    assert told.params == {
        "challenge": "C",
        "challenge.folds": "3",
        "pipeline": "lab.Shin",
        "pipeline.algo.axis": "z",
        "pipeline.algo.limits": "[1, 2.5]",
        "pipeline.algo.none": "None",
        "pipeline.low pass _x0028_Hz_x0029_": "12",
        "pipeline.empty": "{}",
    }
    assert told.metrics == {"error": 4.5, "runtime_s": 12.5}
    assert told.tags == {
        "gaitmap_results.run_id": run_id,
        "gaitmap_results.challenge": "gait_lab.Challenge",
        "gaitmap_results.challenge_version": "1.0.0",
        "gaitmap_results.official": "true",
        "gaitmap_results.kind": "official",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.name": "study/entry.py",
        "mlflow.source.git.commit": COMMIT,
        "mlflow.source.git.branch": "main",
        "mlflow.source.git.repoURL": "https://example.org/lab/study.git",
    }


def test_debug_and_withdrawn_are_told(tmp_path):
    """The reasons why a run is a debug run, and why it was withdrawn, are tags."""
    reasons = [{"code": code, "message": "", "detail": {}} for code in ("git.dirty", "block.raised")]
    run = write_whole_run(tmp_path / "results", is_debug_run=True, debug_reasons=reasons)
    withdraw_run(run, "wrong sensor")
    tags = content_of(run).tags
    assert tags["gaitmap_results.official"] == "false"
    assert tags["gaitmap_results.debug_reasons"] == "git.dirty, block.raised"
    assert tags["gaitmap_results.withdrawn"] == "wrong sensor"


def test_long_values_are_cut_and_say_so(tmp_path):
    """A value that MLflow would cut without a word says that it is cut."""
    pipeline = {"weights": "w" * 7000, "n" * 300: 1}
    parameters = {"pipeline": {"class": "A", "parameters": pipeline}}
    told = content_of(write_whole_run(tmp_path / "results", parameters=parameters))
    assert len(told.params["pipeline.weights"]) == 6000
    assert told.params["pipeline.weights"].endswith("(7000 characters; metadata.json has all of them)")
    (long_name,) = (name for name in told.params if name.startswith("pipeline.nnn"))
    assert told.tags[f"gaitmap_results.name.{long_name[-16:]}"] == f"pipeline.{'n' * 300}"


def test_names_that_collide_are_refused(tmp_path):
    """Where two parameters or scores would get one name in MLflow, the run is refused: one would hide the other."""
    parameters = {"pipeline": {"class": "A", "parameters": {"a": {"b": 1}, "a.b": 2}}}
    with pytest.raises(ValueError, match=r"two parameters would both be called 'pipeline\.a\.b'"):
        content_of(write_whole_run(tmp_path / "results", parameters=parameters))
    # A score of the name that the duration of the run would have is the score.
    assert content_of(write_whole_run(tmp_path / "other", score="runtime_s")).metrics == {"runtime_s": 5.5}


@needs_published
def test_records_of_gaitmap_challenges(tmp_path):
    """A record without an id gets a stable one; its repaired times, reprs and derived scores go along."""
    runs = find_runs([PUBLISHED])
    told = [mlflow_run(run) for run in runs]
    assert [mlflow_run(run) for run in find_runs([PUBLISHED])] == told
    assert len({each.tags["gaitmap_results.run_id"] for each in told}) == 17
    for run, each in zip(runs, told, strict=True):
        seconds = (each.end - each.start) / 1000
        assert seconds == pytest.approx(run.metadata["runtime"], abs=0.01)
        assert run.metadata["repr_pipeline"].startswith(each.params["pipeline"][:100])
        assert len(each.metrics) > 1
        assert each.tags["mlflow.source.git.commit"] == run.metadata["git_commit_hash"]


def test_without_mlflow_the_extra_is_named(tmp_path, monkeypatch):
    """Where MLflow is not installed, the command that installs it is told before anything is read."""
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtraError, match=r"gaitmap_results\[mlflow\]"):
        send_to_mlflow(tmp_path / "gone")
    (tmp_path / "results").mkdir()
    done = in_process("mlflow", tmp_path / "results")
    assert (done.code, "gaitmap_results[mlflow]" in done.err) == (1, True)
