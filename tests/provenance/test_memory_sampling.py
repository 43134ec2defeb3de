"""The thread that looks at the processes of a run now and then."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from fractions import Fraction
from types import SimpleNamespace

import pytest
from faults import run_in_child
from processes import run_python
from stores import TwoFiles, runs_of, unfinished_of

from gaitmap_results import load_run_metadata, record_run, recorded_run
from gaitmap_results.exceptions import InvalidOptionError
from gaitmap_results.provenance.memory_sampling import Sampler
from gaitmap_results.provenance.resources import ResourceMeter

if sys.platform == "win32":
    pytest.skip("its processes are started and stopped by signals", allow_module_level=True)

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells this")
forking = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

GROW = "b = b'x' * 200_000_000; print('grown', flush=True); import sys; sys.stdin.read()"
BURN = "import time\nwhile time.process_time() < 0.5: pass\nprint('done', flush=True); import sys; sys.stdin.read()"


class Worker:
    """A process that runs a script and waits for its end."""

    def __init__(self, script):
        self.process = subprocess.Popen([sys.executable, "-c", script], stdin=-1, stdout=-1, text=True)

    def wait_for(self, word):
        assert self.process.stdout.readline() == f"{word}\n"

    def end(self):
        self.process.communicate()


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Let the end of a block wait for a look as long as a busy machine needs for it."""
    monkeypatch.setattr("gaitmap_results.provenance.memory_sampling._PATIENCE_S", 500.0)


def samplers():
    """Return the threads that look at processes."""
    return [thread for thread in threading.enumerate() if "sampler" in thread.name]


def wait_for(condition):
    """Wait until something is so; on a busy machine that may take a while."""
    end = time.monotonic() + 500
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def looks(meter):
    """Return how often a meter has looked in between."""
    return meter._sampler._seen.n_looks


def wait_for_looks(meter, number=2):
    """Wait for looks that began after now."""
    wanted = looks(meter) + number
    wait_for(lambda: looks(meter) >= wanted)


def test_the_memory_of_a_worker_that_ended_is_seen():
    """A worker that grows to 200 MB and ends during the run is in the sampled sum, and on Linux in the peak."""
    meter = ResourceMeter.start(interval_s=0.02)
    worker = Worker(GROW)
    worker.wait_for("grown")
    wait_for_looks(meter)
    worker.end()
    peak = meter.finish()["peak_memory_bytes"]
    assert peak["sampled"]["value"] > 200_000_000 + 5_000_000
    if sys.platform == "linux":
        assert peak["value"] > peak["main_process"] + 200_000_000
    assert peak["complete"] is False
    assert any("only at the times of the samples" in why for why in peak["why_incomplete"])


@on_linux
def test_workers_one_after_the_other_do_not_add_up():
    """The sums are those of one moment: two workers of 200 MB that were never there together count once."""
    # In a process of its own, as the idle workers of other tests would count, too.
    script = f"""
import json, subprocess, sys, time
from gaitmap_results.provenance.resources import ResourceMeter
meter = ResourceMeter.start(interval_s=0.02)
for _ in range(2):
    worker = subprocess.Popen([sys.executable, "-c", {GROW!r}], stdin=-1, stdout=-1, text=True)
    worker.stdout.readline()
    before = meter._sampler._seen.n_looks
    while meter._sampler._seen.n_looks < before + 2:
        time.sleep(0.01)
    worker.communicate()
print(json.dumps(meter.finish()))
"""
    answer = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True)
    peak = json.loads(answer.stdout)["peak_memory_bytes"]
    assert 200_000_000 < peak["value"] - peak["main_process"] < 400_000_000
    assert 200_000_000 < peak["sampled"]["value"] < 400_000_000 + peak["main_process"]


def test_the_sample_tells_how_it_was_made():
    """It has the number of looks, the pause asked for and the longest one, and says that it is a lower bound."""
    clock = time.monotonic()
    meter = ResourceMeter.start(interval_s=0.02)
    wait_for_looks(meter, 3)
    peak = meter.finish()["peak_memory_bytes"]
    total = time.monotonic() - clock
    sampled = peak["sampled"]
    assert sampled["n_looks"] >= 4
    assert sampled["interval_s"] == 0.02
    assert 0.02 <= sampled["longest_gap_s"] <= total
    assert sampled["why_incomplete"] == ["The memory use between two samples may have been higher."]
    assert 5_000_000 < sampled["value"] < 50_000_000_000


def test_without_the_option_there_is_no_thread(tmp_path):
    """By default nothing looks in between, and the record says so."""
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        TwoFiles().run(42)
        assert samplers() == []
    assert recorder.metadata_["resources"]["peak_memory_bytes"]["sampled"] is None


