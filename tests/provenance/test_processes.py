"""What is read from Linux's /proc folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("reads Linux's /proc", allow_module_level=True)

from gaitmap_results.provenance import processes as _proc

NAME_THAT_LOOKS_LIKE_THE_REST = "a) Z 1 (b) R 2"
SAY_READY_AND_WAIT = "import sys; print('ready', flush=True); sys.stdin.read()"


@pytest.fixture
def child():
    """Start a process that waits until its input is closed."""
    with subprocess.Popen([sys.executable, "-c", SAY_READY_AND_WAIT], stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def test_a_process_is_described_as_it_is(child):
    """Parent, life and CPU time of a real process are read from its stat file."""
    sample = _proc.sample(child.pid)
    assert (sample.pid, sample.parent_pid, sample.is_zombie) == (child.pid, os.getpid(), False)
    assert sample.waited_cpu_s == 0
    assert _proc.sample(os.getpid()).cpu_s == pytest.approx(time.process_time(), abs=0.1)
    uptime_s = float(Path("/proc/uptime").read_text().split()[0])
    assert 0 <= uptime_s - sample.start / os.sysconf("SC_CLK_TCK") < 60


def test_a_name_with_parentheses_and_blanks_does_no_harm(tmp_path):
    """The name of a program cannot be taken for the fields behind it."""
    program = tmp_path / NAME_THAT_LOOKS_LIKE_THE_REST
    program.symlink_to(shutil.which("sleep"))
    with subprocess.Popen([program, "60"]) as process:
        sample = _proc.sample(process.pid)
        content = Path(f"/proc/{process.pid}/stat").read_text()
        process.kill()
    assert f" ({NAME_THAT_LOOKS_LIKE_THE_REST}) " in content
    assert (sample.pid, sample.parent_pid, sample.is_zombie) == (process.pid, os.getpid(), False)
    assert sample.start == int(content.rsplit(")", 1)[1].split()[19])


def test_zombies_and_missing_processes_are_told_apart(child):
    """A process that has ended is a zombie until its parent has asked for its exit status, then there is none."""
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert _proc.sample(child.pid).is_zombie
    assert _proc.peak_memory(child.pid) is None
    child.wait()
    assert _proc.sample(child.pid) is None


def test_descendants_are_found_at_every_depth(child):
    """Children of children belong to a process, its parent does not."""
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    command = [sys.executable, "-c", script, SAY_READY_AND_WAIT]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as middle:
        assert middle.stdout.readline() == "ready\n"
        found = {sample.pid: sample.parent_pid for sample in _proc.descendants_of(os.getpid())}
        assert found[child.pid] == found[middle.pid] == os.getpid()
        assert middle.pid in found.values()
        assert os.getppid() not in found
        below = _proc.descendants_of(middle.pid)
        assert [sample.parent_pid for sample in below] == [middle.pid]
        middle.stdin.close()


def test_a_circle_of_parents_ends():
    """Numbers that were given anew while they were read cannot make the search endless."""
    assert set(_proc.select_descendants({1: 2, 2: 1}, 1)) == {1, 2}


def test_looking_for_children_leaves_their_exit_status_alone():
    """A child that has ended can still be waited for by the program that started it."""
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert process.pid in [sample.pid for sample in _proc.descendants_of(os.getpid())]
    assert process.wait() == 7


def test_the_peak_is_the_process_s_own():
    """The peak of a small process is its own, although the large one that started it hands down its ru_maxrss."""
    block = bytearray(300_000_000)
    block[::4096] = b"x" * len(block[::4096])
    script = (
        "import resource; from gaitmap_results.provenance.processes import peak_memory; import os;"
        "print(peak_memory(os.getpid()), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    own, inherited = map(int, answer.stdout.split())
    assert own < 150_000_000
    assert own <= inherited
    assert _proc.peak_memory(os.getpid()) > 300_000_000


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may hide processes in a namespace")
def test_a_proc_folder_of_other_processes_is_not_believed():
    """Where /proc numbers processes differently, nothing is read instead of the facts of a stranger."""
    script = (
        "import os; from gaitmap_results.provenance import processes as _proc\n"
        "print(_proc.is_readable(), _proc.peak_memory(os.getpid()))\n"
        "try: print(_proc.sample(os.getpid()))\n"
        "except PermissionError: print('refused')"
    )
    command = ["unshare", "--pid", "--fork", sys.executable, "-c", script]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unshare failed" in answer.stderr or "Operation not permitted" in answer.stderr:
        pytest.skip("namespaces are not allowed here")
    assert answer.stdout == "False None\nrefused\n"


def test_memory_figures_are_bytes():
    """The kernel's KiB become bytes, and lines with another unit are left out."""
    figures = _proc.memory_figures("MemTotal:       16000 kB\nSwapTotal:  0 kB\nHugePages_Total:       3\n")
    assert figures == {"MemTotal": 16000 * 1024, "SwapTotal": 0}


def test_looking_is_quick_without_children():
    """A process without children is not charged for reading every process of the machine."""
    script = (
        "import os; from gaitmap_results.provenance import processes as _proc\n"
        "os.scandir = None\n"  # reading the list of processes would fail now
        "print(_proc.descendants_of(os.getpid()))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"
