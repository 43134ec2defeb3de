"""What is stored is what a challenge held when its `run` ended; it is asked for its results once."""

from __future__ import annotations

import json
import os
import queue
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from challenges import ExampleChallenge

from gaitmap_results import BaseChallenge, record_run, recorded_run, save_run, unfinished_runs, verify_run
from gaitmap_results.exceptions import CoreResultsError, InvalidNameError, SaveFailedWarning


class Once(BaseChallenge):
    """Writes whatever its results yield, so that a second time there is nothing left to write."""

    VERSION = "1.0.0"

    def __init__(self) -> None:
        self.n_saves = 0

    def run(self, results: Any) -> Once:
        self.results_ = results
        return self

    def save_core_results(self, folder_path: Path) -> None:
        self.n_saves += 1
        (folder_path / "results.json").write_text(json.dumps(list(self.results_)))

    @classmethod
    def load_core_results(cls, folder_path: Path) -> Any:
        return json.loads((folder_path / "results.json").read_text())


def stored(path: Path | None) -> Any:
    """Return the core results in a run folder, whose manifest is right."""
    assert path is not None
    assert verify_run(path).is_intact
    return Once.load_core_results(path / "results")


def drained(items: queue.Queue[int]) -> Iterator[int]:
    """Take everything out of a queue."""
    while not items.empty():
        yield items.get()


def a_queue() -> Iterator[int]:
    """Return what is in a queue, which can be taken out once."""
    items: queue.Queue[int] = queue.Queue()
    for item in (1, 2, 3):
        items.put(item)
    return drained(items)


def a_pool() -> Iterator[int]:
    """Return what a pool of threads computes."""
    with ThreadPoolExecutor(2) as pool:
        return pool.map(abs, [-1, -2, -3])


class Buffer(list):  # type: ignore[type-arg]
    """A list that is empty after it was read, as a ring buffer is."""

    def __iter__(self) -> Iterator[Any]:
        while self:
            yield self.pop(0)


SOURCES: dict[str, Callable[[], Any]] = {
    "generator": lambda: (item for item in (1, 2, 3)),
    "map": lambda: map(abs, [-1, -2, -3]),
    "queue": a_queue,
    "pool": a_pool,
    "buffer": lambda: Buffer([1, 2, 3]),
}


@pytest.mark.parametrize("way", ["observed", "given", "frame", "returned", "save_run"])
@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_results_that_can_be_read_once(make: Callable[[], Any], way: str, tmp_path: Path) -> None:
    """Iterators, queues and buffers are written once and published whole, in whichever way the challenge is found."""

    class Unseen(Once):
        run = None  # type: ignore[assignment]  # nobody sees it running
        __call__ = Once.run.__wrapped__

    if way == "observed":
        challenge: Any = Once()
        with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
            challenge.run(make())
        assert stored(recorder.path_) == [1, 2, 3]
    elif way == "given":
        challenge = Unseen()
        with recorded_run("entry", path=tmp_path, use_git=False, challenge=challenge) as recorder:
            challenge(make())
        assert stored(recorder.path_) == [1, 2, 3]
    elif way == "frame":
        challenge = Foreign()
        with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
            challenge.run(make())
        assert stored(recorder.path_) == [1, 2, 3]
    elif way == "returned":
        challenge = record_run("entry", path=tmp_path, use_git=False)(lambda: Foreign().run(make()))()
        assert stored(next(tmp_path.glob("*/*/entry/*"))) == [1, 2, 3]
    else:
        challenge = Once().run(make())
        assert stored(save_run(challenge, "entry", custom_metadata={}, path=tmp_path, use_git=False)) == [1, 2, 3]
    assert challenge.n_saves == 1
    assert unfinished_runs(tmp_path) == []


class Foreign:
    """A challenge without a base class, whose run nobody sees."""

    VERSION = "1.0.0"
    __init__ = Once.__init__
    run = Once.run.__wrapped__
    save_core_results = Once.save_core_results
    load_core_results = Once.load_core_results


def test_a_save_that_moves_files(tmp_path: Path) -> None:
    """A challenge that moves its raw output, and cannot be pickled, is published with it."""

    class Moving(Once):
        def run(self, optimizer: Any) -> Moving:
            self.lock = threading.Lock()
            self.raw_ = Path(tempfile.mkdtemp(dir=tmp_path)) / "raw.csv"
            self.raw_.write_text("1,2,3")
            return self

        def save_core_results(self, folder_path: Path) -> None:
            shutil.move(self.raw_, folder_path / "raw.csv")

    with recorded_run("entry", path=tmp_path / "results", use_git=False) as recorder:
        Moving().run(None)
    assert recorder.path_ is not None
    assert (recorder.path_ / "results" / "raw.csv").read_text() == "1,2,3"
    assert unfinished_runs(tmp_path / "results") == []


