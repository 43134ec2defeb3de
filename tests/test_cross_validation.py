"""Saving and loading cross-validation results."""

from __future__ import annotations

import copy
import json
import math
import pickle
import subprocess
import sys
import warnings
from collections import namedtuple
from datetime import date, datetime, time, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from run_folders import PUBLISHED, needs_published

from gaitmap_results.cross_validation import (
    collect_cv_results,
    collect_opti_results,
    load_cv_results,
    load_opti_results,
    save_cv_results,
    save_opti_results,
)
from gaitmap_results.exceptions import CorruptRunError, GaitmapResultsWarning, InvalidOptionError
from gaitmap_results.typed_results.labels import label_type

pd = pytest.importorskip("pandas")
np = pytest.importorskip("numpy")

LabGroupLabel = namedtuple("LabGroupLabel", ["participant", "trial"])
METADATA = {"dataset_name": "Lab", "dataset_columns": ["participant", "trial"]}
LABELS = [[LabGroupLabel("1", "a"), LabGroupLabel("2", "a")], [LabGroupLabel("3", "b")]]
# Two folds as tpcp's cross_validate returned them.
TPCP = {
    "0.3x": {
        "score_time": np.array([1 / 3, 0.1]),
        "optimize_time": np.array([1e-12, 2.0]),
        "train_data_labels": LABELS[::-1],
        "test_data_labels": LABELS,
        "test_f1": np.array([1.0, 2 / 3]),
        "test_single_f1": [[1.0, 1.0], [2 / 3]],
    },
    "2.x": {
        "debug__score_time": np.array([1 / 3, 0.1]),
        "debug__optimize_time": np.array([1e-12, 2.0]),
        "train__data_labels": LABELS[::-1],
        "test__data_labels": LABELS,
        "test__agg__f1": np.array([1.0, 2 / 3]),
        "test__single__f1": [[1.0, 1.0], [2 / 3]],
        "test__single__n": [[3, 4], [5]],
    },
}
TPCP["3.x"] = {**TPCP["2.x"], "test__single__matches": [[pd.DataFrame({"tp": [1, 2]})] * 2, [pd.DataFrame({"tp": []})]]}


def same(first, second):
    """Say whether two values are equal, of the same type, and NaN where the other is."""
    if isinstance(first, (pd.DataFrame, pd.Series, pd.Index)):
        kind = {"DataFrame": "frame", "Series": "series"}.get(type(first).__name__, "index")
        getattr(pd.testing, f"assert_{kind}_equal")(first, second)
        return True
    if isinstance(first, np.ndarray):
        return first.dtype == second.dtype and first.shape == second.shape and same(first.tolist(), second.tolist())
    if isinstance(first, dict):
        return list(first) == list(second) and all(same(first[key], second[key]) for key in first)
    if isinstance(first, (list, tuple)):
        names = getattr(first, "_fields", None) == getattr(second, "_fields", None)
        kinds = isinstance(first, tuple) is isinstance(second, tuple)
        return names and kinds and len(first) == len(second) and all(map(same, first, second))
    return type(first) is type(second) and repr(first) == repr(second)


def without_nan(values):
    """Return nested lists with None in the place of NaN, as pandas writes them."""
    return [
        without_nan(each) if isinstance(each, list) else None if isinstance(each, float) and math.isnan(each) else each
        for each in values
    ]


def round_trip(results, folder):
    """Return results as they come back from files."""
    table = collect_cv_results(results)
    save_cv_results(table, METADATA, folder)
    loaded, metadata = load_cv_results(folder)
    assert metadata == METADATA
    return table, loaded


@pytest.mark.parametrize("version", TPCP)
def test_results_of_every_tpcp_come_back(version, tmp_path):
    """Whatever tpcp calls its results, they come back with all digits, types and tables."""
    table, loaded = round_trip({**TPCP[version], "optimizer": [object(), object()]}, tmp_path)
    assert list(table.columns) == list(TPCP[version])
    assert loaded.dtypes.tolist() == table.dtypes.tolist()
    assert loaded.index.equals(table.index)
    for name in table:
        assert same(table[name].tolist(), loaded[name].tolist()), name


