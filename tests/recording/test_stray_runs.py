"""Runs that end where their block cannot publish them: in forked children, in unclear threads, after the block."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from challenges import ExampleChallenge, stored_entries, stored_runs

from gaitmap_results import Recorder, load_run_metadata, record_run, recorded_run, recover_run, unfinished_runs
from gaitmap_results.exceptions import (
    AmbiguousChallengeError,
    InvalidOptionError,
    NoChallengeError,
)

HAS_FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


def values(paths: list[Path] | tuple[Path, ...]) -> list[Any]:
    """Return the results below run folders, sorted."""
    return sorted(ExampleChallenge.load_core_results(path / "results")["result"] for path in paths)


def in_fork(work: Callable[[], Any]) -> None:
    """Do something in a forked child, which then leaves without any cleaning up."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def in_process(work: Callable[[], Any]) -> None:
    """Do something in a forked worker of multiprocessing."""
    worker = multiprocessing.get_context("fork").Process(target=work)
    worker.start()
    worker.join()


def in_pool(work: Callable[[], Any]) -> None:
    """Do something in a pool of forked workers."""
    global _work
    _work = work
    with multiprocessing.get_context("fork").Pool(1) as pool:
        pool.apply(_do_work)


_work: Callable[[], Any] = int


def _do_work() -> None:
    _work()


def in_thread_and_fork(work: Callable[[], Any]) -> None:
    """Fork in a thread whose context knows nothing of the block."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(in_fork, work).result()


@HAS_FORK
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("fork", [in_fork, in_process, in_pool, in_thread_and_fork])
def test_a_run_in_a_forked_child(fork: Callable[[Any], None], tmp_path: Path) -> None:
    """The child publishes nothing; what it held is kept, belongs to the entry, is named, and can be recovered."""
    with pytest.raises(NoChallengeError, match="forked") as caught:
        with recorded_run(("group", "entry"), path=tmp_path, use_git=False) as recorder:
            recorder.custom_metadata["note"] = "kept"
            fork(lambda: ExampleChallenge().run(112))
    assert stored_runs(tmp_path) == []
    (run,) = unfinished_runs(tmp_path)
    assert caught.value.paths == (run.path,) == (caught.value.path,)
    assert (run.entry_name, run.core_results, run.status) == (("group", "entry"), "complete", "failed")
    path = recover_run(run.run_id, tmp_path)
    assert values([path]) == [112]
    metadata = load_run_metadata(path)
    assert metadata["timing_source"] == "challenge"
    assert [reason["code"] for reason in metadata["debug_reasons"]][-1] == "recovered"
    assert json.loads((path / "custom_metadata.json").read_text()) == {"note": "kept"}


@HAS_FORK
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("fork", [in_fork, in_process, in_pool])
def test_a_challenge_of_the_parent_that_ran_in_a_child(fork: Callable[[Any], None], tmp_path: Path) -> None:
    """The parent's object has not run; what it was made with is not published in the place of the child's results."""

    class Filled(ExampleChallenge):
        def __init__(self) -> None:
            super().__init__()
            self.result_ = "nothing"

    with pytest.raises(NoChallengeError, match="forked") as caught, recorded_run("entry", path=tmp_path, use_git=False):
        challenge = Filled()
        fork(lambda: challenge.run("in the child"))
    assert values(caught.value.paths) == ["in the child"]
    assert stored_runs(tmp_path) == []


@HAS_FORK
def test_a_challenge_that_comes_back_from_a_child(tmp_path: Path) -> None:
    """An object that a worker gave back with its times is what the variables of the block hold, and is published."""
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        context = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            challenge = pool.submit(run_example).result()
    assert values(recorder.paths_) == [challenge.result_] == ["from a worker"]


def run_example() -> ExampleChallenge:
    """Run a challenge and give it back."""
    return ExampleChallenge().run("from a worker")


@HAS_FORK
def test_a_child_beside_a_run_of_the_parent(tmp_path: Path) -> None:
    """The parent's run is published as ever; the child's stays where it is."""
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        in_fork(lambda: ExampleChallenge().run("child"))
        ExampleChallenge().run("parent")
    assert values(recorder.paths_) == ["parent"]
    assert values([run.path for run in unfinished_runs(tmp_path)]) == ["child"]


@HAS_FORK
def test_several_runs_of_a_child_and_one_that_raises(tmp_path: Path) -> None:
    """Each run that ended is kept; one that raised leaves nothing."""

    def work() -> None:
        for value in (1, 2):
            ExampleChallenge().run(value)
        with pytest.raises(ZeroDivisionError):
            ExampleChallenge().run(lambda: 1 / 0)

    with pytest.raises(NoChallengeError) as caught, recorded_run("entry", path=tmp_path, use_git=False):
        in_fork(work)
    assert values(caught.value.paths) == [1, 2]
    assert len(unfinished_runs(tmp_path)) == 2


@HAS_FORK
def test_a_child_whose_parent_holds_every_lock(tmp_path: Path) -> None:
    """A thread of the parent that is just storing a run does not hang the child that another thread forks."""

    class Slow(ExampleChallenge):
        def save_core_results(self, folder_path: Path) -> None:
            saving.set()
            forked.wait(500)
            super().save_core_results(folder_path)

    saving, forked = threading.Event(), threading.Event()
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        thread = threading.Thread(target=lambda: Slow().run("parent"))
        thread.start()
        assert saving.wait(500)
        in_fork(lambda: ExampleChallenge().run("child"))
        forked.set()
        thread.join()
    assert values(recorder.paths_) == ["parent"]
    assert values([run.path for run in unfinished_runs(tmp_path)]) == ["child"]


@HAS_FORK
def test_a_block_of_the_childs_own(tmp_path: Path) -> None:
    """A decorated function in the child records by itself, and nothing of it is left to the parent's block."""
    with pytest.raises(NoChallengeError, match="no challenge ran"):
        with recorded_run("parent", path=tmp_path, use_git=False):
            in_fork(record_run("child", path=tmp_path, use_git=False)(lambda: ExampleChallenge().run(1)))
    assert stored_entries(tmp_path) == ["child"]


