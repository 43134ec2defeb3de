"""Decorated functions that only return what does the work: generators, coroutines, tasks, futures, other awaitables."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import inspect
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import wrapt
from challenges import ExampleChallenge

from gaitmap_results import current_recorder, record_run, recorded_run


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    """Stand between, as a decorator of another package does."""

    @functools.wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return inner


class Awaitable:
    """Something that can be awaited, and is no coroutine."""

    def __init__(self, coroutine: Any) -> None:
        self.coroutine = coroutine

    def __await__(self) -> Any:
        return self.coroutine.__await__()


async def later(value: int) -> Any:
    """Do the work after a while."""
    await asyncio.sleep(0.01)
    return ExampleChallenge().run(value).result_


def generator(value: int) -> Iterator[Any]:
    """Do the work when it is read."""
    yield "first"
    yield ExampleChallenge().run(value).result_


async def async_generator(value: int) -> AsyncIterator[Any]:
    """Do the work when it is read."""
    await asyncio.sleep(0)
    yield ExampleChallenge().run(value).result_


@pytest.fixture
def record(tmp_path: Path) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that records into a folder."""
    return lambda function: record_run("e", path=tmp_path, use_git=False)(function)


def stored(tmp_path: Path) -> list[dict[str, Any]]:
    """Return the metadata of the published runs."""
    return [json.loads(file.read_text("utf-8")) for file in tmp_path.glob("*/*/e/*/metadata.json")]


def test_a_returned_generator(tmp_path: Path, record: Any) -> None:
    """It is recorded while it is read; its reader's own code is not in the block."""
    running = record(logged(generator))(3)
    assert inspect.isgenerator(running)
    assert current_recorder() is None
    assert next(running) == "first"
    assert current_recorder() is None
    ExampleChallenge().run("of the reader")
    assert list(running) == [3]
    assert len(stored(tmp_path)) == 1


def test_a_returned_iterator(tmp_path: Path, record: Any) -> None:
    """An iterator that will run challenges is recorded while it is read."""
    items = record(lambda: map(ExampleChallenge().run, [1, 2]))()
    assert isinstance(items, map)
    assert len(list(items)) == 2
    assert len(stored(tmp_path)) == 2
    assert record(lambda: map(str, [ExampleChallenge().run(3).result_]))() is not None
    assert len(stored(tmp_path)) == 3, "what had run is stored at once"


def test_a_returned_async_generator(tmp_path: Path, record: Any) -> None:
    """It is recorded while it is read."""

    async def main() -> list[Any]:
        running = record(logged(async_generator))(3)
        assert inspect.isasyncgen(running)
        return [item async for item in running]

    assert asyncio.run(main()) == [3]
    assert len(stored(tmp_path)) == 1


RETURNED: dict[str, tuple[Callable[[int], Any], Callable[[Any], bool]]] = {
    "coroutine": (later, inspect.iscoroutine),
    "task": (lambda value: asyncio.ensure_future(later(value)), lambda running: isinstance(running, asyncio.Task)),
    "gather": (lambda value: asyncio.gather(later(value)), lambda running: isinstance(running, asyncio.Future)),
    "awaitable": (lambda value: Awaitable(later(value)), lambda running: isinstance(running, Awaitable)),
}


@pytest.mark.parametrize("kind", RETURNED)
def test_what_is_awaited(tmp_path: Path, record: Any, kind: str) -> None:
    """It is recorded until it has ended, and stays what it was."""
    start, is_same = RETURNED[kind]

    async def main() -> Any:
        running = record(logged(start))(3)
        assert is_same(running)
        assert current_recorder() is None
        return await running

    assert asyncio.run(main()) in (3, [3])
    (metadata,) = stored(tmp_path)
    assert metadata["is_debug_run"] is True
    assert "block.raised" not in str(metadata["debug_reasons"])