def test_the_files_are_plain(tmp_path):
    """The main file is what pandas itself would write, but with all digits, so that anybody can read it."""
    table, _ = round_trip(TPCP["2.x"], tmp_path)
    plain = json.loads((tmp_path / "cv_results.json").read_text())
    assert plain["debug__score_time"] == {"0": 1 / 3, "1": 0.1}
    assert plain["test__data_labels"] == {"0": [["1", "a"], ["2", "a"]], "1": [["3", "b"]]}
    assert plain["test__single__n"]["0"] == [3, 4]
    assert list(plain) == list(json.loads(table.to_json()))
    assert json.loads((tmp_path / "cv_metadata.json").read_text()) == METADATA


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=["Cs"])),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.lists(inner, max_size=3).map(tuple)
                | st.dictionaries(st.text("ab1", max_size=2) | st.integers(0, 3), inner, max_size=3)
            ),
            max_leaves=12,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_plain_values_come_back(tmp_path_factory, values):
    """Numbers of any size, NaN, infinity, text, lists, tuples and dictionaries come back as they were."""
    folder = tmp_path_factory.mktemp("results")
    nested = {"values": [[value] for value in values]}
    keys_alike = any("1" in str(value) for value in values)
    with warnings.catch_warnings():
        # A dictionary with the keys 1 and "1" cannot be stored, which the test below is about.
        warnings.simplefilter("ignore" if keys_alike else "error", GaitmapResultsWarning)
        table, loaded = round_trip(nested, folder)
    left_out = json.loads((folder / "cv_results.types.json").read_text())["left_out"]
    assert left_out or same(table["values"].tolist(), loaded["values"].tolist())


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype="int16").reshape(3, 2)),
        np.zeros((0, 3), dtype="float32"),
        np.array([1.0, math.nan, -math.inf]),
        np.array([True, False]),
        np.array(["a", None, 1], dtype=object),
        np.float32(0.1),
        np.uint8(7),
        datetime(2026, 3, 29, 12, 30, tzinfo=timezone.utc),
        date(2026, 3, 29),
        time(12, 30),
        2**80,
        pd.Timestamp("2026-03-29T12:30:05.123456789", tz="Europe/Berlin"),
        pd.Timedelta("1 days 00:00:00.000000001"),
        pd.NaT,
        pd.NA,
        pd.Series([1.5, math.nan], name="step_length", index=["l", "r"]),
        pd.Series([1, None], dtype="Int64"),
        pd.Series(["a", "b", None], dtype="category"),
        pd.Series([[1, 2.0], {"k": (1,)}, None]),
        pd.DataFrame(),
        pd.DataFrame({"a": []}),
        pd.DataFrame({"x": [1 / 3, math.nan], "n": [1, 2], "s": ["a", None]}, index=[10, 20]),
        pd.DataFrame({"t": pd.to_datetime(["2026-03-29", None])}),
        pd.DataFrame([[1, 2.5]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["u", None])),
        pd.DataFrame(
            {"x": [1.0, 2.0]}, index=pd.MultiIndex.from_tuples([("HA", 1), ("MS", 2)], names=["cohort", "trial"])
        ),
        pd.DataFrame([[1, 2]], columns=["same", "same"]),
        pd.DataFrame({"f": np.array([0.1, 0.2], dtype="float32"), "b": [True, False]}, index=["twice", "twice"]),
        pd.Index([1.5, 2.5], name="seconds"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_arrays_tables_and_times_come_back(value, tmp_path):
    """What pandas and NumPy hold comes back with shape, type, index and names."""
    table, loaded = round_trip({"once": [value, 1], "nested": [{"a": [value, value]}, None]}, tmp_path)
    for name in table:
        first, second = table[name].tolist()[0], loaded[name].tolist()[0]
        assert same(first, second)
        assert type(first) is type(second)


class Opaque:
    """An object without a JSON form."""

    def __repr__(self):
        return "Opaque()"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (Opaque(), "has no JSON form"),
        ({1: "a", "1": "b"}, "two of its keys look alike"),
        ({"\ud800": 1, "'\\ud800'": 2}, "two of its keys look alike"),
        ("\ud800", "lone surrogate"),
        ({1, 2}, "builtins.set has no JSON form"),
        (1 + 2j, "complex"),
        (np.array([1 + 2j]), "dtype complex128"),
        (np.longdouble(1), "dtype"),
        (pd.DataFrame({"x": [Opaque()]}), "this DataFrame could not be stored"),
        (pd.Series([pd.Period("2026-03")]), "this Series could not be stored"),
    ],
    ids=str,
)
def test_what_is_left_out_is_named(value, reason, tmp_path):
    """Nothing is lost silently: what has no faithful form is stored as its repr, named in a warning and in the file."""
    table = collect_cv_results({"good": [1, 2], "bad": [[value], [1]]})
    with pytest.warns(GaitmapResultsWarning, match=r"bad\[0\]\[0\]") as caught:
        save_cv_results(table, METADATA, tmp_path)
    assert caught[0].filename == __file__
    loaded, _ = load_cv_results(tmp_path)
    assert loaded["good"].tolist() == [1, 2]
    assert isinstance(loaded["bad"][0][0], str)
    ((left_out),) = json.loads((tmp_path / "cv_results.types.json").read_text())["left_out"]
    assert left_out["place"] == "bad[0][0]"
    assert reason in left_out["reason"]


