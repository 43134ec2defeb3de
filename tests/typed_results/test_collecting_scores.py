"""What a challenge says about its scores: each form, what is wrong with it, and the rows that come of it."""

from __future__ import annotations

import json
import math
import re
import warnings
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest
from challenges import ExampleChallenge
from documents import TOP

from gaitmap_results import load_run_metadata, load_scores, recorded_run, save_run, verify_run
from gaitmap_results.exceptions import IncompleteProvenanceWarning, InvalidChallengeError

SCHEMA = json.loads((TOP / "docs" / "reference" / "scores.schema.json").read_text(encoding="utf-8"))


class Scored(ExampleChallenge):
    """Returns as scores what the entry returned, or raises it."""

    SCORES = {"error": "minimize", "f1": "maximize"}

    def get_scores(self) -> Any:
        if isinstance(self.result_[0], BaseException):
            raise self.result_[0]
        return self.result_[0]

    def get_core_results(self) -> dict[str, Any]:
        return {"result": "stored"}


class CrossValidated(ExampleChallenge):
    """Has the results of a cross-validation."""

    def run(self, optimizer: Any = None) -> CrossValidated:
        super().run(1)
        self.cv_results_ = optimizer
        return self


def record(folder, scores, kind=Scored):
    """Record a run whose challenge has these scores; return its folder."""
    given = [scores] if kind is Scored else scores
    with recorded_run("entry", path=folder, use_git=False, debug_run=False) as recorder:
        kind().run(given)
    assert verify_run(recorder.path_).status == "intact"
    return recorder.path_


def stored(run):
    """Return what scores.json says, after checking it against its schema and the manifest."""
    content = json.loads((run / "scores.json").read_text(encoding="utf-8"))
    jsonschema.validate(content, SCHEMA)
    assert "  scores.json\n" in (run / "MANIFEST.sha256").read_text(encoding="utf-8")
    return content


# The forms


def test_a_table(tmp_path):
    """The levels of a table's index name the units, its columns are the scores, in the order of SCORES."""
    index = pd.MultiIndex.from_tuples([("HA", 1), ("MS", 1)], names=["cohort", "participant"])
    table = pd.DataFrame({"f1": [0.5, np.nan], "n": np.array([3, 4], "int32"), "error": [1, 2]}, index=index)
    run = record(tmp_path, table)
    assert stored(run) == {
        "schema_version": 1,
        "units": ["cohort", "participant"],
        "directions": {"error": "minimize", "f1": "maximize", "n": None},
        "rows": [
            {"unit": ["HA", 1], "fold": None, "scores": {"error": 1.0, "f1": 0.5, "n": 3.0}},
            {"unit": ["MS", 1], "fold": None, "scores": {"error": 2.0, "f1": None, "n": 4.0}},
        ],
    }
    assert list(stored(run)["directions"]) == ["error", "f1", "n"]
    loaded = load_scores(run)
    pd.testing.assert_frame_equal(loaded, table[["error", "f1", "n"]].astype(float))
    assert loaded.attrs["directions"] == {"error": "minimize", "f1": "maximize", "n": None}


def test_numbers_for_the_whole_run(tmp_path):
    """`{score: number}` is one row without a unit; what is not finite is null."""
    run = record(tmp_path, {"error": math.inf, "f1": np.float32(0.5)})
    content = stored(run)
    assert content["units"] == []
    assert content["rows"] == [{"unit": [], "fold": None, "scores": {"error": None, "f1": 0.5}}]
    assert load_scores(run)["f1"].tolist() == [0.5]


def test_numbers_for_each_unit(tmp_path):
    """`{score: {unit: number}}` and an index without a name have the level `unit`; what a score lacks is null."""
    assert stored(record(tmp_path, pd.DataFrame({"error": [1.0], "f1": [0.1]}, index=["P1"])))["units"] == ["unit"]
    content = stored(record(tmp_path, {"error": {"P1": 1, "P2": 2}, "f1": {"P2": 0.5}}))
    assert content["units"] == ["unit"]
    assert [(row["unit"], row["scores"]) for row in content["rows"]] == [
        (["P1"], {"error": 1.0, "f1": None}),
        (["P2"], {"error": 2.0, "f1": 0.5}),
    ]


