"""Which of several blocks owns a run, and which challenge a block saves."""

from __future__ import annotations

import contextvars
import json
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from challenges import ExampleChallenge, stored_entries, stored_runs
from processes import run_python

from gaitmap_results import current_recorder, record_run, recorded_run, reset_config, save_run, set_config
from gaitmap_results.config import LocalConfig
from gaitmap_results.exceptions import (
    AmbiguousChallengeError,
    AmbiguousChallengeWarning,
    InvalidChallengeError,
    InvalidNameError,
    NoChallengeError,
    RecorderNotEnteredWarning,
    RecorderStateError,
)


@pytest.fixture(autouse=True)
def results(tmp_path: Path) -> Path:
    """Return the results folder, which the global config knows."""
    set_config(LocalConfig(results_dir=tmp_path / "results"))
    yield tmp_path / "results"  # type: ignore[misc]
    reset_config()


class Unobserved:
    """A challenge that nobody watches: it inherits from nothing."""

    VERSION = "1"

    def __init__(self, value: int = 1) -> None:
        self.value = value

    def run(self, optimizer: Any = None) -> Any:
        self.result_ = self.value
        return self

    def save_core_results(self, folder_path: Path) -> None:
        (folder_path / "result.txt").write_text(str(self.result_))

    @classmethod
    def load_core_results(cls, folder_path: Path) -> str:
        return (folder_path / "result.txt").read_text()


def unfinished(results: Path) -> list[Path]:
    """Return the folders of the runs that were started and not published."""
    return [path for path in (results / ".unfinished").iterdir() if path.is_dir()]


