"""Suites: each entry runs once, on every executor, and there is an outcome for each, whatever happens to it."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from processes import python_environment, run_python
from suites import ran, runs_in, suite_in

from gaitmap_results import Entry, load_run_metadata, recover_run, run_entries
from gaitmap_results.exceptions import (
    GaitmapResultsError,
    InvalidChallengeError,
    InvalidOptionError,
    InvalidTargetError,
)
from gaitmap_results.suites import fresh_processes
from gaitmap_results.suites.planning import plan_entries
from gaitmap_results.suites.skipping import StoreJudge

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="kills with signals")


@pytest.fixture
def suite(tmp_path, monkeypatch):
    """Return the module of entries, with a store and a log of this test, in every process."""
    with suite_in(tmp_path, monkeypatch) as module:
        yield module


@on_posix
def test_a_process_that_dies_takes_no_other_with_it(suite):
    """Whatever ends a fresh process costs one entry only; each outcome is told once, and says what happened."""
    told = []
    entries = [suite.killed, suite.good, suite.leaving, suite.pooled, suite.raising, suite.exiting, suite.ENTRIES[3]]
    outcomes = run_entries(entries, max_workers=2, on_outcome=told.append)
    expected = ["lost", "recorded", "lost", "recorded", "failed", "failed", "recorded"]
    assert [each.status for each in outcomes] == expected
    assert [each.error for each in outcomes if each.error] == [
        "its process was ended by SIGKILL",
        "its process ended with exit code 7",
        "ValueError: no data",
        "SystemExit: 3",
    ]
    assert sorted(map(str, told)) == sorted(map(str, outcomes))
    assert sorted(each.path for each in outcomes if each.path) == runs_in(suite.STORE)
    # The caller of an Entry object is the file that made it.
    assert load_run_metadata(outcomes[-1].path)["caller_file_path"].endswith("suite_entries.py")


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
def test_what_is_running_elsewhere_is_not_started_again(suite):
    """An entry with a live journal is skipped, and the outcome says where it runs."""
    program = "import suite_entries; suite_entries.slow()"
    process = subprocess.Popen([sys.executable, "-c", program], env=python_environment())
    try:
        mark = suite.LOG.with_suffix(".slow")
        while not mark.exists():
            assert process.poll() is None
            time.sleep(0.02)
        planned = plan_entries([suite.slow])
        assert StoreJudge(None, planned).judge(planned[0]).status == "running"
        outcomes = run_entries([suite.slow, suite.good], skip=None)
    finally:
        process.kill()
        process.wait()
    assert [each.status for each in outcomes] == ["skipped", "recorded"]
    assert "running already" in outcomes[0].error


def test_an_entry_that_leaves_the_folder_moves_no_other(suite, tmp_path, monkeypatch):
    """Relative paths of the next entry are those of the program, even in a thread of the same process."""
    monkeypatch.chdir(tmp_path)
    moving = functools.partial(suite.moving, str(tmp_path.parent))
    entries = [moving, Entry("after", suite.Steps(), 1, path="relative", use_git=False)]
    with ThreadPoolExecutor(1) as threads:
        outcomes = run_entries(entries, executor=threads)
    assert [each.status for each in outcomes] == ["recorded"] * 2
    assert outcomes[1].path.is_relative_to(tmp_path / "relative")


def test_what_is_no_challenge_is_refused_where_it_is_written(suite):
    """A class in place of its object, or something else, does not wait for its turn to fail."""
    for given in (object(), suite.Steps):
        with pytest.raises(InvalidChallengeError, match=r"is the class Steps|is not a challenge"):
            Entry("name", given, 1)


def test_what_cannot_be_pickled_is_told_with_what_to_do(suite):
    """A lock in a challenge is refused before anything runs, whether cloudpickle is installed or not."""
    challenge = suite.Steps()
    challenge.lock = threading.Lock()
    with pytest.raises(InvalidTargetError, match=r"cannot pickle.*write a function with @record_run"):
        run_entries([Entry("locked", challenge, 1, path=suite.STORE)])


def test_an_entry_takes_the_options_of_a_block(suite):
    """A misspelt option of an Entry is told where it is written."""
    with pytest.raises(TypeError, match="debug"):
        Entry("name", suite.Steps(), 1, debug=False)


@pytest.mark.parametrize("kind", ["Yielding", "Awaited", "InPool", "Unobserved"])
def test_an_entry_object_runs_a_challenge_of_any_kind_to_its_end(suite, kind):
    """What a block or a decorated function records, an Entry records, too."""
    with ThreadPoolExecutor(1) as threads:
        (outcome,) = run_entries(
            [Entry(kind, getattr(suite, kind)(), 9, path=suite.STORE, use_git=False)], executor=threads
        )
    assert (outcome.status, outcome.error) == ("recorded", None)
    assert [outcome.path] == runs_in(suite.STORE)
    assert suite.Steps.load_core_results(outcome.path / "results") == 9


@pytest.mark.parametrize("executor", [None, "threads"])
def test_an_entry_that_returns_unfinished_work_is_waited_for(suite, executor):
    """Its outcome is that of the work: a future of a pool, or an iterator that works when it is read."""
    entries = [suite.submitted, suite.mapped, suite.submitted_and_raising]
    with ThreadPoolExecutor(1) as threads:
        outcomes = run_entries(entries, executor=executor and threads)
    assert [(each.status, each.error) for each in outcomes] == [
        ("recorded", None),
        ("recorded", None),
        ("failed", "ValueError: too late"),
    ]
    assert sorted(each.path for each in outcomes[:2]) == runs_in(suite.STORE)


PROGRAM = """
import os
from pathlib import Path
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from suite_entries import LOG, Steps, entry
from gaitmap_results import run_entries

