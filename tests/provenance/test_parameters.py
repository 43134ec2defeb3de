"""Structured parameters: equal configurations compare equal, different ones show where they differ."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from challenges import ExampleChallenge, stored_runs
from tpcp import Algorithm, Dataset, OptimizablePipeline, cf
from tpcp.optimize import DummyOptimize, GridSearch

from gaitmap_results import recorded_run
from gaitmap_results.exceptions import IncompleteProvenanceWarning
from gaitmap_results.provenance.parameters import describe_challenge, describe_dataset, describe_parameters

# pandas 2.0 says this about its own use of NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:np.find_common_type is deprecated:DeprecationWarning")


class Filter(Algorithm):
    """An algorithm inside of another one."""

    _action_methods = "run"

    def __init__(self, cutoff_hz: float = 10.0) -> None:
        self.cutoff_hz = cutoff_hz


class Detector(OptimizablePipeline):
    """A pipeline with a nested algorithm."""

    def __init__(self, algo: Any = cf(Filter()), threshold: Any = 0.5) -> None:  # noqa: B008 - as tpcp wants it
        self.algo = algo
        self.threshold = threshold


class Walks(Dataset):
    """A dataset of six recordings."""

    def __init__(self, n_tests: int = 2, groupby_cols: Any = None, subset_index: Any = None) -> None:
        self.n_tests = n_tests
        super().__init__(groupby_cols=groupby_cols, subset_index=subset_index)

    def create_index(self) -> pd.DataFrame:
        tests = [str(number) for number in range(self.n_tests)]
        return pd.DataFrame({"person": np.repeat(["a", "b", "c"], self.n_tests), "test": tests * 3})


class Side(Enum):
    LEFT = 1


@dataclass
class Settings:
    """A dataclass, as many challenges are one."""

    folder: Path
    side: Side = Side.LEFT
    api_token: str = "s3cr3t"
    hidden: int = field(default=3, init=False)


class Plain:
    """An object without parameters that has Python's own repr, which shows its address."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


def double(value: int) -> int:
    """Be a function with a name."""
    return 2 * value


def parameters_of(item: Any) -> dict[str, Any]:
    """Describe an object, and check that the description is JSON and the same for its copy."""
    described = describe_parameters(item)
    assert json.loads(json.dumps(described, allow_nan=False)) == described
    assert "0x" not in json.dumps(described)
    found: dict[str, Any] = described["parameters"]
    return found


def value_of(item: Any) -> Any:
    """Describe a single parameter."""
    return parameters_of(Detector(threshold=item))["threshold"]


class TestTpcp:
    """Objects of tpcp, whose names of nested parameters are kept."""

    def test_nested_names(self):
        """An optimizer's parameters are flat, with the names that tpcp's set_params takes."""
        optimizer = DummyOptimize(Detector(Filter(20.0)), ignore_potential_user_error_warning=True)

        described = parameters_of(optimizer)

        assert described["pipeline__algo__cutoff_hz"] == 20.0
        assert described["pipeline__algo"] == {"class": f"{__name__}.Filter"}
        assert set(described) == set(optimizer.get_params())

    def test_equal_and_different(self):
        """A clone has the same description; another value shows where it is, and nowhere else."""
        grid = joblib.hash  # any function will do as a scorer
        first = GridSearch(Detector(Filter(20.0)), {"threshold": [1, 2]}, scoring=grid)
        other = first.clone().set_params(pipeline__algo__cutoff_hz=21.0)

        assert parameters_of(first) == parameters_of(first.clone())
        different = {key for key, value in parameters_of(first).items() if parameters_of(other)[key] != value}
        assert different == {"pipeline__algo__cutoff_hz"}

    def test_results_do_not_count(self):
        """What an object computed is no parameter of it."""
        detector = Detector()
        detector.result_ = 3

        assert describe_parameters(detector) == describe_parameters(Detector())


