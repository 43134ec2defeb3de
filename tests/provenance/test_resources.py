"""The CPU time and the memory of a run."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from faults import run_in_child

from gaitmap_results.provenance.resources import ResourceMeter

if sys.platform == "win32":
    pytest.skip("its processes are started and stopped by signals", allow_module_level=True)

# Works for the seconds of CPU time that it is sent, line by line, and says how much it has needed in all.
WORKER = """
import sys, time
print("ready", flush=True)
for line in sys.stdin:
    end = time.process_time() + float(line)
    while time.process_time() < end:
        pass
    print(time.process_time(), flush=True)
"""
START_WORKER = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WORKER!r}])"
# The CPU time of another process is told in hundredths of a second, of which each part is cut off.
TICKS_S = 0.04

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells this")


class Worker:
    """A process that works for as long as it is told."""

    def __init__(self, script=WORKER):
        self.process = subprocess.Popen([sys.executable, "-c", script], stdin=-1, stdout=-1, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def work(self, seconds):
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def alone(test):
    """Carry out a test in a forked process, which has nothing of what other tests started or imported."""

    def without_leftovers(tell):
        sys.modules.pop("distributed", None)  # with it no sum is called complete
        test()

    @functools.wraps(test)
    def carry_out():
        told, status = run_in_child(without_leftovers)
        assert status == 0, told

    return carry_out


def burn(seconds):
    """Use CPU time in this process."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def open_files():
    """Count the files that this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def run_script(script):
    """Run a script in a process of its own and return the JSON that it prints."""
    answer = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(answer.stdout)


@alone
def test_own_cpu_time_is_measured():
    """What this process computes between start and end is counted, and nothing else."""
    before = time.process_time()
    meter = ResourceMeter.start()
    inside = time.process_time()
    burn(0.3)
    least = time.process_time() - inside
    result = meter.finish()
    assert least <= result["cpu_time_s"]["value"] <= time.process_time() - before
    assert (result["cpu_time_s"]["complete"], result["n_processes_seen"]) == (True, 1)


@alone
def test_a_child_that_ended_is_counted():
    """Its CPU time is known from its parent; its memory is not, and that is said."""
    meter = ResourceMeter.start()
    one = Worker()
    needed = one.work(0.3)
    one.stop()
    result = meter.finish()
    assert result["cpu_time_s"]["value"] >= needed - TICKS_S
    assert result["peak_memory_bytes"]["complete"] is False
    if sys.platform == "linux":
        assert result["cpu_time_s"]["complete"] is True


@alone
def test_only_the_run_of_a_child_from_before_counts():
    """A worker that computed before the start, as those of joblib do, is charged for the time since then."""
    worker = Worker()
    needed_before = worker.work(0.6)
    own = time.process_time()
    meter = ResourceMeter.start()
    needed = worker.work(0.2) - needed_before
    result = meter.finish()
    own = time.process_time() - own
    worker.stop()
    assert needed - TICKS_S <= result["cpu_time_s"]["value"] <= needed + own + TICKS_S
    assert result["n_processes_seen"] == 2


@on_linux
@alone
def test_what_a_vanished_child_did_before_the_start_is_taken_off():
    """A worker from before that ends during the run hands over all it ever needed; the sum is not called complete."""
    one = Worker()
    needed_before = one.work(0.6)
    own, before = time.process_time(), os.times()
    meter = ResourceMeter.start()
    needed = one.work(0.2)
    one.stop()
    after = os.times()
    result = meter.finish()
    own = time.process_time() - own
    # What it needed for its end is in the times of all children that were waited for.
    told = after.children_user + after.children_system - before.children_user - before.children_system
    assert needed - needed_before - TICKS_S <= result["cpu_time_s"]["value"]
    assert result["cpu_time_s"]["value"] <= told - needed_before + own + TICKS_S
    assert result["cpu_time_s"]["complete"] is False
    assert "lost their parent" in result["cpu_time_s"]["why_incomplete"][0]
    assert result["peak_memory_bytes"]["complete"] is False


@on_linux
@alone
def test_a_worker_whose_parent_died_is_said_to_be_missing():
    """A process that has lost its parent during the run is not counted, and the sum says so."""
    one = Worker(START_WORKER)
    (grandchild,) = psutil.Process(one.process.pid).children()
    meter = ResourceMeter.start()
    one.process.kill()
    one.process.wait()
    one.work(0.1)
    result = meter.finish()
    grandchild.kill()
    one.process.stdin.close()
    one.process.stdout.close()
    assert result["cpu_time_s"]["complete"] is False
    assert "lost their parent" in result["cpu_time_s"]["why_incomplete"][0]


@on_linux
def test_a_child_that_nobody_waited_for_is_missing_in_the_sum():
    """Where the kernel throws away what a child needed, the sum says that it is not complete."""
    script = f"""
