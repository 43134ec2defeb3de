"""Signals that ask a program to end: what they leave on the disk, and what they leave of the program."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from git_repository import GitRepository
from processes import python_environment
from stores import TwoFiles, check_complete, runs_of, unfinished_of

from gaitmap_results import recorded_run, save_run
from gaitmap_results.exceptions import InvalidOptionError
from gaitmap_results.store.deferred_signals import deferred_signals

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs signals as POSIX has them")

# A machine that runs tests without a terminal may ignore SIGHUP, and what is ignored is inherited.
START = """
import os, signal, sys, time
for name in ("SIGHUP", "SIGTERM", "SIGUSR1", "SIGUSR2"):
    signal.signal(getattr(signal, name), signal.SIG_DFL)
from stores import TwoFiles
from gaitmap_results import recorded_run, save_run
def wait():
    print("ready", flush=True)
    for _ in range(6000):
        time.sleep(0.1)
"""


def run_script(folder: Path, body: str, *, send: int | None = None, start: str = START) -> tuple[int, str, str]:
    """Run a script, send it a signal when it says "ready", and return how it ended and what it printed."""
    script = folder / "script.py"
    script.write_text(start + body)
    process = subprocess.Popen(
        [sys.executable, script],
        cwd=folder,
        env=python_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        first = ""
        if send is not None:
            first = process.stdout.readline()
            assert first == "ready\n", process.communicate()
            process.send_signal(send)
        out, err = process.communicate(timeout=500)
    finally:
        process.kill()
        process.communicate()
    return process.returncode, first + out, err


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"])
def test_a_handled_signal_before_a_challenge_has_finished(name, tmp_path):
    """The journal says terminated, by which signal; finally blocks run, and the exit code is the shell's for it."""
    code, out, err = run_script(
        tmp_path,
        f"with recorded_run('entry', path='store', use_git=False, handle_signals=('{name}',)):\n"
        "    try:\n"
        "        TwoFiles().run(wait)\n"
        "    finally:\n"
        "        print('cleaned up')\n",
        send=getattr(signal, name),
    )
    assert code == 128 + getattr(signal, name)
    assert "cleaned up" in out
    assert "Traceback" not in err
    (run,) = unfinished_of(tmp_path / "store")
    assert (run.status, run.certainty, run.core_results) == ("terminated", "certain", "none")
    journal = json.loads((run.path / "journal.json").read_text())
    assert journal["signal"] == name
    assert journal["runtime"] > 0


def test_the_journal_says_terminated_before_anything_else(tmp_path):
    """Whatever holds up the leaving, and even a kill after the grace time, the journal knows of the signal."""
    code, _, _ = run_script(
        tmp_path,
        "with recorded_run('entry', path='store', use_git=False, handle_signals=('SIGTERM',)):\n"
        "    try:\n"
        "        TwoFiles().run(wait)\n"
        "    finally:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n",
        send=signal.SIGTERM,
    )
    assert code == -signal.SIGKILL
    (run,) = unfinished_of(tmp_path / "store")
    assert (run.status, run.certainty) == ("terminated", "certain")


def test_a_handled_signal_after_a_challenge_has_finished(tmp_path):
    """What had finished is published, as debug; the program ends all the same."""
    code, _, _ = run_script(
        tmp_path,
        "with recorded_run('entry', path='store', use_git=False, handle_signals=('SIGTERM',)):\n"
        "    TwoFiles().run(42)\n"
        "    wait()\n",
        send=signal.SIGTERM,
    )
    assert code == 128 + signal.SIGTERM
    (path,) = runs_of(tmp_path / "store")
    codes = [reason["code"] for reason in check_complete(path)["debug_reasons"]]
    assert "block.raised" in codes
    assert unfinished_of(tmp_path / "store") == []