@on_linux
def test_a_worker_that_outlived_its_parent_is_said_to_be_missing():
    """A worker of the run that lives on below another parent is not counted, and the sum says so, also if it ends."""
    meter = ResourceMeter.start(interval_s=0.02)
    script = f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {BURN!r}]); print(p.pid, flush=True)"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{script}; input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    pid = int(process.stdout.readline())
    wait_for(lambda: any(each.pid == pid for each in meter._sampler._seen.processes))
    process.kill()
    process.wait()
    wait_for_looks(meter)
    os.kill(pid, signal.SIGKILL)
    result = meter.finish()
    process.stdin.close(), process.stdout.close()
    assert result["cpu_time_s"]["complete"] is False
    assert any("outlived" in why for why in result["cpu_time_s"]["why_incomplete"])
    assert result["n_processes_seen"] >= 3


@pytest.mark.parametrize(("cost_s", "least", "most"), [(0.0, 0.0, 1e-6), (5.0, 500.0, 1000.0)])
def test_the_pauses_grow_where_a_look_is_expensive(cost_s, least, most, monkeypatch):
    """However short the interval, looking takes no more than half a percent of a processor's time."""
    used = itertools.count(0.0, cost_s)
    clocks = SimpleNamespace(monotonic=time.monotonic, thread_time=lambda: next(used))
    monkeypatch.setattr("gaitmap_results.provenance.memory_sampling.time", clocks)
    sampler, pauses = Sampler(1e-6), []

    def wait(seconds):
        pauses.append(seconds)
        sampler.stop()

    monkeypatch.setattr(sampler._stopped, "wait", wait)
    sampler._run()
    (pause,) = pauses
    assert least <= pause <= most  # what is left of it when the sampler waits


@pytest.mark.parametrize("ending", ["normal", "exception", "exception before"])
def test_the_thread_ends_with_the_block(ending, tmp_path):
    """Whether the block ends well or with an exception, before or after the run, no thread is left."""
    try:
        with recorded_run("entry", path=tmp_path, use_git=False, sample_resources_s=0.01):
            assert len(samplers()) == 1
            assert samplers()[0].daemon
            if ending == "exception before":
                raise KeyError
            TwoFiles().run(42)
            if ending == "exception":
                raise KeyError
    except KeyError:
        pass
    assert samplers() == []
    if ending == "exception before":
        assert [run.status for run in unfinished_of(tmp_path)] == ["failed"]
        return
    (path,) = runs_of(tmp_path)
    sampled = load_run_metadata(path)["resources"]["peak_memory_bytes"]["sampled"]
    assert sampled["n_looks"] >= 1
    assert sampled["interval_s"] == 0.01


def test_the_thread_ends_if_the_block_cannot_be_entered(tmp_path, monkeypatch):
    """A block that fails in the last moment of entering leaves no thread that gives signs of life for ever."""

    def interrupt(block):
        raise KeyboardInterrupt

    monkeypatch.setattr("gaitmap_results.user_code.open_blocks.open_block", interrupt)
    recorder = recorded_run("entry", path=tmp_path, use_git=False, sample_resources_s=0.01)
    with pytest.raises(KeyboardInterrupt), recorder:
        pytest.fail("the block was entered")
    wait_for(lambda: samplers() == [])


@forking
def test_a_child_that_is_forked_in_the_block_has_no_thread_and_ends(tmp_path):
    """A fork at any moment of a look leaves a child that can leave the block, record a run of its own, and end."""
    with recorded_run("entry", path=tmp_path / "parent", use_git=False, sample_resources_s=0.001) as recorder:

        def work(tell):
            assert samplers() == []
            recorder.__exit__(None, None, None)
            with recorded_run("child", path=tmp_path / "child", use_git=False, sample_resources_s=0.001):
                TwoFiles().run(42)
            tell(str(len(samplers())))

        for _ in range(10):
            assert run_in_child(work) == ("0", 0)
        assert len(samplers()) == 1
        TwoFiles().run(42)
    assert len(runs_of(tmp_path / "child")) == 10
    assert len(runs_of(tmp_path / "parent")) == 1


PROGRAM = """
import multiprocessing, os, sys, warnings
from stores import TwoFiles
from gaitmap_results import recorded_run
options = {"sample_resources_s": 0.001} if sys.argv[1:] else {}
recorder = recorded_run("entry", path="store", use_git=False, **options)
"""


