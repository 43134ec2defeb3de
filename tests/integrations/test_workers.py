"""Recorded functions in worker processes: of joblib, multiprocessing, concurrent.futures and dask."""

from __future__ import annotations

import importlib.util
import json
import multiprocessing
import os
import pickle
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from challenges import stored_runs
from processes import run_python

from gaitmap_results import record_run

# Everything is defined in the script itself, as in real ones, and the results folder is only known to the parent.
SCRIPT = """
import os, sys
from pathlib import Path
from gaitmap_results import BaseChallenge, LocalConfig, record_run, recorded_run, set_config

class StepCounting(BaseChallenge):
    VERSION = "1.0.0"

    def run(self, optimizer):
        self.optimizer = optimizer
        return self

    def save_core_results(self, folder_path):
        (folder_path / "pid.txt").write_text(f"{os.getpid()}")

    @classmethod
    def load_core_results(cls, folder_path):
        return (folder_path / "pid.txt").read_text()

@record_run(use_git=False)
def function(number):
    StepCounting().run(number)
    return number, os.getpid()

class Entries:
    @record_run(use_git=False)
    def method(self, number):
        StepCounting().run(number)
        return number, os.getpid()

    @record_run(use_git=False)
    @classmethod
    def class_method(cls, number):
        StepCounting().run(number)
        return number, os.getpid()

    @staticmethod
    @record_run(use_git=False)
    def static_method(number):
        StepCounting().run(number)
        return number, os.getpid()

def tasks():
    return [function, Entries().method, Entries.class_method, Entries.static_method]

if __name__ == "__main__":
    set_config(LocalConfig(results_dir=Path("results").resolve()))
    answers = []
"""

LOKY = """
from joblib import Parallel, delayed
answers = Parallel(n_jobs=2)(delayed(task)(number) for number, task in enumerate(tasks()))
"""
POOL = LOKY.replace("n_jobs=2", "n_jobs=2, backend='multiprocessing'")
# joblib reads this when it is imported.
JOBLIB_STARTS = {
    f"joblib multiprocessing, {start}": f"os.environ['JOBLIB_START_METHOD'] = {start!r}\n{POOL}"
    for start in ("spawn", "forkserver")
}
BACKENDS = {
    "loky": LOKY,
    "joblib multiprocessing": POOL,
    **JOBLIB_STARTS,
    "joblib threading": LOKY.replace("n_jobs=2", "n_jobs=2, backend='threading'"),
    "pool, spawned": """
import multiprocessing
with multiprocessing.get_context("spawn").Pool(1) as pool:
    answers = [pool.apply(task, (number,)) for number, task in enumerate(tasks())]
""",
    "executor": """
from concurrent.futures import ProcessPoolExecutor
with ProcessPoolExecutor(1) as executor:
    answers = [executor.submit(task, number).result() for number, task in enumerate(tasks())]
""",
    "dask": """
from distributed import Client, LocalCluster
with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
    answers = [client.submit(task, number).result() for number, task in enumerate(tasks())]
""",
}


def run_script(folder: Path, body: str, name: str = "my_entries.py") -> tuple[list[dict[str, Any]], str]:
    """Run a script whose main part goes on with ``body``; return its runs and what it said."""
    (folder / name).write_text(SCRIPT + textwrap.indent(textwrap.dedent(body), "    "))
    done = run_python(name, cwd=folder)
    return stored_runs(folder / "results"), done.stdout + done.stderr


@pytest.mark.parametrize("backend", BACKENDS)
def test_functions_of_a_script_record_in_workers(tmp_path, backend):
    """Decorated functions and methods of a script record in any worker, into the folder that the parent has set."""
    if backend == "dask" and importlib.util.find_spec("distributed") is None:
        pytest.skip("dask.distributed is not installed")
    if "multiprocessing" in backend and sys.platform == "win32":
        pytest.skip("joblib cannot send functions of a script this way on Windows")

    runs, _ = run_script(
        tmp_path,
        BACKENDS[backend]
        + """
assert [number for number, _ in answers] == [0, 1, 2, 3]
Path("pids.txt").write_text(" ".join(str(pid) for _, pid in answers))
""",
    )

    assert {run["entry_name"] for run in runs} == {"function", "method", "class_method", "static_method"}
    assert len(runs) == 4
    assert {run["challenge_name"] for run in runs} == {"my_entries.StepCounting"}
    assert {Path(run["caller_file_path"]).name for run in runs} == {"my_entries.py"}
    recorded_in = {path.read_text() for path in (tmp_path / "results").rglob("pid.txt")}
    assert recorded_in == set((tmp_path / "pids.txt").read_text().split())


