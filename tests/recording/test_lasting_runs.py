"""A `run` that gives back a generator, task, lazy iterator or the like lasts until it has ended, half is half."""

from __future__ import annotations

import asyncio
import csv
import inspect
import io
import itertools
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import pytest
from processes import run_python

from gaitmap_results import BaseChallenge, recorded_run, recover_run, unfinished_runs
from gaitmap_results.exceptions import NoChallengeError, SaveError

FOLD_S = 0.02


class Folds(BaseChallenge):
    """Has folds that are done one after the other, each of which takes a moment."""

    VERSION = "1.0.0"

    def __init__(self) -> None:
        self.folds_: list[int] = []
        self.n_saves = 0

    def fold(self, number: int) -> int:
        time.sleep(FOLD_S)
        self.folds_.append(number)
        return number

    def save_core_results(self, folder_path: Path) -> None:
        self.n_saves += 1
        (folder_path / "folds.json").write_text(json.dumps(self.folds_))

    @classmethod
    def load_core_results(cls, folder_path: Path) -> Any:
        return json.loads((folder_path / "folds.json").read_text())


class AsGenerator(Folds):
    def run(self, optimizer: Any = None) -> Iterator[int]:
        for number in range(4):
            yield self.fold(number)


class AsSubGenerator(AsGenerator):
    """Calls the generator of its base class, which is part of the same run."""

    def run(self, optimizer: Any = None) -> Iterator[int]:
        yield from super().run(optimizer)


class Handed(AsGenerator):
    """Returns a generator from a function that is none."""

    def run(self, optimizer: Any = None) -> Iterator[int]:
        return (self.fold(number) for number in range(4))


class AsAsyncGenerator(Folds):
    async def run(self, optimizer: Any = None) -> AsyncIterator[int]:
        for number in range(4):
            yield self.fold(number)
            await asyncio.sleep(0)


class AsCoroutine(Folds):
    async def run(self, optimizer: Any = None) -> AsCoroutine:
        for number in range(4):
            self.fold(number)
            await asyncio.sleep(0)
        return self


class AsTask(Folds):
    def run(self, optimizer: Any = None) -> asyncio.Task[Any]:
        return asyncio.get_running_loop().create_task(self.work())

    async def work(self) -> str:
        for number in range(4):
            self.fold(number)
            await asyncio.sleep(0)
        return "done"


class AsAwaitable(AsTask):
    """Returns an object of its own that can be awaited."""

    def run(self, optimizer: Any = None) -> Awaitable[Any]:  # type: ignore[override]
        return Later(self.work)


class Later:
    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.name = "later"

    def __await__(self) -> Generator[Any, Any, Any]:
        return self.work().__await__()  # type: ignore[no-any-return]


class AsFuture(Folds):
    def run(self, pool: Any) -> Future[Any]:
        return pool.submit(lambda: [self.fold(number) for number in range(4)])  # type: ignore[no-any-return]


class AsMap(Folds):
    """Returns an iterator that calls a method at each step."""

    def run(self, optimizer: Any = None) -> Iterator[int]:
        return map(self.fold, range(4))


class AsChain(AsGenerator):
    """Returns an iterator around generators, as ``enumerate``, ``zip`` and ``islice`` are."""

    def run(self, optimizer: Any = None) -> Iterator[int]:
        return itertools.chain(filter(self.is_new, range(2)), (self.fold(number) for number in (2, 3)))

    def is_new(self, number: int) -> bool:
        self.fold(number)
        return True


class ByHand:
    """An iterator class of the user's."""

    def __init__(self, challenge: Folds) -> None:
        self.challenge = challenge
        self.done = 0

    def __iter__(self) -> ByHand:
        return self

    def __next__(self) -> int:
        if self.done == 4:
            raise StopIteration
        self.done += 1
        return self.challenge.fold(self.done - 1)


class AsIterator(Folds):
    def run(self, optimizer: Any = None) -> ByHand:
        return ByHand(self)


class Progress:
    """Shows how far an iterable is, as tqdm does."""

    def __init__(self, iterable: Any) -> None:
        self.iterable = iterable

    def __iter__(self) -> Iterator[Any]:
        yield from self.iterable


class AsProgress(Folds):
    def run(self, optimizer: Any = None) -> Progress:
        return Progress(self.fold(number) for number in range(4))


class AsContext(Folds):
    """Does the last fold when its ``with`` block is left."""

    @contextmanager
    def run(self, optimizer: Any = None) -> Iterator[Any]:
        self.fold(0)
        yield self
        self.fold(3)


class AsTuple(Folds):
    def run(self, optimizer: Any = None) -> tuple[Any, Any]:
        return self, map(self.fold, range(4))


