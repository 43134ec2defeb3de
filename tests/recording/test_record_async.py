"""`record_run` with asynchronous functions."""

from __future__ import annotations

import asyncio
import functools
import gc
import json
import time
import warnings
from pathlib import Path
from typing import Any

import pytest
from challenges import ExampleChallenge, stored_entries, stored_runs

from gaitmap_results import current_recorder, record_run, recorded_run, reset_config, set_config
from gaitmap_results.config import LocalConfig
from gaitmap_results.exceptions import InvalidCustomMetadataError, NoChallengeError

PAUSE = 0.05  # seconds


@pytest.fixture(autouse=True)
def results(tmp_path: Path) -> Path:
    """Return the results folder, which the global config knows."""
    set_config(LocalConfig(results_dir=tmp_path / "results"))
    yield tmp_path / "results"  # type: ignore[misc]
    reset_config()


class UntimedChallenge(ExampleChallenge):
    """Does not measure its time itself, so that the observed one is stored."""

    def run(self, optimizer: Any = None) -> Any:
        self.result_ = optimizer
        return self


class AsyncChallenge(UntimedChallenge):
    """Has an asynchronous `run`."""

    async def run(self, optimizer: Any = None) -> Any:  # type: ignore[override]
        await asyncio.sleep(PAUSE)
        self.result_ = optimizer
        return self


class WithMethods:
    @record_run
    async def method(self, value: int) -> tuple[Any, int]:
        await asyncio.sleep(0)
        ExampleChallenge().run(value)
        return self, value

    @record_run
    @classmethod
    async def class_method_outer(cls, value: int) -> tuple[Any, int]:
        await asyncio.sleep(0)
        ExampleChallenge().run(value)
        return cls, value

    @classmethod
    @record_run
    async def class_method_inner(cls, value: int) -> tuple[Any, int]:
        await asyncio.sleep(0)
        ExampleChallenge().run(value)
        return cls, value

    @record_run
    @staticmethod
    async def static_method(value: int) -> tuple[Any, int]:
        await asyncio.sleep(0)
        ExampleChallenge().run(value)
        return None, value


class TestDuration:
    def test_is_that_of_the_whole_coroutine(self, results: Path) -> None:
        """The block is open while the coroutine runs, not only while it is made."""

        @record_run
        async def entry() -> int:
            assert current_recorder() is not None
            await asyncio.sleep(PAUSE)
            challenge = UntimedChallenge()
            challenge.result_ = 1
            current_recorder().attach(challenge)  # type: ignore[union-attr]
            await asyncio.sleep(PAUSE)
            return 5

        before, clock = time.time(), time.perf_counter()
        assert asyncio.run(entry()) == 5
        total, after = time.perf_counter() - clock, time.time()
        (run,) = stored_runs(results)
        assert run["timing_source"] == "block"
        assert 2 * PAUSE * 0.9 < run["runtime"] <= total
        start, end = run["run_start_datetime_utc"], run["run_end_datetime_utc"]
        assert before <= start < start + 2 * PAUSE * 0.9 < end <= after

    def test_starts_when_it_is_awaited(self, results: Path) -> None:
        """Time between making the coroutine and awaiting it is not counted."""

        @record_run
        async def entry() -> Any:
            return UntimedChallenge().run(1)

        async def main() -> float:
            coroutine = entry()
            assert current_recorder() is None
            await asyncio.sleep(PAUSE)
            clock = time.perf_counter()
            await coroutine
            return time.perf_counter() - clock

        total = asyncio.run(main())
        (run,) = stored_runs(results)
        assert run["runtime"] <= total

    def test_of_an_asynchronous_run(self, results: Path) -> None:
        """A challenge whose `run` is asynchronous is observed over its real execution."""

        async def main() -> None:
            with recorded_run("entry"):
                challenge = await AsyncChallenge().run(4)
                assert challenge.result_ == 4

        clock = time.perf_counter()
        asyncio.run(main())
        total = time.perf_counter() - clock
        (run,) = stored_runs(results)
        assert run["timing_source"] == "observed"
        assert PAUSE * 0.9 < run["runtime"] <= total