def test_who_called_in_a_worker(tmp_path):
    """A worker knows where a function, or a block in a plain one, was written, whatever cloudpickle tells of it."""
    runs, _ = run_script(
        tmp_path,
        """
import functools
from joblib import Parallel, delayed

def plain(number):
    with recorded_run("block", path=Path("results").resolve(), use_git=False):
        StepCounting().run(number)

def around(function):
    return functools.wraps(function)(lambda *args: function(*args))

@record_run("again", use_git=False)
@around
def again(number):
    StepCounting().run(number)
    return again(number - 1) if number else None

Parallel(n_jobs=2)(delayed(task)(1) for task in (plain, function, again))
""",
    )

    assert sorted(run["entry_name"] for run in runs) == ["again", "again", "block", "function"]
    assert {Path(run["caller_file_path"]).name for run in runs} == {"my_entries.py"}
    source = (tmp_path / "my_entries.py").read_text().splitlines()
    (block,) = [run for run in runs if run["entry_name"] == "block"]
    assert block["caller"]["function"].endswith("plain")
    assert 'recorded_run("block"' in source[block["caller"]["line"] - 1]


# The functions are in a module that the workers import, and a folder for results that nobody wants lies in wait.
IMPORTED = {
    "dask": """
with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
    answers = [client.submit(task, number).result() for number, task in enumerate(tasks())]
""",
    "loky": LOKY,
    "executor": BACKENDS["executor"],
    "forkserver": BACKENDS["pool, spawned"].replace("spawn", "forkserver"),
    **JOBLIB_STARTS,
}


@pytest.mark.parametrize(
    ("backend", "first"), [("dask", "distributed"), *((backend, "my_module") for backend in IMPORTED)]
)
def test_functions_of_a_module_record_where_the_parent_says(tmp_path, backend, first):
    """Workers that could find another config take the parent's, whichever package was imported first."""
    if backend == "dask":
        pytest.importorskip("distributed", reason="needs dask.distributed: tox environment integrations")
    if "forkserver" in backend and sys.platform == "win32":
        pytest.skip("Windows cannot fork")
    imports = ["from my_module import *", "from distributed import Client, LocalCluster" if backend == "dask" else ""]
    (tmp_path / "my_module.py").write_text(SCRIPT.replace('if __name__ == "__main__":', "if False:"))
    (tmp_path / "pyproject.toml").write_text("[tool.gaitmap_results]\nresults_dir = 'others'\n")
    lines = imports[:: -1 if first == "distributed" else 1]
    main = 'set_config(LocalConfig(results_dir=Path("results").resolve()), debug=False)\n' + IMPORTED[backend]
    script = "\n".join([*lines, 'if __name__ == "__main__":', textwrap.indent(main, "    ")])
    (tmp_path / "script.py").write_text(script)

    run_python("script.py", cwd=tmp_path)

    runs = stored_runs(tmp_path / "results")
    assert {run["entry_name"] for run in runs} == {"function", "method", "class_method", "static_method"}
    assert [run["is_debug_run"] for run in runs] == [False] * 4
    assert not (tmp_path / "others").exists()


@pytest.mark.parametrize("start", ["spawn", "forkserver"])
def test_a_process_for_one_call(tmp_path, start):
    """A process that is started with a decorated function records it, too, in the parent's results folder."""
    if start not in multiprocessing.get_all_start_methods():
        pytest.skip("this system cannot start processes so")
    runs, _ = run_script(
        tmp_path,
        f"""
import multiprocessing
process = multiprocessing.get_context({start!r}).Process(target=function, args=(1,))
process.start()
process.join()
assert process.exitcode == 0
Path("pids.txt").write_text(str(process.pid))
""",
    )

    assert [run["entry_name"] for run in runs] == ["function"]
    recorded_in = [path.read_text() for path in (tmp_path / "results").rglob("pid.txt")]
    assert recorded_in == [(tmp_path / "pids.txt").read_text()]


