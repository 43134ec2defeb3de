"""Custom metadata is a dictionary of the block's own, and a value that JSON does not have costs no grade."""

from __future__ import annotations

import json
import math
import types
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from challenges import ExampleChallenge

from gaitmap_results import record_run, recorded_run, save_run
from gaitmap_results.exceptions import IncompleteProvenanceWarning


class Settings(Mapping[str, Any]):
    """A mapping of a configuration library's, which can be read only."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Listed(Sequence[Any]):
    """A list of a configuration library's."""

    def __init__(self, *values: Any) -> None:
        self._values = values

    def __getitem__(self, place: Any) -> Any:
        return self._values[place]

    def __len__(self) -> int:
        return len(self._values)


class Frozen(dict[str, Any]):
    """A dictionary that refuses to be changed, and is its own copy."""

    def __setitem__(self, key: str, value: Any) -> None:
        raise TypeError("it is frozen")

    def __copy__(self) -> Frozen:
        return self


def stored(run: Path | None) -> Any:
    """Return what custom_metadata.json of a run says."""
    assert run is not None
    return json.loads((run / "custom_metadata.json").read_text("utf-8"))


@pytest.mark.parametrize(
    "make", [dict, Settings, Frozen, types.MappingProxyType, lambda given: defaultdict(dict, given)]
)
def test_a_mapping_is_copied_and_can_be_filled(tmp_path: Path, make: Callable[[Any], Any]) -> None:
    """Whatever mapping is given, at any depth: it is not touched, and the block's own can be filled."""
    inner = {"c": [1, {"d": 2}]}
    given = make({"a": 1, "b": make(inner)})
    with recorded_run("e", path=tmp_path, use_git=False, custom_metadata=given) as r:
        ExampleChallenge().run(1)
        r.custom_metadata["score"] = 0.5
        r.custom_metadata["b"]["more"] = 1
        r.custom_metadata["b"]["c"][1]["d"] = 3
    assert stored(r.path_) == {"a": 1, "b": {"c": [1, {"d": 3}], "more": 1}, "score": 0.5}
    assert "score" not in given
    assert "more" not in given["b"]
    assert given["b"]["c"] == [1, {"d": 2}]


def test_lists_of_configuration_libraries_are_lists(tmp_path: Path) -> None:
    """A sequence of another type than list is stored as one, at any depth."""
    given = Settings({"axes": Listed(1, Settings({"b": Listed("x", None)})), "last": deque([1, 2])})
    with recorded_run("e", path=tmp_path, use_git=False, custom_metadata=given) as r:
        ExampleChallenge().run(1)
    assert stored(r.path_) == {"axes": [1, {"b": ["x", None]}], "last": [1, 2]}


class Zeros(dict[str, int]):
    """A dictionary that has a value for every key."""

    def __missing__(self, key: str) -> int:
        return 0


@pytest.mark.parametrize("make", [Counter, Zeros])
def test_a_dictionary_with_an_answer_for_missing_keys_keeps_it(tmp_path: Path, make: Callable[[Any], Any]) -> None:
    """A counter that is given can be counted with in the block, and starts from what was given."""
    given = make({"a": 2})
    with recorded_run("e", path=tmp_path, use_git=False, custom_metadata={"steps": given}) as r:
        ExampleChallenge().run(1)
        r.custom_metadata["steps"]["a"] += 1
        r.custom_metadata["steps"]["b"] += 1
    assert stored(r.path_) == {"steps": {"a": 3, "b": 1}}
    assert given == {"a": 2}


MISSING = {
    "f1": {"p7": math.nan, "p8": 0.5},
    "all": [1.0, -math.inf],
    "array": np.array([[np.nan, 1.0]]),
    "of libraries": [pd.NA, pd.NaT, np.ma.masked],
}
PLACES = (
    "custom_metadata['f1']['p7']",
    "custom_metadata['all'][1]",
    "custom_metadata['array'][0][0]",
    *(f"custom_metadata['of libraries'][{number}]" for number in range(3)),
)
STORED = {"f1": {"p7": None, "p8": 0.5}, "all": [1.0, None], "array": [[None, 1.0]], "of libraries": [None] * 3}


def by_block(path: Path) -> Path | None:
    """Record with values that are found in the block."""
    with recorded_run("e", path=path, use_git=False, debug_run=False) as r:
        ExampleChallenge().run(1)
        r.custom_metadata.update(MISSING)
    return r.path_


def by_argument(path: Path) -> Path | None:
    """Record with values that are known before."""
    record = record_run("e", path=path, use_git=False, debug_run=False, custom_metadata=MISSING)
    record(lambda: ExampleChallenge().run(1))()
    return next(path.glob("*/*/e/*"))


def by_save_run(path: Path) -> Path | None:
    """Save with such values."""
    options: dict[str, Any] = {"path": path, "use_git": False, "debug_run": False}
    return save_run(ExampleChallenge().run(1), "e", custom_metadata=MISSING, **options)


@pytest.mark.parametrize("save", [by_block, by_argument, by_save_run])
def test_a_value_that_is_no_number_becomes_null_and_is_named(tmp_path: Path, save: Callable[[Path], Path]) -> None:
    """NaN, infinity and NA are stored as null, listed with their place, warned about, and cost no grade."""
    with pytest.warns(IncompleteProvenanceWarning) as shown:
        run = save(tmp_path)
    metadata = json.loads((run / "metadata.json").read_text("utf-8"))
    assert stored(run) == STORED
    assert (metadata["is_debug_run"], metadata["debug_reasons"]) == (False, [])
    (listed,) = (each["error"] for each in metadata["collection_errors"] if each["what"] == "custom_metadata")
    for place in PLACES:
        assert place in listed
        assert place in str(shown[0].message)


def test_many_missing_values_are_counted(tmp_path: Path) -> None:
    """An array of a million NaN makes no message of a million places."""
    with pytest.warns(IncompleteProvenanceWarning, match="and at 900 more places") as shown:
        save_run(ExampleChallenge().run(1), "e", custom_metadata={"a": [math.nan] * 1000}, path=tmp_path, use_git=False)
    assert len(str(shown[0].message)) < 5_000