def test_units_that_json_has_no_label_for(tmp_path):
    """A unit without a label has the label null in every type of pandas; a number of more than 64 bit is a text."""
    index = pd.Index([1, None], dtype="Int64")
    for levels in (index, pd.Index([1, pd.NaT], dtype=object), pd.Index([1, float("nan")], dtype=object)):
        content = stored(record(tmp_path, pd.DataFrame({"error": [1, 2], "f1": [3, 4]}, index=levels)))
        assert [row["unit"] for row in content["rows"]] == [[1], [None]]
    content = stored(record(tmp_path, {"error": {2**64: 1, 2**64 - 1: 2}, "f1": {2**64: 1}}))
    assert [row["unit"] for row in content["rows"]] == [[str(2**64)], [2**64 - 1]]


def test_series_keep_the_names_of_their_levels(tmp_path):
    """Scores that are given as Series keep participant and trial apart, so that trials are not taken for people."""
    levels = pd.MultiIndex.from_tuples([("P1", 1), ("P1", 2)], names=["participant", "trial"])
    content = stored(record(tmp_path, {"error": pd.Series([1.0, 2], levels), "f1": pd.Series([0.5, 0.6], levels)}))
    assert content["units"] == ["participant", "trial"]
    assert [row["unit"] for row in content["rows"]] == [["P1", 1], ["P1", 2]]
    named = pd.Series([1.0], pd.Index(["P1"], name="subject"))
    assert stored(record(tmp_path, {"error": named, "f1": named}))["units"] == ["subject"]
    assert stored(record(tmp_path, {"error": named, "f1": {"P1": 1}}))["units"] == ["unit"]


TRIALS = pd.MultiIndex.from_tuples([("P1", 1), ("P1", 2)], names=["participant", "trial"])
OTHER_TRIALS = pd.MultiIndex.from_tuples([("P2", 1), ("P1", 2)], names=["participant", "trial"])


@pytest.mark.parametrize(
    ("error_units", "f1_units", "units", "rows"),
    [
        (["P2", 3], [3, "P2"], ["unit"], [("P2", 1, 2), (3, 2, 1)]),
        (["P2", 3], [4, "P2"], ["unit"], [("P2", 1, 2), (3, 2, None), (4, None, 1)]),
        (["P2", "P1"], ["P3", "P1"], ["unit"], [("P2", 1, None), ("P1", 2, 2), ("P3", None, 1)]),
        ([1, 2], [1.5, 2], ["unit"], [(1, 1, None), (2, 2, 2), (1.5, None, 1)]),
        (TRIALS, OTHER_TRIALS, TRIALS.names, [("P1", 1, 1, None), ("P1", 2, 2, 2), ("P2", 1, None, 1)]),
        (TRIALS, ["P1", "P2"], ["unit"], [("P1/1", 1, None), ("P1/2", 2, None), ("P1", None, 1), ("P2", None, 2)]),
    ],
    ids=["mixed labels", "mixed and unequal", "unequal", "integers and floats", "unequal levels", "other levels"],
)
def test_series_of_other_units(tmp_path, error_units, f1_units, units, rows):
    """Series may have labels of mixed kinds, other units, or other levels: each number stays with its unit as given."""
    content = stored(record(tmp_path, {"error": pd.Series([1, 2], error_units), "f1": pd.Series([1, 2], f1_units)}))
    assert content["units"] == list(units)
    found = [(*row["unit"], row["scores"]["error"], row["scores"]["f1"]) for row in content["rows"]]
    assert [list(map(repr, row[: len(units)])) for row in found] == [list(map(repr, row[: len(units)])) for row in rows]
    assert found == rows