def test_an_object_that_contains_itself_is_left_out(tmp_path):
    """A list that contains itself ends in a warning, not in an endless loop."""
    endless = [1]
    endless.append(endless)
    with pytest.warns(GaitmapResultsWarning, match="levels deep"):
        save_cv_results(collect_cv_results({"a": [endless]}), METADATA, tmp_path)


def test_an_index_of_folds_comes_back(tmp_path):
    """Folds and columns keep their names, also where several have the same."""
    table = pd.DataFrame([[1, 2.5], [3, 4.5]], index=["fold", "fold"], columns=["a", "a"])
    save_cv_results(table, METADATA, tmp_path)
    pd.testing.assert_frame_equal(load_cv_results(tmp_path)[0], table)
    named = pd.DataFrame({1: [0.5]}, index=pd.Index(["HA 1"], name="participant"))
    save_cv_results(named, METADATA, tmp_path)
    pd.testing.assert_frame_equal(load_cv_results(tmp_path)[0], named)
    assert json.loads((tmp_path / "cv_results.json").read_text()) == {"1": {"HA 1": 0.5}}


def test_other_file_names(tmp_path):
    """Two cross-validations can be stored in one folder under names of their own."""
    for name in ("first", "second"):
        table = collect_cv_results({name: [1.5]})
        save_cv_results(table, METADATA, str(tmp_path), filename=f"{name}.json", meta_data_filename=f"{name}_meta.json")
    for name in ("first", "second"):
        loaded, _ = load_cv_results(str(tmp_path), f"{name}.json", f"{name}_meta.json")
        assert list(loaded.columns) == [name]


def test_a_missing_folder_is_refused(tmp_path):
    """Results for a folder that is not there are an error that names it."""
    with pytest.raises(InvalidOptionError, match="create its folder"):
        save_cv_results(collect_cv_results({"a": [1]}), METADATA, tmp_path / "nowhere")


# Labels.


def test_labels_are_named_tuples_that_pickle(tmp_path):
    """Labels are equal to plain tuples, have the names of the columns, and survive pickling and copying."""
    _, loaded = round_trip(TPCP["3.x"], tmp_path)
    label = loaded["test__data_labels"][0][0]
    assert label == ("1", "a")
    assert (label.participant, label.trial) == ("1", "a")
    for other in (pickle.loads(pickle.dumps(label)), copy.deepcopy(label), label._replace()):
        assert other == label
        assert type(other) is type(label)
    program = "import pickle, sys; print(pickle.loads(sys.stdin.buffer.read()).trial)"
    done = subprocess.run([sys.executable, "-c", program], input=pickle.dumps(label), capture_output=True, check=True)
    assert done.stdout.split() == [b"a"]


def test_odd_columns_make_labels_too():
    """Columns whose names cannot be attributes are numbered, and the label still pickles."""
    label = label_type("a b", ("class", "trial", "two words"))("x", "y", "z")
    assert label._fields == ("_0", "trial", "_2")
    assert pickle.loads(pickle.dumps(label)) == label


# Collecting.


