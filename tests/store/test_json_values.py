"""What is stored as custom metadata: the values themselves, or a refusal that names each of them before the run."""

from __future__ import annotations

import collections
import copy
import dataclasses
import enum
import json
import types
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from challenges import ExampleChallenge
from git_repository import GitRepository
from hypothesis import given
from hypothesis import strategies as st
from run_folders import PUBLISHED, needs_published

from gaitmap_results import (
    LocalConfig,
    load_run_custom_metadata,
    recorded_run,
    save_run,
    set_config,
)
from gaitmap_results.exceptions import InvalidCustomMetadataError
from gaitmap_results.store.json_files import dump_json, parse_json
from gaitmap_results.store.json_values import encode_custom_metadata, encode_leniently, safe_repr
from gaitmap_results.store.safe_text import safe_text


class Side(enum.Enum):
    """An enumeration of a user."""

    LEFT = "left"


class Word(str, enum.Enum):
    """An enumeration of strings."""

    LEFT = "left"


class Number(enum.IntEnum):
    """An enumeration of numbers."""

    ONE = 1


class Point(NamedTuple):
    """A named tuple."""

    x: int
    y: int


class Text(str):
    """A string of a class of its own."""

    __slots__ = ()


SHARED = [1, 2]

FAITHFUL: dict[str, tuple[Any, Any]] = {
    "none": (None, None),
    "booleans": ([True, False], [True, False]),
    "integers of 64 bit": ([2**64 - 1, -(2**63), 2**53 + 1], [2**64 - 1, -(2**63), 2**53 + 1]),
    "floats": ([0.1, -0.0, 5e-324, 1.7976931348623157e308], [0.1, -0.0, 5e-324, 1.7976931348623157e308]),
    "text": (["ü 漢 🦶", "a\nb\0c\u2028", ""], ["ü 漢 🦶", "a\nb\0c\u2028", ""]),
    "text of its own class": (Text("x"), "x"),
    "tuple": ((1, (2, 3)), [1, [2, 3]]),
    "named tuple": (Point(1, 2), [1, 2]),
    "empty": ([{}, [], ()], [{}, [], []]),
    "ordered": (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    "counter": (collections.Counter("aab"), {"a": 2, "b": 1}),
    "read only": (types.MappingProxyType({"a": 1}), {"a": 1}),
    "the same list twice": ([SHARED, SHARED], [[1, 2], [1, 2]]),
    "numpy integer": ([np.int64(-3), np.uint64(2**64 - 1), np.int8(7)], [-3, 2**64 - 1, 7]),
    "numpy float": ([np.float64(0.1), np.float32(0.5), np.float16(0.25)], [0.1, 0.5, 0.25]),
    "numpy float32 keeps its own digits": (np.float32(0.1), float(np.float32(0.1))),
    "numpy boolean": (np.bool_(True), True),
    "numpy text": ([np.str_("x"), np.array(["a", "bc"])], ["x", ["a", "bc"]]),
    "numpy array": (np.arange(6).reshape(2, 3), [[0, 1, 2], [3, 4, 5]]),
    "numpy array in Fortran order": (np.asfortranarray(np.arange(6).reshape(2, 3)), [[0, 1, 2], [3, 4, 5]]),
    "numpy array transposed": (np.arange(6).reshape(2, 3).T, [[0, 3], [1, 4], [2, 5]]),
    "numpy array strided": (np.arange(10)[::3], [0, 3, 6, 9]),
    "numpy array backwards": (np.arange(3.0)[::-1], [2.0, 1.0, 0.0]),
    "numpy array of other byte order": (np.array([1, 2], dtype=">i4"), [1, 2]),
    "numpy array without dimensions": (np.array(3.5), 3.5),
    "numpy array of booleans": (np.array([True, False]), [True, False]),
    "numpy array of objects": (np.array([1, "a", None], dtype=object), [1, "a", None]),
    "numpy array empty": (np.array([]), []),
    "paths": ([PurePosixPath("data/lab"), PureWindowsPath("C:\\data")], ["data/lab", "C:\\data"]),
    "aware datetime": (datetime(2026, 3, 29, 3, 0, 0, 5, timezone.utc), "2026-03-29T03:00:00.000005+00:00"),
    "datetime of an odd offset": (
        datetime(2026, 3, 29, tzinfo=timezone(timedelta(minutes=5, seconds=7))),
        "2026-03-29T00:00:00+00:05:07",
    ),
    "pandas time stamp": (pd.Timestamp("2026-03-29T03:00Z"), "2026-03-29T03:00:00+00:00"),
    "date and time": ([date(2026, 3, 29), time(12, 30)], ["2026-03-29", "12:30:00"]),
    "uuid": (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    "enumerations": ([Side.LEFT, Word.LEFT, Number.ONE], ["left", "left", 1]),
}

LOOP_LIST: list[Any] = [1]
LOOP_LIST.append(LOOP_LIST)
LOOP_DICT: dict[str, Any] = {}
LOOP_DICT["inner"] = {"again": LOOP_DICT}


@dataclasses.dataclass
class Setting:
    """A dataclass, whose private fields orjson would drop."""

    shown: int = 1
    _hidden: int = 2


class Rude:
    """Cannot even be shown."""

    def __repr__(self) -> str:
        raise ValueError("no repr")


def _nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


# The value, and the key path that the refusal names after "custom_metadata['value']".
REFUSED: dict[str, tuple[Any, str]] = {
    "more than 64 bit": (2**64, ""),
    "less than 64 bit": ({"deep": [-(2**63) - 1]}, "['deep'][0]"),
    "set": ({"a", "b"}, ""),
    "frozenset": (frozenset(), ""),
    "bytes": (b"x", ""),
    "bytearray": (bytearray(b"x"), ""),
    "lone surrogate": ("a\ud800b", ""),
    "lone surrogate in a path": (PurePosixPath("a\udcff"), ""),
    "lone surrogate in a key": ({"\udfff": 1}, r"['\udfff']"),
    "key that is a number": ({1: "a"}, "[1]"),
    "key that is none": ({None: "a"}, "[None]"),
    "key that is a tuple": ({("a", "b"): 1}, "[('a', 'b')]"),
    "key that is a numpy integer": ({np.int64(1): 1}, f"[{np.int64(1)!r}]"),
    "key that is a path": ({PurePosixPath("a"): 1}, "[PurePosixPath('a')]"),
    "list in itself": (LOOP_LIST, "[1]"),
    "dictionary in itself": (LOOP_DICT, "['inner']['again']"),
    "too deep": (_nested(300), "[0]" * 199),
    "complex": (1j, ""),
    "dataclass": (Setting(), ""),
    "function": (len, ""),
    "class": (int, ""),
    "object": (object(), ""),
    "object without a repr": (Rude(), ""),
    "generator": ((x for x in "a"), ""),
    "numpy array of complex numbers": (np.array([1j]), ""),
    "numpy array of times": (np.array(["2026-03-29"], dtype="datetime64[s]"), ""),
    "numpy array of records": (np.zeros(1, dtype=[("a", int)]), ""),
    "numpy array of long doubles": (np.array([1], dtype=np.longdouble), ""),
    "numpy array with a mask": (np.ma.masked_array([1, 2], mask=[True, False]), ""),
    "numpy array whose shape is lost": (np.zeros((0, 3)), ""),
    "numpy array of objects with a set": (np.array([1, {2}], dtype=object), "[1]"),
    "series": (pd.Series([1]), ""),
    "table": (pd.DataFrame({"a": [1]}), ""),
    "time difference": (timedelta(seconds=1), ""),
}


def save(folder: Path, custom_metadata: Any) -> Path:
    """Save a finished challenge with custom metadata."""
    challenge = ExampleChallenge().run(1)
    return save_run(challenge, "entry", custom_metadata=custom_metadata, path=folder, use_git=False)


# What is stored


@pytest.mark.parametrize("case", FAITHFUL)
def test_what_has_a_json_form_is_stored_as_it_is(case: str) -> None:
    """The value comes back as what it was, in the type that JSON has for it."""
    value, expected = FAITHFUL[case]
    loaded = parse_json(dump_json(encode_custom_metadata({"value": value})))
    assert loaded == {"value": expected}
    assert repr(loaded["value"]) == repr(expected)  # 1, 1.0 and True are equal in Python, and other values in JSON


def test_every_json_reader_reads_it(tmp_path: Path) -> None:
    """The file is strict JSON in UTF-8: Python's reader, told to refuse what is no JSON, gives the same."""
    path = save(tmp_path, {case: value for case, (value, _) in FAITHFUL.items()})
    text = (path / "custom_metadata.json").read_bytes().decode("utf-8", "strict")

    def refuse(constant: str) -> Any:
        raise AssertionError(constant)

    loaded = json.loads(text, parse_constant=refuse)
    assert loaded == {case: expected for case, (_, expected) in FAITHFUL.items()}


def test_what_is_stored_shares_nothing_with_the_input(tmp_path: Path) -> None:
    """Whatever the user does with his dictionary afterwards, what was encoded stays."""
    given_value = {"inner": {"list": [1]}, "array": np.zeros(2)}
    encoded = encode_custom_metadata(given_value)
    given_value["inner"]["list"].append(2)
    given_value["array"][0] = 7
    assert encoded == {"inner": {"list": [1]}, "array": [0.0, 0.0]}


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(_TEXT, _VALUES, max_size=5))
def test_every_json_value_survives_the_round_trip(value: dict[str, Any]) -> None:
    """Any JSON value, through our writer and our reader, is the same value again."""
    before = copy.deepcopy(value)
    assert repr(parse_json(dump_json(encode_custom_metadata(value)))) == repr(before)
    assert repr(value) == repr(before)


_ANYTHING = st.recursive(
    st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary(max_size=3)
    | st.complex_numbers()
    | st.datetimes()
    | st.frozensets(st.integers(), max_size=2)
    | st.sampled_from(sorted(REFUSED)).map(lambda case: REFUSED[case][0]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(), max_size=3) | st.integers(0, 3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(_ANYTHING)
def test_whatever_it_is_it_is_either_stored_faithfully_or_named(value: Any) -> None:
    """Nothing raises another error, and what is left of a refused value can always be written and read."""
    lenient, problems = encode_leniently({"value": value}, nulls=[])
    again = parse_json(dump_json(lenient))
    if problems:
        with pytest.raises(InvalidCustomMetadataError) as raised:
            encode_custom_metadata({"value": value})
        assert raised.value.problems == problems
    else:
        assert repr(again) == repr(encode_custom_metadata({"value": value}))


# What is refused


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_json_form_is_refused_with_its_place(case: str) -> None:
    """The refusal names the key path and the reason."""
    value, place = REFUSED[case]
    with pytest.raises(InvalidCustomMetadataError) as raised:
        encode_custom_metadata({"value": value})
    assert [key_path for key_path, _ in raised.value.problems] == [f"custom_metadata['value']{place}"]
    assert raised.value.problems[0][0] in str(raised.value)
    assert raised.value.problems[0][1]


def test_a_refusal_comes_before_the_run_and_costs_no_result_after_it(tmp_path: Path) -> None:
    """A block does not begin; save_run, which comes after the run, publishes a debug run with the reprs and raises."""
    custom_metadata = {case: value for case, (value, _) in REFUSED.items()} | {"fine": [1]}
    with (
        pytest.raises(InvalidCustomMetadataError),
        recorded_run("e", custom_metadata=custom_metadata, path=tmp_path),
    ):
        pytest.fail("the block must not begin")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InvalidCustomMetadataError) as raised:
        save(tmp_path, custom_metadata)
    assert len(raised.value.problems) == len(REFUSED)
    assert load_run_custom_metadata(raised.value.path)["fine"] == [1]
    metadata = json.loads((raised.value.path / "metadata.json").read_text(encoding="utf-8"))
    assert metadata["is_debug_run"] is True
    assert (raised.value.path / "results" / "result.json").is_file()


def test_every_place_is_named_at_once() -> None:
    """Nobody mends one value only to meet the next one."""
    with pytest.raises(InvalidCustomMetadataError) as raised:
        encode_custom_metadata({"a": {1}, "b": [0, {"c": b""}], 3: "x"})
    places = [key_path for key_path, _ in raised.value.problems]
    assert places == ["custom_metadata['a']", "custom_metadata['b'][1]['c']", "custom_metadata[3]"]


def test_keys_that_would_meet_lose_no_value() -> None:
    """1 and "1" are two keys in Python; the debug run that stores them has both values."""
    encoded, _ = encode_leniently({1: "number", "1": "text"})
    assert sorted(encoded.values()) == ["number", "text"]


@pytest.mark.parametrize("root", [[1], "text", 3, {1}], ids=repr)
def test_custom_metadata_that_is_no_mapping_is_refused(root: Any, tmp_path: Path) -> None:
    """The root is a dictionary, as gaitmap_challenges' readers expect."""
    with pytest.raises(InvalidCustomMetadataError), recorded_run("e", custom_metadata=root, path=tmp_path):
        pytest.fail("the block must not begin")


def test_deep_values_that_are_accepted_can_be_written() -> None:
    """What is not refused for its depth is within what the writer can do."""
    value = {"value": _nested(197)}
    assert parse_json(dump_json(encode_custom_metadata(value))) == value


# Filled in the block


def test_custom_metadata_that_became_invalid_in_the_block_costs_no_result(tmp_path: Path) -> None:
    """The run is published as a debug run, then the error is raised with its path."""
    recorder = recorded_run("entry", path=tmp_path, use_git=False, debug_run=False)
    with pytest.raises(InvalidCustomMetadataError) as raised, recorder:
        ExampleChallenge().run(lambda: recorder.custom_metadata.update(bad={1}, good=2))
    assert raised.value.path == recorder.path_
    assert recorder.path_.name.startswith("_")
    assert recorder.metadata_["debug_reasons"][0]["code"] == "custom_metadata.invalid"
    assert load_run_custom_metadata(recorder.path_) == {"bad": "{1}", "good": 2}


def test_custom_metadata_that_was_replaced_by_something_else_costs_no_result(tmp_path: Path) -> None:
    """A list in the place of the dictionary is kept, and told."""
    recorder = recorded_run("entry", path=tmp_path, use_git=False)
    with pytest.raises(InvalidCustomMetadataError), recorder:
        ExampleChallenge().run(lambda: setattr(recorder, "custom_metadata", [1, 2]))
    assert load_run_custom_metadata(recorder.path_) == {"value": [1, 2]}


# Foreign texts


def test_a_repr_that_raises_is_described() -> None:
    """Foreign code that raises costs only its own text."""
    assert "no repr" in safe_repr(Rude())


@given(st.text(st.characters()))
def test_every_text_can_be_made_storable(text: str) -> None:
    """A text without lone surrogates stays as it is; one with them can be written."""
    shown = safe_text(text)
    assert parse_json(dump_json(shown)) == shown
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert shown == text


# The record of gaitmap_challenges


class Walks:
    """A data set, as those of tpcp are."""

    index = pd.DataFrame({"participant": ["a"], "trial": ["b"]})


def _own_record(tmp_path: Path) -> dict[str, Any]:
    set_config(LocalConfig(tmp_path, tmp_path / "cache", tmp_path / "tmp", datasets={"walks": tmp_path / "walks"}))
    challenge = ExampleChallenge().run("an optimizer")
    challenge.dataset_ = Walks()
    path = save_run(challenge, ("group", "entry"), custom_metadata={})
    record: dict[str, Any] = json.loads((path / "metadata.json").read_text(encoding="utf-8"))
    return record


# Only these two were renamed; what was wrong with them is their name.
RENAMED = {"end_start_datetime": "run_end_datetime", "end_start_datetime_utc": "run_end_datetime_utc"}
# Of the processor only what design and readers use; the rest is py-cpuinfo's and differs between machines.
CPU_KEYS = {"brand_raw", "arch", "bits", "count"}


def _types(record: dict[str, Any]) -> dict[str, str]:
    """Return the type of every key, with those of system_info and config one level down."""
    found = {RENAMED.get(key, key): type(value).__name__ for key, value in record.items()}
    for outer in ("system_info", "config"):
        found.update({f"{outer}.{key}": type(value).__name__ for key, value in record[outer].items()})
    cpu = record["system_info"]["cpu"]
    found.update({f"cpu.{key}": type(cpu[key]).__name__ for key in CPU_KEYS})
    return found


@needs_published
def test_every_key_of_gaitmap_challenges_has_its_name_place_and_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader of gaitmap_challenges' records finds in ours all that it knows, of the same type."""
    repository = GitRepository(tmp_path / "repository")
    repository.write("algorithm.py", "STEP = 1")
    repository.commit()
    monkeypatch.chdir(repository.path)
    own = _types(_own_record(tmp_path))
    files = sorted(PUBLISHED.rglob("metadata.json"))
    assert len(files) == 17
    for file in files:
        theirs = _types(json.loads(file.read_text(encoding="utf-8")))
        assert set(theirs) <= set(own)
        known = {key: kind for key, kind in theirs.items() if kind != "NoneType"}
        assert {key: own[key] for key in known} == known
