"""Suites: each entry runs once, on every executor, and there is an outcome for each, whatever happens to it."""

from __future__ import annotations

import functools
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from processes import python_environment
from suites import ran, runs_in, suite_in

from gaitmap_results import Entry, load_run_metadata, run_entries
from gaitmap_results.exceptions import GaitmapResultsError, InvalidOptionError, InvalidTargetError

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="kills with signals")


@pytest.fixture
def suite(tmp_path, monkeypatch):
    """Return the module of entries, with a store and a log of this test, in every process."""
    with suite_in(tmp_path, monkeypatch) as module:
        yield module


@on_posix
def test_a_process_that_dies_takes_no_other_with_it(suite):
    """In fresh processes a kill costs one entry, and its outcome says by what it was ended."""
    outcomes = run_entries([suite.killed, suite.good, suite.leaving, suite.waiting], max_workers=2)
    assert [each.status for each in outcomes] == ["lost", "recorded", "lost", "recorded"]
    assert outcomes[0].error == "its process was ended by SIGKILL"
    assert outcomes[2].error == "its process ended with exit code 7"


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
