"""Comparing entries of a store: which runs count, what is left out and why, and what is refused."""

from __future__ import annotations

import json
import math
import pickle
import re
import subprocess
import sys
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from challenges import ExampleChallenge
from run_folders import CHALLENGE, PUBLISHED, START, needs_published, write_run
from scored_runs import DATA, write_scored_run, write_store

from gaitmap_results import (
    compare_entries,
    compare_runs,
    compare_scores,
    load_scores,
    recorded_run,
    withdraw_run,
)
from gaitmap_results.comparing.comparability import _labels_hash, reasons_against
from gaitmap_results.exceptions import (
    InvalidOptionError,
    NotComparableError,
    ResultsFolderError,
    RunNotFoundError,
)
from gaitmap_results.reading.selecting import find_runs

OLD = [4.0, 5, 6, 5, 4, 6, 7]
NEW = [3.0, 4.5, 5, 4, 3.5, 5, 6]
OTHER = [4.5, 5, 5, 6, 4, 6, 7.5]
TWICE = [{"unit": ["P1"], "fold": None, "scores": {"error": 1}}] * 2


def later(hours):
    """Return a start so many hours after the others."""
    return START + timedelta(hours=hours)


def left_out(comparison):
    """Return why each run was left out, by its folder."""
    return {str(path): reason for path, reason in comparison.left_out}


def refused(*arguments, function=compare_entries, **options):
    """Return the error of a comparison that is refused."""
    with pytest.raises(NotComparableError) as caught:
        function(*arguments, **options)
    assert isinstance(caught.value, ValueError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.reasons) == (str(caught.value), caught.value.reasons)
    assert all(reason in str(caught.value) for reason in caught.value.reasons[:12])
    return caught.value


# What is compared


def test_entries_are_compared_by_their_main_score(tmp_path):
    """The table is that of compare_scores for the scores of the latest official runs, unit by unit."""
    paths = write_store(tmp_path, {"old": OLD, "new": NEW, "other": OTHER})
    comparison = compare_entries(CHALLENGE, tmp_path)
    expected = pd.DataFrame({"new": NEW, "old": OLD, "other": OTHER}, index=[f"P{number}" for number in range(1, 8)])
    expected.index.name = "participant"
    pd.testing.assert_frame_equal(comparison.scores, expected)
    pd.testing.assert_frame_equal(comparison.table, compare_scores(expected, direction="minimize"))
    assert (comparison.score, comparison.direction, comparison.baseline) == ("error", "minimize", None)
    assert comparison.left_out == []
    assert comparison.paths == {name: [paths[name]] for name in ("new", "old", "other")}


def test_all_entries_against_a_baseline(tmp_path):
    """With a baseline each entry is compared with it; a nested one is named with slashes or as a tuple."""
    write_store(tmp_path, {"new": NEW, "other": OTHER})
    write_scored_run(tmp_path, ["grp", "b"], OLD)
    for baseline in ("grp/b", ("grp", "b")):
        comparison = compare_entries(CHALLENGE, tmp_path, baseline=baseline)
        assert comparison.table.entry.tolist() == ["new", "other"]
        assert set(comparison.table.baseline) == {"grp/b"}
    assert comparison.table.verdict.tolist() == ["better", "not shown to differ"]


def test_the_latest_official_run_of_an_entry_counts(tmp_path):
    """An older official run and a later debug run of an entry do not count; the debug run is named."""
    write_store(tmp_path, {"old": OLD, "new": OTHER})
    latest = write_scored_run(tmp_path, "new", NEW, start=later(1))
    debug = write_scored_run(
        tmp_path, "new", OTHER, start=later(2), is_debug_run=True, debug_reasons=[{"code": "git.dirty"}]
    )
    comparison = compare_entries(CHALLENGE, tmp_path)
    assert comparison.paths["new"] == [latest]
    assert left_out(comparison) == {str(debug): "it is a debug run (git.dirty)"}
    with_debug = compare_entries(CHALLENGE, tmp_path, include_debug=True)
    assert with_debug.paths["new"] == [debug]
    assert with_debug.left_out == []


