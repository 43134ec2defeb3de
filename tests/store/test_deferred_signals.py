"""Signals that come while a run is being saved: held back once, delivered afterwards, and never lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from challenges import ExampleChallenge
from processes import python_environment, run_python

from gaitmap_results import recorded_run, save_run, unfinished_runs
from gaitmap_results.store.deferred_signals import deferred_signals

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has few signals")


class TimeIsUp(TimeoutError):
    """What a time limit raises; an OSError, though the disk is in order."""


def raise_time_is_up(*_: object) -> None:
    """End what takes too long."""
    raise TimeIsUp("the time limit of the user")


def ask_to_exit(*_: object) -> None:
    """End the program."""
    sys.exit(5)


@pytest.fixture(autouse=True)
def own_handlers() -> Iterator[None]:
    """Set the handlers again that were there before a test."""
    numbers = [signal.SIGALRM, signal.SIGUSR1, signal.SIGVTALRM, signal.SIGTERM, signal.SIGINT]
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Disturbed(ExampleChallenge):
    """A challenge whose save is disturbed by a signal, once."""

    number: Any = signal.SIGALRM

    def save_core_results(self, folder_path: Path) -> None:
        signal.raise_signal(self.number)
        super().save_core_results(folder_path)


HANDLERS = {
    "time limit": (signal.SIGALRM, raise_time_is_up, TimeIsUp),
    "virtual time limit": (signal.SIGVTALRM, raise_time_is_up, TimeIsUp),
    "exit": (signal.SIGUSR1, ask_to_exit, SystemExit),
    "interrupt": (signal.SIGINT, signal.default_int_handler, KeyboardInterrupt),
}


@pytest.mark.parametrize("case", HANDLERS)
@pytest.mark.parametrize("way", ["block", "save_run"])
def test_what_a_handler_raises_goes_on_after_the_results_are_stored(tmp_path: Path, case: str, way: str) -> None:
    """An exception out of a signal's handler costs no result, and is neither swallowed nor replaced."""
    number, handler, raised = HANDLERS[case]
    signal.signal(number, handler)
    challenge = Disturbed()
    challenge.number = number
    with pytest.raises(raised):
        if way == "block":
            with recorded_run("e", path=tmp_path, use_git=False):
                challenge.run(1)
        else:
            save_run(challenge.run(1), "e", custom_metadata={}, path=tmp_path, use_git=False)
    runs = list(tmp_path.glob("*/*/e/*/results/result.json"))
    complete = [run for run in unfinished_runs(tmp_path) if run.core_results == "complete"]
    assert len(runs) + len(complete) == 1
    assert way == "save_run" or runs


def test_a_handler_that_raises_while_a_run_is_published_leaves_it_published(tmp_path: Path) -> None:
    """The block ends as it would have, and tells the exception then."""
    signal.signal(signal.SIGALRM, raise_time_is_up)

    class Disturbing(ExampleChallenge):
        def __repr__(self) -> str:
            signal.raise_signal(signal.SIGALRM)
            return "Disturbing()"

    disturbing = Disturbing()
    with pytest.raises(TimeIsUp), recorded_run("e", path=tmp_path, use_git=False) as r:
        r.attach(disturbing)  # not seen running, so that all of it is asked for and stored at the end
        disturbing.result_ = 1
    assert r.status_ == "published"
    assert r.path_ is not None
    assert r.path_.is_dir()


@pytest.mark.parametrize("way", ["block", "save_run"])
def test_a_handler_that_raises_while_the_challenge_describes_itself(tmp_path: Path, way: str) -> None:
    """A time limit that strikes in `get_scores` is not taken for an error of that method, and costs no scores."""
    signal.signal(signal.SIGALRM, raise_time_is_up)

    class Scored(ExampleChallenge):
        def get_scores(self) -> dict[str, float]:
            signal.raise_signal(signal.SIGALRM)
            return {"error": 0.5}

    with pytest.raises(TimeIsUp):
        if way == "block":
            with recorded_run("e", path=tmp_path, use_git=False):
                Scored().run(1)
        else:
            save_run(Scored().run(1), "e", custom_metadata={}, path=tmp_path, use_git=False)
    (run,) = tmp_path.glob("*/*/e/*")
    assert (run / "scores.json").exists()
    errors = json.loads((run / "metadata.json").read_text("utf-8"))["collection_errors"]
    assert "TimeIsUp" not in str(errors)