def side_by_side(
    tmp_path: Path, entries: list[str], after: Callable[[Recorder, list[Any]], Any] = lambda *_: None
) -> list[Any]:
    """Record entries in parallel threads, each of which runs its challenge in an inner pool; return what they raise."""
    together = threading.Barrier(len(entries))

    def record(number: int, entry: str) -> Any:
        with recorded_run(entry, path=tmp_path, use_git=False) as recorder:
            together.wait(500)
            with ThreadPoolExecutor(1) as inner:
                hidden = SimpleNamespace(challenges=[inner.submit(ExampleChallenge(number).run, number).result()])
            together.wait(500)
            after(recorder, hidden.challenges)
            together.wait(500)
        return recorder

    raised = []
    with ThreadPoolExecutor(len(entries)) as pool:
        for future in [pool.submit(record, *each) for each in enumerate(entries)]:
            try:
                raised.append(future.result())
            except NoChallengeError as error:
                raised.append(error)
    return raised


@pytest.mark.filterwarnings("ignore::gaitmap_results.exceptions.AmbiguousChallengeWarning")
def test_pools_in_parallel_blocks(tmp_path: Path) -> None:
    """Nobody knows whose each run is: all are kept and named; none is published, and recovering asks for the entry."""
    errors = side_by_side(tmp_path, ["a", "b", "c"])
    assert all(isinstance(error, AmbiguousChallengeError) for error in errors)
    assert values(errors[0].paths) == [0, 1, 2]
    assert stored_runs(tmp_path) == []
    runs = unfinished_runs(tmp_path)
    assert [(run.core_results, run.entry_name) for run in runs] == [("complete", None)] * 3
    with pytest.raises(InvalidOptionError, match="entry name"):
        recover_run(runs[0].run_id, tmp_path)
    path = recover_run(runs[0].run_id, tmp_path, entry_name="a")
    assert load_run_metadata(path)["entry_name"] == "a"