@pytest.mark.parametrize(
    ("values", "changes", "reason"),
    [
        (NEW, {"is_debug_run": True, "debug_reasons": [{"code": "recovered"}]}, "it was recovered"),
        ([*NEW[:2], None, *NEW[3:]], {}, "its error is missing for P3"),
        ([None] * 7, {}, "its error is missing for P1, P2, P3, P4, P5 and 2 more"),
        (NEW[:-2], {}, "it has no scores for P6, P7, which other runs have"),
        (NEW, {"more": {"rows": TWICE}}, "several rows of its scores have the same unit: P1"),
        (NEW, {"score": "another"}, "it has no score error"),
        (NEW, {"more": {"rows": "none"}}, "scores.json cannot be read: it does not have the form"),
    ],
)
def test_a_run_that_does_not_fit_is_left_out_with_its_reason(tmp_path, values, changes, reason):
    """A run that was recovered, has no such score, lacks units or numbers, or repeats units is named."""
    write_store(tmp_path, {"old": OLD, "other": OTHER})
    run = write_scored_run(tmp_path, "new", values, **changes)
    comparison = compare_entries(CHALLENGE, tmp_path, score="error", include_debug=True)
    assert list(comparison.scores) == ["old", "other"]
    assert list(left_out(comparison)) == [str(run)]
    assert reason in left_out(comparison)[str(run)]


def rows_of(units, values):
    """Return the rows of a scores.json for these units, whose levels are participant and trial."""
    rows = [
        {"unit": list(unit), "fold": None, "scores": {"error": value}}
        for unit, value in zip(units, values, strict=True)
    ]
    return {"units": ["participant", "trial"], "rows": rows}


def test_trials_of_a_participant_are_averaged_first(tmp_path):
    """Several rows of one participant count as one, which is told; a trial without a score costs the participant."""
    units = [(f"P{number}", trial) for number in range(1, 8) for trial in (1, 2)]
    for name, values in (("old", OLD), ("new", NEW)):
        each = [value + shift for value in values for shift in (-0.5, 0.5)]
        write_scored_run(tmp_path, name, [], more=rows_of(units, each))
    comparison = compare_entries(CHALLENGE, tmp_path)
    assert comparison.scores["old"].to_dict() == {f"P{n}": value for n, value in enumerate(OLD, start=1)}
    assert comparison.scores.index.name == "participant"
    assert (comparison.table.n[0], comparison.table.note[0]) == (7, "averaged over trial first")
    gap = write_scored_run(tmp_path, "gap", [], more=rows_of(units, [None, *range(13)]))
    assert left_out(compare_entries(CHALLENGE, tmp_path)) == {str(gap): "its error is missing for P1"}


def test_participants_whose_ids_are_those_of_another_cohort(tmp_path):
    """An id that is unique only within a cohort, or with every other level, is one participant each."""
    units = [(cohort, number) for cohort in ("HA", "MS") for number in range(4)]
    for name, values in (("old", [*OLD, 1]), ("new", [*NEW, 0])):
        more = {**rows_of(units, values), "units": ["cohort", "participant"]}
        write_scored_run(tmp_path, name, [], more=more)
    comparison = compare_entries(CHALLENGE, tmp_path)
    assert comparison.scores.index.tolist() == units
    assert comparison.table.note[0] == ""


def test_labels_that_differ_in_their_type_only(tmp_path):
    """Participants called 1 here and "1" there are not the same, and the reason says so."""
    write_scored_run(tmp_path, "old", [], more={"rows": [{"unit": [1], "fold": None, "scores": {"error": 1}}]})
    write_scored_run(tmp_path, "new", {"1": 1})
    reasons = refused(CHALLENGE, tmp_path).reasons
    assert len(reasons) == 2
    assert all("(1 is a number in one of them and a text in the other)" in reason for reason in reasons)


