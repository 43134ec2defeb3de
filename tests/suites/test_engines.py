"""Engines: the same list of entries runs on each of them, once, and whatever happens there is an outcome for each."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

import pytest
from suites import ran, runs_in, suite_in

from gaitmap_results import Entry, dask_executor, run_entries
from gaitmap_results.exceptions import InvalidOptionError

distributed = pytest.importorskip("distributed", reason="tox -e integrations runs the engines")
submitit = pytest.importorskip("submitit")
on_posix = pytest.mark.skipif(sys.platform == "win32", reason="kills with signals")
pytestmark = pytest.mark.filterwarnings("default::ResourceWarning", "default::DeprecationWarning")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Yield the module of entries, with one store and log for all engines: their workers know them from the start."""
    with pytest.MonkeyPatch.context() as patch:
        with suite_in(tmp_path_factory.mktemp("suite"), patch) as module:
            yield module


@pytest.fixture
def suite(place):
    """Return the module of entries with an empty store and log."""
    shutil.rmtree(place.STORE, ignore_errors=True)
    for mark in place.LOG.parent.glob("log.*"):
        mark.unlink()
    place.LOG.write_text("")
    return place


class ThisProcess(Executor):
    """Runs what it is given at once, in this process and thread."""

    def submit(self, fn, /, *args, **kwargs):
        """Run a call."""
        answer = Future()
        try:
            answer.set_result(fn(*args, **kwargs))
        except BaseException as error:
            answer.set_exception(error)
        return answer


@contextmanager
def _loky():
    from joblib.externals.loky import ProcessPoolExecutor as Loky

    with Loky(2) as executor:
        yield executor


@contextmanager
def _dask():
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        with distributed.Client(cluster) as client, dask_executor(client) as executor:
            executor.client = client
            yield executor


@contextmanager
def _submitit():
    yield submitit.LocalExecutor(folder="submitit")


ENGINES = {
    "this process": ThisProcess,
    "threads": functools.partial(ThreadPoolExecutor, 2),
    "processes": functools.partial(ProcessPoolExecutor, 2, mp_context=get_context("spawn")),
    "loky": _loky,
    "dask": _dask,
    "submitit": _submitit,
}


@pytest.fixture(scope="module")
def shared():
    """Return what makes an engine, or has made it in this module, and end them all at its end."""
    made = {}

    def make(name):
        if name not in made:
            manager = ENGINES[name]()
            made[name] = manager, manager.__enter__()
        return made[name][1]

    yield make
    for manager, executor in made.values():
        if executor is not None:
            manager.__exit__(None, None, None)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_list_runs_everywhere(suite, shared, engine):
    """Entries of every kind are recorded once, and those that fail cost only themselves."""
    entries = [suite.good, *suite.ENTRIES, suite.raising, suite.exiting, suite.nothing]
    outcomes = run_entries(entries, executor=shared(engine))
    assert [each.status for each in outcomes] == ["recorded"] * 5 + ["failed"] * 3
    assert [each.entry_name for each in outcomes[:5]] == ["good", "good", "waiting", "stepwise", ("group", "made")]
    assert sorted(each.path for each in outcomes[:5]) == runs_in(suite.STORE)
    assert ran(suite) == ["1", "1", "2", "3", "4"]  # who lists the same entry twice expects two runs
    assert all(each.seconds > 0 and each.error is None for each in outcomes[:5])
    assert outcomes[5].error == "ValueError: no data"
    assert outcomes[6].error == "SystemExit: 3"
    assert "NoChallengeError" in outcomes[7].error


@on_posix
@pytest.mark.parametrize("engine", ["processes", "loky", "dask", "submitit"])
def test_a_worker_that_is_killed_leaves_an_outcome_for_each_entry(suite, shared, engine):
    """Where a pool breaks, what did not run is named as lost, nothing runs twice, and the same call runs the rest."""
    entries = [suite.good, suite.killed, *(functools.partial(suite.good, n) for n in (20, 21))]
    if engine in ("dask", "submitit"):
        outcomes = run_entries(entries, executor=shared(engine))
    else:
        with ENGINES[engine]() as executor:
            outcomes = run_entries(entries, executor=executor)
    assert outcomes[1].status == "lost"
    assert "had not begun" not in outcomes[1].error
    assert {each.status for each in outcomes} <= {"recorded", "lost"}, outcomes
    assert runs_in(suite.STORE) == sorted(each.path for each in outcomes if each.status == "recorded")
    assert len(ran(suite)) == len(set(ran(suite)))
    lost = [
        entry
        for entry, each in zip(entries, outcomes, strict=True)
        if each.status == "lost" and entry is not entries[1]
    ]
    assert [each.status for each in run_entries(lost, executor=shared("threads"))] == ["recorded"] * len(lost)
    assert len(runs_in(suite.STORE)) == 3