def test_recorder_counts_its_workers(tmp_path):
    """A block around parallel work has the workers' CPU time and memory, and that of the whole tree is complete."""
    runs, _ = run_script(
        tmp_path,
        """
from joblib import Parallel, delayed

def work(number):
    import time
    start = time.process_time()
    while time.process_time() - start < 0.5:
        pass

with recorded_run("parent", use_git=False):
    Parallel(n_jobs=2)(delayed(work)(number) for number in range(2))
    StepCounting().run(None)
""",
    )

    (resources,) = [run["resources"] for run in runs]
    assert resources["cpu_time_s"]["value"] >= 0.9
    assert resources["cpu_time_s"]["complete"] is (sys.platform == "linux")
    assert resources["n_processes_seen"] >= 3
    peak = resources["peak_memory_bytes"]
    assert peak["value"] > peak["main_process"] > 0


def test_recorder_counts_the_workers_of_a_local_dask_cluster(tmp_path):
    """The CPU time of a local cluster is counted, and said to be incomplete, since dask may compute elsewhere."""
    pytest.importorskip("distributed", reason="needs dask.distributed: tox environment integrations")
    runs, _ = run_script(
        tmp_path,
        """
import psutil
from distributed import Client, LocalCluster

def work(seconds):
    import time
    start = time.process_time()
    while time.process_time() - start < seconds:
        pass

def used():
    process = psutil.Process()
    return sum(sum(each.cpu_times()[:2]) for each in (process, *process.children(recursive=True)))

with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
    client.submit(work, 2.0).result()
    before = used()
    with recorded_run("parent", use_git=False):
        client.submit(work, 1.0).result()
        StepCounting().run(None)
    Path("used.txt").write_text(str(used() - before))
""",
    )

    (resources,) = [run["resources"] for run in runs]
    assert resources["n_processes_seen"] >= 2
    for figure in (resources["cpu_time_s"], resources["peak_memory_bytes"]):
        assert figure["complete"] is False
        assert "distributed is loaded, which can compute on other machines." in figure["why_incomplete"]
    # What the worker did before the block does not count; each process is told in hundredths of a second.
    assert 0.9 <= resources["cpu_time_s"]["value"] <= float((tmp_path / "used.txt").read_text()) + 0.5


def test_unrecorded_run_in_a_worker_is_told(tmp_path):
    """A challenge that runs in a worker cannot be seen by the parent's block, which says so."""
    _, said = run_script(
        tmp_path,
        """
from joblib import Parallel, delayed
from gaitmap_results.exceptions import NoChallengeError
try:
    with recorded_run("parent", use_git=False):
        Parallel(n_jobs=2)(delayed(StepCounting().run)(number) for number in range(2))
except NoChallengeError as error:
    print(error)
""",
    )

    assert "They cannot see a run in another process" in said


def test_worker_without_config_refuses(tmp_path):
    """A worker that is told no results folder refuses to record, and the error reaches the parent."""
    (tmp_path / "my_module.py").write_text(
        "from gaitmap_results import record_run\n@record_run(use_git=False)\ndef entry():\n    pass\n"
    )
    script = """
    import multiprocessing
    if __name__ == "__main__":
        import my_module
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            try:
                pool.apply(my_module.entry)
            except Exception as error:
                print(type(error).__name__)
    """
    (tmp_path / "script.py").write_text(textwrap.dedent(script))

    assert run_python("script.py", cwd=tmp_path).stdout.split() == ["NoResultsFolderError"]