def test_one_number_for_the_whole_data(tmp_path):
    """Scores without units are laid side by side, and never called participants."""
    for name, value in (("old", 2), ("new", 1)):
        rows = [{"unit": [], "fold": None, "scores": {"error": value}}]
        write_scored_run(tmp_path, name, [], more={"units": [], "rows": rows})
    comparison = compare_entries(CHALLENGE, tmp_path)
    assert comparison.table.verdict[0].startswith("not tested: with 1 unit")
    assert "this 1 data set" in comparison.scope
    assert comparison.to_dict()["units"] == [[]]
    assert json.dumps(comparison.to_dict(), allow_nan=False)


def test_a_run_without_scores_and_a_damaged_folder_are_named(tmp_path):
    """Runs without scores and folders that are no runs are named with the others that were left out."""
    write_store(tmp_path, {"old": OLD, "other": OTHER})
    run = write_run(tmp_path, "none")
    damaged = write_run(tmp_path, "damaged")
    (damaged / "metadata.json").write_text("{")
    found = left_out(compare_entries(CHALLENGE, tmp_path))
    assert found[str(run)] == "it has no scores"
    assert "cannot be read as JSON" in found[str(damaged)]


def test_runs_of_an_entry_that_differ_in_a_seed_are_averaged(tmp_path):
    """With runs="mean", runs that differ in a seed only are averaged unit by unit, and their spread is told."""
    write_scored_run(tmp_path, "old", OLD)

    def parameters(**own):
        return {"challenge": {"class": "C", "parameters": {"folds": 3}}, "pipeline": {"class": "A", "parameters": own}}

    for hours, (seed, values) in enumerate([(1, NEW), (2, OTHER), (3, OLD)]):
        write_scored_run(
            tmp_path, "new", values, start=later(hours), parameters=parameters(algo__random_state=seed, order=2)
        )
    tuned = write_scored_run(
        tmp_path, "new", NEW, start=later(-1), parameters=parameters(algo__random_state=1, order=3)
    )
    comparison = compare_entries(CHALLENGE, tmp_path, runs="mean")
    assert comparison.scores["new"].tolist() == pytest.approx(np.mean([NEW, OTHER, OLD], axis=0).tolist())
    spread = np.std([np.mean(NEW), np.mean(OTHER), np.mean(OLD)], ddof=1)
    assert comparison.table.note[0] == f"new: mean of 3 runs, SD between them {spread:.3g}"
    assert left_out(comparison) == {str(tuned): "its parameters are not those of the latest run of its entry"}
    assert len(compare_entries(CHALLENGE, tmp_path).paths["new"]) == 1


@pytest.mark.parametrize("described", [True, False])
def test_what_is_averaged_is_told_from_records_of_every_kind(tmp_path, described):
    """Seeds may stand in the challenge, at any depth, or only in the repr of an older record."""

    def parameters(order, seed):
        if not described:
            text = f"Tuned(Shin(order={order}, rng=Random(seed={seed})), at <f object at 0x7f{seed}abcdef>)"
            return {"parameters": ..., "repr_pipeline": text}
        challenge = {"class": "C", "parameters": {"cv": {"class": "KFold", "parameters": {"random_state": seed}}}}
        return {"parameters": {"challenge": challenge, "pipeline": {"class": "A", "parameters": {"order": order}}}}

    write_scored_run(tmp_path, "old", OLD, **parameters(2, 1))
    for hours, (order, seed) in enumerate([(3, 1), (2, 2), (2, 3)]):
        write_scored_run(tmp_path, "new", NEW, start=later(hours), **parameters(order, seed))
    comparison = compare_entries(CHALLENGE, tmp_path, runs="mean")
    assert len(comparison.paths["new"]) == 2
    assert list(left_out(comparison).values()) == ["its parameters are not those of the latest run of its entry"]


