"""Which classes recorders see running, and that observing changes nothing else about them."""

from __future__ import annotations

import abc
import asyncio
import contextlib
import dataclasses
import functools
import inspect
import textwrap
import time
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar
from unittest import mock

import pytest
from challenges import ExampleChallenge, stored_runs
from processes import run_python

from gaitmap_results import BaseChallenge, observe_challenges, recorded_run, reset_config, set_config
from gaitmap_results.config import LocalConfig
from gaitmap_results.exceptions import InvalidChallengeError, NoChallengeError

T = TypeVar("T")


@pytest.fixture(autouse=True)
def results(tmp_path: Path) -> Path:
    """Return the results folder, which the global config knows."""
    set_config(LocalConfig(results_dir=tmp_path / "results"))
    yield tmp_path / "results"  # type: ignore[misc]
    reset_config()


class Saving:
    """Knows how to save and load, as the classes below do; it has no `run`."""

    VERSION = "1"
    value: Any = None

    def save_core_results(self, folder_path: Path) -> None:
        (folder_path / "value.txt").write_text(str(self.value))

    @classmethod
    def load_core_results(cls, folder_path: Path) -> str:
        return (folder_path / "value.txt").read_text()


def record(challenge: Any, *arguments: Any, **options: Any) -> Any:
    """Run a challenge in a block in which nothing but observing can find it, and return what `run` returned."""
    holder = [challenge]
    del challenge
    with recorded_run("entry"):
        return holder.pop().run(*arguments, **options)


class TestBaseChallenge:
    def test_a_class_made_while_the_block_is_open(self, results: Path) -> None:
        """A subclass needs not be there when the block begins; it is seen from its first run on."""

        def define_and_run() -> None:
            class Late(Saving, BaseChallenge):
                def run(self, optimizer: Any) -> Any:
                    self.value = optimizer
                    return self

            class Later(Late):
                def run(self, optimizer: Any) -> Any:
                    return super().run(optimizer + 1)

            Later().run(1)

        with recorded_run("entry") as recorder:
            define_and_run()
        assert (recorder.path_ / "results" / "value.txt").read_text() == "2"
        assert len(stored_runs(results)) == 1

    def test_every_subclass(self, results: Path) -> None:
        """A class that inherits directly, one that inherits from that, and one that overrides nothing."""

        class Direct(Saving, BaseChallenge):
            def run(self, optimizer: Any) -> Any:
                self.value = optimizer
                return self

        class Indirect(Direct):
            def run(self, optimizer: Any) -> Any:
                return super().run(optimizer)

        class Unchanged(Indirect):
            pass

        for kind in (Direct, Indirect, Unchanged):
            record(kind(), 1)
        names = [run["challenge_name"].rpartition(".")[2] for run in stored_runs(results)]
        assert names == ["Direct", "Indirect", "Unchanged"]
        assert {run["timing_source"] for run in stored_runs(results)} == {"observed"}

    def test_run_of_a_mixin(self, results: Path) -> None:
        """A `run` that comes from a class beside the base class is seen, too."""

        class Mixin(Saving):
            def run(self, optimizer: Any) -> Any:
                self.value = optimizer
                return self

        class Mixed(Mixin, BaseChallenge):
            pass

        record(Mixed(), 1)
        assert len(stored_runs(results)) == 1
        Mixin().run(1)  # the mixin itself is left as it was
        assert not hasattr(inspect.getattr_static(Mixin, "run"), "__wrapped__")

    def test_run_that_is_replaced_later(self, results: Path) -> None:
        """A `run` that was set on the class after it was made is seen by the blocks that are entered then."""

        class Replaced(Saving, BaseChallenge):
            def run(self, optimizer: Any) -> Any:
                raise AssertionError("the other one counts")

        def run(self: Any, optimizer: Any) -> Any:
            self.value = optimizer
            return self

        Replaced.run = run  # type: ignore[method-assign]
        record(Replaced(), 1)
        assert len(stored_runs(results)) == 1

    def test_a_mocked_run(self, results: Path) -> None:
        """Tests of a user may replace `run` for a while; what was there before comes back."""
        before = ExampleChallenge.__dict__["run"]
        with mock.patch.object(ExampleChallenge, "run", return_value="mocked"):
            assert ExampleChallenge().run(1) == "mocked"
            with pytest.raises(NoChallengeError), recorded_run("entry"):
                pass
        assert ExampleChallenge.__dict__["run"] is before

    @pytest.mark.parametrize("order", ["class method", "static method"])
    def test_run_that_needs_no_object(self, order: str) -> None:
        """A `run` without an object is no run of a challenge; it works as it did."""

        class Odd(Saving, BaseChallenge):
            if order == "class method":

                @classmethod
                def run(cls, optimizer: Any) -> Any:  # type: ignore[override]
                    return optimizer

            else:

                @staticmethod
                def run(optimizer: Any) -> Any:  # type: ignore[override]
                    return optimizer

        with pytest.raises(NoChallengeError), recorded_run("entry"):
            assert Odd.run(5) == 5
        assert Odd().run(6) == 6

    def test_unbound_and_keyword_arguments(self, results: Path) -> None:
        """`run` may be called through the class, and with keywords."""
        with recorded_run("entry"):
            assert ExampleChallenge.run(ExampleChallenge(1), optimizer=2).result_ == 2
            assert ExampleChallenge(3).run(optimizer=4).result_ == 4
        assert len(stored_runs(results)) == 2

    def test_bound_method_taken_before(self, results: Path) -> None:
        """A bound `run` that was stored in a variable before the block is seen."""
        run = ExampleChallenge(2).run
        with recorded_run("entry"):
            run(1)
        assert len(stored_runs(results)) == 1

    def test_super_is_the_same_run(self, results: Path) -> None:
        """`super().run()` inside of `run` is one run, timed as a whole."""

        class Untimed(Saving, BaseChallenge):
            def run(self, optimizer: Any) -> Any:
                time.sleep(0.03)
                return self

        class Outer(Untimed):
            def run(self, optimizer: Any) -> Any:
                super().run(optimizer)
                time.sleep(0.03)
                return super().run(optimizer)

        clock = time.perf_counter()
        record(Outer(), 1)
        total = time.perf_counter() - clock
        (run,) = stored_runs(results)
        assert 0.08 < run["runtime"] <= total

    def test_a_challenge_inside_of_a_challenge(self, results: Path) -> None:
        """A challenge that runs another one is two runs."""

        class Composed(ExampleChallenge):
            def run(self, optimizer: Any = None) -> Any:
                ExampleChallenge(9).run(1)
                return super().run(2)

        record(Composed(), 1)
        assert len(stored_runs(results)) == 2

    def test_nothing_happens_outside_of_a_block(self, results: Path) -> None:
        """Without an open block `run` does what it does, and nothing is stored."""
        assert ExampleChallenge().run(3).result_ == 3
        assert not results.exists()

    def test_errors_keep_their_traceback_and_type(self) -> None:
        """An error of `run` reaches the user as it is."""
        with pytest.raises(ZeroDivisionError) as caught, recorded_run("entry"):
            ExampleChallenge().run(lambda: 1 / 0)
        assert caught.traceback[-1].name == "<lambda>"


