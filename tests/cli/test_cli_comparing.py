"""The commands that compare entries and runs: compare, withdraw, report, site."""

from __future__ import annotations

import json
import re
import shutil
import statistics
from datetime import timedelta

import pandas as pd
import pytest
from command import at_terminal, in_process
from run_folders import CHALLENGE, START, write_run
from scored_runs import write_scored_run, write_store

from gaitmap_results import LoadedRun, compare_entries, compare_runs, generate_overview_table, get_all_result_paths

OLD = [4.0, 5, 6, 5, 4, 6, 7]
NEW = [3.0, 4.5, 5, 4, 3.5, 5, 6]


@pytest.fixture
def results(tmp_path):
    """Return a results folder with three entries of one challenge."""
    folder = tmp_path / "results"
    write_store(folder, {"old": OLD, "new": NEW})
    write_scored_run(folder, ["grp", "b"], [each + 0.1 for each in OLD])
    return folder


def test_entries_of_a_challenge(results):
    """A challenge is named in full or in part, with the results folder behind it, as an option, or from the config."""
    expected = json.loads(json.dumps(compare_entries(CHALLENGE, results, baseline="old").to_dict()))
    for words in (["gait_lab", results], [CHALLENGE, "--results", results], [results], ["Challenge", results]):
        done = in_process("compare", *words, "--baseline", "old", "--json")
        assert done.code == 0
        assert json.loads(done.out) == expected
    assert [row["verdict"] for row in expected["table"]] == ["worse", "better"]
    assert [row["entry"] for row in expected["means"]] == ["new", "old", "grp/b"]
    assert [expected["means"][0][key] for key in ("n", "mean", "sd")] == [
        *(7, pytest.approx(sum(NEW) / 7), pytest.approx(statistics.stdev(NEW)))
    ]
    assert expected["means"][0]["low"] < sum(NEW) / 7 < expected["means"][0]["high"]


def test_runs(results):
    """Two runs are named by paths or ids, the baseline as one of them; they are shown under their entries."""
    old, new = (next(results.glob(f"*/*/{name}/*")) for name in ("old", "new"))
    identifier = json.loads((new / "metadata.json").read_text())["run_id"][:8]
    done = in_process("compare", old, identifier, "--results", results, "--baseline", old, "--json")
    assert json.loads(done.out) == json.loads(
        json.dumps(compare_runs({"old": old, "new": new}, baseline="old").to_dict())
    )
    twice = write_scored_run(results, "new", OLD)
    done = in_process("compare", new, twice, "--json")
    assert list(json.loads(done.out)["runs"]) == [f"new {new.name}", f"new {twice.name}"]
    assert "named twice" in in_process("compare", new, new).err
    assert "is one run. Name another one" in in_process("compare", new).err
    assert "but you named runs" in in_process("compare", old, new, "--runs", "mean").err


def test_copies_of_a_run_in_two_results_folders(results, tmp_path):
    """Runs that have entry and folder in common are told apart by their paths."""
    old = next(results.glob("*/*/old/*"))
    copy = write_store(tmp_path / "elsewhere", {"old": NEW})["old"]
    assert old.name == copy.name
    found = json.loads(in_process("compare", old, copy, "--json").out)
    assert found["runs"] == {str(old): [str(old)], str(copy): [str(copy)]}


def test_what_people_see(results):
    """The verdict stands beside the entry; each run that was left out is named, and what claims hold for."""
    debug = write_scored_run(results, "draft", NEW, is_debug_run=True)
    for done in (in_process("compare", "gait_lab", results), at_terminal("compare", "gait_lab", results, columns=120)):
        assert done.code == 0
        text = "\n".join(done.lines)
        assert "error, to minimize, of 3 entries in 7 participants" in text
        assert "better" in text
        assert re.search(r"^new +7 +4\.429 +1\.02 +\[3\.49, 5\.37\]", text, re.MULTILINE)
        assert "it is a debug run" in text
        assert "Debug runs are compared here" not in text
        assert debug.name in text
        assert "This holds for these 7 participants, and for the entries as they were tuned here." in text
    with_debug = in_process("compare", "gait_lab", results, "--include-debug")
    assert "Debug runs are compared here, too; they may not be published." in with_debug.lines


