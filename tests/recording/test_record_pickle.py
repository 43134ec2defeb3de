"""Recorded functions and observed challenges are pickled, copied, hashed and sent to other processes."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from challenges import ExampleChallenge, stored_entries, stored_runs
from processes import run_python

from gaitmap_results import record_run, recorded_run, reset_config, set_config
from gaitmap_results.config import LocalConfig

cloudpickle = pytest.importorskip("cloudpickle")
joblib = pytest.importorskip("joblib")

PROTOCOLS = (0, 2, pickle.HIGHEST_PROTOCOL)  # the first, the first that knows slots, the one in use


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Return the results folder, which the global config knows."""
    set_config(LocalConfig(results_dir=tmp_path / "results"))
    yield tmp_path / "results"  # type: ignore[misc]
    reset_config()


@record_run
def entry(value: int) -> int:
    """Run a challenge."""
    ExampleChallenge(value).run(value)
    return value * 10


@record_run("to a folder", use_git=False)
async def coroutine_entry() -> None:
    """Wait for nothing."""


class Entries:
    """Has recorded methods, and says whether two of them are the same."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Entries) and other.value == self.value

    def __hash__(self) -> int:
        return hash(self.value)

    @record_run
    def method(self) -> int:
        ExampleChallenge(self.value).run(self.value)
        return self.value

    @record_run
    @classmethod
    def class_method_outer(cls) -> str:
        ExampleChallenge().run(1)
        return cls.__name__

    @classmethod
    @record_run
    def class_method_inner(cls) -> str:
        ExampleChallenge().run(1)
        return cls.__name__

    @record_run
    @staticmethod
    def static_method() -> str:
        ExampleChallenge().run(1)
        return "static"

    class Inner:
        @record_run
        def method(self) -> str:
            ExampleChallenge().run(1)
            return "inner"


class Derived(Entries):
    """Inherits everything."""


BOUND: dict[str, tuple[Any, Any]] = {
    "method": (Entries(3).method, 3),
    "method of derived": (Derived(4).method, 4),
    "method of inner": (Entries.Inner().method, "inner"),
    "class method outer": (Entries.class_method_outer, "Entries"),
    "class method outer of derived": (Derived.class_method_outer, "Derived"),
    "class method outer of object": (Derived(1).class_method_outer, "Derived"),
    "class method inner": (Entries.class_method_inner, "Entries"),
    "static method": (Entries.static_method, "static"),
    "static method of object": (Entries(1).static_method, "static"),
}

DUPLICATE: dict[str, Callable[[Any], Any]] = {
    **{f"pickle {protocol}": lambda item, p=protocol: pickle.loads(pickle.dumps(item, p)) for protocol in PROTOCOLS},
    "cloudpickle": lambda item: cloudpickle.loads(cloudpickle.dumps(item)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("duplicate", DUPLICATE.values(), ids=DUPLICATE)
class TestDuplicates:
    @pytest.mark.parametrize("function", [entry, coroutine_entry, Entries.method, Entries.Inner.method])
    def test_of_a_function_are_the_function(self, function: Any, duplicate: Callable[[Any], Any]) -> None:
        """As any function of a module, a recorded one is pickled by its name and never copied."""
        assert duplicate(function) == function
        assert duplicate([function, function])[0] == function

    def test_of_a_bound_method_record(self, results: Path, duplicate: Callable[[Any], Any]) -> None:
        """A bound method is duplicated with its object, and the duplicate records."""
        for method, expected in BOUND.values():
            assert duplicate(method)() == expected
        assert sorted(stored_entries(results)) == sorted(method.__name__ for method, _ in BOUND.values())

    def test_of_an_object_with_recorded_methods(self, results: Path, duplicate: Callable[[Any], Any]) -> None:
        """An object whose class has recorded methods is an object as any other."""
        assert duplicate(Entries(5)).method() == 5
        assert duplicate({"a": Entries(6)})["a"] == Entries(6)


def test_a_deep_copy_of_a_bound_method_has_its_own_object() -> None:
    """A deep copy copies the object, and within one structure the same object stays the same."""
    entries = Entries([1])  # type: ignore[arg-type]
    method, again = copy.deepcopy([entries.method, entries])
    assert method.__self__ is again
    assert again is not entries
    assert again.value is not entries.value
    assert copy.copy(entries.method).__self__ is entries


def test_local_functions_cannot_be_pickled() -> None:
    """What Python cannot find by its name is refused by pickle, as without the decorator."""

    @record_run
    def local() -> None:
        pass

    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(local)
    assert copy.deepcopy(local) is copy.copy(local) is local


def test_hashing_with_joblib(tmp_path: Path, results: Path) -> None:
    """Hash and cache of joblib take recorded functions and methods; the hash tells two objects apart."""
    assert joblib.hash(entry) == joblib.hash(entry) != joblib.hash(coroutine_entry)
    assert joblib.hash(Entries(1).method) == joblib.hash(Entries(1).method)
    assert joblib.hash(Entries(1).method) != joblib.hash(Entries(2).method)
    assert joblib.hash({"run": entry, "n": 1}) != joblib.hash({"run": coroutine_entry, "n": 1})
    joblib.dump(entry, tmp_path / "entry.joblib")
    assert joblib.load(tmp_path / "entry.joblib") == entry
    cached = joblib.Memory(tmp_path / "cache", verbose=0).cache(entry)
    assert [cached(1), cached(1)] == [10, 10]
    assert stored_entries(results) == ["entry"]


@dataclasses.dataclass(repr=False)
class DataclassChallenge(ExampleChallenge):
    """A challenge as a dataclass, as those of gaitmap_challenges are."""

    value: int = 1
    more: list[int] = dataclasses.field(default_factory=list)


class SlotsChallenge(ExampleChallenge):
    """A challenge with slots."""

    __slots__ = ("extra",)


class StateChallenge(ExampleChallenge):
    """A challenge that says itself how it is pickled."""

    def __getstate__(self) -> dict[str, Any]:
        return {"value": self.value}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


CHALLENGES = [ExampleChallenge, DataclassChallenge, SlotsChallenge, StateChallenge]


# Python's oldest two protocols know no slots.
OF_TODAY = {name: duplicate for name, duplicate in DUPLICATE.items() if name != "pickle 0"}


@pytest.mark.parametrize("duplicate", OF_TODAY.values(), ids=OF_TODAY)
@pytest.mark.parametrize("kind", CHALLENGES, ids=lambda kind: kind.__name__)
class TestDuplicatesOfChallenges:
    def test_are_observed(self, results: Path, kind: Any, duplicate: Callable[[Any], Any]) -> None:
        """A duplicate of a challenge, also after its run, is one that recorders see."""
        first = kind(7)
        again = duplicate(first)
        assert (type(again), again.value, again is first) == (kind, 7, False)
        with recorded_run("entry"):
            again.run(1)
        duplicate(again)
        assert [run["challenge_name"] for run in stored_runs(results)] == [f"{kind.__module__}.{kind.__name__}"]

    def test_of_the_class_and_its_run(self, kind: Any, duplicate: Callable[[Any], Any]) -> None:
        """The class is found by its name, and the bound `run` is duplicated with its object."""
        assert duplicate(kind) is kind
        assert duplicate(kind(3).run)(4).get_core_results() == {"value": 3, "result": 4}


def _run_of(challenge: Any) -> Any:
    return challenge.run(2)


class TestProcesses:
    def test_pools_of_this_program(self, results: Path) -> None:
        """Recorded functions and bound methods of a module go through the executors of joblib and of Python."""
        n_jobs = {"n_jobs": 2}
        for backend in ("loky", "threading", "multiprocessing"):
            calls = [joblib.delayed(entry)(1), joblib.delayed(Entries(2).method)()]
            assert joblib.Parallel(**n_jobs, backend=backend)(calls) == [10, 2]
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            assert pool.submit(entry, 1).result() == 10
            assert pool.submit(Entries(2).method).result() == 2
            assert pool.submit(Derived.class_method_outer).result() == "Derived"
        assert sorted(stored_entries(results)) == ["class_method_outer"] + ["entry"] * 4 + ["method"] * 4

    def test_a_challenge_that_runs_in_a_worker(self, results: Path) -> None:
        """What ran in another process comes back as an object that can be attached; it is one run."""
        with recorded_run("entry") as recorder, ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            recorder.attach(pool.submit(_run_of, ExampleChallenge(3)).result())
        (run,) = stored_runs(results)
        assert run["timing_source"] == "challenge"
        assert run["repr_challenge"] == "ExampleChallenge(value=3)"


SCRIPT = """
import dataclasses, json, multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from joblib import Parallel, delayed
from challenges import ExampleChallenge
from gaitmap_results import record_run, recorded_run
from gaitmap_results.challenge import challenge_name

