"""Whether a challenge has changed since its results were stored."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from challenges import ExampleChallenge

from gaitmap_results import recorded_run
from gaitmap_results._fingerprint import fingerprint


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
