"""`record_run` with generators, plain and asynchronous."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import time
import warnings
from collections.abc import AsyncGenerator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from challenges import ExampleChallenge, stored_entries, stored_runs

from gaitmap_results import current_recorder, record_run, recorded_run, reset_config, set_config
from gaitmap_results.config import LocalConfig
from gaitmap_results.exceptions import InvalidCustomMetadataError

PAUSE = 0.05  # seconds


@pytest.fixture(autouse=True)
def results(tmp_path: Path) -> Path:
    """Return the results folder, which the global config knows."""
    set_config(LocalConfig(results_dir=tmp_path / "results"))
    yield tmp_path / "results"  # type: ignore[misc]
    reset_config()


class Tolerant(Exception):
    """What the generators below catch when it is thrown into them."""


def conversation(log: list[Any]) -> Generator[Any, Any, str]:
    """Note all that comes in, run a challenge, and return a text."""
    received = yield "first"
    log.append(received)
    try:
        received = yield "second"
    except Tolerant as error:
        log.append(error)
        received = yield "after throw"
    log.append(received)
    log.append(current_recorder())
    yield ExampleChallenge().run(1).result_
    return "done"


def drive(generator: Generator[Any, Any, Any]) -> tuple[list[Any], Any]:
    """Talk to a generator, and return what it yielded and returned."""
    yielded = [next(generator), generator.send("a"), generator.throw(Tolerant("b")), generator.send("c")]
    with pytest.raises(StopIteration) as stop:
        next(generator)
    return yielded, stop.value.value


class TestGenerator:
    def test_send_throw_and_return_value(self, results: Path) -> None:
        """A recorded generator talks as the plain one does."""
        plain_log: list[Any] = []
        log: list[Any] = []
        recorded = record_run("entry")(conversation)(log)
        assert drive(recorded) == drive(conversation(plain_log)) == (["first", "second", "after throw", 1], "done")
        assert [str(item) for item in log[:3]] == [str(item) for item in plain_log[:3]] == ["a", "b", "c"]
        assert stored_entries(results) == ["entry"]

    def test_yield_from(self, results: Path) -> None:
        """`yield from` a recorded generator passes everything through."""

        def outer(log: list[Any]) -> Generator[Any, Any, Any]:
            return (yield from record_run("entry")(conversation)(log))

        assert drive(outer([]))[1] == "done"
        assert stored_entries(results) == ["entry"]

    def test_duration_is_the_real_one(self, results: Path) -> None:
        """The run lasts from the first item to the end, not only until the generator is made."""

        @record_run
        def entry() -> Iterator[int]:
            recorder = current_recorder()
            assert recorder is not None
            challenge = ExampleChallenge()
            challenge.result_ = 1
            recorder.attach(challenge)
            time.sleep(PAUSE)
            yield 1
            time.sleep(PAUSE)
            yield 2

        generator = entry()
        time.sleep(PAUSE)
        clock = time.perf_counter()
        assert list(generator) == [1, 2]
        total = time.perf_counter() - clock
        (run,) = stored_runs(results)
        assert run["timing_source"] == "block"
        assert 2 * PAUSE * 0.9 < run["runtime"] <= total

    def test_the_block_is_not_seen_between_two_items(self, results: Path) -> None:
        """The caller's own code does not run in the generator's block: its challenges are not the generator's."""

        @record_run
        def entry() -> Iterator[Any]:
            yield current_recorder()
            yield current_recorder()
            ExampleChallenge(1).run(1)

        with recorded_run("outer"):
            outer = current_recorder()
            generator = entry()
            inside = next(generator)
            assert inside is not None is not outer
            assert inside is not outer
            assert current_recorder() is outer
            assert next(generator) is inside
            ExampleChallenge(2).run(2)
            assert list(generator) == []
            assert current_recorder() is outer
        assert current_recorder() is None
        assert {run["entry_name"]: run["repr_challenge"] for run in stored_runs(results)} == {
            "entry": "ExampleChallenge(value=1)",
            "outer": "ExampleChallenge(value=2)",
        }

    def test_the_block_is_not_seen_between_two_items_without_another_one(self, results: Path) -> None:
        """Code that takes items outside of any block is in no block, though it is the only one that is open."""

        @record_run
        def entry() -> Iterator[Any]:
            yield current_recorder()
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(current_recorder).result() is current_recorder()
            ExampleChallenge(1).run(1)
            yield 2

        generator = entry()
        recorder = next(generator)
        assert current_recorder() is None
        ExampleChallenge(2).run(2)
        assert next(generator) == 2
        assert current_recorder() is None
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(current_recorder).result() is recorder
        assert list(generator) == []
        (run,) = stored_runs(results)
        assert run["repr_challenge"] == "ExampleChallenge(value=1)"

    def test_two_side_by_side(self, results: Path) -> None:
        """Two generators whose items are taken in turns record one run each."""

        @record_run
        def entry(value: int) -> Iterator[int]:
            yield value
            ExampleChallenge(value).run(value)
            yield -value

        assert list(zip(entry(1), entry(2), strict=True)) == [(1, 2), (-1, -2)]
        assert sorted(run["repr_challenge"][-2] for run in stored_runs(results)) == ["1", "2"]

    def test_each_step_in_another_context(self, results: Path) -> None:
        """A generator whose steps run in different contexts (as web frameworks do) sees its block in each."""

        @record_run
        def entry() -> Iterator[Any]:
            yield current_recorder()
            yield current_recorder()
            ExampleChallenge().run(1)

        generator = entry()
        first, second = (contextvars.Context().run(next, generator) for _ in range(2))
        assert first is second is not None
        assert contextvars.Context().run(list, generator) == []
        assert stored_entries(results) == ["entry"]

    def test_an_error_goes_on(self, results: Path) -> None:
        """An error of the generator, or one thrown in that it does not catch, reaches the caller."""

        @record_run
        def entry() -> Iterator[int]:
            yield 1
            raise ZeroDivisionError("mine")

        generator = entry()
        next(generator)
        with pytest.raises(ZeroDivisionError, match="mine"):
            next(generator)
        generator = entry()
        next(generator)
        with pytest.raises(KeyError, match="thrown"):
            generator.throw(KeyError("thrown"))  # type: ignore[attr-defined]
        assert stored_entries(results) == []


