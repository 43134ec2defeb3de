"""What a recorder leaves of the program around it: nothing but the run."""

from __future__ import annotations

import contextvars
import itertools
import os
import signal
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import pytest
from git_repository import GitRepository
from processes import python_environment
from stores import TwoFiles, runs_of, unfinished_of

from gaitmap_results import current_recorder, record_run, recorded_run
from gaitmap_results.exceptions import GaitmapResultsError
from gaitmap_results.user_code import open_blocks as _open_blocks

pytestmark = pytest.mark.exhaustive


class UserError(Exception):
    """An error of the user's own."""


@pytest.mark.parametrize("finished", [False, True], ids=["before a challenge finished", "after one finished"])
def test_an_exception_leaves_the_block_as_it_is(finished, tmp_path):
    """It is the same object with the same traceback, cause and context, and nothing of this package in it."""
    cause = KeyError("cause")
    error = UserError("text")

    def fail():
        raise error from cause

    with pytest.raises(UserError) as caught, recorded_run("entry", path=tmp_path, use_git=False):
        if finished:
            TwoFiles().run(42)
        fail()
    assert caught.value is error
    assert error.__cause__ is cause
    assert error.__context__ is None
    assert error.args == ("text",)
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert names == ["test_an_exception_leaves_the_block_as_it_is", "fail"]
    assert not getattr(error, "__notes__", [])
    assert len(runs_of(tmp_path)) == int(finished)


def test_an_error_of_ours_never_takes_the_place_of_the_users(tmp_path, monkeypatch):
    """What could not be saved is told with the user's error, not instead of it."""

    class Breaks(TwoFiles):
        def save_core_results(self, folder_path):
            raise ValueError("cannot be saved")

    with pytest.raises(UserError) as caught, recorded_run("entry", path=tmp_path, use_git=False):
        Breaks().run(42)
        raise UserError
    assert caught.value.__context__ is None
    if sys.version_info >= (3, 11):
        assert "cannot be saved" in "".join(caught.value.__notes__)


def test_an_exception_that_a_decorated_function_raises(tmp_path):
    """Its traceback leads from the caller to the user's line, and ends there."""

    @record_run(path=tmp_path, use_git=False)
    def entry():
        raise UserError

    with pytest.raises(UserError) as caught:
        entry()
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert frames[-1].name == "entry"
    assert frames[0].name == "test_an_exception_that_a_decorated_function_raises"


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("pass", 0),
        ("sys.exit()", 0),
        ("sys.exit(0)", 0),
        ("sys.exit(3)", 3),
        ("sys.exit('a message')", 1),
        ("raise KeyError('x')", 1),
        ("raise KeyboardInterrupt", -signal.SIGINT if os.name != "nt" else 1),
        ("os._exit(5)", 5),
    ],
)
@pytest.mark.parametrize("finished", [False, True], ids=["unfinished", "finished"])
def test_the_exit_code_is_the_programs_own(ending, code, finished, tmp_path):
    """However a program ends inside of a block, it ends as without one, and says the same on its error stream."""
    run = "TwoFiles().run(42)" if finished else "pass"
    imports = "from stores import TwoFiles\nfrom gaitmap_results import recorded_run\n"
    block = "with recorded_run('entry', path='store', use_git=False):"
    programs = (f"if True:\n    {ending}\n", f"{imports}{block}\n    {run}\n    {ending}\n")
    results = []
    for program in programs:
        (tmp_path / "script.py").write_text(f"import os, sys\n{program}")
        results.append(
            subprocess.run(
                [sys.executable, "script.py"],
                cwd=tmp_path,
                env=python_environment(),
                capture_output=True,
                text=True,
                check=False,
            )
        )
    without, recorded = results
    if ending == "pass" and not finished:
        assert recorded.returncode == 1  # a block in which nothing ran is a mistake that must not go unnoticed
        assert "NoChallengeError" in recorded.stderr
        return
    assert (without.returncode, recorded.returncode) == (code, code)
    said = [line for line in recorded.stderr.splitlines() if not line.startswith("Saved ")]
    last = without.stderr.splitlines()[-1:]
    assert said[-1:] == last
    if finished and ending != "os._exit(5)":
        assert len(runs_of(tmp_path / "store")) == 1
    if ending == "os._exit(5)":
        assert [run.status for run in unfinished_of(tmp_path / "store")] == ["lost"]