def in_thread(function: Callable[[], Any]) -> Any:
    """Return what a function returns in a new thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


class TestNestedBlocks:
    def test_the_innermost_owns_the_run(self, results: Path) -> None:
        """Each block saves what ran directly in it."""
        with recorded_run("outer") as outer:
            ExampleChallenge(1).run(1)
            with recorded_run("inner") as inner:
                assert current_recorder() is inner
                ExampleChallenge(2).run(2)
            assert current_recorder() is outer
            ExampleChallenge(3).run(3)
        assert current_recorder() is None
        found = sorted((run["entry_name"], run["repr_challenge"][-2]) for run in stored_runs(results))
        assert found == [("inner", "2"), ("outer", "1"), ("outer", "3")]
        assert len(inner.paths_) == 1
        assert len(outer.paths_) == 2

    def test_an_outer_block_may_have_nothing_of_its_own(self, results: Path) -> None:
        """A block around recorded functions is no mistake."""
        with recorded_run("outer") as outer:
            record_run("inner")(lambda: ExampleChallenge().run(1))()
        assert (outer.status_, outer.path_, outer.paths_) == ("empty", None, [])
        assert stored_entries(results) == ["inner"]
        assert unfinished(results) == []

    def test_an_outer_block_around_save_run(self, results: Path) -> None:
        """What the user saves himself in an inner block counts as saved for the outer ones, too."""
        with recorded_run("outer") as outer, recorded_run("middle") as middle, recorded_run("inner") as inner:
            path = save_run(ExampleChallenge().run(1), "by hand", custom_metadata={})
        assert inner.paths_ == [path]
        assert [block.status_ for block in (outer, middle)] == ["empty", "empty"]
        assert stored_entries(results) == ["by hand"]

    def test_recursion(self, results: Path) -> None:
        """A function that calls itself records each challenge once, in the call in which it ran."""

        @record_run
        def entry(depth: int) -> Any:
            return entry(depth - 1) if depth else ExampleChallenge().run(1)

        assert entry(3).result_ == 1
        assert stored_entries(results) == ["entry"]
        assert unfinished(results) == []

    def test_a_returned_challenge_of_an_outer_function_is_not_lost(self, results: Path) -> None:
        """A challenge that was not seen running is saved although an inner block has saved another one."""

        @record_run
        def outer() -> Any:
            record_run("inner")(lambda: ExampleChallenge().run(1))()
            return Unobserved(2).run()

        outer()
        assert sorted(stored_entries(results)) == ["inner", "outer"]

    def test_an_argument_of_an_outer_function_is_not_mistaken(self, results: Path) -> None:
        """A challenge that is passed on as a template, and never run itself, is not saved."""

        @record_run
        def outer(template: Unobserved) -> None:
            record_run("inner")(lambda: Unobserved(template.value).run())()

        outer(Unobserved(3))
        assert stored_entries(results) == ["inner"]

    def test_an_error_passes_all_blocks(self, results: Path) -> None:
        """An error in the inner block leaves both; each says in its journal that it failed."""
        with pytest.raises(ZeroDivisionError), recorded_run("outer") as outer, recorded_run("inner") as inner:
            raise ZeroDivisionError
        assert [outer.status_, inner.status_] == ["failed", "failed"]
        assert len(unfinished(results)) == 2

    @pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
    def test_any_order_of_leaving(self, results: Path, order: tuple[int, ...]) -> None:
        """Blocks may be left in any order; each takes only itself out of the context."""
        blocks = [recorded_run(f"entry{number}", challenge=ExampleChallenge(number).run(number)) for number in range(3)]
        for block in blocks:
            block.__enter__()
        still_open = list(blocks)
        for number in order:
            assert current_recorder() is still_open[-1]
            blocks[number].__exit__(None, None, None)
            still_open.remove(blocks[number])
        assert current_recorder() is None
        assert sorted(stored_entries(results)) == ["entry0", "entry1", "entry2"]

    def test_left_in_another_context(self, results: Path) -> None:
        """A block that is left in another context than it was entered in is closed for both."""
        block = recorded_run("entry")
        contextvars.copy_context().run(block.__enter__)
        ExampleChallenge().run(1)
        contextvars.Context().run(block.__exit__, None, None, None)
        assert current_recorder() is None
        assert stored_entries(results) == ["entry"]

    def test_one_that_could_not_be_entered_leaves_nothing(self, results: Path) -> None:
        """A refusal at entering leaves the outer block the innermost one."""
        with recorded_run("outer") as outer:
            with pytest.raises(InvalidNameError):
                recorded_run("..").__enter__()
            assert current_recorder() is outer
            ExampleChallenge().run(1)
        assert stored_entries(results) == ["outer"]


class TestThreads:
    def test_a_worker_thread_of_the_only_block(self, results: Path) -> None:
        """What a worker thread runs belongs to the one block that is open."""
        with recorded_run("entry") as recorder, ThreadPoolExecutor(2) as pool:
            for future in [pool.submit(ExampleChallenge(number).run, number) for number in range(3)]:
                future.result()
            assert pool.submit(current_recorder).result() is recorder
        assert stored_entries(results) == ["entry"] * 3
        assert len({run["block_id"] for run in stored_runs(results)}) == 1

    def test_a_worker_thread_in_nested_blocks(self, results: Path) -> None:
        """If all open blocks enclose each other, a worker thread belongs to the innermost one."""
        with recorded_run("outer"), recorded_run("inner"):
            in_thread(lambda: ExampleChallenge().run(1))
        assert stored_entries(results) == ["inner"]

    def test_a_block_in_each_thread(self, results: Path) -> None:
        """Threads with a block each do not see each other's."""
        barrier = threading.Barrier(2)

        @record_run
        def entry(value: int) -> None:
            barrier.wait(500)
            ExampleChallenge(value).run(value)
            barrier.wait(500)

        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(record_run(f"entry{value}")(entry.__wrapped__), value) for value in (1, 2)]
            for future in futures:
                future.result()
        found = sorted((run["entry_name"], run["repr_challenge"][-2]) for run in stored_runs(results))
        assert found == [("entry1", "1"), ("entry2", "2")]

    def test_an_ambiguous_thread_warns(self, results: Path) -> None:
        """A thread that could belong to either of two blocks belongs to none, and the user is told."""
        opened, done = threading.Barrier(3), threading.Event()
        recorders: list[Any] = []

        def with_block(value: int) -> None:
            with recorded_run(f"entry{value}") as recorder:
                recorders.append(recorder)
                opened.wait(500)
                done.wait(500)
                ExampleChallenge(value).run(value)

        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(with_block, value) for value in (1, 2)]
            opened.wait(500)
            try:
                assert current_recorder() is None
                with pytest.warns(AmbiguousChallengeWarning, match="attach") as caught:
                    ExampleChallenge(3).run(3)
            finally:
                done.set()
            for future in futures:
                future.result()
        assert caught[0].filename == __file__
        found = sorted((run["entry_name"], run["repr_challenge"][-2]) for run in stored_runs(results))
        assert found == [("entry1", "1"), ("entry2", "2")]
        assert [recorder.parent for recorder in recorders] == [None, None]

    def test_a_block_of_another_thread_hides_no_mistake(self, results: Path) -> None:
        """A block without a challenge says so, also while another thread records its own."""
        with pytest.raises(NoChallengeError), recorded_run("mistaken"):
            in_thread(lambda: record_run("other")(lambda: ExampleChallenge().run(1))())
        assert stored_entries(results) == ["other"]

    def test_a_run_that_ends_after_the_block(self, results: Path, caplog: pytest.LogCaptureFixture) -> None:
        """A run in a thread that outlives its block is not lost: its core results are kept, and the log says where."""
        started, go_on = threading.Event(), threading.Event()

        def slow() -> int:
            started.set()
            go_on.wait(500)
            return 7

        thread = threading.Thread(target=lambda: ExampleChallenge(2).run(slow))
        with recorded_run("entry"):
            ExampleChallenge(1).run(1)
            thread.start()
            started.wait(500)
        go_on.set()
        thread.join()
        assert [run["repr_challenge"][-2] for run in stored_runs(results)] == ["1"]
        (kept,) = unfinished(results)
        assert '"result": 7' in (kept / "results" / "result.json").read_text("utf-8")
        assert str(kept) in caplog.text

    def test_many_threads_at_once(self, results: Path) -> None:
        """Many runs that finish at the same time in one block are all saved."""
        with recorded_run("entry"), ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: ExampleChallenge(number).run(number), range(16)))
        values = sorted(int(run["repr_challenge"].split("=")[1][:-1]) for run in stored_runs(results))
        assert values == list(range(16))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