class TestWhatStaysAsItWas:
    def test_signature_docstring_and_names(self) -> None:
        """`run` looks like the method that was written."""

        class Written(Saving, BaseChallenge):
            def run(self, optimizer: int, *, n_jobs: int = 1) -> str:
                """Do it."""
                return "done"

        assert str(inspect.signature(Written.run)) == "(self, optimizer: 'int', *, n_jobs: 'int' = 1) -> 'str'"
        assert str(inspect.signature(Written().run)) == "(optimizer: 'int', *, n_jobs: 'int' = 1) -> 'str'"
        assert Written.run.__doc__ == "Do it."
        assert Written.run.__qualname__.endswith("Written.run")
        assert inspect.isfunction(inspect.getattr_static(Written, "run"))
        assert inspect.ismethod(Written().run)

    def test_dataclasses(self, results: Path) -> None:
        """A dataclass keeps its fields, its repr and its equality, with slots too."""

        @dataclasses.dataclass
        class Fields(Saving, BaseChallenge):
            a: int
            b: str = "x"

            def run(self, optimizer: Any) -> Any:
                self.value = optimizer
                return self

        @dataclasses.dataclass(slots=True)
        class Slots(Saving, BaseChallenge):
            a: int = 1
            value: Any = 0
            __hash__ = None  # type: ignore[assignment]

            def run(self, optimizer: Any) -> Any:
                self.value = optimizer
                return self

        @dataclasses.dataclass(frozen=True)
        class Frozen(Saving, BaseChallenge):
            a: int = 1
            value: ClassVar[list[Any]] = []

            def run(self, optimizer: Any) -> Any:
                self.value.append(optimizer)
                return self

        assert Fields(1) == Fields(1) != Fields(2)
        assert repr(Fields(1)).endswith("Fields(a=1, b='x')")
        assert [field.name for field in dataclasses.fields(Slots)] == ["a", "value"]
        for challenge in (Fields(1), Slots(), Frozen()):
            record(challenge, 5)
        assert len(stored_runs(results)) == 3

    def test_abstract_and_generic_classes(self, results: Path) -> None:
        """An abstract `run` stays abstract, and a generic class stays generic."""

        class Abstract(Saving, BaseChallenge, abc.ABC):
            @abc.abstractmethod
            def run(self, optimizer: Any) -> Any:
                """Has to be written."""

        class Concrete(Abstract, Generic[T]):
            def run(self, optimizer: T) -> T:
                return optimizer

        with pytest.raises(TypeError, match="abstract"):
            Abstract()  # type: ignore[abstract]
        assert record(Concrete[int](), 4) == 4
        assert len(stored_runs(results)) == 1

    def test_own_init_subclass(self, results: Path) -> None:
        """A class with an `__init_subclass__` of its own gets its keywords."""
        seen: list[Any] = []

        class Registering(Saving, BaseChallenge):
            def __init_subclass__(cls, *, label: str = "none", **options: Any) -> None:
                super().__init_subclass__(**options)
                seen.append((cls.__name__, label))

        class Registered(Registering, label="mine"):
            def run(self, optimizer: Any) -> Any:
                return self

        assert seen == [("Registered", "mine")]
        record(Registered(), 1)
        assert len(stored_runs(results)) == 1
        with pytest.raises(TypeError):

            class _Wrong(BaseChallenge, unknown=1):  # type: ignore[call-arg]
                pass