class TestBehaviour:
    @pytest.mark.parametrize("name", ["method", "class_method_outer", "class_method_inner", "static_method"])
    def test_methods(self, results: Path, name: str) -> None:
        """Asynchronous methods of each kind get what they should and return what they did."""
        owner = WithMethods()
        expected = {"method": owner, "static_method": None}.get(name, WithMethods)
        assert asyncio.run(getattr(owner, name)(3)) == (expected, 3)
        assert stored_entries(results) == [name]

    def test_an_error_goes_on(self, results: Path) -> None:
        """An error in the coroutine is seen where it is awaited; nothing is published."""

        @record_run
        async def entry() -> None:
            await asyncio.sleep(0)
            raise ZeroDivisionError("mine")

        with pytest.raises(ZeroDivisionError, match="mine"):
            asyncio.run(entry())
        assert stored_entries(results) == []

    def test_cancelling(self, results: Path) -> None:
        """A cancelled task is recorded as interrupted, its clean-up runs inside the block, and the error goes on."""
        seen: list[Any] = []

        @record_run
        async def entry() -> None:
            recorder = current_recorder()
            try:
                await asyncio.sleep(600)
            finally:
                seen.extend([recorder, current_recorder()])

        async def main() -> None:
            task = asyncio.create_task(entry())
            await asyncio.sleep(PAUSE)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())
        assert seen[0] is seen[1] is not None
        assert seen[0].status_ == "interrupted"

    def test_refusal_leaves_no_coroutine_behind(self) -> None:
        """If entering is refused, the error shows at `await`, and Python does not complain about a lost coroutine."""
        ran: list[int] = []

        @record_run(custom_metadata={"bad": object()})
        async def entry() -> None:
            ran.append(1)

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with pytest.raises(InvalidCustomMetadataError):
                asyncio.run(entry())
            gc.collect()
        assert ran == []
        assert [str(warning.message) for warning in caught] == []

    def test_a_forgotten_await_is_told_once_with_the_right_name(self) -> None:
        """A coroutine that nobody awaits is Python's usual warning, once, with the function's name."""

        @record_run
        async def my_entry() -> None:
            pass

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            my_entry()
            gc.collect()
        (warning,) = caught
        assert "my_entry" in str(warning.message)
        assert "was never awaited" in str(warning.message)

    def test_wrong_arguments_are_refused_at_the_call(self) -> None:
        """As without the decorator, missing arguments show when the function is called, not when it is awaited."""

        @record_run
        async def entry(value: int) -> None:
            pass

        with pytest.raises(TypeError, match="value"):
            entry()  # type: ignore[call-arg]

    def test_the_coroutine_has_the_functions_name(self) -> None:
        """Debuggers and tasks show a coroutine by its function's name."""

        @record_run
        async def my_entry() -> None:
            pass

        coroutine = my_entry()
        try:
            assert coroutine.__name__ == "my_entry"
            assert coroutine.__qualname__ == my_entry.__qualname__
        finally:
            coroutine.close()


class TestTasks:
    def test_each_task_has_its_own_block(self, results: Path) -> None:
        """Tasks that run side by side do not see each other's block."""

        @record_run
        async def first() -> Any:
            await asyncio.sleep(PAUSE)
            challenge = ExampleChallenge(1).run(1)
            await asyncio.sleep(PAUSE)
            return challenge

        @record_run
        async def second() -> Any:
            await asyncio.sleep(PAUSE / 2)
            challenge = ExampleChallenge(2).run(2)
            await asyncio.sleep(2 * PAUSE)
            return challenge

        async def main() -> None:
            await asyncio.gather(first(), second(), first())

        asyncio.run(main())
        runs = sorted((run["entry_name"], run["repr_challenge"]) for run in stored_runs(results))
        assert runs == [("first", "ExampleChallenge(value=1)")] * 2 + [("second", "ExampleChallenge(value=2)")]

    def test_a_task_started_in_the_block_belongs_to_it(self, results: Path) -> None:
        """What a task or a thread of `asyncio.to_thread` runs belongs to the block that started it."""

        async def run(value: int) -> None:
            await asyncio.sleep(0)
            ExampleChallenge(value).run(value)

        async def main() -> None:
            with recorded_run("tasks"):
                await asyncio.gather(run(1), run(2))
                await asyncio.to_thread(ExampleChallenge(3).run, 3)

        asyncio.run(main())
        assert sorted(run["repr_challenge"][-2] for run in stored_runs(results)) == ["1", "2", "3"]

    def test_a_task_that_outlives_the_block(self, results: Path) -> None:
        """A task that runs its challenge after the block has ended belongs to no block."""

        async def late() -> None:
            await asyncio.sleep(2 * PAUSE)
            assert current_recorder() is None
            ExampleChallenge(2).run(2)

        async def main() -> None:
            with recorded_run("entry"):
                task = asyncio.create_task(late())
                ExampleChallenge(1).run(1)
            await task

        asyncio.run(main())
        assert [run["repr_challenge"] for run in stored_runs(results)] == ["ExampleChallenge(value=1)"]

    def test_no_challenge(self) -> None:
        """A coroutine in which no challenge ran says so where it is awaited."""

        @record_run
        async def entry() -> int:
            return 1

        with pytest.raises(NoChallengeError, match="entry"):
            asyncio.run(entry())


def plain_around(function: Any) -> Any:
    """Wrap an asynchronous function in a plain one, as decorators do that know of none."""

    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


def test_a_plain_function_that_returns_a_coroutine(results: Path) -> None:
    """The block is open until the coroutine was awaited, and what runs side by side is not nested."""

    @record_run
    @plain_around
    async def entry(value: int) -> Any:
        assert current_recorder() is not None
        await asyncio.sleep(PAUSE)
        return await AsyncChallenge().run(value)

    async def main() -> list[Any]:
        first, second = entry(1), entry(2)
        assert current_recorder() is None
        return await asyncio.gather(first, second)

    returned = asyncio.run(main())
    assert [challenge.result_ for challenge in returned] == [1, 2]
    runs = stored_runs(results)
    assert [run["entry_name"] for run in runs] == ["entry", "entry"]
    assert all(run["runtime"] >= PAUSE for run in runs)
    assert len({run["block_id"] for run in runs}) == 2


def test_a_plain_function_whose_coroutine_raises(results: Path) -> None:
    """What the coroutine raises goes on, and nothing is published."""

    @record_run
    @plain_around
    async def entry() -> None:
        await asyncio.sleep(0)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        asyncio.run(entry())
    assert stored_runs(results) == []
    (journal,) = results.glob(".unfinished/*/journal.json")
    assert json.loads(journal.read_text())["status"] == "failed"