OPTIONS = {"path": "results", "use_git": False}


class Steps(ExampleChallenge):
    def run(self, optimizer=None):
        return super().run(optimizer)


@dataclasses.dataclass(repr=False)
class Fields(ExampleChallenge):
    value: int = 1


def observed(entry_name, kind):
    # No variable holds the challenge: only observing its run finds it.
    with recorded_run(entry_name, **OPTIONS):
        kind(3).run(4)


def sent(challenge):
    return challenge.run(5).get_core_results(), challenge_name(challenge)


@record_run("decorated", **OPTIONS)
def decorated(value):
    Steps(value).run(value)
    return value


if __name__ == "__main__":
    method = sys.argv[1]
    if method in ("loky", "multiprocessing", "threading"):
        def call(function, *arguments):
            first, _ = Parallel(n_jobs=2, backend=method)([delayed(function)(*arguments), delayed(abs)(1)])
            return first
    else:
        pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method))
        def call(function, *arguments):
            return pool.submit(function, *arguments).result()
    call(observed, "steps", Steps)
    call(observed, "fields", Fields)
    print(json.dumps([call(sent, Steps(3)), call(sent, Fields(4)), call(decorated, 6)]))
"""


@pytest.mark.parametrize("method", ["loky", "threading", "multiprocessing", "spawn", "fork"])
def test_classes_and_functions_of_a_script(tmp_path: Path, method: str) -> None:
    """Challenges and recorded functions of a script work in every kind of worker, under the script's name."""
    if sys.platform == "win32" and method == "fork":
        pytest.skip("Windows does not fork")
    (tmp_path / "my_script.py").write_text(textwrap.dedent(SCRIPT), encoding="utf-8")
    done = run_python("-W", "ignore::DeprecationWarning", "my_script.py", method, cwd=tmp_path)
    assert json.loads(done.stdout) == [
        [{"value": 3, "result": 5}, "my_script.Steps"],
        [{"value": 4, "result": 5}, "my_script.Fields"],
        6,
    ]
    stored = {run["entry_name"]: run["challenge_name"] for run in stored_runs(tmp_path / "results")}
    assert stored == {"steps": "my_script.Steps", "fields": "my_script.Fields", "decorated": "my_script.Steps"}


def test_a_module_run_with_m_keeps_its_name_in_workers(tmp_path: Path) -> None:
    """A class of a module that was started with -m has the same name in the worker that it was sent to."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "module.py").write_text(textwrap.dedent(SCRIPT), encoding="utf-8")
    run_python("-m", "package.module", "loky", cwd=tmp_path)
    names = {run["challenge_name"] for run in stored_runs(tmp_path / "results")}
    assert names == {"package.module.Steps", "package.module.Fields"}
