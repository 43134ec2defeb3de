"""Suites: each entry runs once, on every executor, and there is an outcome for each, whatever happens to it."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from git_repository import GitRepository
from processes import python_environment

from gaitmap_results import Entry, dask_executor, load_run_metadata, run_entries
from gaitmap_results.exceptions import GaitmapResultsError, InvalidOptionError, InvalidTargetError

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="kills with signals")


@pytest.fixture
def suite(tmp_path, monkeypatch):
    """Return the module of entries, with a store and a log of this test, in every process."""
    monkeypatch.setenv("SUITE_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("SUITE_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("PYTHONPATH", python_environment()["PYTHONPATH"])
    monkeypatch.delitem(sys.modules, "suite_entries", raising=False)
    import suite_entries

    suite_entries.LOG.write_text("")
    yield suite_entries
    sys.modules.pop("suite_entries", None)


def ran(suite):
    """Return what each challenge that ran has noted."""
    return sorted(suite.LOG.read_text().split())


def runs_in(store):
    """Return the run folders of a store."""
    return [path.parent for path in Path(store).glob("*/*/**/metadata.json") if ".unfinished" not in path.parts]


def executors():
    """Yield the names of the executors that are tested, and what makes them."""
    yield "fresh processes", lambda: None
    yield "threads", lambda: ThreadPoolExecutor(2)
    yield "processes", lambda: ProcessPoolExecutor(2, mp_context=get_context("spawn"))
    yield "loky", _loky
    yield "dask", _dask


def _loky():
    joblib = pytest.importorskip("joblib")
    assert joblib
    from joblib.externals.loky import ProcessPoolExecutor as Loky

    return Loky(2)


def _dask():
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    client = distributed.Client(cluster)
    executor = dask_executor(client)
    executor.close_all = lambda: (client.close(), cluster.close())
    return executor


@pytest.fixture
def executor(request):
    """Return an executor and end it afterwards."""
    made = dict(executors())[request.param]()
    yield made
    if made is not None:
        made.shutdown()
        getattr(made, "close_all", lambda: None)()


every_executor = pytest.mark.parametrize("executor", [name for name, _ in executors()], indirect=True)
ignoring_dask = pytest.mark.filterwarnings("default::ResourceWarning", "default::DeprecationWarning")


@every_executor
@ignoring_dask
def test_the_same_list_runs_everywhere(suite, executor):
    """Plain, asynchronous and generator entries, and Entry objects, are each recorded once by every executor."""
    outcomes = run_entries(suite.ENTRIES, executor=executor)
    assert [each.status for each in outcomes] == ["recorded"] * 4
    assert [each.entry_name for each in outcomes] == ["good", "waiting", "stepwise", ("group", "made")]
    assert sorted(each.path for each in outcomes) == sorted(runs_in(suite.STORE))
    assert ran(suite) == ["1", "2", "3", "4"]
    assert all(each.seconds > 0 and each.error is None for each in outcomes)


@every_executor
@ignoring_dask
def test_entries_that_fail_are_told_and_the_others_are_recorded(suite, executor):
    """An entry that raises, that calls sys.exit or that runs no challenge costs only itself."""
    entries = [suite.raising, suite.good, suite.exiting, suite.nothing, suite.waiting]
    outcomes = run_entries(entries, executor=executor)
    assert [each.status for each in outcomes] == ["failed", "recorded", "failed", "failed", "recorded"]
    assert outcomes[0].error == "ValueError: no data"
    assert outcomes[2].error == "SystemExit: 3"
    assert "NoChallengeError" in outcomes[3].error
    assert [each.path is None for each in outcomes] == [True, False, True, True, False]


@on_posix
@pytest.mark.parametrize("max_workers", [1, 2])
def test_a_process_that_dies_takes_no_other_with_it(suite, max_workers):
    """In fresh processes a kill costs one entry, and its outcome says by what it was ended."""
    outcomes = run_entries([suite.killed, suite.good, suite.leaving, suite.waiting], max_workers=max_workers)
    assert [each.status for each in outcomes] == ["lost", "recorded", "lost", "recorded"]
    assert outcomes[0].error == "its process was ended by SIGKILL"
    assert outcomes[2].error == "its process ended with exit code 7"


@on_posix
@pytest.mark.parametrize("executor", ["processes", "loky", "dask"], indirect=True)
@ignoring_dask
def test_a_worker_that_is_killed_leaves_an_outcome_for_each_entry(suite, executor):
    """Where a pool breaks, what did not run is named as lost, nothing runs twice, and the same call runs the rest."""
    entries = [suite.good, suite.killed, *(functools.partial(suite.good, n) for n in (20, 21, 22))]
    outcomes = run_entries(entries, executor=executor)
    assert outcomes[1].status == "lost"
    assert {each.status for each in outcomes} <= {"recorded", "lost"}
    assert len(runs_in(suite.STORE)) == sum(each.status == "recorded" for each in outcomes)
    executor.shutdown()  # what a broken pool had begun is ended by then
    assert len(ran(suite)) == len(set(ran(suite)))
    lost = [
        entry
        for entry, each in zip(entries, outcomes, strict=True)
        if each.status == "lost" and entry is not entries[1]
    ]
    assert [each.status for each in run_entries(lost)] == ["recorded"] * len(lost)
    assert len(runs_in(suite.STORE)) == 4


def test_what_was_stored_counts_as_recorded(suite, tmp_path):
    """An entry whose process dies after its run was stored is recorded, not lost."""
    script = tmp_path / "dying.py"
    script.write_text(
        "import os\n"
        "from suite_entries import Steps, entry\n"
        "@entry\n"
        "def dying():\n"
        "    Steps().run(5)\n"
        "    import atexit, threading\n"
        "    threading.Thread(target=die_when_stored, daemon=True).start()\n"
        "def die_when_stored():\n"
        "    import time\n"
        "    from pathlib import Path\n"
        "    while not list(Path(os.environ['SUITE_STORE']).glob('suite_entries.Steps/**/MANIFEST.sha256')):\n"
        "        time.sleep(0.001)\n"
        "    os._exit(9)\n"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        import dying

        # The thread may come too late to end the process before it answers; either way there is exactly one run.
        (outcome,) = run_entries([dying.dying])
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("dying", None)
    assert outcome.status == "recorded"
    assert [outcome.path] == runs_in(suite.STORE)


def test_outcomes_are_told_as_they_come(suite):
    """Whoever waits hears of each entry once, as soon as it is done."""
    told = []
    outcomes = run_entries([suite.good, suite.raising], on_outcome=told.append)
    assert sorted(map(str, told)) == sorted(map(str, outcomes))


def test_equal_entries_are_not_merged(suite):
    """The same entry twice is two runs, as somebody who lists it twice expects."""
    outcomes = run_entries([suite.good, suite.good], max_workers=2)
    assert len({each.path for each in outcomes}) == 2


def test_the_caller_of_an_entry_object_is_the_file_that_made_it(suite):
    """A record of an Entry names the file in which the suite is written."""
    (outcome,) = run_entries([suite.ENTRIES[3]])
    assert load_run_metadata(outcome.path)["caller_file_path"].endswith("suite_entries.py")


@pytest.mark.parametrize(
    ("entries", "error"),
    [
        ([print], InvalidTargetError),
        (["good"], InvalidTargetError),
        ([functools.partial(lambda: 1)], InvalidTargetError),
    ],
)
def test_what_is_no_entry_is_refused_before_anything_runs(suite, entries, error):
    """One wrong entry in the list is told before any of them runs."""
    with pytest.raises(error, match="Entry 1 of the suite"):
        run_entries([suite.good, *entries])
    assert ran(suite) == []


def test_wrong_arguments_are_refused_before_anything_runs(suite):
    """A partial that does not fit the function is told at once."""
    with pytest.raises(InvalidOptionError, match="cannot be called"):
        run_entries([suite.good, functools.partial(suite.good, m_steps=1)])
    assert ran(suite) == []


@pytest.mark.parametrize("options", [{"max_workers": 0}, {"max_workers": True}, {"skip": "commit"}])
def test_options_that_make_no_sense_are_refused(suite, options):
    """An option with a wrong value is told before anything runs."""
    with pytest.raises(InvalidOptionError):
        run_entries([suite.good], **options)
    with pytest.raises(GaitmapResultsError), ThreadPoolExecutor(1) as threads:
        run_entries([suite.good], executor=threads, max_workers=2)
    assert ran(suite) == []


@on_posix
def test_ctrl_c_ends_a_suite_in_order(suite, tmp_path):
    """After Ctrl-C no process is left, the journal of what ran says so, and the exit code is 130."""
    command = [sys.executable, "-c", "from gaitmap_results.cli import main; main()", "run", suite.__file__ + ":slow"]
    process = subprocess.Popen(
        command, env=python_environment(), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    mark = suite.LOG.with_suffix(".slow")
    while not mark.exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "The same command runs them" in said
    # multiprocessing's helper ends when it notices that its program did.
    with pytest.raises(ProcessLookupError):
        while True:
            os.killpg(process.pid, 0)
            time.sleep(0.05)


STUDY = """
import json
from gaitmap_results import BaseChallenge, record_run

