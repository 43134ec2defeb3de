"""The command ``run`` is interrupted: it ends in order, leaves no process behind, and names what is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from processes import python_environment
from suites import runs_in, suite_in

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
# Says when it begins to wait for the processes of the entries, and how long they may take to end by themselves.
_PROGRAM = """
import os
from pathlib import Path
from gaitmap_results.cli import main
from gaitmap_results.suites import fresh_processes

wait_for_all = fresh_processes.FreshProcesses._wait_for_all

def tell_and_wait(processes, seconds):
    Path(os.environ["SUITE_LOG"]).with_suffix(".ending").touch()
    return wait_for_all(processes, seconds)

fresh_processes.FreshProcesses._wait_for_all = tell_and_wait
fresh_processes._BY_ITSELF_S = float(os.environ["PATIENCE_S"])
main()
"""


@pytest.fixture
def suite(tmp_path, monkeypatch):
    """Return the module of entries, with a store and a log of this test, in every process."""
    with suite_in(tmp_path, monkeypatch) as module:
        yield module


def _start_and_wait(suite, name, *, patience_s):
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, "run", f"{suite.__file__}:{name}"],
        env=python_environment({"PATIENCE_S": str(patience_s)}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    _wait_for(suite, "slow", process)
    return process


def _wait_for(suite, mark, process):
    while not suite.LOG.with_suffix(f".{mark}").exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)


def _wait_until_nobody_is_left(group):
    # multiprocessing's helper ends when it notices that its program did; what has ended may not be waited for here.
    while any(_is_alive_in(group, process) for process in psutil.process_iter()):
        time.sleep(0.05)


def _is_alive_in(group, process):
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, psutil.Error):
        return False


@pytest.mark.parametrize(
    ("number", "to_all", "code"),
    [(signal.SIGINT, True, 130), (signal.SIGINT, False, 130), (signal.SIGTERM, False, 143)],
    ids=["Ctrl-C in a terminal", "SIGINT to the program alone", "SIGTERM"],
)
def test_a_suite_ends_in_order(suite, number, to_all, code):
    """The table has a row for each entry, what is left is named, and no process is left."""
    process = _start_and_wait(suite, "LONG", patience_s=500 if to_all else 0.1)
    (os.killpg if to_all else os.kill)(process.pid, number)
    table, said = process.communicate(timeout=500)
    assert process.returncode == code, said
    rows = table.replace("not started", "not_started").splitlines()[1:]
    assert [row.split()[:2] for row in rows] == [
        ["slow", "interrupted"],
        ["good", "not_started"],
        ["stepwise", "not_started"],
    ]
    assert "3 entries are left: slow, good, stepwise. Run the same command" in said
    assert ("KeyboardInterrupt" if to_all else "SIGTERM") in said
    assert runs_in(suite.STORE) == []
    _wait_until_nobody_is_left(process.pid)


def test_a_second_ctrl_c_does_not_wait(suite):
    """An entry that ignores Ctrl-C, and the processes that it has started, are ended by the second one."""
    process = _start_and_wait(suite, "stubborn", patience_s=10_000)
    os.killpg(process.pid, signal.SIGINT)
    _wait_for(suite, "ending", process)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=500)
    assert process.returncode == 130, said
    _wait_until_nobody_is_left(process.pid)
