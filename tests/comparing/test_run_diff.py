"""What changed between two runs, as a function and as a command."""

from __future__ import annotations

import json
import re

import pytest
from challenges import ExampleChallenge
from command import in_process
from git_repository import GitRepository
from processes import run_python
from run_folders import PUBLISHED, needs_published, write_run

from gaitmap_results import diff_runs, recorded_run
from gaitmap_results.comparing.parameters import parameters_in_repr
from gaitmap_results.exceptions import RunNotFoundError

KLUGE = PUBLISHED / "gaitmap_challenges.full_pipeline.kluge_2017.Challenge" / "1.0.0" / "gaitmap"
SYSTEM = {
    "python_version": "3.12.1 (main)",
    "python_implementation": "cpython",
    "packages_info": {"numpy": "2.0.0", "tpcp": "3.0.0"},
    "cpu": {"brand_raw": "A processor", "arch": "X86_64", "count": 4},
}
PARAMETERS = {
    "challenge": {"class": "gait_lab.Challenge", "parameters": {"n_folds": 3}},
    "pipeline": {"class": "gait_lab.Shin", "parameters": {"axis": "z", "filter": {"class": "Butter", "order": 4}}},
    "dataset": {"class": "gait_lab.Walks", "parameters": {}},
}
OTHER_ORDER = {"class": "gait_lab.Shin", "parameters": {"axis": "z", "filter": {"class": "Butter", "order": 2}}}
DATA = {"class": "gait_lab.Walks", "n_datapoints": 9, "index_sha256": "aa", "files": None}


class ScoredChallenge(ExampleChallenge):
    """Has one score for each participant."""

    SCORES = {"f1": "maximize"}
    current = None

    def get_scores(self):
        """Return what the entry returned."""
        return {"f1": self.result_}


def current():
    """Return the results of the algorithm as it is now."""
    return ScoredChallenge.current


def record(results, entry):
    """Record a run with such results, of an algorithm whose parameters stay the same, and return its folder."""
    with recorded_run("entry", path=results, use_git=False) as r:
        ScoredChallenge.current = entry
        ScoredChallenge().run(current)
    return r.path_


@pytest.fixture
def pair(tmp_path):
    """Return a function that writes two runs that differ in the given keys of metadata.json."""

    def write(first, second):
        common = {"system_info": SYSTEM, "parameters": PARAMETERS, "data": DATA, "config": None}
        return [write_run(tmp_path / name, **{**common, **each}) for name, each in (("a", first), ("b", second))]

    return write


@pytest.mark.parametrize(
    ("section", "name", "first", "second"),
    [
        ("challenge", "version", {"challenge_version": "1.0.0"}, {"challenge_version": "1.1.0"}),
        ("data", "index_sha256", {}, {"data": {**DATA, "index_sha256": "bb"}}),
        ("code", "commit", {}, {"git_commit_hash": "77aa"}),
        ("code", "uncommitted changes", {}, {"git_dirty": True}),
        (
            "code",
            "ssh://lab/algo.git: commit",
            {"code": {"repositories": [{"remote": "ssh://lab/algo.git", "commit": "1"}]}},
            {"code": {"repositories": [{"remote": "ssh://lab/algo.git", "commit": "2"}]}},
        ),
        ("parameters", "pipeline.filter.order", {}, {"parameters": {**PARAMETERS, "pipeline": OTHER_ORDER}}),
        ("packages", "numpy", {}, {"system_info": {**SYSTEM, "packages_info": {"numpy": "2.1.0", "tpcp": "3.0.0"}}}),
        ("packages", "tpcp", {}, {"system_info": {**SYSTEM, "packages_info": {"numpy": "2.0.0"}}}),
        ("Python", "version", {}, {"system_info": {**SYSTEM, "python_version": "3.11.7"}}),
        ("machine", "processor", {}, {"system_info": {**SYSTEM, "cpu": {"brand_raw": "Another"}}}),
        ("config", "n_jobs", {"config": {"n_jobs": 1}}, {"config": {"n_jobs": 2}}),
    ],
)
def test_each_kind_of_change_is_told_in_its_section(pair, section, name, first, second):
    """A change shows in the section of its cause, and in no other."""
    found = diff_runs(*pair(first, second))
    assert list(found.sections) == [section]
    assert [each["name"] for each in found.sections[section]] == [name]
    assert section not in found.same
    assert len(found.same) == 9


