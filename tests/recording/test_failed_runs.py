"""Runs that raise, run again, or measure nothing: what is saved is what a run that finished had computed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from challenges import ExampleChallenge

from gaitmap_results import BaseChallenge, recorded_run, unfinished_runs
from gaitmap_results.exceptions import CoreResultsError, NoChallengeError


class Fragile(BaseChallenge):
    """Holds what its optimizer returns, and may hold half of it when that raises."""

    VERSION = "1.0.0"

    def run(self, optimizer: Any) -> Fragile:
        self.optimizer = optimizer
        if isinstance(optimizer, Exception):
            self.result_ = "half"
            raise optimizer
        if optimizer == "untimed":
            time.sleep(0.05)
            self.result_ = optimizer
            return self
        with self._measure_time():
            self.result_ = optimizer
        return self

    def save_core_results(self, folder_path: Path) -> None:
        if self.result_ == "unsavable":
            raise ValueError("no way to write this")
        (folder_path / "result.json").write_text(json.dumps(self.result_))

    @classmethod
    def load_core_results(cls, folder_path: Path) -> Any:
        return (folder_path / "result.json").read_text()


def saved(path: Path) -> Any:
    """Return the result in a run folder."""
    return json.loads((path / "results" / "result.json").read_text())


def test_a_run_that_raises_leaves_the_results_of_the_run_before_it(tmp_path):
    """What a finished run had computed is saved as it was, although the same object has run again and failed."""
    challenge = Fragile()
    with recorded_run("entry", path=tmp_path, use_git=False, debug_run=False) as recorder:
        challenge.run("whole")
        with pytest.raises(KeyError):
            challenge.run(KeyError("boom"))
    assert [saved(path) for path in recorder.paths_] == ["whole"]
    assert recorder.metadata_["repr_pipeline"] == "'whole'"


@pytest.mark.parametrize("named", [False, True])
def test_a_run_that_only_raised_is_not_saved(named, tmp_path):
    """Half a result is none, whether or not the block goes on and the object was named."""
    challenge = Fragile()
    options = {"challenge": challenge} if named else {}
    with (
        pytest.raises(NoChallengeError, match="raised"),
        recorded_run("entry", path=tmp_path, use_git=False, debug_run=False, **options),
    ):
        with pytest.raises(KeyError):
            challenge.run(KeyError("boom"))
    assert list(tmp_path.rglob("metadata.json")) == []


def test_a_run_that_was_tried_again_is_saved_once(tmp_path):
    """A run that raised first and then finished counts."""
    challenge = Fragile()
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        with pytest.raises(KeyError):
            challenge.run(KeyError("boom"))
        challenge.run("whole")
    assert [saved(path) for path in recorder.paths_] == ["whole"]


def test_a_run_whose_results_cannot_be_written_is_not_filled_with_those_of_the_next(tmp_path):
    """The error of the first run is raised at the end, and the second run is stored once, as what it is."""
    challenge = Fragile()
    with pytest.raises(CoreResultsError) as caught:
        with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
            challenge.run("unsavable")
            challenge.run("whole")
    assert caught.value.path.parent.name == ".unfinished"
    assert [saved(path) for path in recorder.paths_] == ["whole"]
    assert recorder.status_ == "save_failed"


def test_the_times_of_an_earlier_run_are_not_taken_for_those_of_this_one(tmp_path):
    """A run that measures nothing has the times that were observed."""
    challenge = Fragile().run("before")
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        challenge.run("untimed")
    assert recorder.metadata_["timing_source"] == "observed"
    assert recorder.metadata_["runtime"] >= 0.05


class UnprintableError(Exception):
    """Has a text that cannot be made."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize("has_run", [True, False])
def test_an_error_without_a_text_costs_nothing(tmp_path: Path, has_run: bool) -> None:
    """A finished run is published, an unfinished one is said to have failed, and the error goes on."""
    with pytest.raises(UnprintableError), recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        if has_run:
            ExampleChallenge().run(1)
        raise UnprintableError
    assert recorder.status_ == ("published" if has_run else "failed")
    assert [run.status for run in unfinished_runs(tmp_path)] == ([] if has_run else ["failed"])
