"""Evaluations of mobgap as challenges: recorded, stored without loss, and loaded as the tables they were."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from challenges import stored_runs

from gaitmap_results import GaitmapResultsWarning, load_run, load_scores, recorded_run, save_run
from gaitmap_results.exceptions import InvalidChallengeError, InvalidOptionError
from gaitmap_results.mobgap_evaluation import EvaluationChallenge

pytest.importorskip("mobgap", reason="needs mobgap, which the tox environment `integrations` installs")

from mobgap.utils.evaluation import Evaluation, EvaluationCV
from sklearn.model_selection import ParameterGrid
from tpcp import Dataset, OptimizablePipeline
from tpcp.optimize import DummyOptimize, GridSearch
from tpcp.validate import Scorer, no_agg

# tpcp ranks the infinite scores of a grid search.
pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")


class Walks(Dataset):
    """Four recordings of two people."""

    def create_index(self) -> pd.DataFrame:
        return pd.DataFrame({"person": ["a", "a", "b", "b"], "trial": ["1", "2", "1", "2"]})


class CountSteps(OptimizablePipeline):
    """Says a number of steps that depends on the recording and one parameter."""

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor

    def run(self, datapoint: Any) -> CountSteps:
        self.steps_ = self.factor * (int(datapoint.group_label.trial) + 1 / 3)
        return self


def score_recording(pipeline: Any, datapoint: Any) -> dict[str, Any]:
    """Return scores of all kinds: numbers, missing and infinite ones, tables and lists as raw results."""
    steps = pipeline.safe_run(datapoint).steps_
    events = pd.DataFrame(
        {"time_s": [steps, math.nan], "foot": pd.Categorical(["left", "right"]), "n": np.array([1, 2], dtype="int32")},
        index=pd.Index([3, 4], name="event"),
    )
    return {
        "error": 1 / steps,
        "missing": math.nan if datapoint.group_label.trial == "2" else 1.0,
        "endless": math.inf,
        "events": no_agg(events),
        "raw__note": no_agg(["text", (1, 2.5)]),
    }


def join_events(aggregated: Any, single: Any, pipeline: Any, dataset: Any) -> Any:
    """Make one table of the events of all recordings, as the scorers of mobgap do."""
    labels = [each.group_label for each in dataset]
    events = single.pop("events")
    joined = pd.concat(events, keys=labels, names=[*labels[0]._fields, *events[0].index.names])
    return aggregated, {"raw__events": joined, **single}


score = Scorer(score_recording, final_aggregator=join_events, progress_bar=False)


class StepCounting(EvaluationChallenge):
    """A benchmark with a name and a version of its own."""

    VERSION = "2.1"


def evaluations() -> dict[str, tuple[Any, Any]]:
    """Return each kind of evaluation with an entry for it."""
    grid = GridSearch(
        CountSteps(),
        ParameterGrid({"factor": [1.0, 2.0]}),
        scoring=score,
        return_optimized="-error",
        progress_bar=False,
    )
    return {
        "Evaluation": (Evaluation(Walks(), score), CountSteps()),
        "EvaluationCV": (
            EvaluationCV(Walks(), score, 2, cv_params={"progress_bar": False}),
            DummyOptimize(CountSteps(), ignore_potential_user_error_warning=True),
        ),
        "tuned": (
            EvaluationCV(
                Walks(),
                score,
                2,
                cv_params={"return_train_score": True, "return_optimizer": True, "progress_bar": False},
            ),
            grid,
        ),
    }


KINDS = ("Evaluation", "EvaluationCV", "tuned")


@pytest.mark.parametrize("kind", KINDS)
def test_tables_come_back_as_the_evaluation_gives_them(tmp_path, kind):
    """Every table, raw result and timing equals what the evaluation, a clone of the given one, says."""
    evaluation, entry = evaluations()[kind]
    challenge = StepCounting(evaluation, raw_results=True)
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        challenge.run(entry)

    run = load_run(StepCounting, recorder.path_)

    assert not hasattr(evaluation, "results_")
    done = challenge.evaluation_
    expected = {
        "aggregated_results": done.get_aggregated_results_as_df(),
        "single_results": done.get_single_results_as_df(),
    }
    if kind == "tuned":
        expected["train_aggregated_results"] = done.get_aggregated_results_as_df(group="train")
        expected["train_single_results"] = done.get_single_results_as_df(group="train")
    for name, table in expected.items():
        pd.testing.assert_frame_equal(run.results[name], table, check_exact=True)
    assert {name for name in run.results if name.endswith("_results")} == {*expected, "raw_results"}
    raw = done.get_raw_results()
    pd.testing.assert_frame_equal(run.results["raw_results"]["events"], raw["events"], check_exact=True)
    assert run.results["raw_results"]["note"] == raw["note"]
    assert run.results["timings"] == done.perf_
    assert run.results["timings"]["runtime_s"] > 0


def test_run_folder(tmp_path):
    """The run has the name and version of the user's class, and says with which evaluation it was made."""
    evaluation, entry = evaluations()["tuned"]
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        StepCounting(evaluation).run(entry)

    (metadata,) = stored_runs(tmp_path)
    assert metadata["challenge_name"] == f"{__name__}.StepCounting"
    assert metadata["challenge_version"] == "2.1"
    assert metadata["dataset_columns"] == ["person", "trial"]
    parameters = metadata["parameters"]
    assert parameters["pipeline"]["parameters"]["pipeline__factor"] == 1.0
    assert parameters["challenge"]["parameters"]["evaluation__cv_iterator"] == 2
    scored_by = parameters["challenge"]["parameters"]["evaluation__scoring__score_func"]
    assert scored_by == {"function": f"{__name__}.score_recording"}
    assert parameters["dataset"]["n_data_points"] == 4
    assert not (recorder.path_ / "results" / "raw_results.json").exists()
    plain = json.loads((recorder.path_ / "results" / "aggregated_results.json").read_text())
    assert plain["columns"][0] == "error"