class TestFork:
    SCRIPT = """
import os, sys
from challenges import ExampleChallenge
from gaitmap_results import current_recorder, recorded_run

with recorded_run("entry", path="results", use_git=False, handle_signals=("SIGTERM",)) as recorder:
    ExampleChallenge(1).run(1)
    child = os.fork()
    if child == 0:
        {in_child}
    else:
        _, status = os.waitpid(child, 0)
        print("child", status, flush=True)
print("left", os.getpid() == recorder.owner_pid, recorder.status_, flush=True)
"""

    @pytest.mark.parametrize(
        ("in_child", "expected"),
        [
            ("ExampleChallenge(2).run(2)", ["left False running", "child 0", "left True published"]),
            ("sys.exit()", ["child 0", "left True published"]),
            ("raise SystemExit(3)", ["child 768", "left True published"]),
            ("os.kill(os.getpid(), 15)", ["child 15", "left True published"]),
            ("assert current_recorder() is None; os._exit(0)", ["child 0", "left True published"]),
        ],
        ids=["runs on", "exits", "fails", "is ended by a handled signal", "sees no block"],
    )
    def test_a_child_that_leaves_the_block_saves_nothing(
        self, tmp_path: Path, results: Path, in_child: str, expected: list[str]
    ) -> None:
        """Only the process that entered the block saves its run, once, and its journal is not touched by a child."""
        (tmp_path / "script.py").write_text(self.SCRIPT.format(in_child=in_child), encoding="utf-8")
        done = run_python("-W", "ignore::DeprecationWarning", "script.py", cwd=tmp_path)
        assert done.stdout.split("\n") == [*expected, ""]
        assert done.stderr.count("Saved") == 1
        assert [run["repr_challenge"][-2] for run in stored_runs(results)] == ["1"]

    def test_a_child_can_record_runs_of_its_own(self, tmp_path: Path, results: Path) -> None:
        """A forked child may open a block; its parent's is not the one around it."""
        in_child = (
            "r = recorded_run('child', path='results', use_git=False)\n        with r: ExampleChallenge(2).run(2)"
        )
        in_child += "\n        assert r.parent is None and r.status_ == 'published'; os._exit(0)"
        (tmp_path / "script.py").write_text(self.SCRIPT.format(in_child=in_child), encoding="utf-8")
        run_python("-W", "ignore::DeprecationWarning", "script.py", cwd=tmp_path)
        assert sorted(stored_entries(results)) == ["child", "entry"]


