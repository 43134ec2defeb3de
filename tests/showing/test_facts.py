"""The facts about a run, told once for terminals, notebooks and reports."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitmap_results.provenance.code_repositories import CodeRepository
from gaitmap_results.showing.facts import fact_lines, parameter_text, run_facts, run_title
from gaitmap_results.showing.html import run_html

RECORD = {
    "entry_name": "shin",
    "challenge_name": "gait.Steps",
    "challenge_version": "1.0.0",
    "is_debug_run": False,
    "run_start_datetime_utc": 1774780200.0,
    "runtime": 95.0,
    "git_commit_hash": "59a7855b7a0d16171bf1a0e89fdc91646d2925e8",
    "git_dirty": False,
    "git": {"branch": "main", "pushed": False, "created_during_run": ["figure.png"], "changed_during_run": False},
    "code": {
        "repositories": [
            {"path": "../lab", "commit": "0b5c", "remote": "https://x.org/lab", "roles": [{"role": "path"}]}
        ],
        "unidentified": [{"file": "settings.py", "reason": "ignored by git", "fix": "commit it"}],
        "vouched": [{"path": "local.py", "sha256": "ab"}],
        "tooling": [],
    },
    "command": ["steps.py", "--fold", "2"],
    "caller": {"kind": "file", "line": 7, "function": "main"},
    "caller_file_path": "steps.py",
    "data": {"class": "gait.Lab", "n_datapoints": 75, "index_sha256": "00", "files": {"count": 3, "bytes": 2_000_000}},
    "dataset_name": "Lab",
    "dataset_columns": ["participant", "trial"],
    "parameters": {
        "challenge": {"class": "gait.Steps", "parameters": {"n_folds": 5}},
        "pipeline": {"class": "gait.Shin", "parameters": {"algo": {"class": "gait.A"}, "algo__axis": "z"}},
        "dataset": {"class": "gait.Lab", "parameters": {"cohort": "HA"}},
    },
    "system_info": {"packages_direct_url": {"gait": {"url": "file:///x", "editable": True, "dirty": True}}},
}


def told(record=RECORD, **more):
    """Return all facts as one text."""
    facts = run_facts(record, **more)
    return "\n".join(f"{fact.label}: {line}" for fact in facts for line in fact.lines)


@pytest.mark.parametrize(
    "line",
    [
        "Kind: official, 1 file vouched for",
        "took 1m 35s",
        "Code: commit 59a7855b7a0d16171bf1a0e89fdc91646d2925e8 on main, clean",
        "the commit was not on any remote",
        "created during the run: figure.png",
        "Other code: ../lab: commit 0b5c of https://x.org/lab",
        "Other code: unidentified: settings.py, ignored by git",
        "Other code: vouched for: local.py",
        "gait is installed as an editable package with uncommitted changes",
        "Caller: steps.py, line 7, function main",
        "command: steps.py --fold 2",
        "Data: Lab: participant, trial, 75 data points",
        "3 files, 2 MB",
        "Challenge: n_folds = 5",
        "Pipeline: gait.Shin",
        "Pipeline: algo = gait.A",
        "Pipeline: algo__axis = 'z'",
        "Data set: cohort = 'HA'",
    ],
)
def test_all_that_matters_is_told(line):
    """Code that nobody else can fetch, the commit's state, the data and every parameter are among the facts."""
    assert line in told()


def test_other_code_is_told_as_it_is_recorded():
    """Each other repository is named by its folder, with commit and remote, in the form that a record has."""
    lab = CodeRepository("path", Path("lab"), "0b5c", "https://x.org/lab", folder="src", place=2)
    offline = CodeRepository("editable", Path("tools"), "77aa", None, package="tools")
    stored = [each.to_json(lambda path: f"../{path}") for each in (lab, offline)]
    text = told({**RECORD, "code": {"repositories": stored}})
    assert "Other code: ../lab: commit 0b5c of https://x.org/lab\nOther code: ../tools: commit 77aa\n" in text


def test_the_package_of_the_challenge_is_told_first():
    """The version of the challenge's own package matters most, also if nobody here knows the package."""
    packages = {"numpy": "2.0", "gait_lab": "1.2", "click": "8"}
    record = {**RECORD, "challenge_name": "gait_lab.Steps", "system_info": {"packages_info": packages}}
    assert "Packages: gait_lab 1.2, numpy 2.0 and 1 more" in told(record)


def test_odd_values_hide_nothing():
    """A value of another type than expected is left out, and the rest is told."""
    text = told({**RECORD, "repaired": 5, "system_info": {"python_version": " "}})
    assert "took 1m 35s" in text
    assert "Python" not in text


def test_a_withdrawn_run_is_told_first():
    """That a run was withdrawn stands above everything else, in a terminal and in a notebook."""
    first = run_facts(RECORD, withdrawn="wrong sensor")[0]
    assert (first.label, first.lines) == ("Withdrawn", ("wrong sensor",))
    assert "wrong sensor" in run_html(RECORD, {}, None, withdrawn="wrong sensor")


def test_a_terminal_and_a_notebook_tell_the_same():
    """Each line that show prints stands in the notebook's card, too."""
    html = run_html(RECORD, {"note": "x"}, None)
    for label, lines in fact_lines(run_facts(RECORD, {"note": "x"})):
        assert label in html or label == "Kind"
        for line in lines:
            assert line.replace("'", "&#x27;") in html


def test_no_address_is_told():
    """Memory addresses say nothing to anybody else, wherever they stand."""
    address = "<function f at 0x7f0c1a2b3c4d>"
    record = {
        **RECORD,
        "parameters": {"pipeline": {"class": "a.P", "parameters": {"f": address}}},
        "repr_challenge": f"C({address}, <object object at 0x55>)",
        "debug_reasons": [{"code": "x", "message": address}],
        "is_debug_run": True,
    }
    text = told(record, custom_metadata={"f": address})
    assert "0x" not in text
    assert text.count("<function f>") >= 3


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([*RECORD, "debug_reasons", "repaired", "collection_errors"]), json_values))
def test_any_record_is_told_as_far_as_it_goes(changes):
    """Whatever stands under a key of the metadata, of a newer version or damaged, the rest is told."""
    record = {**RECORD, **changes}
    assert told(record, custom_metadata=changes)
    assert run_html(record, changes, None)
    run_title(record)


def test_an_object_without_attributes_is_its_class():
    """Nobody reads an empty dictionary."""
    assert parameter_text({"class": "gait.Challenge", "attributes": {}}) == "gait.Challenge"


@given(json_values)
def test_any_parameter_has_a_text(value):
    """The value of a parameter is shown on one line, whatever it is."""
    assert isinstance(parameter_text(value), str)
