"""The numbers of two folders of core results, held against each other."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_folders import PUBLISHED, needs_published

from gaitmap_results.comparing.result_differences import MEASURED_TIMES, compare_results

KLUGE = PUBLISHED / "gaitmap_challenges.full_pipeline.kluge_2017.Challenge" / "1.0.0" / "gaitmap"


@pytest.fixture
def compare(tmp_path):
    """Return a function that compares two folders with the given files; text, or any value as JSON."""

    def write_and_compare(first, second):
        for name, files in (("first", first), ("second", second)):
            (tmp_path / name).mkdir(exist_ok=True)
            for file, content in files.items():
                text = content if isinstance(content, str) else json.dumps(content)
                (tmp_path / name / file).write_text(text, encoding="utf-8", newline="")
        return compare_results(tmp_path / "first", tmp_path / "second")

    return write_and_compare


def test_the_largest_difference_is_relative_to_its_column(compare):
    """A small value is held against the largest one of its column, and the worst column comes first."""
    files = {"a.json": {"f1": [0.001, 10.0], "error": 2.0}}
    assert compare({**files, "b.bin": "text"}, {**files, "b.bin": "text"}).verdict() == "bitwise"
    worst, column = compare(files, {"a.json": {"f1": [0.002, 10.0], "error": 3.0}}).columns
    assert worst.column == "error"
    assert (column.column, column.row, column.n_values, column.n_different) == ("f1/*", "0", 2, 1)
    assert column.largest == pytest.approx(1e-4)
    assert (column.first, column.second) == (0.001, 0.002)


@pytest.mark.parametrize(
    "like", [{"0": [100.0], "1": [1.0]}, {"a": {"0": [100.0], "1": [1.0]}}, {"b": [[100.0], [1.0]]}]
)
def test_values_that_are_alike_count_in_the_scale_of_their_column(compare, like):
    """What did not change is not looked at value by value, but still belongs to its column."""
    (column,) = compare({"a.json": like}, {"a.json": json.loads(json.dumps(like).replace("1.0]", "2.0]"))}).columns
    assert (column.largest, column.n_values, column.n_different) == (0.01, 2, 1)


def test_measured_times_are_no_results(compare):
    """A measured duration makes no difference, but only the exact names count: a stride time is a result."""
    for name in MEASURED_TIMES:
        result = compare({"a.json": {name: {"0": 1.5}, "f1": 1}}, {"a.json": {name: {"0": 2.5}, "f1": 1.0}})
        assert result.verdict() == "equal but for measured times"
        assert len(result.columns) == 1
    for name in ("stride_time", "runtime_error", "score_time_s", "Timings"):
        assert compare({"a.json": {name: 1.0}}, {"a.json": {name: 1.5}}).verdict() == "differs"


def test_a_table_is_compared_by_the_names_of_its_columns(compare):
    """In a stored table a measured time is found by its column, not by its position."""

    def table(f1, time):
        return {"columns": ["f1", "score_time"], "index": ["P1", "P2"], "data": [[f1, time], [0.5, 3.0]]}

    assert compare({"a.json": table(0.5, 1.0)}, {"a.json": table(0.5, 2.0)}).verdict() == "equal but for measured times"
    result = compare({"a.json": table(0.5, 1.0)}, {"a.json": table(0.75, 1.0)})
    assert [(each.column, each.row) for each in result.results] == [("f1", "P1")]


def test_rows_with_the_same_label_are_all_compared(compare):
    """A label that repeats, or a key with a slash, hides no value."""

    def table(value):
        return {"columns": ["f1"], "index": ["P1", "P1"], "data": [[0.5], [value]]}

    assert compare({"a.json": table(1)}, {"a.json": table(2)}).results[0].n_different == 1
    assert compare({"a.json": {"a/b": 1, "a": {"b": 1}}}, {"a.json": {"a/b": 2, "a": {"b": 1}}}).results


@pytest.mark.parametrize(
    ("first", "second"),
    [(1, 2), (None, 1), ("x", "y"), ([1], [1, 2]), ({"a": 1}, {"b": 1}), ("1", 1), (float("inf"), 1), (True, False)],
)
def test_every_kind_of_difference_is_found(compare, first, second):
    """Numbers, texts, missing values, lengths and keys that differ are differences."""
    assert compare({"a.json": {"x": first}}, {"a.json": {"x": second}}).verdict() == "differs"


@pytest.mark.parametrize("value", ["1.0", "[NaN]", "[Infinity]", '{"a": 1e0}'])
def test_another_spelling_of_the_same_values_is_no_difference(compare, value):
    """1 and 1.0, and NaN and NaN, are equal; the files are not the same bytes."""
    other = value.replace("1.0", "1").replace("1e0", "1") + "\n"
    assert compare({"a.json": value}, {"a.json": other}).verdict() == "equal but for measured times"


def test_csv_is_compared_by_column(compare):
    """A CSV file is compared cell by cell under its header."""
    (column,) = compare({"a.csv": "p,f1\nP1,0.5\n"}, {"a.csv": "p,f1\nP1,0.50001\n"}).columns
    assert (column.column, column.row) == ("f1", "0")


def test_large_integers_in_csv_are_compared_exactly(compare):
    """Identifiers and times in nanoseconds differ, even where floats would round them to the same number."""
    (column,) = compare({"a.csv": f"id\n{2**53}\n"}, {"a.csv": f"id\n{2**53 + 1}\n"}).results
    assert (column.first, column.second) == (2**53, 2**53 + 1)
    assert not compare({"a.csv": "id\n7\n"}, {"a.csv": "id\n7.0\n"}).results


@pytest.mark.parametrize("name", ["a.pkl", "broken.json"])
def test_other_files_are_compared_byte_by_byte(compare, name):
    """A file without values that can be read counts as a whole, and so does one that is missing."""
    assert compare({name: "{1"}, {name: "{2"}).verdict() == "differs"
    assert compare({"more.pkl": "1"}, {}).verdict() == "differs"


def test_an_integer_beyond_any_float_is_compared(compare):
    """A number with hundreds of digits ends no comparison."""
    assert compare({"a.json": "[" + "1" * 400 + "]"}, {"a.json": "[1]"}).verdict() == "differs"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(first=VALUES, second=VALUES)
def test_equal_if_and_only_if_the_values_are(tmp_path_factory, first, second):
    """Two JSON values without empty lists and dictionaries are alike exactly if they are equal."""
    folder = tmp_path_factory.mktemp("values")
    for name, value in (("first", first), ("second", second)):
        (folder / name).mkdir()
        (folder / name / "a.json").write_text(json.dumps({"x": value}), encoding="utf-8")
    alike = compare_results(folder / "first", folder / "second").verdict() != "differs"
    if json.dumps(first) == json.dumps(second):
        assert alike
    elif leaves(first) != leaves(second):
        assert not alike or compare_results(folder / "first", folder / "second").verdict() == "within tolerance"


def leaves(value):
    """Return the values in nested ones, without their places."""
    if isinstance(value, (list, dict)):
        return [leaf for each in (value.values() if isinstance(value, dict) else value) for leaf in leaves(each)]
    return [value]


@needs_published
@pytest.mark.parametrize(
    ("entry", "n_different", "largest"),
    [("mad_modern/default", 1616, 2.2e-7), ("mad_modern/optimized_zupt", 1304, 1.1e-6)],
)
def test_published_runs_on_another_processor(entry, n_different, largest):
    """Published re-runs on another processor differ by little, and on the same processor by measured times only."""
    first, second, third = sorted((KLUGE / entry).iterdir())
    found = compare_results(first / "results", second / "results")
    assert sum(each.n_different for each in found.results) == n_different
    assert found.results[0].largest == pytest.approx(largest, rel=0.05)
    assert found.verdict() == "within tolerance"
    assert compare_results(second / "results", third / "results").verdict() == "equal but for measured times"