def test_scores_of_folds_use_the_sizes_that_are_stored(tmp_path):
    """Scores of folds are compared by the corrected t, with the sizes of the folds where they are known."""
    rows = [{"unit": [fold], "fold": fold, "scores": {"error": float(fold)}} for fold in range(7)]
    folds = [{"fold": fold, "n_test": 1, "n_train": 4} for fold in range(7)]
    write_scored_run(tmp_path, "old", OLD, more={"units": ["fold"], "rows": rows, "folds": folds})
    for each in rows:
        each["scores"]["error"] += 1 + 0.1 * each["fold"]
    write_scored_run(tmp_path, "new", OLD, more={"units": ["fold"], "rows": rows, "folds": folds})
    comparison = compare_entries(CHALLENGE, tmp_path)
    row = comparison.table.iloc[0]
    differences = np.array([1 + 0.1 * fold for fold in range(7)])
    factor = math.sqrt((1 / 7 + 1 / 4) * differences.var(ddof=1))
    assert (row.high - row.difference) / factor == pytest.approx(2.446911851)
    assert row.note.startswith("approximate")
    assert comparison.means[["low", "high"]].isna().all(axis=None)


# What is refused


def test_a_store_with_one_entry(tmp_path):
    """One entry alone is nothing to compare, and every run that was left out is named, with what helps."""
    write_store(tmp_path, {"old": OLD})
    debug = write_scored_run(tmp_path, "new", NEW, is_debug_run=True)
    error = refused(CHALLENGE, tmp_path)
    assert error.reasons == (f"{debug}: it is a debug run",)
    assert "only old has a run that can be compared" in str(error)
    assert "include_debug=True" in str(error)
    with pytest.raises(RunNotFoundError):
        compare_entries("other.Challenge", tmp_path)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"challenge_version": "2.0.0"}, "version of the challenge"),
        ({"data": {**DATA, "index_sha256": "b" * 64}}, "data"),
        ({"data": {**DATA, "class": "gait_lab.Others"}}, "data"),
        ({"parameters": {"challenge": {"class": "C", "parameters": {"folds": 5}}}}, "parameters of the challenge"),
    ],
)
def test_runs_that_differ_in_more_than_the_entry(tmp_path, changes, what):
    """Another version, other data and other parameters of the challenge are refused, and the runs are named."""
    paths = write_store(tmp_path, {"old": OLD, "other": OTHER})
    run = write_scored_run(tmp_path, "new", NEW, **changes)
    error = refused(CHALLENGE, tmp_path)
    (reason,) = error.reasons
    assert reason.startswith(f"another {what}: ")
    assert all(str(path) in reason for path in (*paths.values(), run))


def test_parameters_that_say_how_and_not_what(tmp_path):
    """The number of processes, where the data lie and caches are no difference of the challenge."""
    for number, entry in enumerate(("old", "new")):
        described = {"n_jobs": number, "dataset__memory": {"class": "Memory"}, "data": f"/home/{entry}/lab", "folds": 3}
        parameters = {"challenge": {"class": "C", "parameters": described}}
        write_scored_run(tmp_path, entry, [OLD, NEW][number], parameters=parameters)
    assert len(compare_entries(CHALLENGE, tmp_path).table) == 1


def test_a_version_can_be_chosen(tmp_path):
    """With a version named, runs of other versions are left out; an entry may have a newer one."""
    write_store(tmp_path, {"old": OLD, "new": NEW})
    newer = write_scored_run(tmp_path, "new", OTHER, start=later(1), challenge_version="2.0.0")
    assert "version=" in str(refused(CHALLENGE, tmp_path))
    comparison = compare_entries(CHALLENGE, tmp_path, version="1.0.0")
    assert comparison.scores["new"].tolist() == NEW
    assert left_out(comparison) == {str(newer): "it is of version 2.0.0, not 1.0.0"}
    refused(CHALLENGE, tmp_path, version="3")