class TestClosingAGenerator:
    def test_clean_up_runs_in_the_block(self, results: Path) -> None:
        """Closing early runs the generator's clean-up, in its block; the run that is not finished is not published."""
        seen: list[Any] = []

        @record_run
        def entry() -> Iterator[int]:
            recorder = current_recorder()
            try:
                yield 1
                ExampleChallenge().run(1)
            finally:
                seen.extend([recorder, current_recorder()])

        generator = entry()
        next(generator)
        generator.close()  # type: ignore[attr-defined]
        assert seen[0] is seen[1] is not None
        assert seen[0].status_ == "failed"
        assert list(generator) == []
        assert stored_entries(results) == []

    def test_a_finished_challenge_is_saved(self, results: Path) -> None:
        """What finished before the generator was dropped is saved, as a debug run that says why."""

        @record_run
        def entry() -> Iterator[int]:
            ExampleChallenge().run(1)
            yield 1
            yield 2

        for _ in entry():
            break
        gc.collect()
        (run,) = stored_runs(results)
        assert "block.raised" in [reason["code"] for reason in run["debug_reasons"]]

    def test_the_value_of_close(self, results: Path) -> None:
        """From Python 3.13 on `close()` returns what a generator returns when it is closed."""

        def entry() -> Generator[int, None, str]:
            ExampleChallenge().run(1)
            try:
                yield 1
            except GeneratorExit:
                return "closed"
            return "ended"

        values = []
        for function in (entry, record_run(entry)):
            generator = function()
            next(generator)
            values.append(generator.close())  # type: ignore[func-returns-value]
        assert values == (["closed"] * 2 if sys.version_info >= (3, 13) else [None] * 2)

    def test_a_generator_that_refuses_to_end(self) -> None:
        """A generator that goes on when it is closed is Python's usual error."""

        @record_run
        def entry() -> Iterator[int]:
            try:
                yield 1
            except GeneratorExit:
                yield 2

        generator = entry()
        next(generator)
        with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
            generator.close()  # type: ignore[attr-defined]

    def test_never_started(self, results: Path) -> None:
        """A generator from which nothing was taken has run nothing and records nothing, also when it is closed."""

        @record_run
        def entry() -> Iterator[int]:
            yield 1

        entry().close()  # type: ignore[attr-defined]
        del entry
        gc.collect()
        assert not results.exists() or list(results.iterdir()) == []