@entry
def mine():
    Steps().run(1)

with LOG.with_suffix(".starts").open("a") as file:
    file.write(f"{os.getpid()}\\n")
if len(LOG.with_suffix(".starts").read_text().split()) > 3:
    os._exit(9)  # it would go on forever
"""
UNGUARDED = """
executor = ProcessPoolExecutor(1, mp_context=get_context(os.environ["START"])) if os.environ["START"] else None
for outcome in run_entries([mine], executor=executor):
    print(outcome.status, outcome.error)
"""


@pytest.mark.parametrize("start", ["", "spawn"])
def test_a_program_without_a_guard_does_not_start_itself_again_and_again(suite, tmp_path, start):
    """`python -m PACKAGE` is imported by the worker, not by multiprocessing: the suite in it is refused there."""
    package = tmp_path / "guardless"
    package.mkdir()
    (package / "__main__.py").write_text(PROGRAM + UNGUARDED)
    done = run_python("-m", "guardless", cwd=tmp_path, env={"START": start})
    assert "failed" in done.stdout
    assert 'if __name__ == "__main__":' in done.stdout
    assert ran(suite) == []
    assert len(suite.LOG.with_suffix(".starts").read_text().split()) == 2


def test_a_script_without_a_guard_whose_pool_imports_it(suite, tmp_path):
    """A process of a spawned pool imports the script before it gets an entry; the suite is refused there."""
    (tmp_path / "guardless_script.py").write_text(PROGRAM + UNGUARDED)
    done = run_python("guardless_script.py", cwd=tmp_path, env={"START": "spawn"})
    assert "lost" in done.stdout
    assert "run_entries was called while a process that it started imports this program" in done.stderr
    assert ran(suite) == []
    assert len(suite.LOG.with_suffix(".starts").read_text().split()) == 2


def test_an_entry_that_only_the_program_itself_defines_says_so(suite, tmp_path):
    """What is written below the guard does not exist in a worker, and the outcome says where to put it."""
    program = PROGRAM + "if __name__ == '__main__':\n    @entry\n    def below(): Steps().run(1)\n"
    (tmp_path / "guarded.py").write_text(program + "    print(run_entries([below])[0].error)\n")
    done = run_python("guarded.py", cwd=tmp_path)
    assert "below is not defined where a worker imports" in done.stdout
    assert "Define it above" in done.stdout


def test_an_error_in_on_outcome_ends_no_running_entry(suite, monkeypatch):
    """Nothing new is started, what runs is recorded however long it takes, and the error is raised."""
    monkeypatch.setattr(fresh_processes, "_BY_ITSELF_S", 0.0)

    def tell(outcome):
        suite.LOG.with_suffix(".go_on").touch()
        raise ValueError(outcome.entry_name)

    with pytest.raises(ValueError, match="good"):
        run_entries([functools.partial(suite.held, 7), suite.good, suite.good], max_workers=2, on_outcome=tell)
    assert ran(suite) == ["1", "7"]
    assert len(runs_in(suite.STORE)) == 2


def test_complete_results_of_a_lost_entry_are_named(suite):
    """An entry that dies after its challenge has run says how to publish what was kept."""
    (outcome,) = run_entries([suite.dying_after_the_run])
    assert (outcome.status, outcome.path) == ("lost", None)
    run_id = re.search(r"gaitmap-results recover (\S+)", outcome.error)[1]
    assert load_run_metadata(recover_run(run_id, suite.STORE))["entry_name"] == "dying_after_the_run"


@on_posix
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_only_the_process_of_an_entry_answers(suite):
    """A child that the entry has forked, and that goes on as the entry, has no outcome of its own."""
    (outcome,) = run_entries([suite.forking])
    assert (outcome.status, [outcome.path]) == ("recorded", runs_in(suite.STORE))
