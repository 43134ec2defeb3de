"""Scores of stored runs: read, derived for records of gaitmap_challenges, and refused where they are damaged."""

from __future__ import annotations

import json
import statistics

import pytest
from challenges import ExampleChallenge
from run_folders import PUBLISHED, START, needs_published, write_legacy_run, write_run

from gaitmap_results import get_all_result_paths, load_run, load_scores, recorded_run
from gaitmap_results.exceptions import CorruptRunError, RunNotFoundError, WrongChallengeError
from gaitmap_results.reading.scores import known_scores, read_scores


def write_scores(run, content):
    """Write scores.json of a run folder."""
    text = content if isinstance(content, str) else json.dumps(content)
    (run / "scores.json").write_text(text, encoding="utf-8")
    return run


def scores_json(**changes):
    """Return the content of a scores.json of two participants."""
    rows = [{"unit": [unit], "fold": None, "scores": {"f1": value}} for unit, value in (("P1", 0.5), ("P2", 1))]
    return {"schema_version": 1, "units": ["participant"], "directions": {"f1": "maximize"}, "rows": rows, **changes}


def write_cross_validation(run, columns, levels):
    """Write the results of a cross-validation as gaitmap_challenges does."""
    folds = {name: {str(number): fold for number, fold in enumerate(values)} for name, values in columns.items()}
    (run / "results" / "cv_results.json").write_text(json.dumps(folds))
    (run / "results" / "cv_metadata.json").write_text(json.dumps({"dataset_name": "Lab", "dataset_columns": levels}))
    return run


# Our own


def test_a_run_without_scores_says_so(tmp_path):
    """A run that has no scores is told as such, with how a challenge gets them."""
    run = write_run(tmp_path)
    with pytest.raises(RunNotFoundError, match="get_scores"):
        load_scores(run)
    assert read_scores(run) is None
    with pytest.raises(RunNotFoundError):
        load_scores(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "null",
        scores_json(schema_version=2),
        scores_json(rows=[{"unit": ["P1", "x"], "fold": None, "scores": {"f1": 1}}]),
        scores_json(rows=[{"unit": ["P1"], "fold": None, "scores": {"f1": "1"}}]),
        scores_json(rows=[{"unit": ["P1"], "fold": None, "scores": {"f1": True}}]),
        scores_json(directions=None),
        scores_json(directions=["f1"]),
        scores_json(rows=7),
        scores_json(units=[7]),
        scores_json(rows=[{"unit": [["P1"]], "fold": None, "scores": {"f1": 1}}]),
        scores_json(rows=[{"unit": ["P1"], "fold": "0", "scores": {"f1": 1}}]),
        scores_json(rows=[{"unit": ["P1"], "fold": None, "scores": {"f1": 10**400}}]),
        scores_json(folds=[{"fold": 0, "n_test": "1", "n_train": 2}]),
        scores_json(units=7),
        scores_json(units=["a", "a"], rows=[]),
        scores_json(tolerances={"f1": []}),
    ],
)
def test_damaged_scores_are_told(tmp_path, content):
    """A scores.json that has another form is an error that names the file, never a number."""
    run = write_scores(write_run(tmp_path), content)
    with pytest.raises(CorruptRunError, match=r"scores\.json"):
        load_scores(run)
    assert known_scores(run) is None


def test_the_mean_of_absurd_scores_is_known(tmp_path):
    """The sum may be larger than any float; the mean is none the less."""
    rows = [{"unit": [unit], "fold": None, "scores": {"f1": 1.7e308}} for unit in ("P1", "P2")]
    scores = read_scores(write_scores(write_run(tmp_path), scores_json(rows=rows)))
    assert scores is not None
    assert scores.means() == {"f1": pytest.approx(1.7e308)}


def test_a_number_that_is_not_finite_is_unknown(tmp_path):
    """What some programs write for infinity is no score, and never a mean."""
    text = json.dumps(scores_json()).replace("0.5", "Infinity")
    scores = read_scores(write_scores(write_run(tmp_path), text))
    assert scores.means() == {"f1": None}
    assert load_scores(write_scores(write_run(tmp_path), text.replace("Infinity", "1e999")))["f1"].isna().sum() == 1