class TestRefusal:
    def test_shows_at_the_first_item(self) -> None:
        """What is wrong shows before the generator's code runs, and leaves no warning behind."""
        ran: list[int] = []
        options: Any = {"custom_metadata": {"bad": object()}}

        @record_run("entry", **options)
        def entry() -> Iterator[int]:
            ran.append(1)
            yield 1

        @record_run("entry", **options)
        async def entry_async() -> AsyncGenerator[int, None]:
            ran.append(1)
            yield 1

        async def first_item() -> None:
            async for _ in entry_async():
                pass

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with pytest.raises(InvalidCustomMetadataError):
                next(entry())
            with pytest.raises(InvalidCustomMetadataError):
                asyncio.run(first_item())
            gc.collect()
        assert ran == []
        assert [str(warning.message) for warning in caught] == []


async def async_conversation(log: list[Any]) -> AsyncGenerator[Any, Any]:
    """Note all that comes in, and run a challenge."""
    await asyncio.sleep(0)
    received = yield "first"
    log.append(received)
    try:
        received = yield "second"
    except Tolerant as error:
        log.append(error)
        received = yield "after throw"
    log.append(received)
    await asyncio.sleep(0)
    yield ExampleChallenge().run(1).result_


async def drive_async(generator: AsyncGenerator[Any, Any]) -> list[Any]:
    """Talk to an asynchronous generator, and return what it yielded."""
    yielded = [await anext(generator), await generator.asend("a"), await generator.athrow(Tolerant("b"))]
    yielded += [await generator.asend("c")]
    with pytest.raises(StopAsyncIteration):
        await anext(generator)
    return yielded