class TestOneRecorder:
    def test_is_used_once(self) -> None:
        """A recorder cannot be entered again, neither while it is open nor after."""
        recorder = recorded_run("entry")
        with recorder:
            ExampleChallenge().run(1)
            with pytest.raises(RecorderStateError, match="once"):
                recorder.__enter__()
        with pytest.raises(RecorderStateError, match="once"), recorder:
            pass
        with pytest.raises(RecorderStateError, match="published"):
            recorder.attach(ExampleChallenge())

    def test_a_decorated_function_has_one_for_each_call(self, results: Path) -> None:
        """A recorded function can be called from many threads at once."""
        entry = record_run("entry")(lambda value: ExampleChallenge(value).run(value))
        with ThreadPoolExecutor(4) as pool:
            assert [challenge.result_ for challenge in pool.map(entry, range(8))] == list(range(8))
        assert len(stored_runs(results)) == 8

    def test_says_where_the_run_is(self, results: Path) -> None:
        """After the block the recorder knows path, metadata and status; before, it does not."""
        recorder = recorded_run("entry")
        assert (recorder.status_, recorder.path_, recorder.paths_, recorder.metadata_) == ("new", None, [], None)
        with recorder:
            assert recorder.status_ == "running"
            ExampleChallenge().run(1)
        assert recorder.status_ == "published"
        assert recorder.path_ is not None
        assert recorder.path_.parent == results / "challenges.ExampleChallenge" / "1.0.0" / "entry"
        assert recorder.metadata_ == stored_runs(results)[0]
        assert repr(recorder).startswith("Recorder('entry', status_='published', path_=")


