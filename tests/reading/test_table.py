"""Tables of runs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_folders import CHALLENGE, PUBLISHED, START, needs_published, write_run

from gaitmap_results import (
    generate_overview_table,
    get_all_result_paths,
    get_latest_result,
    get_metadata_as_df,
    load_run_custom_metadata,
)
from gaitmap_results.exceptions import InvalidOptionError, SkippedRunWarning
from gaitmap_results.reading.table import exact_column

pandas = pytest.importorskip("pandas")
OWN = [
    "entry_name",
    "run_start_datetime_utc",
    "run_start_datetime",
    "challenge_name",
    "challenge_version",
    "is_debug_run",
    "kind",
    "debug_reasons",
    "withdrawn",
    "reproduced",
    "runtime",
    "git_commit_hash",
    "git_dirty",
    "run_id",
]
ALWAYS_SHOWN = ["Runtime", "Kind", "Reasons", "Commit"]


def results_of(folder):
    """Return all runs of the test's challenge."""
    return get_all_result_paths(CHALLENGE, folder)


def test_one_row_a_run(tmp_path):
    """The table has the columns of gaitmap_challenges, the author's metadata between them and the path."""
    run = write_run(tmp_path, custom={"short_description": "as in the paper", "n_sensors": 2})
    table = get_metadata_as_df(get_latest_result(results_of(tmp_path)))
    assert list(table.columns) == [*OWN, "short_description", "n_sensors", "path"]
    row = table.iloc[0]
    assert (row["entry_name"], row["path"], row["n_sensors"]) == (("shin",), run, 2)
    assert row["run_start_datetime_utc"] == START.timestamp()
    assert table["is_debug_run"].dtype == bool


def test_additional_keys(tmp_path):
    """Further keys come from the record or the author's metadata, nested ones by a dot; None where a run has none."""
    write_run(tmp_path, "a", system_info={"python_version": "3.12.1"}, custom={"model": {"layers": 3}, "x.y": 1})
    write_run(tmp_path, "b", system_info=None)
    keys = ["runtime", "system_info.python_version", "model.layers", "x.y"]
    table = get_metadata_as_df(results_of(tmp_path), include_additional=keys)
    assert table["runtime"].tolist() == [12.5, 12.5]
    assert table["system_info.python_version"].tolist()[0] == "3.12.1"
    assert table["system_info.python_version"].isna().tolist() == [False, True]
    assert table["model.layers"].tolist()[0] == 3
    assert table["x.y"].tolist()[0] == 1


@pytest.mark.parametrize("wrong", [["runtime", "rumtime"], "runtime", [1]])
def test_a_key_that_nobody_has_is_refused(wrong, tmp_path):
    """A misspelt key is an error, not a column of nothing."""
    write_run(tmp_path)
    with pytest.raises(InvalidOptionError, match="include_additional"):
        get_metadata_as_df(results_of(tmp_path), include_additional=wrong)


@pytest.mark.parametrize("custom", [["a"], 3, "text"])
def test_the_authors_metadata_never_breaks_the_table(custom, tmp_path):
    """Custom metadata that is no dictionary is a column of its own."""
    write_run(tmp_path, custom=custom)
    assert get_metadata_as_df(results_of(tmp_path))["value"].tolist() == [custom]


def test_the_authors_metadata_never_replaces_ours(tmp_path):
    """A key of the author with one of our names stands beside ours under another name."""
    write_run(tmp_path, custom={"is_debug_run": "certainly not", "path": "x"})
    row = get_metadata_as_df(results_of(tmp_path)).iloc[0]
    assert row["is_debug_run"] == False  # noqa: E712  # numpy's
    assert row["custom.is_debug_run"] == "certainly not"
    assert row["custom.path"] == "x"


def test_damaged_custom_metadata_costs_a_warning(tmp_path):
    """A run whose custom metadata cannot be read keeps its row."""
    run = write_run(tmp_path)
    (run / "custom_metadata.json").write_text("{")
    with pytest.warns(SkippedRunWarning, match="its row has no custom metadata"):
        assert len(get_metadata_as_df(results_of(tmp_path))) == 1