@pytest.mark.parametrize("entry_name", ["e", "refused/name"])
@pytest.mark.parametrize("hook", ["save_core_results", "get_scores"])
def test_a_save_run_that_is_interrupted_twice_is_not_running(tmp_path: Path, hook: str, entry_name: str) -> None:
    """In a notebook the process lives on: the run says that it was interrupted, and what there is can be recovered."""

    def interrupt(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    challenge = ExampleChallenge().run(1)
    setattr(challenge, hook, interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_run(challenge, entry_name, custom_metadata={}, path=tmp_path, use_git=False)
    (run,) = unfinished_runs(tmp_path)
    assert run.status == ("interrupted" if entry_name == "e" else "save_failed")
    assert run.core_results == ("complete" if hook == "get_scores" else "partial")
    assert (run.challenge_file is None) == (hook == "get_scores")


def test_every_signal_is_delivered_in_order_also_if_the_first_raises() -> None:
    """A time limit that strikes first does not eat the request to end that came after it."""
    seen: list[str] = []

    def first(*_: object) -> None:
        seen.append("alarm")
        raise TimeIsUp

    signal.signal(signal.SIGALRM, first)
    signal.signal(signal.SIGTERM, lambda *_: seen.append("term"))
    with pytest.raises(TimeIsUp), deferred_signals():
        signal.raise_signal(signal.SIGALRM)
        signal.raise_signal(signal.SIGTERM)
        seen.append("saved")
    assert seen == ["alarm", "saved", "term"]
    assert signal.getsignal(signal.SIGALRM) is first


def test_a_timer_that_strikes_again_and_again_ends_no_save() -> None:
    """A watchdog goes on to work, and the first exception that its handler raises is told when the save is done."""
    seen: list[str] = []

    def strike(*_: object) -> None:
        seen.append("alarm")
        raise TimeIsUp(f"number {len(seen)}")

    signal.signal(signal.SIGALRM, strike)
    with pytest.raises(TimeIsUp, match="number 1"), deferred_signals():
        for _ in range(3):
            signal.raise_signal(signal.SIGALRM)
        seen.append("saved")
    assert seen == ["alarm", "alarm", "alarm", "saved"]


def test_the_second_of_a_kind_gets_through_and_is_not_told_twice() -> None:
    """Who asks twice means it; what was held back is then done with."""
    seen: list[str] = []
    signal.signal(signal.SIGUSR1, lambda *_: seen.append("usr1"))
    with deferred_signals():
        signal.raise_signal(signal.SIGUSR1)
        assert seen == []
        signal.raise_signal(signal.SIGUSR1)
        assert seen == ["usr1"]
    assert seen == ["usr1"]


def test_a_save_within_a_save_waits_for_the_outer_one() -> None:
    """What is held back in an inner block is delivered when the outer one is left; the second still gets through."""
    seen: list[str] = []
    signal.signal(signal.SIGUSR1, lambda *_: seen.append("usr1"))
    with deferred_signals():
        with deferred_signals():
            signal.raise_signal(signal.SIGUSR1)
        assert seen == []
        with deferred_signals():
            signal.raise_signal(signal.SIGUSR1)
            assert seen == ["usr1"]
        signal.raise_signal(signal.SIGUSR1)
    assert seen == ["usr1", "usr1"]
    with deferred_signals():
        signal.raise_signal(signal.SIGUSR1)
        assert len(seen) == 2


def test_a_second_interrupt_ends_a_save_that_hangs(tmp_path: Path) -> None:
    """The program ends, the run says why, and what was written stays."""
    script = """
import signal, sys, time
from challenges import ExampleChallenge
from gaitmap_results import recorded_run

class Hanging(ExampleChallenge):
    def save_core_results(self, folder_path):
        super().save_core_results(folder_path)
        signal.raise_signal(signal.SIGINT)
        print("held back", flush=True)
        while True:
            time.sleep(0.02)

with recorded_run("e", path=sys.argv[1], use_git=False):
    Hanging().run(1)
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    env = python_environment()
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, env=env, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held back\n"
        process.send_signal(signal.SIGINT)
        process.wait(500)
    (run,) = unfinished_runs(tmp_path)
    assert run.status == "interrupted"
    assert run.challenge_file is not None  # the save may only have been slow
    assert next(tmp_path.glob(".unfinished/*/results/result.json"))


def test_a_subinterpreter_has_no_handlers(tmp_path: Path) -> None:
    """Where Python refuses to set handlers, a block and a save work without."""
    code = """
import sys
from challenges import ExampleChallenge
from gaitmap_results import recorded_run, save_run
path = sys.argv[1] if len(sys.argv) > 1 else PATH
with recorded_run("block", path=path, use_git=False, handle_signals=("SIGTERM",)):
    ExampleChallenge().run(1)
save_run(ExampleChallenge().run(1), "save", custom_metadata={}, path=path, use_git=False)
"""
    script = f"""
import sys
try:
    import _interpreters as interpreters
except ImportError:
    try:
        import _xxsubinterpreters as interpreters
    except ImportError:
        sys.exit()
new = interpreters.create("legacy") if sys.version_info >= (3, 13) else interpreters.create(isolated=False)
run = getattr(interpreters, "exec", None) or interpreters.run_string
failed = run(new, {f"import sys; sys.path[:] = {[*sys.path]!r}; PATH = {str(tmp_path)!r}" + code!r})
assert not failed, failed
print("ran")
"""
    done = run_python("-c", script, cwd=tmp_path)
    if "ran" not in done.stdout:
        pytest.skip("this Python has no subinterpreters")
    found = [json.loads(file.read_text("utf-8")) for file in tmp_path.glob("*/*/*/*/metadata.json")]
    assert {each["entry_name"] for each in found} == {"block", "save"}