@pytest.mark.parametrize(
    "second",
    [
        {"run_id": "another", "runtime": 99.0, "is_debug_run": True, "caller_file_path": "/elsewhere/x.py"},
        {"system_info": {**SYSTEM, "memory": {"available": 5}}},
        {"config": {"results_dir": "/elsewhere", "cache_dir": "/c", "datasets": {"lab": "/d"}}},
    ],
)
def test_what_always_differs_is_no_difference(pair, second):
    """Ids, times, paths and free memory differ between any two runs and are not told."""
    first = {"config": {"results_dir": "/here", "datasets": {}}} if "config" in second else {}
    found = diff_runs(*pair(first, second))
    assert found.sections == {}
    assert str(found).startswith("the same: challenge, data, code")


def test_what_one_record_does_not_know_is_no_difference(pair):
    """A fact that an older record does not hold is unknown, and unknown is not another value."""
    assert diff_runs(*pair({"data": None, "system_info": {}, "parameters": PARAMETERS}, {})).sections.keys() == {
        "packages"
    }


def test_runtimes_are_told_on_the_same_processor_only(pair):
    """A runtime says something only beside one of the same processor, and is never a difference."""
    assert diff_runs(*pair({"runtime": 1.0}, {"runtime": 2.0})).runtime == (1.0, 2.0)
    other = {**SYSTEM, "cpu": {"brand_raw": "Another"}}
    assert diff_runs(*pair({"runtime": 1.0}, {"runtime": 2.0, "system_info": other})).runtime is None


def test_scores_are_compared_unit_by_unit(tmp_path):
    """The change of a score says how many participants got better and worse, and names the worst one."""
    runs = [
        record(tmp_path / "r", each)
        for each in ({"P1": 0.5, "P2": 0.5, "P3": 0.5}, {"P1": 0.75, "P2": 0.25, "P3": 0.5})
    ]
    found = diff_runs(*runs)
    (score,) = found.sections["scores"]
    assert (score["name"], score["n_units"], score["n_better"], score["n_worse"]) == ("f1", 3, 1, 1)
    assert (score["worst_unit"], score["worst_difference"]) == (["P2"], -0.25)
    assert score["mean_difference"] == pytest.approx(0.0)
    assert "worst: P2 (-0.25)" in str(found)
    assert list(found.sections) == ["scores", "results"]


def test_where_all_got_better_nobody_is_the_worst(tmp_path):
    """The unit that gained least is named as that."""
    runs = [record(tmp_path / "r", each) for each in ({"P1": 0.5, "P2": 0.5}, {"P1": 0.75, "P2": 0.625})]
    found = str(diff_runs(*runs))
    assert "smallest gain: P2 (+0.125)" in found
    assert "worst" not in found


def test_an_empty_value_is_seen(pair):
    """An empty text is quoted, a list without items is none, and control characters are escaped."""
    changed = {"label": "new\x1b\u202e", "kinds": ["a"]}
    found = str(diff_runs(*pair({"config": {"label": "", "kinds": []}}, {"config": changed})))
    assert r"label  '' → new\x1b\u202e" in found
    assert "kinds  none → a" in found


def test_an_absurd_runtime_is_no_runtime(pair):
    """A number beyond the range of floats, in a record from a stranger, does not end the comparison."""
    assert diff_runs(*pair({"runtime": 10**400}, {"runtime": 2.0})).runtime is None


@pytest.mark.filterwarnings("ignore::gaitmap_results.GaitmapResultsWarning")
def test_an_edit_that_was_committed_is_told(tmp_path, monkeypatch):
    """Of two runs at different commits the commits are told."""
    repository = GitRepository(tmp_path / "study")
    monkeypatch.chdir(repository.path)
    runs = []
    for text in ("x = 1\n", "x = 2\n"):
        repository.write("algorithm.py", text)
        repository.commit()
        with recorded_run("entry", path=tmp_path / "r") as r:
            ExampleChallenge().run(1)
        runs.append(r.path_)
    found = diff_runs(*runs)
    assert [each["name"] for each in found.sections["code"]] == ["commit"]


def test_the_differences_are_json(pair):
    """What to_dict returns can be written as JSON."""
    found = diff_runs(*pair({}, {"git_commit_hash": None}))
    assert json.loads(json.dumps(found.to_dict()))["sections"] == found.sections
    assert "<pre>" in found._repr_html_()


def test_a_missing_run_is_an_error(tmp_path):
    """A folder without a run is told as such."""
    with pytest.raises(RunNotFoundError):
        diff_runs(tmp_path, tmp_path)