def test_folds(tmp_path):
    """Data labels, times and tuned parameters of each fold are stored, too."""
    evaluation, entry = evaluations()["tuned"]
    challenge = StepCounting(evaluation)
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        challenge.run(entry)

    results = load_run(StepCounting, recorder.path_).results
    labels = challenge.evaluation_.results_["test__data_labels"]
    assert results["folds"]["test__data_labels"] == labels
    assert results["folds"]["test__data_labels"][0][0].person == "a"
    assert len(results["folds"]["debug__optimize_time"]) == 2
    assert [fold["best_params"] for fold in results["optimization"]] == [{"factor": 2.0}] * 2


def test_finished_evaluation(tmp_path):
    """An evaluation that has run without us is saved with the times that mobgap measured."""
    evaluation, entry = evaluations()["EvaluationCV"]
    evaluation.run(entry)

    path = save_run(StepCounting.of_finished(evaluation), "entry", custom_metadata={}, path=tmp_path, use_git=False)

    run = load_run(StepCounting, path)
    assert run.metadata["timing_source"] == "challenge"
    assert run.metadata["runtime"] == evaluation.perf_["runtime_s"]
    assert run.metadata["run_start_datetime_utc"] == pytest.approx(
        evaluation.perf_["start_datetime_utc_timestamp"], abs=1
    )
    pd.testing.assert_frame_equal(run.results["single_results"], evaluation.get_single_results_as_df())


def test_raw_results_by_name(tmp_path):
    """Only the raw results that were asked for are stored; one that does not exist costs a warning."""
    evaluation, entry = evaluations()["Evaluation"]
    with (
        pytest.warns(GaitmapResultsWarning, match="raw_results names missing, but .* only: events, note"),
        recorded_run("entry", path=tmp_path, use_git=False) as recorder,
    ):
        StepCounting(evaluation, raw_results=["note", "missing"]).run(entry)

    assert list(load_run(StepCounting, recorder.path_).results["raw_results"]) == ["note"]


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda evaluation: StepCounting(evaluation, raw_results="events"), InvalidOptionError),
        (lambda evaluation: StepCounting("no evaluation"), InvalidChallengeError),
        (EvaluationChallenge, InvalidChallengeError),
    ],
)
def test_mistakes_show_before_anything_is_computed(make, error):
    """A wrong option, object or class, and an evaluation that has not run, are refused."""
    evaluation, entry = evaluations()["Evaluation"]
    with pytest.raises(error):
        make(evaluation).run(entry)
    with pytest.raises(InvalidChallengeError, match="has not run"):
        StepCounting.of_finished(evaluation)


class People(Walks):
    """The same recordings, of two people with the same number in two cohorts."""

    def create_index(self) -> pd.DataFrame:
        return super().create_index().rename(columns={"person": "cohort"}).assign(participant_id="001")


@pytest.mark.parametrize("kind", ["Evaluation", "EvaluationCV"])
def test_scores_of_each_participant(tmp_path, kind):
    """The scores are the means of each participant's recordings; one that is missing makes the mean unknown."""
    evaluation, entry = evaluations()[kind]
    evaluation = evaluation.clone().set_params(dataset=People())
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        StepCounting(evaluation).run(entry)
    scores = load_scores(recorder.path_)
    assert scores.index.names == ["cohort", "participant_id"]
    assert list(scores.index) == [("a", "001"), ("b", "001")]
    assert scores["error"].tolist() == [pytest.approx((3 / 4 + 3 / 7) / 2)] * 2
    assert scores["missing"].isna().all()


def test_scores_of_each_fold_without_participants(tmp_path):
    """Where no column names participants, each fold of a cross-validation has its scores, and its sizes."""
    evaluation, entry = evaluations()["EvaluationCV"]
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        StepCounting(evaluation).run(entry)
    content = json.loads((recorder.path_ / "scores.json").read_text())
    assert content["units"] == ["fold"]
    assert content["folds"] == [{"fold": fold, "n_test": 2, "n_train": 2} for fold in (0, 1)]
    assert content["rows"][0]["scores"]["error"] == pytest.approx((3 / 4 + 3 / 7) / 2)