def test_mixed_directions_and_kinds_of_units(tmp_path):
    """Runs that disagree about the direction of a score, or about what a unit is, are refused."""
    write_scored_run(tmp_path / "a", "old", OLD)
    write_scored_run(tmp_path / "a", "new", NEW, direction="maximize")
    assert [reason.split()[0] for reason in refused(CHALLENGE, tmp_path / "a").reasons] == ["maximize", "minimize"]
    write_scored_run(tmp_path / "b", "old", OLD)
    write_scored_run(tmp_path / "b", "new", NEW, units=["subject"])
    assert len(refused(CHALLENGE, tmp_path / "b").reasons) == 2


def test_missing_everywhere(tmp_path):
    """Where every run has missing scores, or no row, there is nothing to compare."""
    write_store(tmp_path / "missing", {"old": [None] * 7, "new": [None] * 7})
    assert len(refused(CHALLENGE, tmp_path / "missing").reasons) == 2
    write_store(tmp_path / "none", {"old": [], "new": []})
    assert all(reason.endswith("it has no scores") for reason in refused(CHALLENGE, tmp_path / "none").reasons)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"score": "f1"}, "No run has a score 'f1'. The scores are: error"),
        ({"score": 3}, "score is 3"),
        ({"baseline": "nobody"}, "The baseline 'nobody' has no run that can be compared. The entries are: new, old"),
        ({"direction": "maximize"}, "direction is 'maximize', but the records say to minimize error"),
        ({"direction": "up"}, "direction is 'up'"),
        ({"alpha": 2}, "alpha is 2"),
        ({"smallest_effect": -1}, "smallest_effect is -1"),
        ({"runs": "best"}, "runs is 'best'"),
        ({"runs": ["mean"]}, "runs is ['mean']"),
        ({"baseline": 7}, "The baseline '7' has no run"),
    ],
)
def test_options_that_make_no_sense(tmp_path, options, problem):
    """An unknown score or baseline and other wrong options are errors that say what there is."""
    write_store(tmp_path, {"old": OLD, "new": NEW})
    with pytest.raises(InvalidOptionError, match=re.escape(problem)):
        compare_entries(CHALLENGE, tmp_path, **options)


def test_a_baseline_that_was_left_out_says_why(tmp_path):
    """If the baseline's run cannot be compared, the error says for what reason."""
    write_store(tmp_path, {"old": OLD, "other": OTHER})
    write_scored_run(tmp_path, "new", [None, *NEW[1:]])
    with pytest.raises(InvalidOptionError, match="its error is missing for P1"):
        compare_entries(CHALLENGE, tmp_path, baseline="new")


def test_scores_without_a_direction(tmp_path):
    """Where no record says the direction, it has to be given."""
    write_store(tmp_path, {"old": OLD, "new": NEW}, direction=None)
    with pytest.raises(InvalidOptionError, match="Give direction="):
        compare_entries(CHALLENGE, tmp_path)
    assert compare_entries(CHALLENGE, tmp_path, direction="maximize").table.verdict[0] == "better"


def test_what_the_class_says_of_its_scores(tmp_path):
    """Where records say no direction that of the class counts; where they contradict each other, nothing is guessed."""
    write_store(tmp_path / "silent", {"old": OLD, "new": NEW}, direction=None)
    write_store(tmp_path / "told", {"old": OLD, "new": NEW})
    kind = type("Challenge", (), {"__module__": "gait_lab", "SCORES": {"error": "maximize"}})
    assert compare_entries(kind, tmp_path / "silent").direction == "maximize"
    with pytest.raises(InvalidOptionError, match="says to 'maximize', but the records say to minimize"):
        compare_entries(kind, tmp_path / "told")
    for wrong in (7, "error", {"error": "up"}):
        kind.SCORES = wrong
        with pytest.raises(InvalidOptionError, match="it takes"):
            compare_entries(kind, tmp_path / "told")
    kind.SCORES = property(lambda self: {})
    assert compare_entries(kind, tmp_path / "told").direction == "minimize"


