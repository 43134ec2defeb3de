"""What psutil and the system tell of a process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("checks what is told against Linux's /proc", allow_module_level=True)

import psutil

from gaitmap_results.provenance.processes import descendants, look_at, peak_memory, start_ticks

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
    """Life, CPU time and start of a real process are what the system says."""
    sample = look_at(psutil.Process(child.pid))
    assert (sample.process.pid, sample.is_zombie, sample.waited_cpu_s) == (child.pid, False, 0)
    before = time.process_time()
    own = look_at(psutil.Process()).cpu_s
    # It is told in hundredths of a second, in two parts that are cut off.
    assert before - 0.02 <= own <= time.process_time() + 0.02
    uptime_s = float(Path("/proc/uptime").read_text().split()[0])
    assert 0 <= uptime_s - start_ticks(child.pid) / os.sysconf("SC_CLK_TCK") < uptime_s


def test_a_name_with_parentheses_and_blanks_does_no_harm(tmp_path):
    """The name of a program cannot be taken for the fields behind it."""
    program = tmp_path / NAME_THAT_LOOKS_LIKE_THE_REST
    program.symlink_to(shutil.which("sleep"))
    with subprocess.Popen([program, "60"]) as process:
        content = Path(f"/proc/{process.pid}/stat").read_text()
        ticks = start_ticks(process.pid)
        process.kill()
    assert f" ({NAME_THAT_LOOKS_LIKE_THE_REST}) " in content
    assert ticks == int(content.rsplit(")", 1)[1].split()[19])


def test_descendants_are_found_at_every_depth(child):
    """Children of children belong to this process, its parent does not."""
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    command = [sys.executable, "-c", script, SAY_READY_AND_WAIT]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as middle:
        assert middle.stdout.readline() == "ready\n"
        below = {process.pid for process in psutil.Process(middle.pid).children()}
        found = {process.pid for process in descendants()}
        assert below
        assert {child.pid, middle.pid} | below <= found
        assert os.getppid() not in found
        middle.stdin.close()


def test_looking_for_children_leaves_their_exit_status_alone():
    """A child that has ended can still be waited for by the program that started it."""
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert process.pid in [found.pid for found in descendants()]
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
    assert peak_memory(os.getpid()) > 300_000_000


def test_looking_reads_nothing_without_children():
    """A process without children is not charged for reading every process of the machine."""
    script = (
        "import psutil; from gaitmap_results.provenance.processes import descendants\n"
        "psutil.Process.children = None\n"  # listing the processes would fail now
        "print(descendants())"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout == "{}\n"