@pytest.mark.parametrize(
    ("optimizers", "expected"),
    [
        (None, None),
        ([SimpleNamespace(), SimpleNamespace()], None),
        ([SimpleNamespace(best_params_=None)], None),
        ([SimpleNamespace(best_score_=0.0)], [{"best_score": 0.0}]),
        (
            [SimpleNamespace(best_params_={"k": 1}, best_score_=0.5), SimpleNamespace()],
            [{"best_params": {"k": 1}, "best_score": 0.5}, {}],
        ),
    ],
)
def test_optimizations(optimizers, expected):
    """Best parameters and scores are collected, a score of zero too; without any there is nothing."""
    results = {} if optimizers is None else {"optimizer": optimizers}
    assert collect_opti_results(results) == expected
    assert collect_opti_results({"optimizer": None}) is None


def test_optimizations_come_back(tmp_path):
    """Parameters keep their types and digits; without optimizations no file is written."""
    opti_results = [{"best_params": {"k": np.int32(3), "x": 1 / 3, "t": (1, 2)}, "best_score": np.float64(0.0)}, {}]
    assert load_opti_results(tmp_path) is None
    save_opti_results(None, tmp_path)
    assert list(tmp_path.iterdir()) == []
    save_opti_results(opti_results, tmp_path)
    loaded = load_opti_results(tmp_path)
    assert loaded == opti_results
    assert type(loaded[0]["best_params"]["k"]) is np.int32
    assert type(loaded[0]["best_params"]["t"]) is tuple
    with pytest.warns(GaitmapResultsWarning, match=r"opti_results\[0\]\['best_params'\]\['p'\].*Opaque"):
        save_opti_results([{"best_params": {"p": Opaque()}}], tmp_path)
    assert load_opti_results(tmp_path) == [{"best_params": {"p": "Opaque()"}}]


# Damage.


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("cv_results.json", "{", "cannot be read as JSON"),
        ("cv_results.json", "[]", "does not hold the results"),
        ("cv_results.json", "{}", "does not hold the results"),
        ("cv_results.types.json", "{}", "schema version None"),
        ("cv_results.types.json", '{"schema_version": 99}', "Update gaitmap_results"),
        ("cv_results.types.json", '{"schema_version": 1}', "does not hold the results"),
    ],
)
def test_damaged_files(name, content, message, tmp_path):
    """A damaged file is an error that names it."""
    round_trip(TPCP["3.x"], tmp_path)
    (tmp_path / name).write_text(content)
    with pytest.raises(CorruptRunError, match=message) as caught:
        load_cv_results(tmp_path)
    assert "cv_results" in str(caught.value)
    with pytest.raises(FileNotFoundError, match=r"cv_metadata\.json"):
        load_cv_results(tmp_path.parent)


# gaitmap_challenges.


def test_what_gaitmap_challenges_wrote_is_loaded(tmp_path):
    """Its files, which pandas wrote, come back as the types they were: 15.0 stays a float, null becomes NaN."""
    table = collect_cv_results({**TPCP["0.3x"], "n": [15.0, 16.0], "k": [1, 2], "nan": [[1.0, math.nan], [2.0]]})
    table.to_json(tmp_path / "cv_results.json")
    (tmp_path / "cv_metadata.json").write_text(json.dumps(METADATA))
    loaded, _ = load_cv_results(tmp_path)
    assert loaded.dtypes.astype(str).tolist() == table.dtypes.astype(str).tolist()
    assert same(loaded["nan"].tolist(), table["nan"].tolist())
    assert loaded["test_data_labels"][0][1].participant == "2"
    assert loaded["test_data_labels"].tolist() == table["test_data_labels"].tolist()


@needs_published
def test_published_results():
    """All published results are loaded: labels by name, lists of numbers, and the two optimizations."""
    folders = [path.parent for path in PUBLISHED.rglob("cv_results.json")]
    assert len(folders) == 17
    opti_results = []
    for folder in folders:
        table, metadata = load_cv_results(folder)
        plain = json.loads((folder / "cv_results.json").read_text())
        assert list(table.columns) == list(plain)
        labels = table["test_data_labels"].iloc[0]
        assert labels[0]._fields == tuple(metadata["dataset_columns"])
        assert [list(label) for label in labels] == plain["test_data_labels"]["0"]
        for name in plain:
            if not name.endswith("data_labels"):
                stored = list(plain[name].values())
                assert without_nan(table[name].tolist()) == stored
        opti_results += load_opti_results(folder) or []
    assert len(opti_results) == 10
    assert {tuple(each) for each in opti_results} == {("best_params", "best_score")}


