"""Whether a challenge has changed since its results were stored."""

from __future__ import annotations

import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from challenges import ExampleChallenge

from gaitmap_results import recorded_run
from gaitmap_results.recording.fingerprint import fingerprint


class Holder:
    """Holds anything."""

    def __init__(self, item: Any) -> None:
        self.item = item


def local_object(value: list[int]) -> Any:
    """Return an object of a class that cannot be imported."""

    class Local:
        def __init__(self) -> None:
            self.value = value

    return Local()


CHANGES = {
    "a list": lambda box: box,
    "what a lambda has of its surroundings": lambda box: lambda: box,
    "a default of a lambda": lambda box: lambda item=box: item,
    "an attribute of an object of a local class": local_object,
}


@pytest.mark.parametrize("make", CHANGES.values(), ids=CHANGES)
def test_a_change_inside_of_what_an_object_holds(make: Any) -> None:
    """What is the same has the same fingerprint, what has changed another, also if it cannot be pickled."""
    box = [1]
    holder = Holder(make(box))
    before = fingerprint(holder)
    assert before is not None
    assert fingerprint(holder) == before
    box.append(2)
    assert fingerprint(holder) != before


def test_another_function_of_the_same_name() -> None:
    """Two lambdas differ by their code."""
    assert fingerprint(Holder(lambda: 1)) != fingerprint(Holder(lambda: 2))


def test_what_cannot_be_looked_into() -> None:
    """A lock could hide anything; it cannot be told whether its holder has changed."""
    assert fingerprint(Holder(threading.Lock())) is None


def test_a_challenge_with_a_lambda_is_stored_once(tmp_path: Path) -> None:
    """The core results of an unchanged challenge are written once, right after its run, whatever its optimizer is."""
    written = []

    class Counting(ExampleChallenge):
        def save_core_results(self, folder_path: Path) -> None:
            written.append(folder_path)
            super().save_core_results(folder_path)

    with recorded_run("entry", path=tmp_path, use_git=False):
        Counting().run(lambda: 42)
    assert len(written) == 1


def test_a_challenge_that_changes_after_its_run_is_stored_again(tmp_path: Path) -> None:
    """What the user corrects inside of the block after the run is what is published."""
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        challenge = ExampleChallenge().run(lambda: 42)
        challenge.result_ = 43
    assert ExampleChallenge.load_core_results(recorder.path_ / "results")["result"] == 43


THRESHOLD = 1
SETTINGS = ModuleType("settings")


def a_local_class() -> Any:
    """Return a class that cannot be imported."""

    class Local:
        threshold = 1

        @property
        def doubled(self) -> int:
            return 2 * self.threshold

        def show(self) -> str:
            return super().__repr__()

    return Local


def function_of(module: str, value: int) -> Any:
    """Return a function that has the same code in every module."""
    namespace = {"__name__": module, "value": value}
    exec("def function():\n    return value", namespace)
    return namespace["function"]


HIDDEN_CHANGES = {
    "a global that a lambda reads": (lambda: lambda: THRESHOLD, lambda _: globals().update(THRESHOLD=2)),
    "a setting that a lambda reads": (
        lambda: lambda: SETTINGS.threshold,
        lambda _: setattr(SETTINGS, "threshold", object),
    ),
    "a module": (lambda: SETTINGS, lambda _: setattr(SETTINGS, "threshold", 2)),
    "a local class": (a_local_class, lambda holder: setattr(holder.item, "threshold", 2)),
    "the class of a local object": (lambda: a_local_class()(), lambda h: setattr(type(h.item), "threshold", 2)),
    "a method of a local class": (a_local_class, lambda holder: setattr(holder.item, "show", lambda _: "")),
    "a property of a local class": (a_local_class, lambda holder: setattr(holder.item, "doubled", property(id))),
    "a function of another module": (
        lambda: function_of("one", 1),
        lambda holder: setattr(holder, "item", function_of("other", 1)),
    ),
    "what a generated function reads": (
        lambda: function_of("one", 1),
        lambda holder: setattr(holder, "item", function_of("one", 2)),
    ),
}


@pytest.mark.parametrize(("make", "change"), HIDDEN_CHANGES.values(), ids=HIDDEN_CHANGES)
def test_a_change_of_what_is_found_by_a_name(make: Any, change: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A correction is never taken for nothing: what may have changed has another fingerprint, or none."""
    monkeypatch.setitem(globals(), "THRESHOLD", 1)
    monkeypatch.setattr(SETTINGS, "threshold", 1, raising=False)
    holder = Holder(make())
    before = fingerprint(holder)
    change(holder)
    assert before is None or fingerprint(holder) != before


def test_local_classes_have_a_fingerprint() -> None:
    """An object of a class with methods and properties, defined in a function, is not written twice."""
    holder = Holder(a_local_class()())
    assert fingerprint(holder) == fingerprint(holder) is not None


def test_an_attribute_with_a_slot() -> None:
    """What a class keeps in slots is an attribute like any other."""

    class Slotted(Holder):
        __slots__ = ("result_",)
        result_: int

    slotted = Slotted(None)
    before = fingerprint(slotted)
    slotted.result_ = 1
    after = fingerprint(slotted)
    slotted.result_ = 2
    assert len({before, after, fingerprint(slotted)}) == 3


def test_a_small_change_beside_much_data() -> None:
    """What is small is looked into also where the challenge holds more than is hashed."""
    holder = Holder([1])
    holder.data = bytes(40_000_000)  # type: ignore[attr-defined]
    before = fingerprint(holder)
    assert before is not None
    assert fingerprint(holder) == before
    holder.item.append(2)
    assert fingerprint(holder) != before


def test_a_large_array_that_is_changed_in_place() -> None:
    """A single number that is corrected in a large array is noticed."""
    holder = Holder(np.zeros(10_000_000))
    before = fingerprint(holder)
    assert before is not None
    holder.item[5_000_000] = 1
    assert fingerprint(holder) != before


def test_what_is_too_large_is_taken_for_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather are core results stored twice than a correction lost."""
    monkeypatch.setattr("gaitmap_results.recording.fingerprint._MAX_BYTES", 1000)
    assert fingerprint(Holder(np.zeros(10))) is not None
    assert fingerprint(Holder(np.zeros(1000))) is None