class TestSeveralChallenges:
    def test_are_each_saved(self, results: Path) -> None:
        """Several challenges of one block are several runs with their own times and one block_id."""
        with recorded_run("entry") as recorder:
            ExampleChallenge(1).run(lambda: time.sleep(0.05))
            clock = time.perf_counter()
            ExampleChallenge(2).run(2)
            total = time.perf_counter() - clock
        first, second = stored_runs(results)
        assert first["runtime"] > 0.04
        assert second["runtime"] <= total
        assert first["block_id"] == second["block_id"] is not None
        assert first["run_id"] != second["run_id"]
        assert recorder.path_ == recorder.paths_[1]
        assert recorder.metadata_ == second

    def test_the_same_instance_twice(self, results: Path) -> None:
        """An instance that runs twice is two runs, each with the results of its own time."""
        challenge = ExampleChallenge(1)
        with recorded_run("entry"):
            challenge.run(10)
            challenge.run(20)
        stored = [
            ((path.parent / "results" / "result.json").read_text("utf-8"), run["repr_pipeline"])
            for run in stored_runs(results)
            for path in results.glob("*/*/*/*/metadata.json")
            if run["run_id"] in path.read_text("utf-8")
        ]
        assert stored == [('{"value": 1, "result": 10}', "10"), ('{"value": 1, "result": 20}', "20")]

    def test_equal_instances(self, results: Path) -> None:
        """Two challenges that compare equal are two runs."""

        class Equal(ExampleChallenge):
            def __eq__(self, other: object) -> bool:
                return True

            __hash__ = None  # type: ignore[assignment]

        with recorded_run("entry"):
            Equal(1).run(1)
            Equal(2).run(2)
        assert len(stored_runs(results)) == 2

    def test_one_that_fails_and_is_tried_again(self, results: Path) -> None:
        """Only the attempt that succeeded is saved."""
        with recorded_run("entry"):
            challenge = ExampleChallenge()
            with pytest.raises(ZeroDivisionError):
                challenge.run(lambda: 1 / 0)
            challenge.run(2)
        (run,) = stored_runs(results)
        assert run["repr_pipeline"] == "2"

    def test_saved_by_hand_in_the_block(self, results: Path) -> None:
        """A challenge that the user saves himself is not saved again; the recorder knows where it is."""
        with recorded_run("entry") as recorder:
            path = save_run(ExampleChallenge().run(1), "by hand", custom_metadata={})
        assert recorder.paths_ == [path]
        assert recorder.status_ == "published"
        assert stored_entries(results) == ["by hand"]
        assert unfinished(results) == []


