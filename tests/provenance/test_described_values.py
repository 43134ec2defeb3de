"""Different values are described differently, equal ones alike, in every process."""

from __future__ import annotations

import array
import copy
import dataclasses
import functools
import hashlib
import io
import itertools
import json
import logging
import operator
import os
import random
import threading
import typing
from collections import OrderedDict, defaultdict, deque, namedtuple
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import attrs
import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from processes import python_environment, run_python

from gaitmap_results.provenance.parameters import describe_parameters

Point = namedtuple("Point", "x y")
Other = namedtuple("Other", "x y")


def described(value: Any) -> Any:
    """Describe a value as the parameter of an object, and check that the description is JSON."""
    found = describe_parameters(Held(value))["parameters"]["value"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


@dataclasses.dataclass
class Held:
    """An object with one parameter."""

    value: Any


class Shown:
    """An object that says the same of itself whatever it holds, with a dictionary of attributes."""

    def __init__(self, **held: Any) -> None:
        self.__dict__.update(held)

    def __repr__(self) -> str:
        return "Shown()"


class InSlots:
    """The same in slots, one of them hidden."""

    __slots__ = ("__hidden", "value")

    def __init__(self, value: Any, hidden: Any = None) -> None:
        self.value = value
        self.__hidden = hidden

    def __repr__(self) -> str:
        return "InSlots()"


@attrs.define
class WithAttrs:
    """An object as attrs makes it, with slots and a repr."""

    values: Any
    _own: Any = attrs.field(default=None, repr=False)


class Nothing:
    """An object that holds nothing, as a key."""


class Breaks:
    """An object with the methods of a matrix, which fail."""

    shape, dtype = (2,), "float64"

    def __init__(self, value: int) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "Breaks()"

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise RuntimeError("not today")


class Listed(list[Any]):
    """A list with an attribute."""

    def __init__(self, items: Any, unit: str) -> None:
        super().__init__(items)
        self.unit = unit


def double(value: int) -> int:
    """Be a function with a name."""
    return 2 * value


def made_with(value: Any) -> Any:
    """Return a function that holds a value, as factories of scoring functions do."""

    def scoring(error: float) -> bool:
        return error < value

    return scoring


def weighted(weights: Any) -> Any:
    """Return a decorator whose functions have the name of the decorated one."""

    def decorate(function: Any) -> Any:
        @functools.wraps(function)
        def multiplied(*args: Any) -> Any:
            return weights * function(*args)

        return multiplied

    return decorate


class Curried:
    """An object that has the name of a function, and can be used as a method, as toolz.curry."""

    def __init__(self, function: Any, value: Any) -> None:
        functools.update_wrapper(self, function)
        self.value = value

    def __call__(self, *args: Any) -> Any:
        return self.__wrapped__(self.value, *args)  # type: ignore[attr-defined]

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self


@weighted(2)
def tripled(value: int) -> int:
    """Be a decorated function that has a name of its own."""
    return 3 * value


@functools.lru_cache
def cached(value: int) -> int:
    """Be a cached function."""
    return value


def curried(value: int) -> int:
    """Be a function whose name another object takes."""
    return value


curried = Curried(curried, 1)  # type: ignore[assignment]  # as a decorator does

LONG = np.arange(5000.0)
CHANGED = LONG.copy()
CHANGED[2500] = -1
FRAME = pd.DataFrame({"a": np.arange(300), "b": [f"t{number}" for number in range(300)]})
PAIRS: dict[str, tuple[Any, Any]] = {
    "keys 1 and text": ({1: "a", "1": "b"}, {1: "b", "1": "a"}),
    "keys 1 and text, one missing": ({1: "a"}, {"1": "a"}),
    "keys True and text": ({True: "a", "True": "b"}, {True: "b", "True": "a"}),
    "key None": ({None: 1}, {"None": 1}),
    "key tuple": ({(1, 2): 1}, {"(1, 2)": 1}),
    "key float": ({0.5: 1}, {"0.5": 1}),
    "key function": ({double: 1}, {"double": 1}),
    "key bytes": ({b"a": 1}, {"b'a'": 1}),
    "NaN and text": (float("nan"), "nan"),
    "infinity": (float("inf"), "inf"),
    "huge integer and text": (2**70, str(2**70)),
    "absurd integers": (10**5000, 10**5000 + 1),
    "named tuple and text": (Point(1, 2), "Point(x=1, y=2)"),
    "named tuple and tuple": (Point(1, 2), (1, 2)),
    "named tuples": (Point(1, 2), Other(1, 2)),
    "set and list": ({1, 2}, [1, 2]),
    "set and frozenset": ({1, 2}, frozenset({1, 2})),
    "what looks like NaN": ({"float": "nan"}, float("nan")),
    "what looks like a type": ({"type": "builtins.int"}, int),
    "what looks like a function": ({"function": f"{__name__}.double"}, double),
    "what looks like a long text": ({"length": 3, "sha256": "x"}, {"length": 3, "sha256": "y"}),
    "what looks like a set": ({"class": "builtins.set", "items": [1]}, {1}),
    "array in an object": (Shown(a=LONG), Shown(a=CHANGED)),
    "array beside what cannot be pickled": (Shown(a=LONG, f=lambda: 1), Shown(a=CHANGED, f=lambda: 1)),
    "array in slots": (InSlots(LONG), InSlots(CHANGED)),
    "array in a hidden slot": (InSlots(1, LONG), InSlots(1, CHANGED)),
    "array in attrs": (WithAttrs(LONG), WithAttrs(CHANGED)),
    "hidden in attrs": (WithAttrs(1, LONG), WithAttrs(1, CHANGED)),
    "array in a deque": (deque([LONG]), deque([CHANGED])),
    "array in a partial": (functools.partial(double, LONG), functools.partial(double, CHANGED)),
    "array in a bound method": (Shown(a=LONG).__repr__, Shown(a=CHANGED).__repr__),
    "array in an object array": (np.array([LONG, 1], dtype=object), np.array([CHANGED, 1], dtype=object)),
    "object in an object array": (np.array([Shown(a=1)], dtype=object), np.array([Shown(a=2)], dtype=object)),
    "array in a frame": (pd.DataFrame({"a": [LONG]}), pd.DataFrame({"a": [CHANGED]})),
    "arrays by dtype": (np.zeros(3, "f4"), np.zeros(3, "f8")),
    "arrays by shape": (np.zeros((2, 3)), np.zeros((3, 2))),
    "complex arrays": (np.array([1j]), np.array([2j])),
    "times": (np.array(["2020-01-01"], "M8[D]"), np.array(["2020-01-02"], "M8[D]")),
    "structured arrays": (np.array([(1, 2.0)], "i4,f8"), np.array([(1, 3.0)], "i4,f8")),
    "masks": (np.ma.array([1, 2], mask=[True, False]), np.ma.array([1, 2], mask=[False, True])),
    "frames by a text": (FRAME, FRAME.replace("t150", "x")),
    "frames by type": (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": ["1"]})),
    "frames by index": (FRAME, FRAME.set_index("b", drop=False)),
    "frames by column names": (FRAME, FRAME.rename(columns={"a": "c"})),
    "frames by names of columns of different types": (pd.DataFrame({1: [1]}), pd.DataFrame({"1": [1]})),
    "series by name": (pd.Series([1], name="a"), pd.Series([1], name="b")),
    "series by missing values": (pd.Series([1, None], dtype="Int64"), pd.Series([1, 2], dtype="Int64")),
    "indexes": (pd.Index([1, 2]), pd.Index([1, 3])),
    "NaT and text": (pd.NaT, "NaT"),
    "array.array": (array.array("d", LONG), array.array("d", CHANGED)),
    "ranges": (range(3), range(4)),
    "fractions": (Fraction(1, 3), Fraction(2, 3)),
    "decimals": (Decimal("0.1"), Decimal("0.10")),
    "time differences": (timedelta(1), timedelta(2)),
    "memory": (memoryview(b"a"), memoryview(b"b")),
    "item getters": (operator.itemgetter(1), operator.itemgetter(2)),
    "counters": (itertools.count(1), itertools.count(2)),
    "type hints": (list[int], list[str]),
    "builtin methods": ("abc".count, "abd".count),
    "lambdas on one line": (lambda x: x + 1, lambda x: x - 1),
    "lambdas by argument": (lambda x, y: (x, y), lambda y, x: (x, y)),
    "closures": (made_with(1), made_with(2)),
    "decorated functions": (weighted(LONG)(double), weighted(CHANGED)(double)),
    "decorated or not": (weighted(1)(double), double),
    "cached closures": (functools.lru_cache(made_with(1)), functools.lru_cache(made_with(2))),
    "objects in the place of functions": (Curried(double, 1), Curried(double, 2)),
    "defaults": (lambda error, limit=LONG: error, lambda error, limit=CHANGED: error),
    "keywords": (lambda error, *, limit=LONG: error, lambda error, *, limit=CHANGED: error),
    "random generators": (np.random.default_rng(1), np.random.default_rng(2)),
    "old random generators": (np.random.RandomState(1), np.random.RandomState(2)),
    "close numbers in a frame": (pd.DataFrame({"a": [1 / 3]}), pd.DataFrame({"a": [1 / 3 + 1e-16]})),
    "long texts": ("a" * 5000, "a" * 5001),
    "functions from text": (eval("lambda x: x + 1"), eval("lambda x: x - 1")),
    "items at the end of many": ([(n, n) for n in range(9000)], [(n, n) for n in range(8999)] + [(8999, 0)]),
    "attributes of a list": (Listed([1], "m"), Listed([1], "s")),
    "defaults of a dictionary": (defaultdict(list), defaultdict(int)),
    "order of categories": (
        pd.DataFrame({"a": pd.Categorical(["x"], categories=["x", "y"])}),
        pd.DataFrame({"a": pd.Categorical(["x"], categories=["y", "x"])}),
    ),
    "types of categories": (pd.CategoricalDtype(["a"]), pd.CategoricalDtype(["b"])),
    "partial methods": (functools.partialmethod(double, 1), functools.partialmethod(double, 2)),
    "text in memory": (io.StringIO("a"), io.StringIO("b")),
    "loggers": (logging.getLogger("a"), logging.getLogger("b")),
}


def nested(value: Any, depth: int) -> Any:
    """Return a value inside of many objects."""
    return value if depth == 0 else Shown(inner=nested(value, depth - 1))


@pytest.mark.parametrize("name", PAIRS)
def test_different_values_are_told_apart(name):
    """Two configurations that differ are never described alike, and a copy is described as the original."""
    one, other = PAIRS[name]
    assert described(one) != described(other)
    assert described([one]) != described([other])
    assert described(Shown(inner=one)) != described(Shown(inner=other))
    if name not in ("memory", "builtin methods", "counters"):  # which cannot be copied, or no longer
        assert described(copy.deepcopy(one)) == described(one)


@pytest.mark.parametrize("depth", [1, 10, 25])
def test_depth_hides_nothing(depth):
    """An array is told apart inside of as many objects as anybody nests."""
    assert described(nested(LONG, depth)) == described(nested(LONG.copy(), depth)) != described(nested(CHANGED, depth))


def test_what_is_too_deep_is_not_compared_and_says_so():
    """Where a description ends, it says that it does."""
    assert "not_compared" in json.dumps(described(nested(1, 100)))


def test_what_has_neither_attributes_nor_a_pickle_is_not_compared_and_says_so():
    """A lock cannot be compared with that of another process."""
    found = described(threading.Lock())
    assert found["not_compared"] == "it has no attributes and cannot be pickled"
    assert "0x" not in json.dumps(found)


def test_objects_that_share_others_are_described_in_time():
    """Objects that refer to each other in many ways end in a description of bounded size, and still differ."""

    def shared(leaf: int) -> Any:
        item: Any = Shown(leaf=leaf)
        for _ in range(25):
            item = [item, item]
        return item

    assert described(shared(1)) != described(shared(2))
    assert len(json.dumps(described(shared(1)))) < 2_000_000


def test_equal_values_are_described_alike():
    """The order of a dictionary or a set, and the way a matrix keeps its values, are no differences."""
    assert described({"a": 1, "b": 2}) == described(OrderedDict(b=2, a=1))
    assert described({1: "a", 2: "b"}) == described({2: "b", 1: "a"})
    assert described(LONG) == described(np.arange(10_000.0)[::2] / 2)
    assert described(np.asfortranarray(np.ones((300, 2)))) == described(np.ones((300, 2)))
    assert described([1, 2]) == described((1, 2))


def test_sparse_matrices():
    """A sparse matrix is described by shape, type and its values in order."""
    sparse = pytest.importorskip("scipy.sparse", reason="scipy is missing")
    dense = np.zeros((300, 300))
    dense[7, 9] = 1
    changed = dense.copy()
    changed[200, 100] = 2
    for make in (sparse.csr_matrix, sparse.coo_matrix, sparse.csr_array, sparse.lil_matrix, sparse.dok_matrix):
        found = described(make(dense))
        assert found == described(make(dense.copy())) != described(make(changed))
        assert (found["shape"], found["dtype"]) == ([300, 300], "float64")
    split = sparse.coo_matrix(([0.5, 0.5], ([7, 7], [9, 9])), shape=(300, 300))
    assert described(split) == described(sparse.coo_matrix(dense))


def test_tables_of_other_libraries():
    """A table of pyarrow is described by its columns, whatever its chunks are."""
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is missing")
    table = arrow.table({"a": list(range(300)), "b": ["x"] * 300})
    chunks = arrow.concat_tables([table.slice(0, 100), table.slice(100)])
    other = table.set_column(1, "b", [["x"] * 299 + ["y"]])
    assert described(table) == described(chunks) != described(other)
    assert described(table)["shape"] == [300, 2]
    assert described(arrow.array([1, 2])) != described(arrow.array([1, 3]))


def test_named_dimensions():
    """What xarray labels is described by dimensions, coordinates, attributes and values."""
    xarray = pytest.importorskip("xarray", reason="xarray is missing")
    different = [
        *(xarray.DataArray([1, 2], dims=dims) for dims in ("x", "y")),
        *(xarray.DataArray([1, 2], dims="x", coords={"x": [1, last]}) for last in (2, 3)),
        xarray.DataArray([1, 2], dims="x", attrs={"unit": "m"}),
        *(xarray.Dataset({"a": ("x", [1, 2])}, coords={"x": [1, last]}) for last in (2, 3)),
        *(xarray.Variable(dims, [1, 2]) for dims in ("x", "y")),
    ]
    texts = [json.dumps(described(each)) for each in different]
    assert len(set(texts)) == len(different)
    assert texts == [json.dumps(described(each.copy(deep=True))) for each in different]


def test_what_an_estimator_has_learned():
    """An estimator of scikit-learn that was fitted to other data is another one, wherever it stands."""
    sklearn = pytest.importorskip("sklearn.neighbors", reason="scikit-learn is missing")
    pipeline = pytest.importorskip("sklearn.pipeline", reason="scikit-learn is missing").make_pipeline

    def fitted(first: float) -> Any:
        return sklearn.KNeighborsClassifier(1).fit([[first], [1.0]], [0, 1])

    for wrap in (
        described,
        describe_parameters,
        lambda each: describe_parameters(pipeline(each)),
        lambda each: described(Shown(each=each)),
    ):
        assert wrap(fitted(0.0)) == wrap(fitted(0.0)) != wrap(fitted(0.5))
    assert "fitted_sha256" not in describe_parameters(sklearn.KNeighborsClassifier(1))


def test_the_random_numbers_of_the_process_are_not_compared():
    """The generator that a process shares, which is seeded by chance, is known as such; another one by its state."""
    for shared in (random.random, np.random.normal, np.random.mtrand._rand):
        before = described(shared)
        random.random()
        np.random.normal()  # noqa: NPY002 - the older interface is what people pass
        assert described(shared) == before
    assert described(random.Random(1)) == described(random.Random(1)) != described(random.Random(2))


def test_a_value_that_cannot_be_read_costs_no_other():
    """A value whose own code fails while it is described is told apart by its pickle, and costs no other value."""
    one, other = described([Breaks(1), 5]), described([Breaks(2), 5])
    assert one != other == described([Breaks(2), 5])
    assert one[1] == 5


@pytest.mark.parametrize("has_graph", [True, False])
def test_what_only_offers_itself_as_an_array(has_graph):
    """An array of any library that NumPy can read is described by its values, also one that belongs to a graph."""

    class Tensor:
        shape, dtype = (5000,), "float64"

        def __init__(self, values: Any) -> None:
            self._values = values

        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            if has_graph:
                raise RuntimeError("it requires a gradient")
            return self._values

    if has_graph:
        Tensor.cpu = None
        Tensor.detach = lambda self: SimpleNamespace(cpu=lambda: SimpleNamespace(__array__=lambda: self._values))
    assert described(Tensor(LONG))["shape"] == [5000]
    assert described(Tensor(LONG)) == described(Tensor(LONG.copy())) != described(Tensor(CHANGED))


def test_what_pytorch_holds():
    """Tensors that NumPy lacks, models and random generators differ by their values, never by an address."""
    torch = pytest.importorskip("torch")

    def network(seed: int) -> Any:
        torch.manual_seed(seed)
        return torch.nn.Linear(3, 1)

    for make in (
        lambda number: torch.full((2, 2), number, dtype=torch.bfloat16),
        lambda number: (number * torch.eye(3)).to_sparse(),
        lambda number: (number * torch.eye(3)).to_sparse_csr(),
        lambda number: torch.full((3,), number).to(torch.complex64).conj(),
        lambda number: torch.Generator().manual_seed(number),
        lambda number: network(number).requires_grad_(False),
        lambda number: torch.compile(network(number)),
    ):
        one, again, other = make(1), make(1), make(2)  # all alive, so that their addresses differ
        assert described(one) == described(again) != described(other)


def test_what_has_every_attribute():
    """An object that answers to any name is described all the same: a delayed function, a stand-in of a test."""
    dask = pytest.importorskip("dask", reason="dask is missing")
    assert described(dask.delayed(sum)([1]))["not_compared"] == "not computed yet"
    assert described(MagicMock())["class"] == "unittest.mock.MagicMock"


def test_where_results_are_kept_is_no_parameter(tmp_path):
    """The folder of a cache, and whether there is one, make no difference."""
    one, other = joblib.Memory(tmp_path / "a", verbose=0), joblib.Memory(tmp_path / "b", verbose=0)
    assert described(one) == described(other) == described(joblib.Memory(None))
    assert described(one.cache(double)) == described(other.cache(double)) == described(double)
    assert str(tmp_path) not in json.dumps([described(one), described(one.cache(double))])
    assert described(Shown(memory="a", cache_dir=Path("a"))) == described(Shown(memory="b", cache_dir=Path("b")))
    assert described(Shown(memory=1)) != described(Shown(memory=2))


def test_secrets_at_every_depth():
    """What is named like a secret is described by none of its content, in dictionaries, objects and named tuples."""
    login = namedtuple("login", "user password")
    for value in ({"api_token": "hunter2"}, Shown(password="hunter2"), login("me", "hunter2"), {1: {"pwd": "hunter2"}}):
        assert "hunter2" not in json.dumps(described([nested(value, 3)]))


def test_an_object_array_that_contains_itself():
    """A circle through an array ends, too."""
    circle = np.empty(1, dtype=object)
    circle[0] = circle
    assert described(circle)["shape"] == [1]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.builds(Point, st.integers(0, 3), st.text(max_size=2)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=3) | st.integers() | st.booleans() | st.none() | st.floats(), inner, max_size=3
        )
        | st.builds(lambda value: Shown(value=value), inner)
        | st.builds(InSlots, inner)
    ),
    max_leaves=10,
)