def test_a_future_of_a_thread(tmp_path: Path, record: Any) -> None:
    """A pool's future is recorded until it is done."""
    with ThreadPoolExecutor(1) as pool:
        running = record(lambda value: pool.submit(ExampleChallenge().run, value))(3)
        assert isinstance(running, Future)
        assert running.result().result_ == 3
    assert len(stored(tmp_path)) == 1


def test_what_an_asynchronous_function_returns(tmp_path: Path, record: Any) -> None:
    """A function that is awaited may return work, too."""

    async def entry() -> Any:
        await asyncio.sleep(0)
        return generator(1)

    assert list(asyncio.run(record(entry)())) == ["first", 1]
    assert len(stored(tmp_path)) == 1


def test_who_waits_for_a_future_finds_the_run(tmp_path: Path, record: Any) -> None:
    """The run is stored when the future has its result."""
    with ThreadPoolExecutor(1) as pool:
        for n_stored in range(1, 6):
            record(lambda: pool.submit(slow, 1))().result()
            assert len(stored(tmp_path)) == n_stored


def slow(value: int) -> Any:
    """Do the work after the function has returned."""
    time.sleep(0.05)
    return ExampleChallenge().run(value).result_


def test_a_thread(tmp_path: Path, record: Any) -> None:
    """A thread that was started is recorded until it has ended."""

    def entry() -> threading.Thread:
        thread = threading.Thread(target=slow, args=(1,))
        thread.start()
        return thread

    record(entry)().join()
    assert len(stored(tmp_path)) == 1


def test_a_task_that_fails(tmp_path: Path, record: Any) -> None:
    """Its error reaches who awaits it, and nothing is published."""

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError("of the task")

    async def main() -> None:
        with pytest.raises(ZeroDivisionError, match="of the task"):
            await record(lambda: asyncio.ensure_future(fail()))()

    asyncio.run(main())
    assert stored(tmp_path) == []
    (journal,) = tmp_path.glob(".unfinished/*/journal.json")
    assert json.loads(journal.read_text("utf-8"))["status"] == "failed"


def test_a_task_that_is_cancelled(tmp_path: Path, record: Any) -> None:
    """It says that it was interrupted."""

    async def main() -> None:
        task = record(lambda: asyncio.ensure_future(asyncio.sleep(600)))()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    (journal,) = tmp_path.glob(".unfinished/*/journal.json")
    assert json.loads(journal.read_text("utf-8"))["status"] == "interrupted"


class Bar:
    """A progress bar: it can be read again and again, and holds what it shows."""

    def __init__(self, items: Any) -> None:
        self.items = items

    def __iter__(self) -> Iterator[Any]:
        yield from self.items


@contextlib.contextmanager
def managed(value: int) -> Iterator[Any]:
    """Do the work on entering."""
    yield ExampleChallenge().run(value).result_


async def managed_async(value: int) -> AsyncIterator[Any]:
    """Do the work on entering."""
    yield ExampleChallenge().run(value).result_


async def enter_async(manager: Any) -> list[Any]:
    """Return what a block gets."""
    async with manager as value:
        return [value]


def enter(manager: Any) -> list[Any]:
    """Return what a block gets."""
    with manager as value:
        return [value]


SEVERAL: dict[str, tuple[Callable[[Any], Any], Callable[[Any], list[Any]]]] = {
    "progress bar": (lambda _: Bar(ExampleChallenge().run(each).result_ for each in [1, 2]), list),
    "context manager": (lambda _: managed(1), enter),
    "async context manager": (
        lambda _: contextlib.asynccontextmanager(managed_async)(1),
        lambda manager: asyncio.run(enter_async(manager)),
    ),
    "tuple": (lambda _: (generator(1), "more"), lambda both: list(both[0])[1:]),
    "futures": (
        lambda pool: [pool.submit(ExampleChallenge().run, each) for each in [1, 2]],
        lambda futures: [each.result().result_ for each in futures],
    ),
    "generators": (
        lambda _: {each: generator(each) for each in [1, 2]},
        lambda named: [list(named.pop(each))[1] for each in [1, 2]],
    ),
}