class TestObserveChallenges:
    def test_any_class(self, results: Path) -> None:
        """A class of anybody's is observed, with those that inherit from it, before and after."""

        class Foreign(Saving):
            def run(self, optimizer: Any) -> Any:
                self.value = optimizer
                return self

        class Before(Foreign):
            def run(self, optimizer: Any) -> Any:
                return super().run(optimizer)

        assert observe_challenges(Foreign) is Foreign

        class After(Foreign):
            def run(self, optimizer: Any) -> Any:
                return super().run(optimizer)

        for kind in (Foreign, Before, After):
            record(kind(), 1)
        names = [run["challenge_name"].rpartition(".")[2] for run in stored_runs(results)]
        assert names == ["Foreign", "Before", "After"]

    def test_twice(self, results: Path) -> None:
        """Observing a class again, or one whose base is observed, changes nothing."""

        @observe_challenges
        @observe_challenges
        class Foreign(Saving):
            def run(self, optimizer: Any) -> Any:
                return self

        @observe_challenges
        class Derived(Foreign):
            pass

        wrapped = inspect.getattr_static(Foreign, "run")
        observe_challenges(Foreign)
        assert inspect.getattr_static(Foreign, "run") is wrapped
        assert not hasattr(wrapped.__wrapped__, "__wrapped__")
        record(Derived(), 1)
        assert len(stored_runs(results)) == 1

    def test_keeps_an_init_subclass(self) -> None:
        """The `__init_subclass__` of an observed class, with its keywords, goes on to work."""
        seen: list[Any] = []

        @observe_challenges
        class Foreign(Saving):
            def __init_subclass__(cls, label: str = "", **options: Any) -> None:
                seen.append((cls.__name__, label))

            def run(self, optimizer: Any) -> Any:
                return self

        class _Derived(Foreign, label="mine"):
            pass

        assert seen == [("_Derived", "mine")]

    @pytest.mark.parametrize("wrong", [1, None, "text", ExampleChallenge(), object, int])
    def test_refuses_what_has_no_run(self, wrong: Any) -> None:
        """Something that is no class, or a class without `run`, is refused."""
        with pytest.raises(InvalidChallengeError):
            observe_challenges(wrong)

    def test_forgets_classes_that_are_gone(self) -> None:
        """Observing keeps no class alive."""
        import gc
        import weakref

        @observe_challenges
        class Foreign(Saving):
            def run(self, optimizer: Any) -> Any:
                return self

        reference = weakref.ref(Foreign)
        del Foreign
        gc.collect()
        assert reference() is None