def test_the_command_says_by_its_exit_code_whether_runs_differ(tmp_path):
    """A repetition is alike, which is 0; different is 1, trouble is 2."""
    one, again, other = (record(tmp_path / "r", {"P1": value}) for value in (0.5, 0.5, 0.25))
    assert diff_runs(one, again).sections == {}
    assert in_process("diff", one, again).code == 0
    done = in_process("diff", one, other)
    assert (done.code, "f1  0.5 → 0.25" in done.out) == (1, True)
    assert in_process("diff", one, tmp_path / "nothing").code == 2
    assert json.loads(in_process("diff", one, other, "--json").out)["sections"]["scores"][0]["second"] == 0.25


@pytest.mark.parametrize(
    ("after", "allowed", "code"), [(0.49, 0.02, 0), (0.47, 0.02, 1), (0.9, 0, 0), (0.5, 0, 0), (0.49, 0, 1)]
)
def test_a_gate_fails_only_if_the_score_got_worse(tmp_path, after, allowed, code):
    """With --max-drop the exit code says whether the mean got worse by more than that."""
    one, other = (record(tmp_path / "r", {"P1": value}) for value in (0.5, after))
    assert in_process("diff", one, other, "--max-drop", f"f1={allowed}").code == code


@pytest.mark.parametrize("given", ["f1", "f1=x", "f1=-1", "=1", "other=0.1", "f1=nan"])
def test_a_gate_that_makes_no_sense_is_trouble(tmp_path, given):
    """A score that nobody has, or a number that is none, never lets a gate pass."""
    one = record(tmp_path / "r", {"P1": 0.5})
    done = in_process("diff", one, one, "--max-drop", given)
    assert done.code == 2
    assert "--max-drop" in done.err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Shin()", {"p": "Shin"}),
        ("Shin(1, b=[2, 3])", {"p": "Shin", "p.0": "1", "p.b": "[2, 3]"}),
        ("<f at 0x7f00aa>", {"p": "<f>"}),
        ("broken(", {"p": "broken("}),
        ('a(b=\'),\', c="x\\"(")', {"p": "a", "p.b": "'),'", "p.c": '"x\\"("'}),
        ("f(x)(y)", {"p": "f(x)(y)"}),
        ("GridSearch(x)\n[9 rows]", {"p": "GridSearch(x) [9 rows]"}),
    ],
)
def test_a_repr_is_split_into_parameters(text, expected):
    """Old records hold reprs only; a parameter in one is found, and what cannot be split stays whole."""
    assert parameters_in_repr(text, "p") == expected


def test_a_parameter_that_was_added_to_an_old_record_is_told(pair):
    """Of two reprs the parameter that one of them lacks is named."""
    reprs = [
        {"parameters": ..., "repr_pipeline": f"Optuna(pipeline=Dtw(n=2){more})"} for more in ("", ", random_seed=42")
    ]
    (change,) = diff_runs(*pair(*reprs)).sections["parameters"]
    assert change == {"name": "pipeline.random_seed", "first": None, "second": "42"}


@needs_published
def test_published_runs_on_two_machines():
    """Of two published runs it says: three packages, another processor, and numbers that agree within tolerance."""
    first, second, third = sorted((KLUGE / "mad_modern" / "default").iterdir())
    found = diff_runs(first, second)
    assert [each["name"] for each in found.sections["packages"]] == ["click", "pip", "wheel"]
    assert "packages (3 of 87)" in str(found)
    assert "processor" in [each["name"] for each in found.sections["machine"]]
    (results,) = found.sections["results"]
    assert (results["n_different"], results["verdict"]) == (1616, "within tolerance")
    assert re.search(
        r"1,616 values in \d+ columns differ, at most by 2.2\de-05 % of the largest value of their column, within tol",
        str(found),
    )
    assert diff_runs(second, third).sections.keys() == {"code"}


def test_it_needs_no_pandas(tmp_path):
    """Whoever has only what recording needs can still compare two runs."""
    one, other = (record(tmp_path / "r", {"P1": value}) for value in (0.5, 0.25))
    code = (
        "import sys; sys.modules['pandas'] = None; sys.modules['scipy'] = None\n"
        "from gaitmap_results import diff_runs; print(sorted(diff_runs(*sys.argv[1:]).sections))"
    )
    assert run_python("-c", code, one, other, cwd=tmp_path).stdout.strip() == "['results', 'scores']"