@pytest.mark.parametrize("kind", SEVERAL)
def test_work_inside_of_what_is_returned(tmp_path: Path, record: Any, kind: str) -> None:
    """The block lasts until the last part has ended, whatever holds them."""
    start, read = SEVERAL[kind]
    with ThreadPoolExecutor(1) as pool:
        running = record(start)(pool)
        assert current_recorder() is None
        results = read(running)
    assert results in ([1], [1, 2])
    assert len(stored(tmp_path)) == len(results)


def test_a_part_that_fails(tmp_path: Path, record: Any) -> None:
    """What the other parts had run is stored as a debug run that says so."""
    with ThreadPoolExecutor(1) as pool:
        good, bad = record(lambda: (pool.submit(ExampleChallenge().run, 1), pool.submit(lambda: 1 / 0)))()
        assert good.result().result_ == 1
        with pytest.raises(ZeroDivisionError):
            bad.result()
    (metadata,) = stored(tmp_path)
    assert "block.raised" in str(metadata["debug_reasons"])


def test_what_is_never_read_closes_its_block(tmp_path: Path, record: Any) -> None:
    """A generator that is dropped leaves no block open that would take other code's runs."""
    running = record(logged(generator))(3)
    del running
    gc.collect()
    ExampleChallenge().run("of other code")
    (journal,) = tmp_path.glob(".unfinished/*/journal.json")
    assert json.loads(journal.read_text("utf-8"))["status"] == "failed"


def test_results_with_a_generator_that_is_never_read_are_published(tmp_path: Path, record: Any) -> None:
    """What had run before it was returned is a whole run."""

    def summary() -> Iterator[int]:
        result = ExampleChallenge().run(3).result_
        return (each for each in [result])

    running = record(summary)()
    del running
    gc.collect()
    (metadata,) = stored(tmp_path)
    assert "block.raised" not in str(metadata["debug_reasons"])


def with_data(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add an argument, as sessions and configurations do; the shown signature is the inner one."""

    @functools.wraps(function)
    async def inner(*args: Any, **kwargs: Any) -> Any:
        return await function("data", *args, **kwargs)

    return inner


def test_the_shown_signature_need_not_be_the_real_one(tmp_path: Path, record: Any) -> None:
    """What works undecorated works decorated: an added argument is not asked for."""

    async def entry(data: str, bias: int) -> Any:
        return ExampleChallenge().run((data, bias)).result_

    assert asyncio.run(record(with_data(entry))(3)) == ("data", 3)
    lying = with_data(entry)
    lying.__signature__ = inspect.Signature()  # type: ignore[attr-defined]
    assert asyncio.run(record(lying)(3)) == ("data", 3)
    with pytest.raises(TypeError, match="bias"):
        asyncio.run(record(with_data(entry))())
    with pytest.raises(TypeError, match="bias"):
        record(entry)("data")
    assert len(stored(tmp_path)) == 2


@wrapt.decorator
def carried_out(wrapped: Any, instance: object, args: Any, kwargs: Any) -> Any:
    """Carry out at once what would only begin."""
    begun = wrapped(*args, **kwargs)
    return asyncio.run(begun) if inspect.iscoroutine(begun) else list(begun)


@pytest.mark.parametrize("kind", [later, generator])
def test_a_decorator_that_looks_like_the_function_below(tmp_path: Path, record: Any, kind: Any) -> None:
    """A decorator of wrapt shows the function's kind, but returns what it likes."""
    assert record(carried_out(kind))(3) in (3, ["first", 3])

    class Observed(ExampleChallenge):
        run = carried_out(slow_run)

    with recorded_run("e", path=tmp_path, use_git=False) as r:
        Observed().run(1)
    assert r.metadata_ is not None
    assert r.metadata_["runtime"] >= 0.02


async def slow_run(self: Any, optimizer: Any) -> None:
    """Take a while."""
    self.result_ = optimizer
    await asyncio.sleep(0.02)