def test_unpicklable_config_costs_no_task(tmp_path):
    """A config that cannot be sent is told once in the log; the function is sent and runs all the same."""
    runs, said = run_script(
        tmp_path,
        """
from gaitmap_results import reset_config
from dataclasses import dataclass

@dataclass
class Datasets:
    def __reduce__(self):
        raise TypeError("these cannot be sent")

reset_config()
set_config(LocalConfig(results_dir=Path("results").resolve(), datasets=Datasets()))
os.environ["GAITMAP_RESULTS_CONFIG"] = "config.toml"
Path("config.toml").write_text("results_dir = 'results'")
import multiprocessing
with multiprocessing.get_context("spawn").Pool(1) as pool:
    pool.apply(function, (1,))
""",
    )

    assert [run["entry_name"] for run in runs] == ["function"]
    assert "The config cannot be sent to worker processes" in said


@record_run(use_git=False)
def decorated() -> int:
    """Be a function that can be imported."""
    return 1


def test_loading_a_pickle_from_a_file_changes_no_config(tmp_path):
    """Only workers take over the config of who pickled a function."""
    script = """
    import pickle, sys
    from pathlib import Path
    from gaitmap_results.config import find_config
    loaded = pickle.loads(Path(sys.argv[1]).read_bytes())
    print(loaded.__name__, find_config())
    """
    (tmp_path / "script.py").write_text(textwrap.dedent(script))
    code = """
import cloudpickle, my_entries
from pathlib import Path
from gaitmap_results import LocalConfig, set_config
set_config(LocalConfig(n_jobs=7))
Path("pickled").write_bytes(cloudpickle.dumps(my_entries.function))
"""
    (tmp_path / "my_entries.py").write_text(SCRIPT)
    run_python("-c", code, cwd=tmp_path)

    assert run_python("script.py", tmp_path / "pickled", cwd=tmp_path).stdout.split() == ["function", "None"]


def test_a_pickle_is_the_function_and_the_config():
    """Equal functions have equal pickles, so that their hashes are equal, too; loaded here it is the same function."""
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    assert pickle.dumps(decorated) == pickle.dumps(decorated)


def test_module_registered_by_value(tmp_path):
    """A module that cloudpickle is told to send by its content keeps its recording, too."""
    (tmp_path / "my_module.py").write_text(SCRIPT)
    code = """
import cloudpickle, my_module
cloudpickle.register_pickle_by_value(my_module)
open("pickled", "wb").write(cloudpickle.dumps(my_module.function))
"""
    run_python("-c", code, cwd=tmp_path)
    (tmp_path / "my_module.py").unlink()

    load = "import pickle; print(type(pickle.loads(open('pickled', 'rb').read())).__name__)"
    assert run_python("-c", load, cwd=tmp_path).stdout.split() == ["WrappedFunction"]


def test_cloudpickle_of_others_is_unchanged():
    """Functions that are not recorded are pickled as before: by value where local, by name where importable."""
    number = 3
    assert cloudpickle.loads(cloudpickle.dumps(lambda: number))() == 3
    assert cloudpickle.loads(cloudpickle.dumps(os.path.join)) is os.path.join
    assert cloudpickle.loads(cloudpickle.dumps(decorated)) is decorated
    assert cloudpickle.loads(cloudpickle.dumps(json.dumps)) is json.dumps


@pytest.mark.parametrize("gone", ["_function_reduce", "_dispatch_table", "_should_pickle_by_reference"])
def test_a_cloudpickle_that_has_changed(tmp_path, gone):
    """A cloudpickle that has another name for what is needed works as ever, and the log says what is not recorded."""
    (tmp_path / "cloudpickle").mkdir()
    for file in Path(cloudpickle.__file__).parent.glob("*.py"):
        (tmp_path / "cloudpickle" / file.name).write_text(file.read_text().replace(gone, f"{gone}_now"))
    code = """
import cloudpickle, my_module
number = 3
function = cloudpickle.loads(cloudpickle.dumps(my_module.function))
print(cloudpickle.loads(cloudpickle.dumps(lambda: number))(), function is my_module.function)
"""
    (tmp_path / "my_module.py").write_text(SCRIPT)
    done = run_python("-c", code, cwd=tmp_path)

    assert done.stdout.split() == ["3", "True"]
    assert re.search(rf"does not know this version of cloudpickle\.\w+, which has no {gone}\.", done.stderr)
    assert "they are NOT recorded" in done.stderr