@pytest.mark.parametrize(
    ("words", "options", "code", "problem"),
    [
        ([], [], 2, "Name a challenge, or two runs."),
        (["nothing"], [], 1, "No challenge matches 'nothing'"),
        (["gait_lab"], ["--score", "f1"], 1, "No run has a score 'f1'"),
        (["gait_lab"], ["--baseline", "nobody"], 1, "has no run that can be compared"),
        (["gait_lab"], ["--direction", "up"], 2, "'up' is not one of"),
        (["gait_lab"], ["--version", "2"], 1, "nothing to compare"),
        (["gait_lab"], ["--alpha", "3"], 1, "alpha is 3.0"),
        (["gait_lab"], ["--smallest-effect", "-1"], 1, "smallest_effect is -1.0"),
    ],
)
def test_what_is_refused(results, words, options, code, problem):
    """What cannot be compared ends with another exit code than 0, and says why."""
    where = ["--results", results] if words else []
    done = in_process("compare", *words, *where, *options)
    assert (done.code, problem in done.err) == (code, True), done.err


def test_several_challenges(results):
    """A part of a name that several challenges have is refused, and they are named."""
    write_scored_run(results, "old", OLD, challenge="gait_lab.Other")
    done = in_process("compare", "gait_lab", results)
    assert done.code == 1
    assert "gait_lab.Other" in done.err
    assert in_process("compare", CHALLENGE, results).code == 0


def test_withdrawing(results):
    """A withdrawn run is left out with its reason, which is asked for."""
    run = next(results.glob("*/*/grp/b/*"))
    assert in_process("withdraw", run).code == 2
    done = in_process("withdraw", run, "--reason", "wrong calibration")
    assert done.code == 0
    assert ".attestations" in done.out
    found = json.loads(in_process("compare", "gait_lab", results, "--json").out)
    assert found["left_out"] == [{"path": str(run), "reason": "it was withdrawn: wrong calibration"}]
    assert in_process("withdraw", run, "--reason", "again").code == 1


def test_control_characters_stay_out_of_the_terminal(results):
    """Names and reasons that anybody may have written reach the terminal without their control characters."""
    write_scored_run(results, "draft", [None] * 7, score="error", more={"rows": [
        {"unit": ["\x1b[31mP1"], "fold": None, "scores": {"error": None}}]})  # fmt: skip
    done = in_process("compare", "gait_lab", results)
    assert done.code == 0
    assert "\x1b" not in done.out


def test_many_runs_that_are_left_out(results):
    """The first 20 are named, then how many more there are, and where: the JSON names each."""
    for number in range(23):
        write_scored_run(results, "draft", NEW, is_debug_run=True, start=START + timedelta(hours=number))
    done = in_process("compare", "gait_lab", results)
    assert done.out.count("it is a debug run") == 20
    assert "  and 3 more; --json names all" in done.lines
    assert len(json.loads(in_process("compare", "gait_lab", results, "--json").out)["left_out"]) == 23


# Scores where runs are listed


def test_scores_in_the_list(results):
    """The list shows the mean of the main score, or of the one that is named; as JSON the means of all."""
    assert "error 5.286" in in_process("list", results).out
    assert "Score" in in_process("list", results).lines[1]
    listed = json.loads(in_process("list", results, "--json").out)
    assert {row["entry_name"][-1]: row["scores"]["error"] for row in listed} == {
        "old": pytest.approx(sum(OLD) / 7),
        "new": pytest.approx(sum(NEW) / 7),
        "b": pytest.approx(sum(OLD) / 7 + 0.1),
    }
    assert "error 5.286" in in_process("list", results, "--score", "error").out
    assert "has a score 'f1'" in in_process("list", results, "--score", "f1").err


def test_scores_of_one_run(results):
    """`show` has a line for each score, and as JSON what scores.json says."""
    assert (
        "error (minimize): mean 4.429, 3 to 6 in 7 participants" in in_process("show", "new", "--results", results).out
    )
    shown = json.loads(in_process("show", "new", "--results", results, "--json").out)
    assert shown["scores"] == json.loads((next(results.glob("*/*/new/*")) / "scores.json").read_text())


@pytest.mark.parametrize(
    ("levels", "labels", "said"),
    [
        (["participant"], [[["P1"], ["P2"]], [["P3"]]], ", 3 participants"),
        (["participant", "trial"], [[["P1", "1"], ["P1", "2"]], [["P2", "1"]]], ", 2 participants"),
        (["cohort", "participant"], [[["HA", "1"]], [["MS", "1"]]], ""),
        (["recording"], [[["P1"]], [["P2"]]], ""),
    ],
)
def test_participants_of_a_run_without_scores(tmp_path, levels, labels, said):
    """Where no scores name them, `show` counts the participants in the data labels, if they leave no doubt."""
    run = write_run(tmp_path, "none", dataset_name="Lab")
    folds = {str(number): fold for number, fold in enumerate(labels)}
    (run / "results" / "cv_results.json").write_text(json.dumps({"test_data_labels": folds}))
    (run / "results" / "cv_metadata.json").write_text(json.dumps({"dataset_name": "Lab", "dataset_columns": levels}))
    data = next(line for line in in_process("show", run).out.splitlines() if line.startswith("Data "))
    assert data == f"Data   Lab{said}"
    (run / "results" / "cv_results.json").write_text("{")
    assert in_process("show", run).code == 0