class TestNamingTheChallenge:
    def test_attach(self, results: Path) -> None:
        """An attached challenge is saved, and returned as it is."""
        with recorded_run("entry") as recorder:
            challenge = Unobserved()
            assert recorder.attach(challenge) is challenge
            challenge.run()
        assert stored_entries(results) == ["entry"]

    def test_attaching_what_was_seen_anyway(self, results: Path) -> None:
        """A challenge that is attached, or given, and seen running is saved once."""
        challenge = ExampleChallenge()
        with recorded_run("entry", challenge=challenge) as recorder:
            recorder.attach(challenge.run(1))
        (run,) = stored_runs(results)
        assert run["timing_source"] == "challenge"

    @pytest.mark.parametrize("wrong", [ExampleChallenge, object(), 1, "name"])
    def test_what_is_no_challenge_is_refused(self, wrong: Any) -> None:
        """A class, or something without the methods of a challenge, is refused: at entering, or when attached."""
        with pytest.raises(InvalidChallengeError), recorded_run("entry", challenge=wrong):
            pytest.fail("the block must not begin")
        with recorded_run("entry") as recorder:
            with pytest.raises(InvalidChallengeError):
                recorder.attach(wrong)
            ExampleChallenge().run(1)

    def test_attach_needs_an_open_block(self) -> None:
        """Before the block there is nothing to attach to."""
        recorder = recorded_run("entry")
        with pytest.raises(RecorderStateError, match="new"):
            recorder.attach(ExampleChallenge())
        with pytest.warns(RecorderNotEnteredWarning):
            del recorder

    def test_argument(self, results: Path) -> None:
        """`challenge=` names it for the block and for the decorator."""
        challenge = Unobserved()
        with recorded_run("block", challenge=challenge):
            challenge.run()
        record_run("function", challenge=challenge)(lambda: challenge.run())()
        assert stored_entries(results) == ["block", "function"]

    @pytest.mark.parametrize(
        "pack",
        [lambda c: c, lambda c: (c, 1), lambda c: [0, c], lambda c: {"challenge": c, "n": 1}],
        ids=["itself", "tuple", "list", "dict"],
    )
    def test_return_value(self, results: Path, pack: Callable[[Any], Any]) -> None:
        """The challenge that a recorded function returns is found, also among other things."""
        record_run("entry")(lambda: pack(Unobserved().run()))()
        (run,) = stored_runs(results)
        assert run["timing_source"] == "block"

    def test_argument_of_the_function(self, results: Path) -> None:
        """The first argument of a recorded function is looked at after what it returns."""
        record_run("argument")(lambda challenge: challenge.run() and None)(Unobserved(1))
        record_run("returned")(lambda challenge: (challenge.run(), Unobserved(3).run())[1])(Unobserved(2))
        found = sorted(path.read_text() for path in results.glob("*/*/*/*/results/result.txt"))
        assert found == ["1", "3"]

    def test_calling_frame(self, results: Path) -> None:
        """The only challenge among the variables around the block is the last resort."""
        challenge = Unobserved()
        with recorded_run("entry"):
            challenge.run()
        assert stored_entries(results) == ["entry"]

    def test_calling_frame_of_a_decorated_function(self, results: Path) -> None:
        """The same where a recorded function is called."""
        challenge = Unobserved()
        record_run("entry")(lambda: (challenge.run(), None)[1])()
        assert stored_entries(results) == ["entry"]

    def test_a_challenge_of_before_is_not_taken_for_this_one(self, results: Path) -> None:
        """A variable that holds a challenge whose run ended before the block is not its run."""
        before = ExampleChallenge().run(1)
        with pytest.raises(NoChallengeError), recorded_run("entry"):
            pass
        with pytest.raises(NoChallengeError):
            record_run("entry")(lambda: before)()
        with pytest.raises(NoChallengeError):
            record_run("entry")(lambda challenge: None)(before)
        assert stored_entries(results) == []
        # Who names it means it.
        with recorded_run("named") as recorder:
            recorder.attach(before)
        assert stored_entries(results) == ["named"]

    def test_several_candidates(self, results: Path) -> None:
        """If several could be meant, the core results of each are kept, and the error says where."""
        first, second = Unobserved(1), Unobserved(2)
        with pytest.raises(AmbiguousChallengeError, match="attach") as caught, recorded_run("entry"):
            first.run(), second.run()
        assert stored_entries(results) == []
        kept = sorted((path / "results" / "result.txt").read_text() for path in caught.value.paths)
        assert kept == ["1", "2"]
        assert sorted(caught.value.paths) == sorted(unfinished(results))

    def test_one_of_several_that_ran(self, results: Path) -> None:
        """A challenge that has not run has no results, and does not make the other one ambiguous."""
        first, second = Unobserved(1), Unobserved(2)
        with recorded_run("entry"):
            second.run()
        del first
        (path,) = results.glob("*/*/*/*/results/result.txt")
        assert path.read_text() == "2"

    def test_one_of_several_that_cannot_be_saved(self, results: Path) -> None:
        """It may have run: it is kept as a pickle, and the other one is published."""

        class Faulty(Unobserved):
            def save_core_results(self, folder_path: Path) -> None:
                raise ValueError("no such format")

        first, second = Faulty(1), Unobserved(2)
        with recorded_run("entry"):
            first.run(), second.run()
        (path,) = results.glob("*/*/*/*/results/result.txt")
        assert path.read_text() == "2"
        (kept,) = unfinished(results)
        assert list(kept.glob("challenge*.pickle"))

    def test_none(self, results: Path) -> None:
        """If there is none, the error explains every way to name it."""
        with pytest.raises(NoChallengeError) as caught, recorded_run("my entry") as recorder:
            pass
        text = str(caught.value)
        for word in ("my entry", "BaseChallenge", "observe_challenges", "challenge=", "attach", "return", "process"):
            assert word in text
        assert isinstance(caught.value, LookupError)
        assert recorder.status_ == "failed"

    def test_an_error_is_not_masked_by_the_missing_challenge(self) -> None:
        """The user's error is the one that is seen, not ours about the challenge that never ran."""
        with pytest.raises(ZeroDivisionError) as caught, recorded_run("entry"):
            raise ZeroDivisionError
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None


