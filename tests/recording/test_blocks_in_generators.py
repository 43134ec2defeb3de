"""Blocks that were opened in a generator: what runs in it is theirs, what runs while it is suspended is not always."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from challenges import ExampleChallenge
from processes import python_environment, run_python

from gaitmap_results import recorded_run, unfinished_runs
from gaitmap_results.exceptions import AmbiguousChallengeWarning

Block = Callable[[str], Any]


@pytest.fixture
def block(tmp_path: Path) -> Block:
    """Return what opens a block."""
    return lambda name: recorded_run(name, path=tmp_path, use_git=False)


def stored(tmp_path: Path) -> list[tuple[str, Any]]:
    """Return the entry and the result of every published run."""
    found = []
    for file in tmp_path.glob("*/*/*/*/metadata.json"):
        result = json.loads((file.parent / "results" / "result.json").read_text("utf-8"))["result"]
        found.append((json.loads(file.read_text("utf-8"))["entry_name"], result))
    return sorted(found)


def test_generators_that_are_read_in_turn(tmp_path: Path, block: Block) -> None:
    """A run belongs to the block of the generator that it runs in."""

    def folds(name: str) -> Iterator[Any]:
        with block(name):
            yield "opened"
            yield ExampleChallenge().run(name)
            yield ExampleChallenge().run(name)

    for _ in zip(folds("A"), folds("B"), folds("C"), strict=True):
        pass
    assert stored(tmp_path) == [("A", "A")] * 2 + [("B", "B")] * 2 + [("C", "C")] * 2


def test_asynchronous_generators_that_are_read_in_turn(tmp_path: Path, block: Block) -> None:
    """So do those of asynchronous generators, also where they wait, or run in a thread."""

    async def folds(name: str) -> AsyncIterator[Any]:
        with block(name):
            yield "opened"
            await asyncio.sleep(0)
            yield ExampleChallenge().run(name)
            yield await asyncio.to_thread(ExampleChallenge().run, name)

    async def main() -> None:
        first, second = folds("A"), folds("B")
        for _ in range(3):
            await first.__anext__()
            await second.__anext__()
        for each in (first, second):
            assert [item async for item in each] == []

    asyncio.run(main())
    assert stored(tmp_path) == [("A", "A")] * 2 + [("B", "B")] * 2


def test_other_code_in_the_loop_is_not_the_generators(tmp_path: Path, block: Block) -> None:
    """Where the generator runs challenges itself, those of the loop are kept, and a warning says so."""

    def folds() -> Iterator[Any]:
        with block("C"):
            for number in (3, 4):
                yield ExampleChallenge().run(number)

    with pytest.warns(AmbiguousChallengeWarning, match="suspended"):  # noqa: PT031
        for _ in folds():
            ExampleChallenge().run("of other code")
    assert stored(tmp_path) == [("C", 3), ("C", 4)]
    assert [run.core_results for run in unfinished_runs(tmp_path)] == ["complete"] * 2


def test_a_nearer_block_takes_the_run(tmp_path: Path, block: Block) -> None:
    """A block around the loop, or in it, is nearer than one of a suspended generator."""

    def folds() -> Iterator[Any]:
        with block("generator"):
            yield ExampleChallenge().run("generator")

    with block("around"):
        for _ in folds():
            ExampleChallenge().run("around")
    for _ in folds():
        with block("inside") as inside:
            assert inside.parent is None
            ExampleChallenge().run("inside")
    assert stored(tmp_path) == [
        ("around", "around"),
        ("generator", "generator"),
        ("generator", "generator"),
        ("inside", "inside"),
    ]


def test_a_generator_that_only_opens_takes_what_runs_in_the_loop(tmp_path: Path, block: Block) -> None:
    """Where nothing else claims a run, the one block that is open has it."""

    def opened() -> Iterator[None]:
        with block("opened"):
            yield

    for _ in opened():
        ExampleChallenge().run(1)
    assert stored(tmp_path) == [("opened", 1)]


def test_two_generators_that_only_open_leave_a_doubt(tmp_path: Path, block: Block) -> None:
    """Which of the two is not known: the results are kept, and a warning says so."""

    def opened(name: str) -> Iterator[None]:
        with block(name) as r:
            yield
            r.attach(ExampleChallenge()).result_ = name

    with pytest.warns(AmbiguousChallengeWarning):  # noqa: PT031
        for _ in zip(opened("A"), opened("B"), strict=True):
            ExampleChallenge().run("whose")
    assert "complete" in [run.core_results for run in unfinished_runs(tmp_path)]


def test_context_managers_in_generators_that_are_read_in_turn(tmp_path: Path, block: Block) -> None:
    """A block that a context manager opens in a generator belongs to that generator, not to what runs meanwhile."""

    @contextmanager
    def study(name: str) -> Iterator[Any]:
        with block(name) as r:
            yield r

    @asynccontextmanager
    async def asynchronous(name: str) -> AsyncIterator[Any]:
        with block(name) as r:
            yield r

    def folds(name: str) -> Iterator[Any]:
        with study(name):
            yield "opened"
            yield ExampleChallenge().run(name)

    async def asynchronous_folds(name: str) -> AsyncIterator[Any]:
        async with asynchronous(name):
            yield "opened"
            yield ExampleChallenge().run(name)

    async def main() -> None:
        both = [asynchronous_folds("C"), asynchronous_folds("D")]
        for _ in range(2):
            for each in both:
                await each.__anext__()
        for each in both:
            assert [item async for item in each] == []

    for _ in itertools.zip_longest(folds("A"), folds("B")):
        pass
    asyncio.run(main())
    assert stored(tmp_path) == [(name, name) for name in "ABCD"]


def test_generators_that_other_threads_or_blocks_go_on_with(tmp_path: Path, block: Block) -> None:
    """A run belongs to the block of the generator that it runs in, whoever asks for the next step."""

    def folds(name: str) -> Iterator[Any]:
        with block(name):
            yield "opened"
            yield ExampleChallenge().run(name)
            with block(f"in {name}"):
                yield ExampleChallenge().run(f"in {name}")

    both = [folds("A"), folds("B")]
    with ThreadPoolExecutor(2) as pool:
        for _ in range(4):
            for each in both:
                pool.submit(next, each, None).result()
    late = folds("C")
    next(late)
    with block("around"):
        list(late)
        ExampleChallenge().run("around")
    assert stored(tmp_path) == sorted((name, name) for name in ["A", "B", "C", "around", "in A", "in B", "in C"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_child_that_a_generator_forks_belongs_to_its_block(tmp_path: Path, block: Block) -> None:
    """What runs in it is kept for the entry of the generator, not for the block that was opened last."""

    def folds(name: str) -> Iterator[Any]:
        with block(name):
            yield "opened"
            child = get_context("fork").Process(target=ExampleChallenge().run, args=(name,))
            child.start()
            child.join()
            yield ExampleChallenge().run(name)

    for _ in itertools.zip_longest(folds("A"), folds("B")):
        pass
    kept = [
        (run.entry_name, json.loads((run.path / "results/result.json").read_text()))
        for run in unfinished_runs(tmp_path)
    ]
    assert sorted((name, content["result"]) for name, content in kept) == [("A", "A"), ("B", "B")]


def test_context_managers_that_are_generators(tmp_path: Path, block: Block) -> None:
    """What runs in the ``with`` block of one is its own, nested or not, through an ExitStack or not."""

    @contextmanager
    def study(name: str) -> Iterator[Any]:
        with ExitStack() as stack:
            yield stack.enter_context(block(name))

    @asynccontextmanager
    async def asynchronous(name: str) -> AsyncIterator[Any]:
        with block(name) as r:
            await asyncio.sleep(0)
            yield r

    async def main() -> None:
        async with asynchronous("async"):
            await asyncio.sleep(0)
            ExampleChallenge().run("async")

    with block("outer"):
        with study("inner") as inner:
            ExampleChallenge().run("inner")
            assert inner.parent is not None
        ExampleChallenge().run("outer")
    asyncio.run(main())
    assert stored(tmp_path) == [("async", "async"), ("inner", "inner"), ("outer", "outer")]


def test_fixtures_of_pytest(tmp_path: Path) -> None:
    """A block that a fixture opens takes the runs of the test."""
    (tmp_path / "test_study.py").write_text(
        """
import pytest
from challenges import ExampleChallenge
from gaitmap_results import recorded_run

@pytest.fixture
def recorder():
    with recorded_run("fixture", path="results", use_git=False) as r:
        yield r

def test_study(recorder):
    ExampleChallenge().run("of the test")
""",
        encoding="utf-8",
    )
    arguments = ("-q", "-p", "no:cacheprovider", "-c", "/dev/null" if sys.platform != "win32" else "NUL")
    env = {**python_environment(), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    run_python("-m", "pytest", *arguments, "test_study.py", cwd=tmp_path, env=env)
    assert stored(tmp_path / "results") == [("fixture", "of the test")]