class Steps(BaseChallenge):
    VERSION = "1.0.0"
    def run(self, n): self.n_ = n
    def save_core_results(self, folder): (folder / "n.json").write_text(json.dumps(self.n_))
    @classmethod
    def load_core_results(cls, folder): return json.loads((folder / "n.json").read_text())

@record_run(path="results", debug_run=False)
def first(value=1): Steps().run(value)
"""


def test_an_official_run_of_the_same_commit_is_skipped(tmp_path, monkeypatch):
    """An entry is skipped while nothing that could change its numbers has changed; --dry-run names what has."""
    repository = GitRepository(tmp_path / "study")
    repository.write("study.py", STUDY)
    repository.write(".gitignore", "results\n__pycache__\n")
    repository.commit()
    monkeypatch.chdir(repository.path)

    def command(*options):
        program = [sys.executable, "-c", "from gaitmap_results.cli import main; main()", "run", "study.py", "--json"]
        done = subprocess.run(
            [*program, *options], env=python_environment(), capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)[0]

    assert command("--dry-run") == {"entry_name": "first", "status": "missing", "path": None}
    recorded = command()
    assert recorded["status"] == "recorded"
    assert command("--dry-run") == {"entry_name": "first", "status": "recorded", "path": recorded["path"]}
    assert (command()["status"], command()["path"]) == ("skipped", recorded["path"])
    repository.write("more.py", "x = 1\n")
    assert command("--dry-run")["status"] == "missing"
    repository.commit()
    assert command("--dry-run")["status"] == "missing"
    assert command("--skip", "recorded")["status"] == "skipped"
    assert command()["status"] == "recorded"
    assert command("--skip", "none")["status"] == "recorded"


@on_posix
def test_what_is_running_elsewhere_is_not_started_again(suite):
    """An entry with a live journal is skipped, and the outcome says where it runs."""
    program = "import suite_entries; suite_entries.slow()"
    process = subprocess.Popen([sys.executable, "-c", program], env=python_environment())
    try:
        mark = suite.LOG.with_suffix(".slow")
        while not mark.exists():
            assert process.poll() is None
            time.sleep(0.02)
        outcomes = run_entries([suite.slow, suite.good], skip=None)
    finally:
        process.kill()
        process.wait()
    assert [each.status for each in outcomes] == ["skipped", "recorded"]
    assert "running already" in outcomes[0].error


def test_an_entry_takes_the_options_of_a_block(suite):
    """A misspelt option of an Entry is told where it is written."""
    with pytest.raises(TypeError, match="debug"):
        Entry("name", suite.Steps(), 1, debug=False)