@pytest.mark.parametrize("version", TPCP)
def test_gaitmap_challenges_reads_our_files(version, tmp_path):
    """The loader of gaitmap_challenges takes our files for its own."""
    upstream = pytest.importorskip("gaitmap_challenges.challenge_base")
    table, _ = round_trip(TPCP[version], tmp_path)
    save_opti_results([{"best_params": {"k": np.int64(1)}, "best_score": 0.5}], tmp_path)
    loaded, metadata = upstream.load_cv_results(tmp_path)
    assert metadata == METADATA
    assert list(loaded.columns) == list(table.columns)
    for name in table:
        if table[name].dtype == float:
            assert loaded[name].tolist() == pytest.approx(table[name].tolist(), rel=1e-9)
        elif name in ("test_data_labels", "train_data_labels"):
            assert loaded[name].tolist() == table[name].tolist()
    assert upstream.load_opti_results(tmp_path) == [{"best_params": {"k": 1}, "best_score": 0.5}]


# tpcp itself.


def test_the_installed_tpcp(tmp_path):
    """What the installed version of tpcp returns comes back, best parameters included."""
    pytest.importorskip("tpcp")
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "support" / "tpcp_cross_validation.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    expected = json.loads(done.stdout)
    loaded, metadata = load_cv_results(tmp_path)
    assert metadata == {"dataset_name": "Trials", "dataset_columns": ["participant", "trial"]}
    assert sorted(loaded.columns) == expected["columns"]
    labels = next(loaded[name] for name in loaded if name.startswith("test_") and name.endswith("data_labels"))
    assert [list(label) for fold in labels for label in fold] == expected["labels"]
    assert labels[0][0].participant == "a"
    (score,) = (name for name in loaded if name.endswith("__score") and "single" not in name and "train" not in name)
    assert loaded[score].tolist() == [2 / 3] * 3
    assert load_opti_results(tmp_path) == [{"best_params": {"factor": 2}, "best_score": 2 / 3}] * 3


@pytest.mark.parametrize("ordered", [False, True])
def test_a_column_of_categories_comes_back(ordered, tmp_path):
    """A column of categories keeps its categories, those that no fold has included, and their order."""
    kind = pd.CategoricalDtype(["slow", "fast", "none"], ordered=ordered)
    table = pd.DataFrame({"speed": pd.Series(["fast", None, "slow"], dtype=kind), "n": [1, 2, 3]})
    save_cv_results(table, METADATA, tmp_path)
    pd.testing.assert_frame_equal(load_cv_results(tmp_path)[0], table)


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(pd.period_range("2026-01", periods=2, freq="M")),
        pd.Series(pd.interval_range(0, 2)),
        pd.Series(pd.cut([0.5, 1.5], [0, 1, 2])),
    ],
    ids=lambda column: str(column.dtype),
)
def test_a_column_that_is_left_out_spares_the_others(column, tmp_path):
    """Where only the repr of a column could be stored, the table is loaded with the repr in it."""
    with pytest.warns(GaitmapResultsWarning, match="has no JSON form"):
        save_cv_results(pd.DataFrame({"odd": column, "score": [0.25, 0.5]}), METADATA, tmp_path)
    loaded = load_cv_results(tmp_path)[0]
    assert loaded["score"].tolist() == [0.25, 0.5]
    assert loaded["odd"].tolist() == [repr(value) for value in column]


def test_an_index_that_is_left_out_spares_the_columns(tmp_path):
    """Where an index could not be stored, the table is loaded with the texts of its labels."""
    table = pd.DataFrame({"score": [0.25, 0.5]}, index=pd.period_range("2026-01", periods=2, freq="M"))
    with pytest.warns(GaitmapResultsWarning, match="could not be stored"):
        save_cv_results(table, METADATA, tmp_path)
    loaded = load_cv_results(tmp_path)[0]
    assert loaded["score"].to_dict() == {"2026-01": 0.25, "2026-02": 0.5}