def test_a_unit_without_a_label_leaves_the_others_as_they_are(tmp_path):
    """Beside a label that is missing, whole numbers stay whole."""
    rows = [{"unit": [unit], "fold": None, "scores": {"f1": 1}} for unit in (1, None)]
    assert load_scores(write_scores(write_run(tmp_path), scores_json(rows=rows))).index.tolist() == [1, None]


@pytest.mark.parametrize("other", [None, 0.5, "P1", 2**64 - 1, -1])
@pytest.mark.parametrize("more", [[], ["visit"]])
def test_large_numbers_of_units_stay_exact(tmp_path, other, more):
    """No label of a unit is rounded, whatever the other units are called, and however many levels they have."""
    big = 2**53 + 1
    rows = [{"unit": [unit, *more], "fold": None, "scores": {"f1": 1}} for unit in (big, other)]
    content = scores_json(rows=rows, units=["participant", *more])
    index = load_scores(write_scores(write_run(tmp_path), content)).index
    found = index.get_level_values("participant").tolist()
    assert found[0] == big
    assert found[1] == other or (other is None and found[1] != found[1])
    assert index.names == ["participant", *more]


def test_a_link_to_scores_is_not_followed(tmp_path):
    """Scores are read from an ordinary file in the run folder only."""
    run = write_run(tmp_path)
    outside = tmp_path / "outside.json"
    outside.write_text(json.dumps(scores_json()))
    (run / "scores.json").symlink_to(outside)
    with pytest.raises(CorruptRunError, match="link that leads out"):
        load_scores(run)


def test_the_main_score_is_the_first_with_a_direction(tmp_path):
    """The main score is the first that has a direction, else the only one, else there is none."""
    run = write_run(tmp_path)
    for directions, main in (
        ({"n": None, "f1": "maximize"}, "f1"),
        ({"f1": None}, "f1"),
        ({"n": None, "f1": None}, None),
    ):
        scores = read_scores(write_scores(run, scores_json(directions=directions)))
        assert scores.main_score == main
    assert scores.means() == {"n": None, "f1": 0.75}


# Records of gaitmap_challenges


def test_scores_are_derived_for_each_participant(tmp_path):
    """Single values are averaged for each participant; what is missing for one trial is missing for the participant."""
    columns = {
        "test_data_labels": [[[True, "P1", 1], [True, "P1", 2]], [[False, "P2", 1]]],
        "train_data_labels": [[[False, "P2", 1]], [[True, "P1", 1], [True, "P1", 2]]],
        "test_single_error": [[1.0, 2.0], [4]],
        "test_single_icc": [[0.5, None], [0.25]],
        "test_single_text": [["a", "b"], ["c"]],
        "test_error": [1.5, 4.0],
        "score_time": [1.0, 1.0],
    }
    run = write_cross_validation(
        write_legacy_run(tmp_path, "shin", START), columns, ["patient", "participant", "trial"]
    )
    scores = load_scores(run)
    assert scores.index.name == "participant"
    assert scores["error"].to_dict() == {"P1": 1.5, "P2": 4.0}
    assert scores["icc"].isna().to_dict() == {"P1": True, "P2": False}
    assert list(scores) == ["error", "icc"]
    assert scores.attrs["directions"] == {"error": None, "icc": None}
    assert [row.fold for row in read_scores(run).rows] == [0, 1]


def test_scores_are_derived_for_each_fold_without_a_participant(tmp_path):
    """Where no column names participants, the scores are those of each fold, with its sizes."""
    columns = {
        "test_data_labels": [[["a"], ["b"]], [["c"]]],
        "train_data_labels": [[["c"]], [["a"], ["b"]]],
        "test_single_error": [[1.0, 2.0], [4.0]],
    }
    run = write_cross_validation(write_legacy_run(tmp_path, "shin", START), columns, ["trial"])
    assert load_scores(run)["error"].to_dict() == {0: 1.5, 1: 4.0}
    assert load_scores(run).index.name == "fold"
    assert [(each.n_test, each.n_train) for each in read_scores(run).folds] == [(2, 1), (1, 2)]