class TestBlockThatFails:
    @pytest.mark.parametrize("observed", [True, False])
    def test_keeps_what_was_attached(self, results: Path, observed: bool) -> None:
        """A challenge that was attached may have run: what it has to save is kept, and its journal says why."""

        @record_run
        def entry() -> None:
            recorder = current_recorder()
            assert recorder is not None
            recorder.attach(Unobserved(5)).run()
            recorder.attach(Unobserved(6))  # has not run, so that there is nothing to keep
            if observed:
                ExampleChallenge(1).run(1)
            raise ZeroDivisionError("mine")

        with pytest.raises(ZeroDivisionError):
            entry()
        assert len(stored_runs(results)) == observed
        (kept,) = unfinished(results)
        assert (kept / "results" / "result.txt").read_text() == "5"
        journal = json.loads((kept / "journal.json").read_text("utf-8"))
        assert (journal["status"], journal["error"]["message"]) == ("failed", "mine")


class TestRefusedBeforeItRuns:
    @pytest.mark.parametrize("version", [None, "", "1/0", "..", 1])
    def test_a_version_that_is_no_folder(self, version: Any) -> None:
        """A challenge whose runs could not be stored is refused when its `run` is called, not after hours."""
        ran: list[int] = []

        class Broken(ExampleChallenge):
            VERSION = version

        with pytest.raises((InvalidChallengeError, InvalidNameError), match=r"VERSION|version"), recorded_run("entry"):
            Broken().run(lambda: ran.append(1))
        assert ran == []

    def test_without_a_version(self) -> None:
        """The same where there is no version at all."""
        from gaitmap_results import BaseChallenge

        class NoVersion(BaseChallenge):
            def run(self, optimizer: Any) -> None:
                pytest.fail("it must not run")

            def save_core_results(self, folder_path: Path) -> None:
                pytest.fail("there is nothing to save")

            @classmethod
            def load_core_results(cls, folder_path: Path) -> Any:
                return None

        with pytest.raises(InvalidChallengeError, match="VERSION"), recorded_run("entry"):
            NoVersion().run(1)

    def test_not_outside_of_a_block(self) -> None:
        """Nobody is bothered where nothing is recorded."""

        class Broken(ExampleChallenge):
            VERSION = "1/0"

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert Broken().run(3).result_ == 3


class TestOtherWaysToEnter:
    def test_exit_stack(self, results: Path) -> None:
        """An ExitStack holds blocks as any other contexts."""
        with ExitStack() as stack:
            outer = stack.enter_context(recorded_run("outer"))
            inner = stack.enter_context(recorded_run("inner"))
            ExampleChallenge().run(1)
        assert (outer.status_, inner.status_) == ("empty", "published")
        assert stored_entries(results) == ["inner"]

    def test_block_in_a_decorated_function(self, results: Path) -> None:
        """A block in a recorded function is an inner block."""

        @record_run
        def entry() -> None:
            with recorded_run("block"):
                ExampleChallenge().run(1)

        entry()
        assert stored_entries(results) == ["block"]

    def test_without_optimisation_or_with(self, tmp_path: Path, results: Path) -> None:
        """Nothing depends on assertions: `python -OO` records the same."""
        (tmp_path / "script.py").write_text(
            "from challenges import ExampleChallenge\n"
            "from gaitmap_results import record_run\n"
            "@record_run('entry', path='results', use_git=False)\n"
            "def entry(): return ExampleChallenge().run(1)\n"
            "entry()\n",
            encoding="utf-8",
        )
        run_python("-OO", "script.py", cwd=tmp_path)
        assert stored_entries(results) == ["entry"]


def test_importing_starts_nothing(tmp_path: Path) -> None:
    """Importing the package opens no block and starts no thread or process."""
    code = (
        "import threading, gaitmap_results\n"
        "assert gaitmap_results.current_recorder() is None\n"
        "assert threading.active_count() == 1\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=500)
