"""A suite that ends in the middle, on every engine: nothing finished is lost, and the same command runs the rest."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from git_repository import GitRepository
from processes import python_environment
from suites import runs_in

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="sends signals"),
    pytest.mark.filterwarnings("default::ResourceWarning", "default::DeprecationWarning"),
]

PROGRAM = """
import json, os, sys, time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from gaitmap_results import BaseChallenge, dask_executor, record_run, run_entries

PLACE = Path(os.environ["CTRL_C_PLACE"])

class Steps(BaseChallenge):
    VERSION = "1.0.0"
    def run(self, number): self.number_ = number
    def save_core_results(self, folder): (folder / "number.txt").write_text(str(self.number_))
    @classmethod
    def load_core_results(cls, folder): return (folder / "number.txt").read_text()

@record_run(path=PLACE / "results", debug_run=False)
def lasting(number):
    (PLACE / f"begun.{number}").touch()
    while number and not (PLACE / "go_on").exists():
        time.sleep(0.02)
    Steps().run(number)

class ThisProcess(Executor):
    def submit(self, fn, /, *args, **kwargs):
        answer = Future()
        answer.set_result(fn(*args, **kwargs))
        return answer

def engine(name):
    if name == "fresh processes":
        return nullcontext()
    if name == "this process":
        return ThisProcess()
    if name == "threads":
        return ThreadPoolExecutor(1)
    if name == "processes":
        return ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    if name == "loky":
        from joblib.externals.loky import ProcessPoolExecutor as Loky
        return Loky(1)
    if name == "submitit":
        import submitit
        return nullcontext(submitit.LocalExecutor(folder=PLACE / "submitit"))
    import distributed
    cluster = distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0")
    return dask_executor(distributed.Client(cluster))

ENTRIES = [partial(lasting, number) for number in range(3)]

if __name__ == "__main__":
    with engine(sys.argv[1]) as executor:
        for outcome in run_entries(ENTRIES, executor=executor):
            print(outcome.status)
"""


pytest.importorskip("distributed", reason="tox -e integrations runs the engines")
pytest.importorskip("submitit")


@pytest.fixture
def study(tmp_path):
    """Return what starts a command in the folder of a committed suite, in a session of its own."""
    repository = GitRepository(tmp_path / "study")
    repository.write("ctrl_c_suite.py", PROGRAM)
    repository.write(".gitignore", "__pycache__/\n")
    repository.commit()
    return functools.partial(
        subprocess.Popen,
        cwd=repository.path,
        env=python_environment({"CTRL_C_PLACE": str(tmp_path)}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _wait_for_the_second(place, process):
    while not ((place / "begun.1").exists() and runs_in(place / "results")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)


def _run_the_rest(study, command, place):
    """Run the same command again, and check that it ran only what has no run."""
    finished = runs_in(place / "results")
    assert finished
    again = study(command)
    told, said = again.communicate(timeout=500)
    assert again.returncode == 0, said
    assert told.split().count("skipped") == len(finished)
    assert told.split().count("recorded") == 3 - len(finished)
    assert len(runs_in(place / "results")) == 3


@pytest.mark.parametrize(
    "engine", ["fresh processes", "this process", "threads", "processes", "loky", "submitit", "dask"]
)
def test_ctrl_c_loses_nothing_and_the_same_command_runs_the_rest(tmp_path, study, engine):
    """After Ctrl-C no process is left; the next time each entry that had finished is skipped, so each has one run."""
    command = [sys.executable, "ctrl_c_suite.py", engine]
    process = study(command)
    _wait_for_the_second(tmp_path, process)
    os.killpg(process.pid, signal.SIGINT)
    (tmp_path / "go_on").touch()
    _, said = process.communicate(timeout=500)
    assert process.returncode in (-signal.SIGINT, 130), said
    while _processes_of(tmp_path):
        time.sleep(0.05)
    _run_the_rest(study, command, tmp_path)


@pytest.mark.parametrize("engine", ["this process", "threads"])
def test_a_program_that_is_killed_loses_nothing_and_the_same_command_runs_the_rest(tmp_path, study, engine):
    """SIGKILL of the process that runs the entries itself ends all of it; what had finished is stored, once."""
    command = [sys.executable, "ctrl_c_suite.py", engine]
    process = study(command)
    _wait_for_the_second(tmp_path, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=500)
    (tmp_path / "go_on").touch()
    _run_the_rest(study, command, tmp_path)


def test_ctrl_c_of_the_command_leaves_a_cluster_of_dask_as_it_was(tmp_path, study):
    """What runs on is named and stored once, what had not begun leaves the cluster, which goes on working."""
    distributed = pytest.importorskip("distributed")
    dask = [sys.executable, "-c", "from dask.__main__ import main; main()"]
    address = ["--scheduler-file", str(tmp_path / "scheduler.json")]
    cluster = [
        study([*dask, *arguments, "--no-dashboard"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for arguments in (
            ["scheduler", "--host", "127.0.0.1", "--port", "0", *address],
            ["worker", *address, "--nthreads", "1"],
        )
    ]
    command = [sys.executable, "-c", "from gaitmap_results.cli import main; main()", "run", "ctrl_c_suite.py"]
    try:
        with distributed.Client(scheduler_file=address[1], timeout=500) as client:
            client.wait_for_workers(1, timeout=500)
            command += ["--executor", f"dask:{client.scheduler.address}"]
            process = study(command)
            _wait_for_the_second(tmp_path, process)
            os.killpg(process.pid, signal.SIGINT)
            table, said = process.communicate(timeout=500)
            assert process.returncode == 130, said
            assert [row.split()[1] for row in table.splitlines()[1:]] == ["recorded", "interrupted", "not"]
            assert "2 entries are left: lasting, lasting. Run the same command again" in said
            (tmp_path / "go_on").touch()
            while any(client.processing().values()):
                time.sleep(0.05)
            assert not (tmp_path / "begun.2").exists()
            assert client.submit(sum, [1, 2]).result(timeout=500) == 3
            assert client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.allowed_failures) == 3
            _run_the_rest(study, command, tmp_path)
    finally:
        for process in reversed(cluster):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _processes_of(place):
    """Return the processes of a program, which all have its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            is_its = process.environ().get("CTRL_C_PLACE") == str(place)
            if is_its and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found