@pytest.mark.parametrize(
    "rest",
    [
        "recorder.__enter__(); TwoFiles().run(42)",  # the block is never left
        "recorder.__enter__(); sys.exit(0)",
        "with recorder: TwoFiles().run(42); sys.exit(0)",
        "def steps():\n    with recorder:\n        TwoFiles().run(42)\n        yield\nkept = steps(); next(kept)",
        "with recorder, multiprocessing.get_context('fork').Pool(2) as p: TwoFiles().run(sum(p.map(abs, range(9))))",
    ],
    ids=["never left", "never left and exit", "exit", "generator", "pool"],
)
def test_a_program_ends_as_it_does_without_the_thread(rest, tmp_path):
    """At the end of the interpreter the thread neither holds it up nor says anything."""

    def say(*arguments):
        command = ("-W", "ignore::DeprecationWarning", "-c", PROGRAM + rest, *arguments)
        done = run_python(*command, cwd=tmp_path)
        return done.stdout, [line for line in done.stderr.splitlines() if "debug run" not in line]

    assert say("sample") == say()


class Broken(Exception):
    """What looking at processes never raises."""


def test_errors_in_the_thread_become_sentences(capfd, monkeypatch):
    """What goes wrong in the thread is told in the record, once, and nowhere else; signs of life go on."""
    beats = []

    def fail():
        raise Broken("it rains")

    def beat():
        beats.append(1)
        raise OSError("no pulse")

    monkeypatch.setattr("gaitmap_results.provenance.memory_sampling.descendants", fail)
    sampler = Sampler(0.001, beat=beat, beat_interval_s=0.001)
    assert sampler.start()
    wait_for(lambda: len(beats) >= 3)
    seen = sampler.finish()
    assert set(seen.problems) == {
        "The processes could not be sampled: Broken: it rains.",
        "The heartbeat could not be written: OSError: no pulse.",
    }
    assert (seen.highest_sum, seen.n_looks) == (None, 0)
    assert capfd.readouterr() == ("", "")


def test_a_look_that_does_not_end_does_not_hold_the_run(monkeypatch):
    """Where the file system of the journal hangs, the block ends all the same, and says that the look did not."""
    hanging = threading.Event()
    monkeypatch.setattr("gaitmap_results.provenance.memory_sampling._PATIENCE_S", 0.1)
    reached = threading.Event()

    def beat():
        reached.set()
        hanging.wait()

    sampler = Sampler(0.001, beat=beat, beat_interval_s=0.001)
    sampler.start()
    assert reached.wait(500)
    seen = sampler.finish()  # or this test would never end
    assert seen.problems == ("The last sample of the processes did not end in time.",)
    hanging.set()
    sampler._thread.join()


def test_where_no_thread_can_be_started(tmp_path, monkeypatch):
    """The run is recorded, the record tells it, and nobody waits for signs of life."""

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with recorded_run("entry", path=tmp_path, use_git=False, sample_resources_s=1) as recorder:
        (journal,) = tmp_path.glob(".unfinished/*/journal.json")
        assert json.loads(journal.read_text())["heartbeat_s"] is None
        TwoFiles().run(42)
    sampled = recorder.metadata_["resources"]["peak_memory_bytes"]["sampled"]
    assert sampled["n_looks"] == 1
    assert "can't start new thread" in sampled["why_incomplete"][1]


@pytest.mark.parametrize("value", [True, False, float("nan"), float("inf"), 0, -1, 0.0, -0.5, "1", b"1", [1], 10**400])
def test_what_is_no_number_of_seconds_is_refused_before_the_run(value, tmp_path):
    """Whatever is no positive number of seconds is told when the block is entered, and nothing is made."""
    with pytest.raises(InvalidOptionError, match="sample_resources_s"):
        with recorded_run("entry", path=tmp_path, use_git=False, sample_resources_s=value):
            pytest.fail("the block was entered")

    @record_run(path=tmp_path, use_git=False, sample_resources_s=value)
    def entry():
        pytest.fail("the function was called")

    with pytest.raises(InvalidOptionError, match="sample_resources_s"):
        entry()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [1, 1e-9, 1e300, Fraction(1, 2)])
def test_any_positive_number_of_seconds_is_taken(value, tmp_path):
    """Whole numbers, fractions, and those at the ends of what a number can be."""
    with recorded_run("entry", path=tmp_path, use_git=False, sample_resources_s=value) as recorder:
        TwoFiles().run(42)
    assert recorder.metadata_["resources"]["peak_memory_bytes"]["sampled"]["interval_s"] == float(value)


def test_numbers_of_numpy_are_taken(tmp_path):
    """A number of NumPy is a number; its truth value is none."""
    numpy = pytest.importorskip("numpy")
    with recorded_run("entry", path=tmp_path, use_git=False, sample_resources_s=numpy.float32(0.5)) as recorder:
        TwoFiles().run(42)
    assert recorder.metadata_["resources"]["peak_memory_bytes"]["sampled"]["interval_s"] == 0.5
    with pytest.raises(InvalidOptionError):
        recorded_run("entry", path=tmp_path, sample_resources_s=numpy.bool_(1)).__enter__()