@pytest.mark.parametrize("f1_units", [["P1", "P1"], ["P1", "P2"]])
def test_no_number_of_a_repeated_unit_is_lost(tmp_path, f1_units):
    """A Series with a unit twice has a row for each, and the repetition is told."""
    scores = {"error": pd.Series([1.0, 2.0], ["P1", "P1"]), "f1": pd.Series([0.5, 0.25], f1_units)}
    with pytest.warns(IncompleteProvenanceWarning, match=r"Several rows of scores have the same unit \(P1\)"):
        content = stored(record(tmp_path, scores))
    for name in scores:
        given = [row["scores"][name] for row in content["rows"] if row["scores"][name] is not None]
        assert given == scores[name].tolist()


def test_numbers_of_each_fold_without_get_scores(tmp_path):
    """The numbers of a cross-validation are scores of its folds, under their names without what stands before."""
    results = {
        "fit_time": [1.0, 2.0, 3.0],
        "test_f1": np.array([0.5, 0.25, np.nan]),
        "test__agg__error": [1, 2, 3],
        "test__single__error": [[1], [2], [3]],
        "test_single_other": [1.0, 2.0, 3.0],
        "test__data_labels": [["a"], ["b"], ["c", "d"]],
        "train__data_labels": [["b", "c", "d"], ["a", "c", "d"], ["a", "b"]],
        "test_note": ["x", "y", "z"],
    }
    content = stored(record(tmp_path, results, CrossValidated))
    assert content["units"] == ["fold"]
    assert content["directions"] == {"f1": None, "error": None}
    assert content["rows"][2] == {"unit": [2], "fold": 2, "scores": {"f1": None, "error": 3.0}}
    assert content["folds"][2] == {"fold": 2, "n_test": 2, "n_train": 2}


