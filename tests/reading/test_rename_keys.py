"""Renaming the keys of a dictionary."""

from __future__ import annotations

import pytest

from gaitmap_results import rename_keys
from gaitmap_results.exceptions import InvalidOptionError


def refuse_b(key):
    """Return the key as capital letters, but for b."""
    if key == "b":
        raise ValueError("no b")
    return key.upper()


@pytest.mark.parametrize("rename", [{"a": "A", "c": "C"}, refuse_b], ids=["mapping", "function"])
@pytest.mark.parametrize(
    ("missing", "expected"),
    [("ignore", {"A": 1, "b": 2, "C": 3}), ("remove", {"A": 1, "C": 3})],
)
def test_keys_without_a_new_name(rename, missing, expected):
    """A key without a new name is kept or left out, as asked, for a mapping as for a function."""
    original = {"a": 1, "b": 2, "c": 3}
    assert rename_keys(original, rename, missing=missing) == expected
    assert original == {"a": 1, "b": 2, "c": 3}


def test_raise_is_the_default():
    """By default a key without a new name is refused and named; a function's own error goes on."""
    with pytest.raises(InvalidOptionError, match="'b'"):
        rename_keys({"a": 1, "b": 2}, {"a": "A"})
    with pytest.raises(ValueError, match="no b"):
        rename_keys({"a": 1, "b": 2}, refuse_b)


def test_none_is_a_name_like_any_other():
    """A new key may be None, and several missing keys never collapse into it."""
    assert rename_keys({"a": 1}, {"a": None}) == {None: 1}
    assert rename_keys({"a": 1, "b": 2}, {}, missing="ignore") == {"a": 1, "b": 2}


@pytest.mark.parametrize("missing", ["raise", "ignore", "remove"])
def test_no_value_is_lost(missing):
    """Two keys that would become the same are refused."""
    with pytest.raises(InvalidOptionError, match="'a' and 'b' would both become 'x'"):
        rename_keys({"a": 1, "b": 2}, {"a": "x", "b": "x"}, missing=missing)
    with pytest.raises(InvalidOptionError, match="would both become 'b'"):
        rename_keys({"a": 1, "b": 2}, {"a": "b"}, missing="ignore")


def test_a_wrong_option_is_refused():
    """An unknown word for missing is refused before anything is renamed."""
    with pytest.raises(InvalidOptionError, match="'drop'"):
        rename_keys({"a": 1}, {"a": "A"}, missing="drop")