@pytest.mark.parametrize("engine", ["threads", "processes"])
def test_an_entry_that_is_interrupted_alone_has_failed(suite, shared, engine):
    """Only Ctrl-C of the program itself ends a suite, not an entry that raises KeyboardInterrupt somewhere else."""
    outcomes = run_entries([suite.interrupted, suite.good], executor=shared(engine))
    assert [each.status for each in outcomes] == ["failed", "recorded"]
    assert outcomes[0].error == "KeyboardInterrupt"


def test_ctrl_c_in_this_process_tells_what_was_done(suite):
    """What had ended before the interrupt is told as ever, nothing starts after it, and each entry has an outcome."""
    told = []
    with pytest.raises(KeyboardInterrupt) as raised:
        entries = [suite.good, suite.interrupted, suite.waiting]
        run_entries(entries, executor=ThisProcess(), on_outcome=told.append)
    assert [(each.entry_name, each.status, each.error) for each in told] == [
        ("good", "recorded", None),
        ("interrupted", "interrupted", "the suite was interrupted; KeyboardInterrupt"),
        ("waiting", "not started", None),
    ]
    assert ran(suite) == ["1"]
    if sys.version_info >= (3, 11):
        assert "interrupted, waiting" in "".join(raised.value.__notes__)


def test_a_worker_that_retires_makes_nothing_run_twice(suite, shared):
    """Dask starts a task again elsewhere when its worker leaves in order; the first start is the one that counts."""
    client = shared("dask").client
    client.cluster.scale(3)
    client.wait_for_workers(3, timeout=500)
    entries = [functools.partial(suite.held, n) for n in range(4)]

    def retire():
        mark = suite.LOG.with_suffix(".0")
        while not mark.exists():
            time.sleep(0.02)
        try:
            busy = next(worker for worker, tasks in client.processing().items() if tasks)
            client.retire_workers([busy])
        finally:
            suite.LOG.with_suffix(".go_on").touch()

    retiring = threading.Thread(target=retire)
    retiring.start()
    outcomes = run_entries(entries, executor=shared("dask"))
    retiring.join()
    assert len(ran(suite)) == len(set(ran(suite)))
    assert runs_in(suite.STORE) == sorted(each.path for each in outcomes if each.status == "recorded")
    assert {each.status for each in outcomes} <= {"recorded", "lost"}, outcomes


@on_posix
def test_a_scheduler_that_goes_away_leaves_an_outcome_for_each_entry(suite, tmp_path):
    """What ran on when Dask's scheduler was killed is recorded or lost, once, and the same call runs the rest."""
    dask = [sys.executable, "-c", "from dask.__main__ import main; main()"]
    address = ["--scheduler-file", str(tmp_path / "scheduler.json")]
    with (tmp_path / "dask.log").open("wb") as log:
        start = functools.partial(subprocess.Popen, stdout=log, stderr=log, cwd=tmp_path, start_new_session=True)
        scheduler = start([*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", *address, "--no-dashboard"])
        worker = start([*dask, "worker", *address, "--nthreads", "1", "--no-dashboard", "--no-nanny"])
    try:
        with distributed.Client(scheduler_file=address[1], timeout=500) as client:
            client.wait_for_workers(1, timeout=500)
            threading.Thread(target=_kill_when_begun, args=(suite, scheduler)).start()
            # Not those of another test, of which a worker may still hold one.
            entries = [functools.partial(suite.held, n) for n in range(10, 13)]
            outcomes = run_entries(entries, executor=dask_executor(client))
    finally:
        for process in (scheduler, worker):
            process.kill()
            process.wait()
    assert {each.status for each in outcomes} <= {"recorded", "lost"}, outcomes
    assert all("scheduler is gone" in each.error for each in outcomes if each.status == "lost")
    begun = ran(suite)
    assert len(begun) == len(set(begun))
    assert [each.status for each in run_entries(entries, executor=ThisProcess())] == ["recorded"] * 3
    assert len(runs_in(suite.STORE)) <= len(begun) + 3


def _kill_when_begun(suite, process):
    while not suite.LOG.with_suffix(".10").exists():
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    suite.LOG.with_suffix(".go_on").touch()


def test_a_client_of_dask_is_refused_with_what_to_give(shared):
    """What would compute finished entries again is refused before anything runs."""
    client = shared("dask").client
    for executor in (client, client.get_executor()):
        with pytest.raises(InvalidOptionError, match=r"dask_executor\(client\)"):
            run_entries([], executor=executor)


def test_a_worker_without_config_and_in_another_folder_gets_both(place, tmp_path, monkeypatch):
    """Entries find the config and the paths of the program that sends them, on every worker."""
    from gaitmap_results import LocalConfig, set_config

    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with _submitit() as executor, ENGINES["processes"]() as processes:
        monkeypatch.chdir(tmp_path)
        set_config(LocalConfig(results_dir="store"))
        entries = [Entry("config", place.Steps(), 1), Entry("path", place.Steps(), 1, path="relative")]
        for each in (executor, processes):
            assert [each.status for each in run_entries(entries, executor=each)] == ["recorded"] * 2
    assert len(runs_in("store")) == 2
    assert len(runs_in("relative")) == 2