def test_without_handling_a_signal_ends_the_program_as_ever(tmp_path):
    """Unasked, nothing changes for the program; a run on the way is lost, one that was over can be recovered."""
    body = "with recorded_run('entry', path='{}', use_git=False):\n    TwoFiles().run({})\n    wait()\n"
    assert run_script(tmp_path, body.format("one", "wait"), send=signal.SIGTERM)[0] == -signal.SIGTERM
    assert run_script(tmp_path, body.format("two", "42"), send=signal.SIGTERM)[0] == -signal.SIGTERM
    assert [(run.status, run.core_results) for run in unfinished_of(tmp_path / "one")] == [("lost", "none")]
    assert [(run.status, run.core_results) for run in unfinished_of(tmp_path / "two")] == [("lost", "complete")]


def test_ctrl_c_is_told_as_interrupted(tmp_path):
    """Ctrl-C reaches the program as KeyboardInterrupt, and the journal says interrupted."""
    code, _, err = run_script(
        tmp_path,
        "with recorded_run('entry', path='store', use_git=False):\n    TwoFiles().run(wait)\n",
        send=signal.SIGINT,
    )
    assert code == -signal.SIGINT
    assert "KeyboardInterrupt" in err
    (run,) = unfinished_of(tmp_path / "store")
    assert (run.status, run.certainty) == ("interrupted", "certain")
    journal = json.loads((run.path / "journal.json").read_text())
    assert "in wait" in journal["error"]["traceback"]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("how", ["block", "save_run"])
def test_a_signal_while_results_are_saved_waits(how, name, tmp_path):
    """A signal in the middle of saving ends the program only when the run is in its place."""
    saving = {
        "block": "with recorded_run('entry', path='store', use_git=False):\n    Slow().run(42)\nprint('not reached')\n",
        "save_run": "save_run(Slow().run(42), 'entry', custom_metadata={}, path='store', use_git=False)\n"
        "print('not reached')\n",
    }[how]
    code, out, _ = run_script(
        tmp_path,
        "from gaitmap_results.store import files\n"
        "really = files.hash_file\n"
        "def hash_file(path):\n"
        "    files.hash_file = really\n"
        f"    signal.raise_signal(signal.{name})\n"
        "    return really(path)\n"
        "files.hash_file = hash_file\n"
        "class Slow(TwoFiles):\n"
        "    pass\n" + saving,
    )
    assert code == -getattr(signal, name)
    assert "not reached" not in out
    (path,) = (tmp_path / "store").glob("script.Slow/1.0.0/entry/*")
    check_complete(path)
    assert unfinished_of(tmp_path / "store") == []


def test_a_signal_while_core_results_are_written_waits(tmp_path):
    """The results that took hours are written to the end, although the program was asked to end in the middle."""
    code, _, _ = run_script(
        tmp_path,
        "class Slow(TwoFiles):\n"
        "    def save_core_results(self, folder):\n"
        "        signal.raise_signal(signal.SIGTERM)\n"
        "        super().save_core_results(folder)\n"
        "with recorded_run('entry', path='store', use_git=False):\n"
        "    Slow().run(42)\n"
        "    print('not reached')\n",
    )
    assert code == -signal.SIGTERM
    (run,) = unfinished_of(tmp_path / "store")
    assert (run.status, run.core_results) == ("lost", "complete")


def test_a_signal_while_git_works_at_the_end_waits(tmp_path):
    """A batch system that ends a job while git looks at a slow disk gets a run that is published, with git's answer."""
    repository = GitRepository(tmp_path)
    repository.write("gait.py", "x = 1")
    wait = "[ -e ended ] && touch asked && until [ -e signalled ]; do sleep 0.1; done"
    program = f'#!/bin/sh\n{wait}\nexec {shutil.which("git")} "$@"\n'
    git = repository.write("slow_git", program)
    git.chmod(0o755)
    repository.write(".gitignore", "asked\nended\nsignalled\nscript.py\nslow_git\nstore\n")
    repository.git("add", ".")
    repository.git("commit", "--quiet", "--message", "all")
    code, out, _ = run_script(
        tmp_path,
        f"os.environ['GIT_PYTHON_GIT_EXECUTABLE'] = {str(git)!r}\n"
        "import threading\n"
        "def watch():\n"
        "    while not os.path.exists('asked'):\n"
        "        time.sleep(0.01)\n"
        "    time.sleep(1)\n"  # git has been started a moment before it is waited for
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    open('signalled', 'w').close()\n"
        "threading.Thread(target=watch, daemon=True).start()\n"
        "with recorded_run('entry', path='store'):\n"
        "    TwoFiles().run(42)\n"
        "    open('ended', 'w').close()\n"
        "print('not reached')\n",
    )
    assert code == -signal.SIGTERM
    assert "not reached" not in out
    (path,) = runs_of(tmp_path / "store")
    metadata = json.loads((path / "metadata.json").read_text())
    assert (metadata["git"]["changed_during_run"], metadata["collection_errors"]) == (False, [])