def started_and_opened() -> set[object]:
    """Return the threads, open files and child processes of this one."""
    found: set[object] = set(threading.enumerate())
    if Path("/proc/self/fd").exists():
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
        found.update(Path("/proc/self/fd").iterdir(), children.split())
    return found


def observe() -> dict[str, object]:
    """Return the surroundings of a program: handlers, working directory, environment."""
    return {
        "handlers": [signal.getsignal(number) for number in signal.valid_signals()],
        "folder": Path.cwd(),
        "environment": dict(os.environ),
        "excepthook": sys.excepthook,
    }


@pytest.mark.parametrize("how", ["published", "failed", "refused", "save failed"])
def test_nothing_is_left_after_a_block(how, tmp_path):
    """No thread, file, process, handler or change of the surroundings stays, whichever way a block ends."""
    repository = GitRepository(tmp_path / "repository")
    repository.write("code.py", "pass")
    repository.commit()
    os.chdir(repository.path)

    class Breaks(TwoFiles):
        def save_core_results(self, folder_path):
            raise ValueError

    def once() -> None:
        try:
            name = "a/b" if how == "refused" else "entry"
            with recorded_run(name, path=tmp_path / "store", handle_signals=("SIGTERM",)):
                if how == "failed":
                    raise UserError
                (Breaks if how == "save failed" else TwoFiles)().run(42)
        except (UserError, GaitmapResultsError):
            pass

    once()  # imports open files that stay, once
    before, there = observe(), started_and_opened()
    for _ in range(3):
        once()
    assert observe() == before
    assert started_and_opened() - there == set()  # what earlier tests left may end at any time


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_context_variables_are_restored_in_every_order(order, tmp_path):
    """After blocks that overlapped, none is the current one any more, in this context and in copies of it."""
    before = _open_blocks._context.get()
    recorders = [recorded_run(f"entry{number}", path=tmp_path, use_git=False) for number in range(3)]
    for recorder in recorders:
        recorder.__enter__()
        TwoFiles().run(42)
    copied = contextvars.copy_context()
    still_open = list(recorders)
    for number in order:
        assert current_recorder() is still_open[-1]
        recorders[number].__exit__(None, None, None)
        still_open.remove(recorders[number])
    assert current_recorder() is None
    assert copied.run(current_recorder) is None
    assert _open_blocks._context.get() == before
    assert _open_blocks._process == []
    assert [len(recorder.paths_) for recorder in recorders] == [1, 1, 1]


def test_a_block_left_in_another_context_is_closed(tmp_path):
    """A generator that is finished elsewhere leaves no open block behind where it began."""

    def generator():
        with recorded_run("entry", path=tmp_path, use_git=False):
            TwoFiles().run(42)
            yield

    items = generator()
    next(items)
    contextvars.Context().run(lambda: [None for _ in items])
    assert current_recorder() is None
    assert len(runs_of(tmp_path)) == 1


def test_recursion_of_a_decorated_function(tmp_path):
    """A function that calls itself records each run once, and leaves nothing open."""

    @record_run(path=tmp_path, use_git=False)
    def entry(depth: int) -> None:
        if depth:
            entry(depth - 1)
        else:
            TwoFiles().run(42)

    entry(3)
    assert len(runs_of(tmp_path)) == 1
    assert current_recorder() is None
    assert unfinished_of(tmp_path) == []


def test_a_block_that_is_open_when_the_interpreter_ends(tmp_path):
    """A generator that nobody finishes is closed at the very end; its staged results are there or recoverable."""
    (tmp_path / "script.py").write_text(
        "from stores import TwoFiles\n"
        "from gaitmap_results import recorded_run\n"
        "def generator():\n"
        "    with recorded_run('entry', path='store', use_git=False):\n"
        "        TwoFiles().run(42)\n"
        "        yield\n"
        "items = generator()\n"
        "next(items)\n"
    )
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=python_environment(), capture_output=True, check=False
    )
    assert done.returncode == 0
    runs, unfinished = runs_of(tmp_path / "store"), unfinished_of(tmp_path / "store")
    assert len(runs) + len(unfinished) == 1
    assert all(run.core_results == "complete" for run in unfinished)