def test_names_full_of_markup(tmp_path):
    """Names that look like markup are harmless where a notebook shows them."""
    write_store(tmp_path, {"old": OLD, "new": NEW})
    write_scored_run(tmp_path, "bad", [None] * 7, score="<b>x</b>")
    assert "<b>x" not in compare_entries(CHALLENGE, tmp_path, score="error")._repr_html_()


# Runs


def test_two_runs_of_one_entry(tmp_path):
    """Any runs are compared under the names that they are given: did my change help?"""
    before = write_scored_run(tmp_path, "mine", OLD)
    after = write_scored_run(tmp_path, "mine", NEW, start=later(1))
    comparison = compare_runs({"before": before, "after": after})
    row = comparison.table.iloc[0]
    assert (row.entry, row.baseline, row.verdict) == ("after", "before", "better")
    assert comparison.paths == {"before": [before], "after": [after]}
    assert compare_runs({"after": after, "before": before}, baseline="before").table.verdict[0] == "better"


def test_runs_that_cannot_be_compared(tmp_path):
    """Debug runs, runs of another challenge and what is no run are refused, each with its reason."""
    official = write_scored_run(tmp_path, "mine", OLD)
    debug = write_scored_run(tmp_path, "mine", NEW, start=later(1), is_debug_run=True)
    error = refused({"a": official, "b": debug}, function=compare_runs)
    assert f"{debug}: it is a debug run" in error.reasons
    assert compare_runs({"a": official, "b": debug}, include_debug=True).table.verdict[0] == "better"
    other = write_scored_run(tmp_path, "mine", NEW, challenge="gait_lab.Other")
    assert refused({"a": official, "b": other}, function=compare_runs).reasons[0].startswith("another challenge: ")
    with pytest.raises(RunNotFoundError):
        compare_runs({"a": official, "b": tmp_path})
    for given in ([official, debug], {1: official}, {"a": official, "b": 7}):
        with pytest.raises(InvalidOptionError, match="it takes a dictionary"):
            compare_runs(given)
    with pytest.raises(InvalidOptionError, match="one of the names of the runs"):
        compare_runs({"a": official, "b": debug}, baseline=["a"])


# Withdrawn runs


def test_a_withdrawn_run_is_left_out_with_its_reason(tmp_path):
    """A run that was withdrawn stays as it is, and the one before it counts."""
    write_store(tmp_path, {"old": OLD, "new": OTHER})
    run = write_scored_run(tmp_path, "new", NEW, start=later(1))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    file = withdraw_run(run, "  wrong calibration ")
    assert file.parent.parent == tmp_path / ".attestations"
    assert json.loads(file.read_text())["reason"] == "wrong calibration"
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    comparison = compare_entries(CHALLENGE, tmp_path)
    assert comparison.scores["new"].tolist() == OTHER
    assert left_out(comparison) == {str(run): "it was withdrawn: wrong calibration"}
    with pytest.raises(InvalidOptionError, match="already withdrawn: wrong calibration"):
        withdraw_run(run, "again")


def test_a_record_of_gaitmap_challenges_can_be_withdrawn(tmp_path):
    """A run without an id is withdrawn like any other, and no other one with it."""
    old = write_scored_run(tmp_path, "old", OLD, run_id=...)
    write_store(tmp_path, {"new": NEW, "other": OTHER})
    withdraw_run(old, "wrong")
    assert left_out(compare_entries(CHALLENGE, tmp_path)) == {str(old): "it was withdrawn: wrong"}