@pytest.mark.parametrize(
    "change",
    [lambda c: c.results_.clear(), lambda c: c.results_.append(4), lambda c: delattr(c, "results_")],
    ids=["cleared", "more", "gone"],
)
def test_a_challenge_that_changes_after_its_run(change: Callable[[Any], Any], tmp_path: Path) -> None:
    """Memory that is freed, or a list that is filled for a plot, changes nothing of what is stored."""
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        challenge = Once().run([1, 2, 3])
        change(challenge)
    assert stored(recorder.path_) == [1, 2, 3]
    assert challenge.n_saves == 1


class Linked(ExampleChallenge):
    """Does not copy its large files, but gives them a second name."""

    def save_core_results(self, folder_path: Path) -> None:
        os.link(self.result_, folder_path / "results.json")


def test_files_that_have_another_name_outside(tmp_path: Path) -> None:
    """Whoever writes into a file again that was linked into the results, or into the author's files, changes no run."""
    own = tmp_path / "output.json"
    own.write_text("[1]")
    with recorded_run("e", path=tmp_path / "results", use_git=False) as r:
        Linked().run(own)
        own.write_text("[2]")
        os.link(own, r.files_dir / "output.json")
    own.write_text("[3]")
    assert stored(r.path_) == [1]
    assert (r.path_ / "files" / "output.json").read_text() == "[2]"


def test_runs_of_one_object(tmp_path: Path) -> None:
    """The same object run three times is three runs, each asked once for the results it had then."""
    challenge = Once()
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        for n in (1, 2, 3):
            challenge.run(iter(range(n)))
    assert [stored(path) for path in recorder.paths_] == [[0], [0, 1], [0, 1, 2]]
    assert challenge.n_saves == 3


def test_save_run_in_the_block(tmp_path: Path) -> None:
    """`save_run` in a block publishes what the block stored when `run` ended, under the name and folder asked for."""
    with recorded_run("entry", path=tmp_path / "block", use_git=False) as recorder:
        challenge = Once().run(iter([1, 2, 3]))
        with recorded_run("inner", path=tmp_path / "inner", use_git=False):
            path = save_run(challenge, "by hand", custom_metadata={}, path=tmp_path / "own", use_git=False)
    assert stored(path) == [1, 2, 3]
    assert recorder.paths_ == [path]
    assert challenge.n_saves == 1
    assert [unfinished_runs(tmp_path / name) for name in ("block", "own")] == [[], []]


def test_a_refused_save_run_in_the_block(tmp_path: Path) -> None:
    """What a refused `save_run` keeps is what the block stored, and the block publishes it all the same."""
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        challenge = Once().run(iter([1, 2, 3]))
        with pytest.raises(InvalidNameError) as refused:
            save_run(challenge, "a/b", custom_metadata={}, path=tmp_path, use_git=False)
    assert refused.value.path is not None
    assert Once.load_core_results(refused.value.path / "results") == [1, 2, 3]
    assert stored(recorder.path_) == [1, 2, 3]


def test_a_save_that_fails_is_warned_about_at_once_and_raised_at_the_end(tmp_path: Path) -> None:
    """The user learns of it while the challenge is there; it is not asked again, and other challenges are saved."""

    class Faulty(Once):
        def save_core_results(self, folder_path: Path) -> None:
            self.n_saves += 1
            raise TypeError("int64 is not JSON serializable")

    challenge = Faulty()
    with pytest.raises(CoreResultsError, match="int64") as caught:
        with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
            with pytest.warns(SaveFailedWarning, match="int64"):
                challenge.run([1])
            Once().run([2])
    assert challenge.n_saves == 1
    assert [stored(path) for path in recorder.paths_] == [[2]]
    assert recorder.status_ == "save_failed"
    assert caught.value.path is not None
    assert caught.value.path.parent.name == ".unfinished"


def test_a_challenge_that_is_corrected_in_the_block(tmp_path: Path) -> None:
    """After the warning the user can save the challenge with `save_run`; then there is nothing to raise."""

    class Faulty(Once):
        def save_core_results(self, folder_path: Path) -> None:
            if not hasattr(self, "corrected"):
                raise TypeError("not yet")
            super().save_core_results(folder_path)

    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        with pytest.warns(SaveFailedWarning):
            challenge = Faulty().run([1])
        challenge.corrected = True
        path = save_run(challenge, "entry", custom_metadata={}, path=tmp_path, use_git=False)
    assert recorder.paths_ == [path]
    assert stored(path) == [1]
    assert unfinished_runs(tmp_path) == []


def test_a_warning_that_is_an_error_ends_no_run(tmp_path: Path) -> None:
    """Under `-W error` the run still returns, and the error comes when the block ends."""

    class Faulty(ExampleChallenge):
        def save_core_results(self, folder_path: Path) -> None:
            raise TypeError("never")

    with pytest.raises(CoreResultsError, match="never"), recorded_run("entry", path=tmp_path, use_git=False):
        assert Faulty().run(1).result_ == 1