class AsCoroutines(Folds):
    def run(self, optimizer: Any = None) -> list[Any]:
        return [self.work(number) for number in range(4)]

    async def work(self, number: int) -> int:
        await asyncio.sleep(FOLD_S * number)
        return self.fold(number)


class AsFutures(Folds):
    def run(self, pool: Any) -> list[Any]:
        return [pool.submit(self.fold, number) for number in range(4)]


class AsCallback(Folds):
    """Stores what a worker returned when the future calls back."""

    def run(self, pool: Any) -> Future[Any]:
        future = pool.submit(self.work)
        future.add_done_callback(lambda done: self.folds_.extend(done.result()))
        return future  # type: ignore[no-any-return]

    def work(self) -> list[int]:
        time.sleep(4 * FOLD_S)
        return [0, 1, 2, 3]


class AsPoolResult(Folds):
    def run(self, pool: Any) -> Any:
        return pool.map_async(self.fold, range(4), chunksize=4)


class AsThread(Folds):
    def run(self, optimizer: Any = None) -> threading.Thread:
        thread = threading.Thread(target=lambda: [self.fold(number) for number in range(4)])
        thread.start()
        return thread


def iterate(challenge: Any) -> None:
    """Take all items of a run that is a generator."""
    assert list(challenge.run()) == [0, 1, 2, 3]


def iterate_async(challenge: Any) -> None:
    """The same with an asynchronous generator."""

    async def main() -> None:
        assert [number async for number in challenge.run()] == [0, 1, 2, 3]

    asyncio.run(main())


def wait_for(challenge: Any) -> None:
    """Await a run."""

    async def main() -> None:
        await challenge.run()

    asyncio.run(main())


def wait_for_future(challenge: Any) -> None:
    """Wait for a future of a pool."""
    with ThreadPoolExecutor(1) as pool:
        future = challenge.run(pool)
        assert isinstance(future, Future)
        assert future.result() == [0, 1, 2, 3]
        challenge.folds_.clear()


def enter(challenge: Any) -> None:
    """Run a challenge around what the user does."""
    with challenge.run() as entered:
        assert entered is challenge
        challenge.fold(1), challenge.fold(2)


def iterate_second(challenge: Any) -> None:
    """Take all items of the second of two things that a run gives back."""
    first, items = challenge.run()
    assert first is challenge
    assert list(items) == [0, 1, 2, 3]


def gather(challenge: Any) -> None:
    """Await all coroutines of a list."""

    async def main() -> None:
        assert await asyncio.gather(*challenge.run()) == [0, 1, 2, 3]

    asyncio.run(main())


def wait_for_callback(challenge: Any) -> None:
    """Wait until the future of a pool has called back."""
    with ThreadPoolExecutor(1) as pool:
        challenge.run(pool)


def wait_for_futures(challenge: Any) -> None:
    """Wait for all futures of a list."""
    with ThreadPoolExecutor(1) as pool:
        assert [future.result() for future in challenge.run(pool)] == [0, 1, 2, 3]


def wait_for_pool(challenge: Any) -> None:
    """Wait for the result of a pool of threads."""
    with ThreadPool(1) as pool:
        assert challenge.run(pool).get() == [0, 1, 2, 3]
        challenge.folds_.clear()


def join(challenge: Any) -> None:
    """Wait for the end of a thread."""
    challenge.run().join()


WAYS = {
    AsGenerator: iterate,
    AsSubGenerator: iterate,
    Handed: iterate,
    AsAsyncGenerator: iterate_async,
    AsCoroutine: wait_for,
    AsTask: wait_for,
    AsAwaitable: wait_for,
    AsFuture: wait_for_future,
    AsMap: iterate,
    AsChain: iterate,
    AsIterator: iterate,
    AsProgress: iterate,
    AsContext: enter,
    AsTuple: iterate_second,
    AsCoroutines: gather,
    AsFutures: wait_for_futures,
    AsCallback: wait_for_callback,
    AsPoolResult: wait_for_pool,
    AsThread: join,
}


def test_a_thread_that_never_started_is_no_work(tmp_path):
    """It may be started much later, or never: the run ends when it returns, and nothing waits for the thread."""

    class Unstarted(Folds):
        def run(self, optimizer: Any = None) -> threading.Thread:
            self.fold(0)
            return threading.Thread(target=print)

    threads = set(threading.enumerate())
    with recorded_run("entry", path=tmp_path) as recorder:
        assert Unstarted().run().ident is None
        assert set(threading.enumerate()) <= threads
    assert recorder.path_ is not None