def canonical(value: Any) -> Any:
    """Return what makes two generated values equal."""
    if isinstance(value, Point):
        return ("Point", canonical(value.x), canonical(value.y))
    if isinstance(value, list):
        return ("list", *map(canonical, value))
    if isinstance(value, dict):
        return ("dict", *sorted(((canonical(key), canonical(item)) for key, item in value.items()), key=repr))
    if isinstance(value, (Shown, InSlots)):
        return (type(value).__name__, canonical(value.value))
    return (type(value).__name__, repr(value))


@given(values, values)
def test_descriptions_are_equal_where_the_values_are(one, other):
    """Two values have the same description if, and only if, they are the same."""
    assert described(copy.deepcopy(one)) == described(one)
    if json.dumps(described(one), sort_keys=True) == json.dumps(described(other), sort_keys=True):
        assert canonical(one) == canonical(other)


def an_example() -> Any:
    """Describe what has an address or an order of its own in every process."""
    keys: dict[Any, Any] = {double: 0.5, Nothing(): 1.0, io.StringIO: 2, frozenset({"a", "b", "c"}): 3}
    lambdas = [lambda x: x, functools.partial(double, Shown(a={"x", "y", "z"})), Shown(a=1).__repr__]
    objects = [object(), Nothing(), threading.Lock(), hashlib.sha256()]
    return described([keys, lambdas, typing.Any, *objects, LONG, FRAME, {Point(1, 2)}])