import json, signal, subprocess, sys, os, time
from gaitmap_results.provenance.resources import ResourceMeter
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", {WORKER!r}], stdin=-1, stdout=-1, text=True)
child.stdout.readline()
meter = ResourceMeter.start()
child.stdin.write("0.3\\n"); child.stdin.close()
child.stdout.read()
child.wait()
print(json.dumps(meter.finish()))
"""
    result = run_script(script)
    assert result["cpu_time_s"]["complete"] is False
    assert "A process ended without reporting to its parent what it used." in result["cpu_time_s"]["why_incomplete"]
    assert result["n_processes_seen"] == 2


@on_linux
@alone
def test_a_zombie_counts_with_its_cpu_time():
    """A child that ended and was not waited for is in the CPU time; its memory is gone."""
    worker = Worker()
    meter = ResourceMeter.start()
    worker.work(0.3)
    worker.process.kill()
    os.waitid(os.P_PID, worker.process.pid, os.WEXITED | os.WNOWAIT)
    result = meter.finish()
    worker.stop()
    assert result["cpu_time_s"]["value"] >= 0.3 - TICKS_S
    assert result["cpu_time_s"]["complete"] is True
    assert result["peak_memory_bytes"]["complete"] is False


def test_workers_of_joblib():
    """Workers of joblib, which live on after the computation, are measured, and not twice when they are used again."""
    pytest.importorskip("joblib")
    script = """
import json, os, time
from joblib import Parallel, delayed
from gaitmap_results.provenance.resources import ResourceMeter
def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return os.getpid()
meter = ResourceMeter.start()
pids = Parallel(n_jobs=2)(delayed(burn)(0.3) for _ in range(4))
first, meter = meter.finish(), ResourceMeter.start()
Parallel(n_jobs=2)(delayed(burn)(0.1) for _ in range(2))
print(json.dumps([first, meter.finish(), os.getpid() not in pids, len(set(pids))]))
"""
    first, second, in_workers, n_workers = run_script(script)
    assert in_workers
    assert first["cpu_time_s"]["value"] >= 1.2 - TICKS_S * n_workers
    # What they had needed for the first computation would be more.
    assert 0.2 - TICKS_S * n_workers <= second["cpu_time_s"]["value"] < 1.2
    assert first["n_processes_seen"] >= 1 + n_workers


@on_linux
def test_peak_memory_is_that_of_the_processes():
    """The peak stays after memory was given back, and that of a worker adds to that of this process."""
    script = """
import json, subprocess, sys
from gaitmap_results.provenance.resources import ResourceMeter
meter = ResourceMeter.start()
block = bytearray(b"x" * 100_000_000)
del block
alone = meter.finish()
child = subprocess.Popen(
    [sys.executable, "-c", "import sys; b = b'x' * 200_000_000; del b; print(flush=True); sys.stdin.read()"],
    stdin=-1, stdout=-1,
)
child.stdout.readline()
print(json.dumps([alone, meter.finish()]))
child.communicate()
"""
    alone, together = (result["peak_memory_bytes"] for result in run_script(script))
    assert (alone["source"], alone["complete"], alone["includes_before_start"]) == ("vmhwm", True, True)
    assert 100_000_000 < alone["value"] == alone["main_process"] < 300_000_000
    assert together["complete"] is True
    assert together["value"] > together["main_process"] + 200_000_000
    assert alone["slurm_job"] is None


@on_linux
def test_the_peak_falls_back_to_what_the_system_tells(monkeypatch):
    """Where there is no /proc, the peak of this process is still known, in bytes."""
    monkeypatch.setattr("gaitmap_results.provenance.resources.peak_memory", lambda pid: None)
    peak = ResourceMeter.start().finish()["peak_memory_bytes"]
    assert peak["source"] == "rusage"
    assert 5_000_000 < peak["value"] < 50_000_000_000


def test_work_on_other_machines_is_not_called_complete(tmp_path):
    """Where a library is loaded that computes elsewhere, the numbers are said to be incomplete."""
    (tmp_path / "ray.py").touch()
    result = run_script(
        f"import json, sys; sys.path.insert(0, {str(tmp_path)!r}); import ray\n"
        "from gaitmap_results.provenance.resources import ResourceMeter\n"
        "print(json.dumps(ResourceMeter.start().finish()))"
    )
    for key in ("cpu_time_s", "peak_memory_bytes"):
        assert result[key]["complete"] is False
        assert result[key]["why_incomplete"] == ["ray is loaded, which can compute on other machines."]


def test_a_forked_child_knows_nothing():
    """A child that was forked during the run does not report its own numbers as those of the run."""
    meter = ResourceMeter.start()
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, json.dumps(meter.finish()).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        result = json.load(pipe)
    os.waitpid(pid, 0)
    assert result["cpu_time_s"]["value"] is None
    assert result["peak_memory_bytes"]["value"] is None
    assert result["n_processes_seen"] == 0
    assert meter.finish()["cpu_time_s"]["value"] is not None


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root may make a namespace")
def test_processes_that_cannot_be_listed_are_reported():
    """Where /proc shows other processes than one's own, the numbers cover this process and say so."""
    script = (
        "import json, subprocess, sys; from gaitmap_results.provenance.resources import ResourceMeter\n"
        "meter = ResourceMeter.start(); child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=-1)\n"
        "print(json.dumps(meter.finish())); child.communicate(b'\\n')"
    )
    command = ["unshare", "--pid", "--fork", sys.executable, "-c", script]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if not answer.stdout:
        pytest.skip("namespaces are not allowed here")
    result = json.loads(answer.stdout)
    assert "could not be listed" in result["cpu_time_s"]["why_incomplete"][0]
    assert (result["cpu_time_s"]["complete"], result["peak_memory_bytes"]["complete"]) == (False, False)
    assert result["peak_memory_bytes"]["source"] == "rusage"


@on_linux
@alone
def test_nothing_is_left_behind():
    """Measuring starts no thread and leaves no file open."""
    worker, threads, files = Worker(), threading.active_count(), open_files()
    meter = ResourceMeter.start()
    assert threading.active_count() == threads
    meter.finish()
    assert (threading.active_count(), open_files()) == (threads, files)
    worker.stop()