def test_labels_of_one_column_are_put_together(tmp_path):
    """gaitmap_challenges wrote the label P10 of a data set with one column as P, 1, 0."""
    columns = {"test_data_labels": [[["P", "1", "0"], ["P", "2"]]], "test_single_error": [[1.0, 2.0]]}
    run = write_cross_validation(write_legacy_run(tmp_path, "shin", START), columns, ["participant"])
    assert load_scores(run)["error"].to_dict() == {"P10": 1.0, "P2": 2.0}


def test_nothing_is_derived_for_a_record_of_ours(tmp_path):
    """A run of ours without scores.json has none, even if it holds the results of a cross-validation."""
    columns = {"test_data_labels": [[["P1"]]], "test_single_error": [[1.0]]}
    assert read_scores(write_cross_validation(write_run(tmp_path), columns, ["participant"])) is None


@pytest.mark.parametrize(
    ("label", "levels"),
    [(["a", "b"], ["x", "y", "z"]), ([["a"], "b"], ["participant", "y"]), ([{}, "b"], ["x", "y"]), ([["a"]], ["x"])],
    ids=str,
)
def test_damaged_cross_validation_results_are_told(tmp_path, label, levels):
    """Results that do not fit to their labels, and labels of another kind, are an error that names the file."""
    run = write_legacy_run(tmp_path, "shin", START)
    write_cross_validation(run, {"test_data_labels": [[label]], "test_single_error": [[1.0]]}, levels)
    with pytest.raises(CorruptRunError, match=r"cv_results\.json"):
        load_scores(run)
    assert known_scores(run) is None


def test_a_value_that_no_float_holds_is_unknown(tmp_path):
    """An integer of 400 digits among the values of a cross-validation costs the score of its participant only."""
    columns = {"test_data_labels": [[["P1"], ["P2"]]], "test_single_error": [[10**400, 1.0]]}
    run = write_cross_validation(write_legacy_run(tmp_path, "shin", START), columns, ["participant"])
    assert read_scores(run).means() == {"error": None}
    assert load_scores(run)["error"]["P2"] == 1.0


@needs_published
def test_published_runs():
    """The scores of the published runs are the means of their single values, computed another way here."""
    runs = sorted(path.parent for path in PUBLISHED.glob("*/*/**/metadata.json"))
    assert len(runs) == 17
    for run in runs:
        results = json.loads((run / "results" / "cv_results.json").read_text())
        levels = json.loads((run / "results" / "cv_metadata.json").read_text())["dataset_columns"]
        chosen = {"test_single_abs_error_mean", "test_single_stride_length__abs_error"}
        (name,) = chosen & results.keys()
        values = {}
        for fold, labels in results["test_data_labels"].items():
            for label, value in zip(labels, results[name][fold], strict=True):
                values.setdefault(label[levels.index("participant")], []).append(value)
        scores = load_scores(run)[name.removeprefix("test_single_")]
        assert scores.to_dict() == {unit: pytest.approx(statistics.fmean(each)) for unit, each in values.items()}
        assert len(scores) == (15 if "kluge" in str(run) else 20)


# Challenges with other names


class Renamed(ExampleChallenge):
    """Was called otherwise, in another module."""

    FORMER_NAMES = (f"{__name__}.Original",)


class Original(ExampleChallenge):
    """The same before it was renamed."""


def test_runs_under_former_names_are_found_and_loaded(tmp_path):
    """Runs that were stored under a former name count as the challenge's own, in the order of their start."""
    paths = []
    for kind in (Original, Renamed, Original):
        with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
            kind().run(3)
        paths.append(recorder.path_)
    assert get_all_result_paths(Renamed, tmp_path) == {("entry",): paths}
    assert get_all_result_paths(Original, tmp_path) == {("entry",): [paths[0], paths[2]]}
    assert load_run(Renamed, paths[0]).results == {"value": 1, "result": 3}
    with pytest.raises(WrongChallengeError, match="FORMER_NAMES"):
        load_run(Original, paths[1])


def test_former_names_are_not_inherited(tmp_path):
    """What a base class was called before is no former name of its subclasses."""
    kind = type("Sub", (Renamed,), {"__module__": __name__})
    with recorded_run("entry", path=tmp_path, use_git=False):
        Original().run(3)
    with pytest.raises(RunNotFoundError):
        get_all_result_paths(kind, tmp_path)