def test_a_run_without_custom_metadata_is_a_run(tmp_path):
    """A published store may keep only metadata and manifest; it is read without a warning."""
    run = write_run(tmp_path)
    (run / "custom_metadata.json").unlink()
    shutil.rmtree(run / "results")
    assert get_metadata_as_df(results_of(tmp_path))["path"].tolist() == [run]
    assert load_run_custom_metadata(run) == {}


BIG = 2**53 + 1  # the first integer that a float cannot hold


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([BIG, ..., None, 7], "Int64"),
        ([BIG, -BIG], "int64"),
        ([2**64 - 1, ...], "UInt64"),
        ([2**64 - 1, 1], "uint64"),
        ([2**64 - 1, -1], "object"),
        ([2**64 - 1, -1, None], "object"),
        ([10**400, 1], "object"),
        ([BIG, 0.5], "object"),
        ([BIG, True], "object"),
        ([BIG, "text", ...], "object"),
        ([BIG, [BIG], {"a": BIG}], "object"),
        ([3, 0.5, ...], "float64"),
        ([True, False], "bool"),
        ([..., None], "object"),
    ],
    ids=str,
)
def test_values_stay_exact(values, dtype, tmp_path):
    """No value of an author is changed by the table, whatever other runs hold under the same key, or lack."""
    for number, value in enumerate(values):
        write_run(tmp_path, f"e{number}", custom={} if value is ... else {"n": value})
    column = get_metadata_as_df(results_of(tmp_path), include_additional=[])
    if "n" not in column:
        assert all(value is ... for value in values)
        return
    column = column["n"]
    assert str(column.dtype) == dtype
    known = [None if value is ... else value for value in values]
    found = [None if value is None or value is pandas.NA or value != value else value for value in column.tolist()]
    assert found == known
    assert [type(value) for value in found if dtype == "object"] == [
        type(value) for value in known if dtype == "object"
    ]


@settings(max_examples=50)
@given(st.lists(st.none() | st.integers() | st.booleans() | st.floats(allow_nan=False) | st.text(), min_size=1))
def test_a_column_holds_what_it_was_given(values):
    """Whatever is put into one column can be read back from it unchanged, but for the type of a whole float."""
    found = exact_column(values).tolist()
    assert [None if value is pandas.NA or value != value else value for value in found] == values


def test_parameters_on_request(tmp_path):
    """Every parameter of challenge, pipeline and data set is a column if that is asked for, and hides nothing else."""
    parameters = {
        "challenge": {"class": "a.B", "parameters": {"n_folds": 3}},
        "pipeline": {"class": "a.P", "parameters": {"algo": {"class": "a.A"}, "algo__seed": BIG}},
        "dataset": None,
    }
    write_run(tmp_path, "a", parameters=parameters, custom={"pipeline.algo__seed": "the author's"})
    write_run(tmp_path, "b")
    table = get_metadata_as_df(results_of(tmp_path), include_parameters=True)
    assert list(table.columns)[-4:] == ["path", "challenge.n_folds", "pipeline.algo", "pipeline.algo__seed"]
    row = table.iloc[0]
    assert (row["challenge.n_folds"], row["pipeline.algo__seed"]) == (3, BIG)
    assert row["custom.pipeline.algo__seed"] == "the author's"
    assert "challenge.n_folds" not in get_metadata_as_df(results_of(tmp_path))


def test_what_official_rests_on(tmp_path):
    """Kind says in words whether a run is official, and whether somebody vouched for code or nobody checked it."""
    write_run(tmp_path, "a", code={"vouched": [{"path": "x.py", "sha256": "0"}, {"path": "y.py", "sha256": "1"}]})
    write_run(tmp_path, "b", code=None)
    write_run(tmp_path, "c", code={"vouched": []})
    write_run(tmp_path, "d")
    write_run(tmp_path, "e", is_debug_run=True, debug_reasons=[{"code": "git.dirty"}, {"code": "block.raised"}])
    table = get_metadata_as_df(results_of(tmp_path))
    kinds = ["official, 2 files vouched for", "official, code not checked", "official", "official", "debug"]
    assert table["kind"].tolist() == kinds
    assert table["debug_reasons"].tolist() == [(), (), (), (), ("git.dirty", "block.raised")]