class TestAsyncGenerator:
    def test_asend_and_athrow(self, results: Path) -> None:
        """A recorded asynchronous generator talks as the plain one does."""
        plain_log: list[Any] = []
        log: list[Any] = []

        async def main() -> tuple[list[Any], list[Any]]:
            recorded = record_run("entry")(async_conversation)(log)
            return await drive_async(recorded), await drive_async(async_conversation(plain_log))

        of_recorded, of_plain = asyncio.run(main())
        assert of_recorded == of_plain == ["first", "second", "after throw", 1]
        assert [str(item) for item in log] == [str(item) for item in plain_log] == ["a", "b", "c"]
        assert stored_entries(results) == ["entry"]

    def test_duration_is_the_real_one(self, results: Path) -> None:
        """The run lasts from the first item to the end."""

        @record_run
        async def entry() -> AsyncGenerator[int, None]:
            challenge = ExampleChallenge()
            challenge.result_ = 1
            current_recorder().attach(challenge)  # type: ignore[union-attr]
            await asyncio.sleep(PAUSE)
            yield 1
            await asyncio.sleep(PAUSE)

        async def main() -> tuple[list[int], float]:
            generator = entry()
            await asyncio.sleep(PAUSE)
            clock = time.perf_counter()
            return [item async for item in generator], time.perf_counter() - clock

        items, total = asyncio.run(main())
        assert items == [1]
        (run,) = stored_runs(results)
        assert 2 * PAUSE * 0.9 < run["runtime"] <= total

    def test_the_block_is_not_seen_between_two_items(self, results: Path) -> None:
        """The code that takes the items does not run in the generator's block."""

        @record_run
        async def entry() -> AsyncGenerator[Any, None]:
            yield current_recorder()
            await asyncio.sleep(0)
            yield current_recorder()
            ExampleChallenge(1).run(1)

        async def main() -> None:
            with recorded_run("outer") as outer:
                seen = []
                async for recorder in entry():
                    seen.append(recorder)
                    assert current_recorder() is outer
                    ExampleChallenge(2).run(2)
                assert seen[0] is seen[1] is not None
                assert seen[0] is not outer

        asyncio.run(main())
        found = sorted((run["entry_name"], run["repr_challenge"][-2]) for run in stored_runs(results))
        assert found == [("entry", "1"), ("outer", "2"), ("outer", "2")]

    def test_aclose(self, results: Path) -> None:
        """Closing early runs the clean-up in the block, also what is awaited there."""
        seen: list[Any] = []

        @record_run
        async def entry() -> AsyncGenerator[int, None]:
            recorder = current_recorder()
            try:
                yield 1
                ExampleChallenge().run(1)
            finally:
                await asyncio.sleep(0)
                seen.extend([recorder, current_recorder()])

        async def main() -> None:
            generator = entry()
            await anext(generator)
            await generator.aclose()
            with pytest.raises(StopAsyncIteration):
                await anext(generator)

        asyncio.run(main())
        assert seen[0] is seen[1] is not None
        assert seen[0].status_ == "failed"
        assert stored_entries(results) == []

    def test_dropped(self, results: Path) -> None:
        """An asynchronous generator that nobody finishes is closed by the event loop; what finished in it is saved."""

        @record_run
        async def entry() -> AsyncGenerator[int, None]:
            ExampleChallenge().run(1)
            yield 1
            yield 2

        async def main() -> None:
            async for _ in entry():
                break

        asyncio.run(main())
        gc.collect()
        assert stored_entries(results) == ["entry"]

    def test_an_error_goes_on(self, results: Path) -> None:
        """An error of the generator reaches who takes the items."""

        @record_run
        async def entry() -> AsyncGenerator[int, None]:
            yield 1
            raise ZeroDivisionError("mine")

        async def main() -> None:
            async for _ in entry():
                pass

        with pytest.raises(ZeroDivisionError, match="mine"):
            asyncio.run(main())
        assert stored_entries(results) == []


class Entries:
    @record_run
    def method(self, value: int) -> Iterator[Any]:
        yield self
        ExampleChallenge().run(value)

    @record_run
    @classmethod
    def class_method(cls, value: int) -> Iterator[Any]:
        yield cls
        ExampleChallenge().run(value)

    @staticmethod
    @record_run
    def static_method(value: int) -> Iterator[Any]:
        yield None
        ExampleChallenge().run(value)

    @record_run
    async def async_method(self, value: int) -> AsyncGenerator[Any, None]:
        yield self
        ExampleChallenge().run(value)


def test_generator_methods(results: Path) -> None:
    """Generators that are methods of each kind get what they should."""
    entries = Entries()

    async def collect() -> list[Any]:
        return [item async for item in entries.async_method(1)]

    assert list(entries.method(1)) == [entries]
    assert list(Entries.class_method(1)) == [Entries]
    assert list(entries.static_method(1)) == [None]
    assert asyncio.run(collect()) == [entries]
    assert stored_entries(results) == ["method", "class_method", "static_method", "async_method"]


def test_at_the_end_of_the_program(tmp_path: Path) -> None:
    """A generator that is still open when Python ends neither hangs nor loses the core results that were there."""
    from processes import run_python

    (tmp_path / "script.py").write_text(
        "from challenges import ExampleChallenge\n"
        "from gaitmap_results import record_run\n"
        "@record_run('entry', path='results', use_git=False)\n"
        "def entry():\n"
        "    ExampleChallenge().run(1)\n"
        "    yield 1\n"
        "generator = entry()\n"
        "next(generator)\n",
        encoding="utf-8",
    )
    done = run_python("script.py", cwd=tmp_path)
    assert "Traceback" not in done.stderr
    assert len(list(tmp_path.glob("results/**/result.json"))) == 1