class TestDataset:
    """A dataset is identified by class, columns, number of data points, and a hash of its index."""

    def test_facts(self):
        """The facts are those of the dataset as it is grouped."""
        described = describe_dataset(Walks().groupby("person"))

        assert described["class"] == f"{__name__}.Walks"
        assert described["columns"] == ["person", "test"]
        assert described["n_data_points"] == 3
        assert described["parameters"]["groupby_cols"] in ("person", ["person"])

    def test_hash_follows_the_index(self):
        """Equal indexes have equal hashes, whichever way they came about; other rows and another order do not."""
        hashes = {
            "all": describe_dataset(Walks())["index_sha256"],
            "fewer": describe_dataset(Walks().get_subset(person=["a", "b"]))["index_sha256"],
            "other": describe_dataset(Walks(3))["index_sha256"],
            "order": describe_dataset(Walks(subset_index=Walks().index.iloc[::-1].reset_index(drop=True)))[
                "index_sha256"
            ],
        }

        assert len(set(hashes.values())) == 4
        assert describe_dataset(Walks(subset_index=Walks().index))["index_sha256"] == hashes["all"]

    def test_many_data_points(self):
        """An index of any length is hashed as a whole."""
        assert describe_dataset(Walks(500))["index_sha256"] != describe_dataset(Walks(501))["index_sha256"]

    @pytest.mark.parametrize("names", [["a", "b"], [("a", 1), ("b", 2)]], ids=["index", "multi-index"])
    def test_a_table(self, names):
        """A table that is used as the dataset has its columns, rows and a hash of its index, and one of its content."""
        index = pd.MultiIndex.from_tuples(names) if isinstance(names[0], tuple) else pd.Index(names)
        table = pd.DataFrame({"acc_x": [1.0, 2.0], 3: ["p", "q"]}, index=index)

        described = describe_dataset(table)

        assert (described["columns"], described["n_data_points"]) == (["acc_x", "3"], 2)
        assert described["index_sha256"] == describe_dataset(table.copy())["index_sha256"]
        assert described["index_sha256"] != describe_dataset(table.iloc[::-1])["index_sha256"]
        other = describe_dataset(table.assign(acc_x=[1.0, 2.5]))
        assert described["index_sha256"] == other["index_sha256"]
        assert described["value"]["sha256"] != other["value"]["sha256"]

    def test_no_dataset(self):
        """An object without an index is described by its parameters alone."""
        assert describe_dataset(Filter())["columns"] is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (float("nan"), {"float": "nan"}),
        (2**70, {"int": str(2**70)}),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (Path("data") / "lab", str(Path("data") / "lab")),
        (Side.LEFT, {"class": f"{__name__}.Side", "name": "LEFT"}),
        ({"b", "a"}, {"class": "builtins.set", "items": ["a", "b"]}),
        ((1, (2,)), [1, [2]]),
        ({1: "x"}, {"class": "builtins.dict", "items": [[1, "x"]]}),
        (double, {"function": f"{__name__}.double"}),
        (Filter, {"type": f"{__name__}.Filter"}),
        (
            functools.partial(double, value=2),
            {"partial": {"function": f"{__name__}.double"}, "args": [], "keywords": {"value": 2}},
        ),
        (Plain(n=1), {"class": f"{__name__}.Plain", "attributes": {"n": 1}}),
        ([Filter(1.0)], [{"class": f"{__name__}.Filter", "parameters": {"cutoff_hz": 1.0}}]),
        (
            np.array([1.5, np.inf]),
            {"class": "numpy.ndarray", "dtype": "float64", "shape": [2], "values": [1.5, {"float": "inf"}]},
        ),
    ],
)
def test_values(value, expected):
    """Every kind of value has a stable form that can be read."""
    assert value_of(value) == expected


def test_an_object_that_contains_itself():
    """A circle of objects ends."""
    item = Plain()
    item.itself = item

    assert value_of(item) == {
        "class": f"{__name__}.Plain",
        "attributes": {"itself": {"class": f"{__name__}.Plain", "enclosing": 1}},
    }


def test_dataclass_and_secrets():
    """A dataclass is described by what its __init__ takes; what is named like a secret is not stored."""
    assert parameters_of(Settings(Path("data"))) == {
        "folder": "data",
        "side": {"class": f"{__name__}.Side", "name": "LEFT"},
        "api_token": "<redacted>",
    }
    assert value_of({"password": "s3cr3t", "axis": "x"}) == {"password": "<redacted>", "axis": "x"}


@pytest.mark.parametrize("item", [double, 3, "text", None, Plain(n=1)])
def test_what_has_no_parameters_is_a_value(item):
    """An entry may be a plain function or a number."""
    assert describe_parameters(item)["parameters"] == {}
    assert describe_parameters(item)["value"] == value_of(item)


class WalkChallenge(ExampleChallenge):
    """A challenge with a dataset, and a parameter that cannot be read."""

    broken = False

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def run(self, optimizer: Any) -> WalkChallenge:
        self.optimizer, self.dataset_, self.result_, self.value = optimizer, self.dataset, None, None
        return self

    def get_params(self) -> dict[str, Any]:
        if self.broken:
            raise RuntimeError("no parameters today")
        return {"dataset": self.dataset}


def test_in_the_metadata(tmp_path):
    """A run stores the parameters of challenge, pipeline and dataset."""
    with recorded_run("entry", path=tmp_path, use_git=False):
        WalkChallenge(Walks()).run(Detector())

    (metadata,) = stored_runs(tmp_path)
    stored = metadata["parameters"]
    assert stored["pipeline"]["parameters"]["algo__cutoff_hz"] == 10.0
    assert stored["dataset"]["n_data_points"] == 6
    assert stored["challenge"]["parameters"]["dataset"]["parameters"]["n_tests"] == 2
    assert metadata["collection_errors"] == []


def test_parameters_that_raise_cost_only_themselves(tmp_path, monkeypatch):
    """What cannot be read is stored as unknown, with the reason, and told."""
    monkeypatch.setattr(WalkChallenge, "broken", True)
    with (
        pytest.warns(IncompleteProvenanceWarning, match="no parameters today"),
        recorded_run("entry", path=tmp_path, use_git=False),
    ):
        WalkChallenge(Walks()).run(Detector())

    (metadata,) = stored_runs(tmp_path)
    assert metadata["parameters"]["challenge"] is None
    assert metadata["parameters"]["dataset"]["n_data_points"] == 6
    assert metadata["collection_errors"] == [{"what": "parameters", "error": "RuntimeError: no parameters today"}]


def test_a_function_that_refers_to_itself():
    """A local function that is its own variable, or that has none yet, is described all the same."""

    def countdown(number: int) -> int:
        return countdown(number - 1) if number else later

    described = value_of(countdown)
    later = 0
    assert described["values"] == {"countdown": {"class": "builtins.function", "enclosing": 2}}
    assert value_of(countdown)["values"]["later"] == later


class Unreadable:
    """Results that are too large to be looked at."""

    def __getattribute__(self, name):
        pytest.fail(f"{name} of a result was read")


def test_results_are_no_parameters_of_a_challenge():
    """What `run` sets does not hide the parameters, however much it is, and is not read to describe them."""
    challenge = Plain(window=3, optimizer=Unreadable(), model_=Unreadable(), **{f"fold_{n}_": n for n in range(300)})
    described = describe_challenge(challenge)
    assert described["value"] == {"class": f"{__name__}.Plain", "attributes": {"window": 3}}