def test_a_withdrawn_run_says_why(tmp_path):
    """A run that was withdrawn after its publication stays in the table, with the reason."""
    run = write_run(tmp_path, ["grp", "a"], run_id="0a" * 16)
    write_run(tmp_path, "b")
    folder = tmp_path / ".attestations" / ("0a" * 16)
    folder.mkdir(parents=True)
    (folder / "withdrawn.json").write_text(json.dumps({"reason": "wrong sensor"}))
    table = get_metadata_as_df(results_of(tmp_path)).set_index("path")
    assert table.loc[run, "withdrawn"] == "wrong sensor"
    assert table["withdrawn"].isna().sum() == 1


def test_no_runs():
    """Without runs the tables are empty and still have their columns."""
    assert list(get_metadata_as_df({}, ["timing_source", "runtime"]).columns) == [*OWN, "path", "timing_source"]
    assert list(generate_overview_table({}).columns) == ["Entry", "Datetime", *ALWAYS_SHOWN]


def test_overview(tmp_path):
    """The overview shows entries in order, the latest run first, under the headings of gaitmap_challenges."""
    for entry, hours in (("b", 0), ("a", 1), ("b", 2)):
        custom = {"short_description": f"{entry}{hours}", "long_description": "…", "code_authors": ["A"], "n": hours}
        write_run(tmp_path, entry, start=START + timedelta(hours=hours), custom=custom)
    table = generate_overview_table(results_of(tmp_path))
    assert list(table.columns) == ["Entry", "Datetime", "Description", "Code Authors", "n", *ALWAYS_SHOWN]
    assert table["Description"].tolist() == ["a1", "b2", "b0"]
    assert table.index.tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", ["runtime", "n", "Runtime", "kind"])
def test_a_main_score_with_the_name_of_a_column_hides_nothing(tmp_path, name):
    """The score gets a name of its own, and the column keeps its values."""
    write_run(tmp_path / "plain", "a", custom={"n": 3})
    plain = generate_overview_table(results_of(tmp_path / "plain"))
    run = write_run(tmp_path / "scored", "a", custom={"n": 3})
    rows = [{"unit": [], "fold": None, "scores": {name: 0.25}}]
    scores = {"schema_version": 1, "units": [], "directions": {name: "minimize"}, "rows": rows}
    (run / "scores.json").write_text(json.dumps(scores))
    table = generate_overview_table(results_of(tmp_path / "scored"))
    assert table[f"score.{name}"].tolist() == [0.25]
    assert table.drop(columns=f"score.{name}").equals(plain)


def test_without_pandas_the_extra_is_named(tmp_path):
    """Without pandas the tables say which extra is missing, and everything else works."""
    write_run(tmp_path)
    program = f"""
import sys
sys.modules["pandas"] = None
from gaitmap_results import *
from gaitmap_results.exceptions import MissingExtraError
results = get_latest_result(filter_results(get_all_result_paths({CHALLENGE!r}, {str(tmp_path)!r})))
for table in (get_metadata_as_df, generate_overview_table):
    try:
        table(results)
    except MissingExtraError as error:
        print(error.extra, isinstance(error, ImportError), 'pip install "gaitmap_results[analysis]"' in str(error))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["analysis True True"] * 2


@needs_published
def test_published_runs():
    """The overview of the published runs has a description and authors for each entry."""
    kluge = get_all_result_paths("gaitmap_challenges.full_pipeline.kluge_2017.Challenge", PUBLISHED)
    table = generate_overview_table(get_latest_result(kluge))
    assert len(table) == 3
    assert list(table.columns)[:3] == ["Entry", "Datetime", "Description"]
    assert table["Description"].str.len().min() > 5
    with_more = get_metadata_as_df(get_latest_result(kluge), ["repr_pipeline", "runtime"])
    assert with_more["repr_pipeline"].str.contains("pipeline=").all()