def test_pandas_is_not_needed_to_store_scores(tmp_path):
    """Dictionaries of numbers become scores in a program that cannot import pandas or NumPy."""
    import subprocess
    import sys

    program = """
import sys
sys.modules["pandas"] = sys.modules["numpy"] = None
from gaitmap_results import BaseChallenge, recorded_run
class Steps(BaseChallenge):
    VERSION = "1"
    SCORES = {"error": "minimize"}
    def run(self, optimizer): pass
    def get_scores(self): return {"error": {"P1": 1.5}}
    def save_core_results(self, folder_path): pass
    @classmethod
    def load_core_results(cls, folder_path): pass
with recorded_run("entry", path=sys.argv[1], use_git=False): Steps().run(None)
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, capture_output=True)
    (file,) = tmp_path.glob("*/*/*/*/scores.json")
    assert json.loads(file.read_text())["rows"][0]["scores"] == {"error": 1.5}


# What is wrong with them


@pytest.mark.parametrize(
    ("returned", "problem"),
    [
        (ValueError("no reference"), "ValueError: no reference"),
        (pd.Series({"error": 1.0}), "TypeError: get_scores() returned"),
        (3.5, "TypeError: get_scores() returned 3.5"),
        ({"error": 1.0, "f1": {"P1": 1.0}}, "TypeError: get_scores() returned numbers beside {unit: number}"),
        ({}, "There are no scores to store"),
    ],
)
def test_scores_that_cannot_be_stored_cost_a_warning(tmp_path, returned, problem):
    """Whatever get_scores raises or returns: the results are stored, a warning and a note say what is missing."""
    with pytest.warns(IncompleteProvenanceWarning) as caught:
        run = record(tmp_path, returned)
    assert problem in str(caught[0].message)
    (note,) = load_run_metadata(run)["collection_errors"]
    assert note["what"] == "scores"
    assert problem in note["error"]
    assert not (run / "scores.json").exists()
    assert load_run_metadata(run)["debug_reasons"] == []


@pytest.mark.parametrize(
    ("returned", "problem", "left"),
    [
        ({"error": {"P": 1}, "f1": {"P": "good"}}, "The score 'f1' is left out: 'good' is not a number", ["error"]),
        ({"error": {"P": 1}, "f1": {"P": True}}, "The score 'f1' is left out: True is not a number", ["error"]),
        ({"error": {"P": 1}, 3: {"P": 1}, "f1": {"P": 1}}, "A score is called 3", ["error", "f1"]),
        ({"error": {"P": 1}}, "SCORES names f1, which is not among the scores: error", ["error"]),
        (
            pd.DataFrame({"error": [1, 2, 3], "f1": 0.5}, index=["P1", "P1", "P2"]),
            "Several rows of scores have the same unit (P1)",
            ["error", "f1"],
        ),
    ],
)
def test_scores_that_are_partly_wrong_keep_the_rest(tmp_path, returned, problem, left):
    """A column that holds no numbers, a missing score and a repeated unit are told, and all else is stored."""
    with pytest.warns(IncompleteProvenanceWarning) as caught:
        run = record(tmp_path, returned)
    assert problem in str(caught[0].message)
    if not isinstance(returned, pd.DataFrame):
        returned = pd.DataFrame(returned)
    content = json.loads((run / "scores.json").read_text())
    assert list(content["directions"]) == left
    assert len(content["rows"]) == len(returned)


@pytest.mark.parametrize(
    ("declared", "problem", "directions"),
    [
        ({"error": None}, "None of 'error'; leave it out if neither is better", {"error": None}),
        ({"error": "min"}, "'min' of 'error'; it takes 'minimize' or 'maximize'", {"error": None}),
        ({3: "minimize"}, "names the score 3", {"error": None}),
        ({"": "minimize"}, "names the score ''", {"error": None}),
        ("error", "SCORES is 'error'; it takes a dictionary", {"error": None}),
        (7, "SCORES is 7", {"error": None}),
    ],
)
def test_wrong_directions_are_refused_before_the_run_and_cost_nothing_after_it(tmp_path, declared, problem, directions):
    """Wrong SCORES end a run before it starts; a challenge that has run is stored, with a warning."""
    kind = type("Wrong", (Scored,), {"SCORES": declared, "__module__": __name__})
    with (
        pytest.raises(InvalidChallengeError, match=re.escape(problem)),
        recorded_run("entry", path=tmp_path, use_git=False),
    ):
        kind().run([{"error": 1.0}])
    challenge = kind()
    challenge.result_ = [{"error": 1.0}]
    with pytest.warns(IncompleteProvenanceWarning, match=re.escape(problem)):
        run = save_run(challenge, "saved", custom_metadata={}, path=tmp_path, use_git=False)
    assert stored(run)["directions"] == directions


def test_directions_that_only_the_results_tell(tmp_path):
    """A property that needs the results is no error before the run, and counts after it."""

    class Late(Scored):
        @property
        def SCORES(self):
            return dict.fromkeys(self.result_[0], "minimize")

    assert stored(record(tmp_path, {"error": 1.0}, lambda: _as_scored(Late)))["directions"] == {"error": "minimize"}


def _as_scored(kind):
    challenge = kind()
    run = challenge.run
    challenge.run = lambda given: run([given])
    return challenge


def test_scores_are_asked_for_after_the_results_are_on_the_disk(tmp_path):
    """get_scores is called once, when core results are stored, and its time does not count."""
    seen = []

    class Slow(ExampleChallenge):
        def get_scores(self):
            (results,) = tmp_path.glob(".unfinished/*/results/result.json")
            seen.append(json.loads(results.read_text())["result"])
            return {"error": 1.0}

    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        Slow().run(5)
    assert seen == [5]
    (saved,) = [save_run(Slow().run(6), "saved", custom_metadata={}, path=tmp_path, use_git=False)]
    assert seen == [5, 6]
    for run in (recorder.path_, saved):
        assert stored(run)["rows"][0]["scores"] == {"error": 1.0}


def test_nothing_else_changes(tmp_path):
    """A run with scores keeps all that a run without has; without scores nothing is stored, and nothing said."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runs = [record(tmp_path / "a", {"error": 1.0, "f1": 0.5}), record(tmp_path / "b", {}, CrossValidated)]
    names = {"metadata.json", "custom_metadata.json", "results", "MANIFEST.sha256"}
    assert [{path.name for path in run.iterdir()} for run in runs] == [names | {"scores.json"}, names]