def test_withdrawing_needs_a_run_and_a_reason(tmp_path):
    """Without a run or a reason, or outside of a results folder, nothing is withdrawn."""
    run = write_scored_run(tmp_path, "old", OLD)
    with pytest.raises(InvalidOptionError, match="No reason"):
        withdraw_run(run, " ")
    with pytest.raises(RunNotFoundError):
        withdraw_run(tmp_path, "wrong")
    (tmp_path / ".attestations").write_text("in the way")
    with pytest.raises(ResultsFolderError, match="cannot be written"):
        withdraw_run(run, "wrong")


# Real records


class Steps(ExampleChallenge):
    """Has one score for each of seven participants."""

    SCORES = {"error": "minimize"}

    def get_scores(self):
        return {"error": {f"P{number}": value for number, value in enumerate(self.result_)}}


class FormerSteps(Steps):
    """Was called so before."""


def test_recorded_runs(tmp_path):
    """Runs that were recorded are compared by the class, those under its former name with them."""
    for kind, name, values in ((FormerSteps, "old", OLD), (Steps, "new", NEW)):
        with recorded_run(name, path=tmp_path, use_git=False, debug_run=False):
            kind().run(values)
    renamed = type("Steps", (Steps,), {"__module__": __name__, "FORMER_NAMES": [f"{__name__}.FormerSteps"]})
    comparison = compare_entries(renamed, tmp_path)
    assert comparison.table.verdict.tolist() == ["worse"]
    assert json.dumps(comparison.to_dict(), allow_nan=False)
    assert comparison.to_dict()["left_out"] == []
    with recorded_run("third", path=tmp_path, use_git=False, debug_run=False):
        Steps(value=2).run(OTHER)
    assert refused(renamed, tmp_path).reasons[0].startswith("another parameters of the challenge")


@needs_published
def test_published_runs():
    """The published entries have one data set each, and their comparison is that of their derived scores."""
    comparison = compare_entries(
        "gaitmap_challenges.full_pipeline.kluge_2017.Challenge",
        PUBLISHED,
        score="stride_length__abs_error",
        direction="minimize",
        baseline=("gaitmap", "mad_classic", "default"),
    )
    assert list(comparison.scores) == [
        "gaitmap/mad_classic/default",
        "gaitmap/mad_modern/default",
        "gaitmap/mad_modern/optimized_zupt",
    ]
    for name, paths in comparison.paths.items():
        expected = load_scores(paths[0])["stride_length__abs_error"]
        pd.testing.assert_series_equal(comparison.scores[name], expected, check_names=False)
    assert comparison.table.verdict.tolist() == ["better", "not shown to differ"]
    with pytest.raises(InvalidOptionError, match="None of the scores is the main score"):
        compare_entries("gaitmap_challenges.full_pipeline.kluge_2017.Challenge", PUBLISHED)


@needs_published
@pytest.mark.parametrize("challenge", sorted(path.name for path in PUBLISHED.glob("gaitmap_challenges.*")))
def test_published_runs_of_a_challenge_have_one_data_set(challenge):
    """All 17 published runs tell their data by the labels: one fingerprint for each challenge and version."""
    runs, _ = find_runs(challenge, PUBLISHED)
    versions = {run.challenge_version for run in runs}
    for version in versions:
        chosen = [(run.folder, run) for run in runs if run.challenge_version == version]
        assert len(chosen) > 1
        assert reasons_against(chosen, one_challenge=True) == []
        assert len({_labels_hash(run) for _, run in chosen} - {None}) == 1


# What it costs


def test_no_statistics_are_imported_where_nothing_is_compared():
    """Neither the package nor its list of commands imports what only comparing needs."""
    program = "import sys; import gaitmap_results.cli.list_runs, gaitmap_results.reading.scores; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert {
        "scipy",
        "numpy",
        "pandas",
        "matplotlib",
        "jinja2",
        "gaitmap_results.comparing.paired_statistics",
    }.isdisjoint(shown)
