"""`record_run` with methods, class methods and static methods, in either order of the decorators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from challenges import ExampleChallenge, stored_entries, stored_runs

from gaitmap_results import record_run, reset_config, set_config
from gaitmap_results.config import LocalConfig


@pytest.fixture(autouse=True)
def results(tmp_path: Path) -> Path:
    """Return the results folder, which the global config knows."""
    set_config(LocalConfig(results_dir=tmp_path / "results"))
    yield tmp_path / "results"  # type: ignore[misc]
    reset_config()


class Entries:
    """Every kind of method, recorded."""

    def __init__(self, value: int = 5) -> None:
        self.value = value

    @record_run
    def method(self, more: int = 0) -> tuple[Any, ...]:
        return self, self.value + more, ExampleChallenge(self.value).run(more)

    @record_run
    @classmethod
    def class_method_outer(cls, more: int = 0) -> tuple[Any, ...]:
        return cls, more, ExampleChallenge().run(more)

    @classmethod
    @record_run
    def class_method_inner(cls, more: int = 0) -> tuple[Any, ...]:
        return cls, more, ExampleChallenge().run(more)

    @record_run
    @staticmethod
    def static_method_outer(more: int = 0) -> tuple[Any, ...]:
        return None, more, ExampleChallenge().run(more)

    @staticmethod
    @record_run
    def static_method_inner(more: int = 0) -> tuple[Any, ...]:
        return None, more, ExampleChallenge().run(more)

    @record_run("named")
    @classmethod
    def class_method_named(cls) -> tuple[Any, ...]:
        return cls, 0, ExampleChallenge().run(0)

    @property
    @record_run
    def as_property(self) -> int:
        ExampleChallenge().run(self.value)
        return self.value

    @record_run
    def __call__(self) -> Any:
        return ExampleChallenge().run(self.value)


class Derived(Entries):
    """Inherits some and overrides one."""

    def method(self, more: int = 0) -> tuple[Any, ...]:
        return super().method(more + 100)


class TestMethods:
    def test_method(self, results: Path) -> None:
        """A method gets its object."""
        entries = Entries(7)
        assert entries.method(1)[:2] == (entries, 8)
        assert entries.method(more=2)[:2] == (entries, 9)
        assert stored_entries(results) == ["method", "method"]
        assert stored_runs(results)[0]["caller"]["function"] == "Entries.method"

    def test_unbound(self, results: Path) -> None:
        """A method called through its class gets the object that is passed."""
        entries = Entries(7)
        assert Entries.method(entries, 1)[:2] == (entries, 8)
        assert stored_entries(results) == ["method"]

    def test_inherited_and_overridden(self, results: Path) -> None:
        """A derived class records what it inherits, and `super()` works."""
        derived = Derived(1)
        assert derived.method(1)[:2] == (derived, 102)
        assert derived.class_method_outer()[0] is Derived
        assert stored_entries(results) == ["method", "class_method_outer"]

    @pytest.mark.parametrize("name", ["class_method_outer", "class_method_inner"])
    @pytest.mark.parametrize("owner", [Entries, Entries(), Derived, Derived()], ids=lambda owner: type(owner).__name__)
    def test_class_method(self, results: Path, name: str, owner: Any) -> None:
        """A class method gets the class that it was looked up in, in either order of the decorators."""
        expected = owner if isinstance(owner, type) else type(owner)
        assert getattr(owner, name)(3)[:2] == (expected, 3)
        assert getattr(owner, name)(more=4)[:2] == (expected, 4)
        assert stored_entries(results) == [name, name]

    @pytest.mark.parametrize("name", ["static_method_outer", "static_method_inner"])
    @pytest.mark.parametrize("owner", [Entries, Entries(), Derived], ids=lambda owner: type(owner).__name__)
    def test_static_method(self, results: Path, name: str, owner: Any) -> None:
        """A static method gets its arguments only, in either order of the decorators."""
        assert getattr(owner, name)(3)[:2] == (None, 3)
        assert getattr(owner, name)(more=4)[:2] == (None, 4)
        assert stored_entries(results) == [name, name]

    def test_name(self, results: Path) -> None:
        """A name counts for methods, too."""
        assert Entries.class_method_named()[0] is Entries
        assert stored_entries(results) == ["named"]

    def test_a_property_of_a_recorded_method(self, results: Path) -> None:
        """A property may call a recorded function; only the other order is refused."""
        assert Entries(4).as_property == 4
        assert stored_entries(results) == ["as_property"]

    def test_special_method(self, results: Path) -> None:
        """`__call__` can be recorded as any method; as an entry it needs no other name."""
        assert Entries(4)().result_ == 4
        assert stored_entries(results) == ["__call__"]

    def test_a_bound_method_decorated_later(self, results: Path) -> None:
        """A method taken from an object can be recorded, too."""

        class Plain:
            def method(self, value: int) -> tuple[Any, ...]:
                return self, ExampleChallenge().run(value)

        plain = Plain()
        assert record_run(plain.method)(3)[0] is plain
        assert stored_entries(results) == ["method"]


class TestSelfAsChallenge:
    def test_self_that_runs_unobserved(self, results: Path) -> None:
        """An object that is a challenge, but no BaseChallenge, is saved when its own recorded method is done."""

        class Own:
            VERSION = "2"

            @record_run("entry")
            def run(self, optimizer: Any) -> None:
                self.optimizer = optimizer

            def save_core_results(self, folder_path: Path) -> None:
                (folder_path / "own.txt").write_text(self.optimizer)

            @classmethod
            def load_core_results(cls, folder_path: Path) -> str:
                return (folder_path / "own.txt").read_text()

        Own().run("text")
        (run,) = stored_runs(results)
        assert run["challenge_name"].endswith(".Own")
        assert run["timing_source"] == "block"
        assert run["repr_pipeline"] == "'text'"

    def test_a_recorded_run_of_a_challenge_is_one_run(self, results: Path) -> None:
        """`record_run` above the `run` of a challenge, which is observed as well, stores one run."""

        class Own(ExampleChallenge):
            @record_run("entry")
            def run(self, optimizer: Any = None) -> Any:
                return super().run(optimizer)

        own = Own()
        assert own.run(3) is own
        assert stored_entries(results) == ["entry"]
        assert own.result_ == 3
