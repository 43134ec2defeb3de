"""Ctrl-C in the middle of a suite, on every engine: nothing finished is lost, and the same command runs the rest."""

from __future__ import annotations

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


@pytest.mark.parametrize(
    "engine", ["fresh processes", "this process", "threads", "processes", "loky", "submitit", "dask"]
)
def test_ctrl_c_loses_nothing_and_the_same_command_runs_the_rest(tmp_path, engine):
    """After Ctrl-C no process is left; the next time each entry that had finished is skipped, so each has one run."""
    repository = GitRepository(tmp_path / "study")
    repository.write("ctrl_c_suite.py", PROGRAM)
    repository.write(".gitignore", "__pycache__/\n")
    repository.commit()
    environment = python_environment({"CTRL_C_PLACE": str(tmp_path)})
    command = [sys.executable, "ctrl_c_suite.py", engine]
    process = subprocess.Popen(
        command, cwd=repository.path, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not ((tmp_path / "begun.1").exists() and runs_in(tmp_path / "results")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    (tmp_path / "go_on").touch()
    _, said = process.communicate(timeout=500)
    assert process.returncode in (-signal.SIGINT, 130), said
    while _processes_of(tmp_path):
        time.sleep(0.05)
    finished = runs_in(tmp_path / "results")
    assert finished

    again = subprocess.run(command, cwd=repository.path, env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert again.stdout.split().count("skipped") == len(finished)
    assert again.stdout.split().count("recorded") == 3 - len(finished)
    assert len(runs_in(tmp_path / "results")) == 3


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