def test_challenges_of_gaitmap_challenges(tmp_path: Path, results: Path) -> None:
    """The base class of gaitmap_challenges is observed by an import hook, imported before or after this package."""
    package = tmp_path / "gaitmap_challenges"
    package.mkdir()
    (package / "__init__.py").touch()
    # As the real one: a class that inherits from another one, measures its time, and has wrong UTC stamps.
    (package / "challenge_base.py").write_text(
        textwrap.dedent("""
        class _Parent:
            def __init_subclass__(cls, *, _safe=False, **options):
                super().__init_subclass__(**options)
                cls.was_registered = True

        class BaseChallenge(_Parent):
            VERSION: str

            def run(self, optimizer):
                raise NotImplementedError
        """),
        encoding="utf-8",
    )
    (tmp_path / "script.py").write_text(
        textwrap.dedent("""
        import sys
        for name in sys.argv[1].split(","):
            __import__(name)
        from gaitmap_challenges.challenge_base import BaseChallenge
        from gaitmap_results import recorded_run

        class Own(BaseChallenge):
            VERSION = "1"
            def run(self, optimizer): return self
            def save_core_results(self, folder_path): (folder_path / "x.txt").write_text("x")
            @classmethod
            def load_core_results(cls, folder_path): return "x"

        assert Own.was_registered
        with recorded_run("entry", path="results", use_git=False):
            Own().run(1)
        """),
        encoding="utf-8",
    )
    for order in ("gaitmap_challenges.challenge_base,gaitmap_results", "gaitmap_results"):
        run_python("script.py", order, cwd=tmp_path)
    assert [run["timing_source"] for run in stored_runs(results)] == ["observed", "observed"]


def test_a_broken_package_is_not_our_error(tmp_path: Path) -> None:
    """If the other package is not what it should be, importing it works all the same."""
    package = tmp_path / "gaitmap_challenges"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "challenge_base.py").write_text("something_else = 1\n", encoding="utf-8")
    code = "import gaitmap_results, gaitmap_challenges.challenge_base as base; print(base.something_else)"
    assert run_python("-c", code, cwd=tmp_path).stdout.strip() == "1"


def test_challenges_of_tpcp(results: Path) -> None:
    """A challenge may be a tpcp object: its parameters, clones and nested parameters work as ever."""
    tpcp = pytest.importorskip("tpcp")

    copied = tpcp.cf([1])

    class TpcpChallenge(Saving, BaseChallenge, tpcp.BaseTpcpObject):
        def __init__(self, a: int = 1, *, b: Any = copied) -> None:
            self.a = a
            self.b = b

        def run(self, optimizer: Any) -> Any:
            self.value = optimizer
            return self

    challenge = TpcpChallenge(2)
    assert challenge.clone().get_params() == {"a": 2, "b": [1]}
    assert challenge.set_params(a=3).a == 3
    record(challenge.clone(), 1)
    (run,) = stored_runs(results)
    assert run["repr_challenge"] == "TpcpChallenge(a=3, b=[1])"


def is_stored(results: Path) -> bool:
    """Say whether results of any challenge are on the disk, published or not."""
    return any(results.rglob("value.txt"))


class TestAsynchronousRun:
    """A run that has to be awaited has ended when it was, not when it was called."""

    @staticmethod
    def challenge_class(how: Any) -> Any:
        class Slow(Saving, BaseChallenge):
            async def run(self, optimizer: Any) -> Any:
                await asyncio.sleep(0.05)
                self.value = optimizer()
                return self

        Slow.run = how(Slow.run)  # type: ignore[method-assign]
        return Slow

    @staticmethod
    def plain_around(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any) -> Any:
            return function(*args)

        return wrapper

    @pytest.mark.parametrize("how", [lambda function: function, plain_around], ids=["async def", "def around it"])
    def test_it_is_timed_until_it_was_awaited(self, results: Path, how: Any) -> None:
        """The observed times and the results are those of the awaited run, also where a plain function returns it."""
        challenge = self.challenge_class(how)()

        async def main() -> Any:
            with recorded_run("entry") as recorder:
                pending = challenge.run(lambda: 7)
                assert not is_stored(results)
                assert await pending is challenge
            return recorder

        recorder = asyncio.run(main())

        (metadata,) = stored_runs(results)
        assert metadata["timing_source"] == "observed"
        assert metadata["runtime"] >= 0.05
        assert (recorder.path_ / "results" / "value.txt").read_text() == "7"

    def test_one_that_raises_when_awaited_is_no_result(self, results: Path) -> None:
        """Half a result of a plain function that returns a coroutine is not published."""
        challenge = self.challenge_class(self.plain_around)()

        async def main() -> None:
            with recorded_run("entry"):
                with contextlib.suppress(ZeroDivisionError):
                    await challenge.run(lambda: 1 / 0)

        with pytest.raises(NoChallengeError, match="`run` raised"):
            asyncio.run(main())
        assert stored_runs(results) == []