def test_a_worker_of_the_challenge_can_be_ended_while_results_are_saved(tmp_path):
    """A process forked inside save_core_results, as a pool does, does not hold back the signal that ends it."""
    code, out, err = run_script(
        tmp_path,
        "class Pooled(TwoFiles):\n"
        "    def save_core_results(self, folder):\n"
        "        reading, writing = os.pipe()\n"
        "        child = os.fork()\n"
        "        if child == 0:\n"
        "            os.write(writing, b'x')\n"
        "            time.sleep(600)\n"
        "            os._exit(0)\n"
        "        os.read(reading, 1)\n"
        "        os.kill(child, signal.SIGTERM)\n"
        "        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "        super().save_core_results(folder)\n"
        "save_run(Pooled().run(42), 'entry', custom_metadata={}, path='store', use_git=False)\n",
    )
    assert (code, out) == (0, f"{-signal.SIGTERM}\n"), err


def test_a_forked_worker_in_the_block_can_be_ended(tmp_path):
    """A worker gets its signal as without a recorder; the run of its parent goes on and knows nothing of it."""
    code, out, err = run_script(
        tmp_path,
        "def entry():\n"
        "    reading, writing = os.pipe()\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        os.write(writing, b'x')\n"
        "        time.sleep(600)\n"
        "        os._exit(0)\n"
        "    os.read(reading, 1)\n"
        "    os.kill(child, signal.SIGTERM)\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "    return 42\n"
        "with recorded_run('entry', path='store', use_git=False, handle_signals=('SIGTERM',)) as r:\n"
        "    TwoFiles().run(entry)\n"
        "print(r.status_)\n",
    )
    assert (code, out) == (0, f"{-signal.SIGTERM}\npublished\n"), err


def test_the_previous_handler_is_called_and_set_again(tmp_path):
    """A handler of the program's own hears of the signal, too, and is in place again after the block."""
    code, out, _ = run_script(
        tmp_path,
        "def own(number, frame):\n"
        "    print('own handler', number)\n"
        "signal.signal(signal.SIGTERM, own)\n"
        "try:\n"
        "    with recorded_run('entry', path='store', use_git=False, handle_signals=('SIGTERM',)):\n"
        "        TwoFiles().run(wait)\n"
        "except SystemExit as error:\n"
        "    print('exit', error.code)\n"
        "print(signal.getsignal(signal.SIGTERM) is own)\n",
        send=signal.SIGTERM,
    )
    assert (code, out) == (0, f"ready\nown handler {signal.SIGTERM:d}\nexit {128 + signal.SIGTERM}\nTrue\n")


def test_a_journal_that_cannot_be_written_does_not_keep_the_program_from_ending(tmp_path):
    """On a full disk the signal still ends the program in order."""
    code, _, err = run_script(
        tmp_path,
        "from gaitmap_results.store import files\n"
        "def entry():\n"
        "    def full(*arguments, **options):\n"
        "        raise OSError(28, 'No space left on device')\n"
        "    files.replace_file = full\n"
        "    wait()\n"
        "with recorded_run('entry', path='store', use_git=False, handle_signals=('SIGTERM',)):\n"
        "    TwoFiles().run(entry)\n",
        send=signal.SIGTERM,
    )
    assert code == 128 + signal.SIGTERM, err