def test_scores_in_exported_tables(results, tmp_path):
    """A table of runs has a column for the mean of each score; with --scores it has one row for each unit."""
    assert in_process("export", results, "--to", tmp_path / "runs.json").code == 0
    rows = json.loads((tmp_path / "runs.json").read_text())
    assert [row["score.error"] for row in rows] == pytest.approx([sum(OLD) / 7 + 0.1, sum(NEW) / 7, sum(OLD) / 7])
    assert in_process("export", results, "--scores", "--to", tmp_path / "units.json").code == 0
    units = [row for row in json.loads((tmp_path / "units.json").read_text()) if row["entry_name"] == "new"]
    assert [(row["participant"], row["error"]) for row in units] == [(f"P{n}", v) for n, v in enumerate(NEW, start=1)]
    assert units[0]["path"] == next(results.glob("*/*/new/*")).relative_to(results).as_posix()


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_columns_of_exported_scores(tmp_path, ending):
    """First what names the run, then units, then scores; no name hides another, and what has no row is told."""
    results, target = tmp_path / "results", tmp_path / f"scores.{ending}"
    write_scored_run(results, "a", [1.0, None], score="kind", units=["path"])
    write_scored_run(results, ["g", "b"], {"1": 0.1}, score="path", units=["trial"], run_id=...)
    without, absurd = write_run(results, "without"), write_scored_run(results, "absurd", [1.0])
    (absurd / "scores.json").write_text("[]")
    done = in_process("export", results, "--scores", "--to", target)
    assert done.code == 0
    assert f"Left out {without}: it has no scores" in done.err
    assert f"Left out {absurd}: " in done.err
    read = {"csv": pd.read_csv, "json": pd.read_json, "parquet": pd.read_parquet}[ending]
    table = read(target)
    run = ["entry_name", "challenge_name", "challenge_version", "kind", "run_id", "path"]
    assert list(table.columns) == [*run, "unit.path", "trial", "score.kind", "score.path"]
    assert list(table["entry_name"]) == ["a", "a", "g/b"]
    assert table["score.path"].tolist()[2] == 0.1
    assert table["score.kind"].isna().tolist() == [False, True, True]
    shutil.rmtree(results)
    write_run(results, "without")
    assert in_process("export", results, "--scores", "--to", target, "--overwrite").code == 0
    assert list(read(target).columns) == ([] if ending == "json" else run)


def test_scores_in_the_overview_and_the_card(results):
    """The table for people names the main score, and a notebook shows the scores of a run."""
    table = generate_overview_table(get_all_result_paths(CHALLENGE, results))
    assert table["error"].tolist() == pytest.approx([sum(OLD) / 7 + 0.1, sum(NEW) / 7, sum(OLD) / 7])
    run = LoadedRun(json.loads((next(results.glob("*/*/new/*")) / "metadata.json").read_text()), {}, {})
    run.path = next(results.glob("*/*/new/*"))
    assert "error (minimize): mean 4.429" in run._repr_html_()


# Pages


def test_report_and_site(results, tmp_path):
    """The commands write what the functions write, keep an existing file, and write nothing that is refused."""
    pytest.importorskip("matplotlib")
    page = tmp_path / "report.html"
    assert in_process("report", "gait_lab", results, "-o", page, "--baseline", "old").code == 0
    assert "new is better than old" in page.read_text()
    done = in_process("report", results, "-o", page)
    assert (done.code, "already exists" in done.err) == (1, True)
    assert in_process("report", results, "-o", page, "--overwrite").code == 0
    assert in_process("report", "nothing", results, "-o", tmp_path / "no.html").code == 1
    assert in_process("report", results, "--score", "f1", "-o", tmp_path / "no.html").code == 1
    assert not (tmp_path / "no.html").exists()
    assert in_process("site", tmp_path / "public", "--results", results).code == 0
    assert (tmp_path / "public" / "index.html").exists()