@pytest.mark.parametrize(("kind", "carry_out"), WAYS.items(), ids=[kind.__name__ for kind in WAYS])
def test_a_run_lasts_until_its_end(kind: type[Folds], carry_out: Callable[[Any], None], tmp_path: Path) -> None:
    """Whatever `run` gives back, it is one run with all of its results and its whole time, saved once."""
    challenge = kind()
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        carry_out(challenge)
        challenge.folds_.clear()
    assert len(recorder.paths_) == 1
    assert kind.load_core_results(recorder.paths_[0] / "results") == [0, 1, 2, 3]
    assert recorder.metadata_["runtime"] >= 4 * FOLD_S
    assert recorder.metadata_["timing_source"] == "observed"
    assert challenge.n_saves == 1
    assert unfinished_runs(tmp_path) == []


def test_what_a_run_gives_back_is_of_the_same_kind(tmp_path: Path) -> None:
    """Generators, coroutines and tasks stay what they are, keep their names, and outside of a block are untouched."""

    async def main() -> None:
        with recorded_run("entry", path=tmp_path, use_git=False):
            generator, coroutine = AsGenerator().run(), AsCoroutine().run()
            assert inspect.isgenerator(generator)
            assert generator.__qualname__ == "AsGenerator.run"
            assert inspect.isasyncgen(AsAsyncGenerator().run())
            assert inspect.iscoroutine(coroutine)
            await coroutine
            task = AsTask().run()
            assert isinstance(task, asyncio.Task)
            assert await task == "done"
            later = AsAwaitable().run()
            assert isinstance(later, Later)
            assert later.name == "later"
            assert await later == "done"

    asyncio.run(main())
    assert AsGenerator().run().gi_code.co_name == "run"  # type: ignore[attr-defined]


def test_a_generator_can_be_talked_to(tmp_path: Path) -> None:
    """What is sent and thrown reaches the generator, and what it returns comes out."""

    class Talking(Folds):
        def run(self, optimizer: Any = None) -> Generator[Any, Any, str]:
            self.folds_.append((yield "first"))
            try:
                yield "second"
            except KeyError:
                self.folds_.append(7)
            return "end"

    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        generator = Talking().run()
        assert next(generator) == "first"
        assert generator.send(5) == "second"
        with pytest.raises(StopIteration) as end:
            generator.throw(KeyError())
    assert end.value.value == "end"
    assert Talking.load_core_results(recorder.paths_[0] / "results") == [5, 7]


def break_off(challenge: Any) -> None:
    """Take two items, as a `for` loop with a `break` or a shorter partner in `zip` does."""
    for _ in zip(range(2), challenge.run()):  # noqa: B905 - as users write it
        pass


def close(challenge: Any) -> None:
    """Close the generator after two items."""
    generator = challenge.run()
    next(generator), next(generator)
    generator.close()


@pytest.mark.parametrize("stop", [break_off, close])
def test_half_of_a_run_is_kept_as_half(stop: Callable[[Any], None], tmp_path: Path) -> None:
    """A generator that is closed before its end leaves what it held, which is never called complete."""
    with pytest.raises(NoChallengeError, match="before its end") as caught:
        with recorded_run("entry", path=tmp_path, use_git=False):
            stop(AsGenerator())
    (run,) = unfinished_runs(tmp_path)
    assert (run.status, run.core_results) == ("failed", "partial")
    assert caught.value.paths == (run.path,)
    assert AsGenerator.load_core_results(run.path / "results")[:2] == [0, 1]
    with pytest.raises(SaveError, match="part"):
        recover_run(run.run_id, tmp_path)


def test_a_run_that_has_not_ended_with_the_block(tmp_path: Path) -> None:
    """The error names what is still under way; if it ends later, its results are kept."""
    with pytest.raises(NoChallengeError, match=r"AsGenerator\.run had not") as caught:
        with recorded_run("entry", path=tmp_path, use_git=False):
            generator = AsGenerator().run()
            next(generator)
    (half,) = [run for run in unfinished_runs(tmp_path) if run.core_results == "partial"]
    assert caught.value.paths == (half.path,)
    assert list(generator) == [1, 2, 3]
    complete = [run for run in unfinished_runs(tmp_path) if run.core_results == "complete"]
    assert [AsGenerator.load_core_results(run.path / "results") for run in complete] == [[0, 1, 2, 3]]
    recovered = recover_run(complete[0].run_id, tmp_path)
    assert AsGenerator.load_core_results(recovered / "results") == [0, 1, 2, 3]