@pytest.mark.filterwarnings("ignore::gaitmap_results.exceptions.AmbiguousChallengeWarning")
def test_pools_in_parallel_blocks_of_one_entry(tmp_path: Path) -> None:
    """If all blocks have one entry, its name is known."""
    side_by_side(tmp_path, ["same", "same"])
    assert [run.entry_name for run in unfinished_runs(tmp_path)] == ["same", "same"]


@pytest.mark.filterwarnings("ignore::gaitmap_results.exceptions.AmbiguousChallengeWarning")
def test_naming_the_challenge_of_an_unclear_run(tmp_path: Path) -> None:
    """Attached to its block, a run is published as it was when it ended, and nothing is left over."""

    def name_it(recorder: Recorder, challenges: list[Any]) -> None:
        challenges[0].result_ = "changed"
        recorder.attach(challenges[0])

    recorders = side_by_side(tmp_path, ["a", "b"], name_it)
    assert [values(recorder.paths_) for recorder in recorders] == [[0], [1]]
    assert [recorder.metadata_["entry_name"] for recorder in recorders] == ["a", "b"]
    assert unfinished_runs(tmp_path) == []


@pytest.mark.filterwarnings("ignore::gaitmap_results.exceptions.AmbiguousChallengeWarning")
def test_a_variable_around_the_block_names_the_challenge(tmp_path: Path) -> None:
    """The only challenge among the variables of a block is its own, and is published as it was kept."""
    together = threading.Barrier(2)

    def record(number: int) -> list[Path]:
        challenge = ExampleChallenge(number)
        with recorded_run(f"entry {number}", path=tmp_path, use_git=False) as recorder:
            together.wait(500)
            with ThreadPoolExecutor(1) as inner:
                inner.submit(challenge.run, number).result()
            challenge.result_ = "changed"
            together.wait(500)
        return recorder.paths_

    with ThreadPoolExecutor(2) as pool:
        assert [values(paths) for paths in pool.map(record, (0, 1))] == [[0], [1]]
    assert unfinished_runs(tmp_path) == []


def test_a_run_that_ends_in_a_thread_after_the_block(tmp_path: Path) -> None:
    """It is kept on the disk with what is known of it, and can be recovered without any option."""
    started, go_on = threading.Event(), threading.Event()

    def entry() -> str:
        started.set()
        go_on.wait(500)
        return "late"

    with pytest.raises(NoChallengeError, match=r"ExampleChallenge\.run had not"):
        with recorded_run("entry", path=tmp_path, use_git=False):
            thread = threading.Thread(target=lambda: ExampleChallenge().run(entry))
            thread.start()
            assert started.wait(500)
    go_on.set()
    thread.join()
    (run,) = [run for run in unfinished_runs(tmp_path) if run.core_results == "complete"]
    assert "after the block" in (run.error or "")
    assert values([recover_run(run.run_id, tmp_path)]) == ["late"]


def test_a_late_run_beside_one_in_time(tmp_path: Path) -> None:
    """The block publishes what ended in it, and what ends later is kept."""
    started, go_on = threading.Event(), threading.Event()

    def entry() -> str:
        started.set()
        go_on.wait(500)
        return "late"

    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        thread = threading.Thread(target=lambda: ExampleChallenge().run(entry))
        thread.start()
        assert started.wait(500)
        ExampleChallenge().run("in time")
    go_on.set()
    thread.join()
    assert values(recorder.paths_) == ["in time"]
    assert values([run.path for run in unfinished_runs(tmp_path)]) == ["late"]


def test_a_block_that_ends_while_a_thread_saves(tmp_path: Path) -> None:
    """It waits for the results of a run that has ended, and publishes all of them."""
    begun, go_on = threading.Event(), threading.Event()

    class Slow(ExampleChallenge):
        def save_core_results(self, folder_path: Path) -> None:
            begun.set()
            go_on.wait(500)
            super().save_core_results(folder_path)

    threading.Timer(0.2, go_on.set).start()
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        thread = threading.Thread(target=lambda: Slow().run("whole"))
        thread.start()
        assert begun.wait(500)
    thread.join()
    assert values(recorder.paths_) == ["whole"]
    assert unfinished_runs(tmp_path) == []