@pytest.fixture
def handler():
    """Set a handler of the program's own for SIGUSR1, and put back what was there."""
    calls: list[int] = []

    def own(number, frame):
        calls.append(number)

    before = signal.signal(signal.SIGUSR1, own)
    yield own
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0), (0, 2, 1), (2, 0, 1)])
def test_no_handler_is_left_in_whatever_order_blocks_are_left(order, handler, tmp_path):
    """After the last of several open blocks the program's own handler is in place, and no other."""
    recorders = [
        recorded_run(f"entry{number}", path=tmp_path, use_git=False, handle_signals=("SIGUSR1",)) for number in range(3)
    ]
    for recorder in recorders:
        recorder.__enter__()
        TwoFiles().run(42)
    for number in order:
        assert signal.getsignal(signal.SIGUSR1) != handler
        recorders[number].__exit__(None, None, None)
    assert signal.getsignal(signal.SIGUSR1) is handler


def test_a_handler_that_the_program_sets_in_the_block_stays(handler, tmp_path):
    """What somebody else has set meanwhile is not overwritten."""
    with recorded_run("entry", path=tmp_path, use_git=False, handle_signals=("SIGUSR1",)):
        TwoFiles().run(42)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN


def test_a_signal_that_the_program_ignores_stays_ignored(handler, tmp_path):
    """A program under nohup survives the end of its terminal also inside of a block."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    with recorded_run("entry", path=tmp_path, use_git=False, handle_signals=("SIGUSR1",)) as recorder:
        TwoFiles().run(42)
        signal.raise_signal(signal.SIGUSR1)
    assert recorder.status_ == "published"
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN


def test_in_a_thread_nothing_is_handled(handler, tmp_path):
    """Python lets only the main thread handle signals; elsewhere a block leaves them alone, and works."""
    statuses = []

    def record():
        with recorded_run("entry", path=tmp_path, use_git=False, handle_signals=("SIGUSR1",)) as recorder:
            assert signal.getsignal(signal.SIGUSR1) is handler
            TwoFiles().run(42)
        statuses.append(recorder.status_)

    thread = threading.Thread(target=record)
    thread.start()
    thread.join()
    assert statuses == ["published"]
    assert signal.getsignal(signal.SIGUSR1) is handler


@pytest.mark.parametrize("names", [("SIGKILL",), ("SIGSTOP",), ("NOSIGNAL",), "SIGTERM", (4711,)])
def test_signals_that_cannot_be_handled_are_refused_before_the_run(names, tmp_path):
    """A name that is no signal, or one that nobody can handle, is told when the block is entered."""
    with pytest.raises(InvalidOptionError, match="handle_signals"):
        with recorded_run("entry", path=tmp_path, use_git=False, handle_signals=names):
            pytest.fail("the block was entered")
    assert list(tmp_path.iterdir()) == []


def test_deferred_signals_come_in_order(handler):
    """Held back are the signals, not what they mean: each one is delivered when the work is done."""
    calls = []
    signal.signal(signal.SIGUSR1, lambda number, frame: calls.append("one"))
    before = signal.signal(signal.SIGUSR2, lambda number, frame: calls.append("two"))
    try:
        with deferred_signals():
            for number in (signal.SIGUSR1, signal.SIGUSR2):
                signal.raise_signal(number)
            calls.append("work")
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert calls == ["work", "one", "two"]


def test_no_signal_is_deferred_after_an_error(handler):
    """An error inside goes on, and the handlers are as before."""
    with pytest.raises(ZeroDivisionError), deferred_signals():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGUSR1) is handler


def test_saving_in_a_thread_works(tmp_path):
    """Where nothing can be held back, a save is a save."""
    paths = []

    def save():
        paths.append(save_run(TwoFiles().run(42), "entry", custom_metadata={}, path=tmp_path, use_git=False))

    thread = threading.Thread(target=save)
    thread.start()
    thread.join()
    check_complete(paths[0])