class Complete(Folds):
    """Has all of its results when `run` returns, and gives back what shows them."""

    def run(self, show: Callable[[list[int]], Any]) -> Any:
        for number in range(4):
            self.fold(number)
        return show(self.folds_)


SHOWN: dict[str, Callable[[list[int]], Any]] = {
    "iter": iter,
    "zip": lambda folds: zip("abcd", folds, strict=True),
    "reversed": lambda folds: enumerate(reversed(folds)),
    "map": lambda folds: map(str, folds),
    "csv": lambda folds: csv.DictReader(io.StringIO("fold\n" + "\n".join(map(str, folds)))),
    "list": lambda folds: [*folds, str, print],
}


@pytest.mark.parametrize("show", SHOWN.values(), ids=list(SHOWN))
def test_an_iterator_over_what_is_there_is_no_work(show: Any, tmp_path: Path) -> None:
    """Results that are complete when `run` returns are stored then, whether or not anybody reads what it gave back."""
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        challenge = Complete()
        challenge.run(show)
        challenge.folds_.clear()
    assert Complete.load_core_results(recorder.paths_[0] / "results") == [0, 1, 2, 3]


def test_an_iterator_that_nobody_reads(tmp_path: Path) -> None:
    """What the challenge holds is kept as a part of its results, and the error names it."""
    with pytest.raises(NoChallengeError, match=r"AsMap\.run had not.*another iterator") as caught:
        with recorded_run("entry", path=tmp_path, use_git=False):
            AsMap().run()
    (run,) = unfinished_runs(tmp_path)
    assert (run.core_results, caught.value.paths) == ("partial", (run.path,))


@pytest.mark.parametrize("named", [False, True])
def test_a_variable_with_a_run_under_way_is_not_published(named: bool, tmp_path: Path) -> None:
    """Neither the variables around the block nor the user's naming it makes a whole run of half of one."""
    with pytest.raises(NoChallengeError, match="had not"):
        with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
            challenge = AsGenerator()
            generator = challenge.run()
            next(generator)
            if named:
                recorder.attach(challenge)
    assert list(tmp_path.glob("*/*/entry/*")) == []


def test_a_generator_that_nobody_starts_is_no_run(tmp_path: Path) -> None:
    """Only the call was made; nothing ran, and an earlier run of the object is what it was."""
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        challenge = AsGenerator()
        list(challenge.run())
        challenge.run()
    assert len(recorder.paths_) == 1


@pytest.mark.parametrize("how", ["raises", "cancelled"])
def test_a_task_that_fails(how: str, tmp_path: Path) -> None:
    """A task that raises, or is cancelled, is a run that failed."""

    class Failing(AsTask):
        async def work(self) -> str:
            self.fold(0)
            await asyncio.sleep(0 if how == "raises" else 600)
            raise KeyError("boom")

    async def main() -> None:
        task = Failing().run()
        await asyncio.sleep(0.01)
        if how == "cancelled":
            task.cancel()
        with pytest.raises((KeyError, asyncio.CancelledError)):
            await task

    with pytest.raises(NoChallengeError, match="raised"), recorded_run("entry", path=tmp_path, use_git=False):
        asyncio.run(main())
    assert [run.core_results for run in unfinished_runs(tmp_path)] == ["none"]


def test_a_future_whose_thread_has_not_told_yet(tmp_path: Path) -> None:
    """A future wakes who waits for it before it tells that it is done; the block waits for the results then."""

    class Told(Folds):
        def run(self, optimizer: Any = None) -> Future[Any]:
            self.future = Future()
            self.future.add_done_callback(lambda _: time.sleep(0.2))
            threading.Thread(target=self.work).start()
            return self.future

        def work(self) -> None:
            self.fold(1)
            self.future.set_result("done")

    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        challenge = Told()
        assert challenge.run().result() == "done"
    assert Told.load_core_results(recorder.paths_[0] / "results") == [1]
    assert challenge.n_saves == 1


def test_a_process_that_is_killed_half_way(tmp_path: Path) -> None:
    """What a killed process leaves of a generator is not complete."""
    program = (
        "import os, signal, sys\n"
        "from test_lasting_runs import AsGenerator\n"
        "from gaitmap_results import recorded_run\n"
        "with recorded_run('entry', path=sys.argv[1], use_git=False):\n"
        "    for number in AsGenerator().run():\n"
        "        if number == 2:\n"
        "            os.kill(os.getpid(), getattr(signal, 'SIGKILL', signal.SIGTERM))\n"
    )
    with pytest.raises(AssertionError, match="ended with "):
        run_python("-c", program, tmp_path / "results", cwd=tmp_path)
    assert [run.core_results for run in unfinished_runs(tmp_path / "results")] == ["none"]