def test_a_function_with_a_name_of_its_own_is_described_by_it():
    """Decorated or not, whoever has the name has the function; its source is tracked by git."""
    name = f"{__name__}.tripled"
    assert described(tripled) == {"function": name}
    assert described(cached) == described(functools.lru_cache(cached)) == {"function": f"{__name__}.cached"}
    assert described(curried) == {"function": f"{__name__}.curried"}


SCRIPT = """
import json, sys
from multiprocessing import get_context

from gaitmap_results.provenance.parameters import describe_parameters

class Scoring:
    def __init__(self, score): self.score = score
    @staticmethod
    def root(value): return value

def double(value): return 2 * value

def say(): return json.dumps(describe_parameters(Scoring([double, Scoring.root, {double: 1}])))

if __name__ == "__main__":
    with get_context("spawn").Pool(1) as pool: print(say(), pool.apply(say), sep="\\n")
"""


def test_a_function_of_a_script_has_one_name(tmp_path):
    """Run as a program, imported by another one, or in a worker: the description names the same function."""
    (tmp_path / "entry.py").write_text(SCRIPT, encoding="utf-8")
    env = {"PYTHONPATH": os.pathsep.join([str(tmp_path), python_environment()["PYTHONPATH"]])}
    said = run_python("entry.py", cwd=tmp_path, env=env).stdout.splitlines()
    said += run_python("-c", "import entry; print(entry.say())", cwd=tmp_path, env=env).stdout.splitlines()
    assert len(said) == 3
    assert len(set(said)) == 1
    assert '{"function": "entry.Scoring.root"}' in said[0]


def test_the_same_in_every_process(tmp_path):
    """Neither addresses nor the order of sets get into a description."""
    code = "import json, test_described_values as t; print(json.dumps(t.an_example()))"
    said = run_python("-c", code, cwd=tmp_path, env={"PYTHONHASHSEED": "1"}).stdout
    assert json.loads(said) == an_example()
    assert "0x" not in said
