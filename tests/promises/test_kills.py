"""A process is killed at every single call of the file system: what is on the disk then, and what becomes of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from faults import count_points, killed_at, run_in_child
from processes import python_environment
from stores import TwoFiles, check_complete, leftovers_of, record, runs_of, save, unfinished_of

from gaitmap_results import (
    discard_run,
    load_run_custom_metadata,
    recorded_run,
    recover_run,
    save_run,
    unfinished_runs,
)
from gaitmap_results.exceptions import SaveError

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can be forked and killed"),
]


SCENARIOS = {
    "a block": record,
    "a block that changes the challenge": lambda store, tell=lambda _: None: record(store, tell, change=True),
    "save_run": save,
}


def check_store_after_kill(store: Path, told: str) -> str:
    """Check everything that is promised of a store whose only process was killed; return what became of the run."""
    runs, unfinished = runs_of(store), unfinished_of(store)
    for run in unfinished:
        # A kill before the journal was written leaves a folder that can say nothing; no result is in it.
        expected = {("lost", "certain")} if (run.path / "journal.json").exists() else {("unknown", "unknown")}
        assert (run.status, run.certainty) in {*expected, ("lost", "certain")}
    if "e" not in told:
        assert len(unfinished) <= 1
        assert runs == []
        return "never entered"
    # The user's code ran, so that something on the disk must say what became of it, and only one thing.
    if "r" in told and "s" not in told and not unfinished:
        assert len(runs) <= 1
    else:
        assert len(runs) + len(unfinished) == 1
    if "s" in told:
        assert runs or unfinished[0].core_results == "complete"
    if runs:
        check_leftovers(store, runs[0])
        return "published"
    if unfinished and unfinished[0].core_results == "complete":
        check_recovery(store, unfinished[0].run_id)
        return "recovered"
    for run in unfinished:
        with pytest.raises(SaveError, match="core results"):
            recover_run(run.run_id, store)
        discard_run(run.run_id, store)
    assert leftovers_of(store) == []
    return "lost"


def check_recovery(store: Path, run_id: str) -> None:
    """Recover a run, and check that it is complete and that nothing is left behind."""
    path = recover_run(run_id, store)
    metadata = check_complete(path)
    assert metadata["is_debug_run"] is True
    assert metadata["debug_reasons"][-1]["code"] == "recovered"
    assert metadata["run_id"] == run_id
    assert runs_of(store) == [path]
    assert unfinished_of(store) == []
    assert leftovers_of(store) == []


def check_leftovers(store: Path, path: Path) -> None:
    """Check that a journal which a kill left behind is no second run, and that `recover` only clears it away."""
    for leftover in leftovers_of(store):
        run_id = leftover.name.split(".")[0]
        assert run_id == json.loads((path / "metadata.json").read_text())["run_id"]
        assert recover_run(run_id, store) == path
        break
    assert runs_of(store) == [path]
    assert leftovers_of(store) == []


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_no_kill_loses_results_or_shows_half_a_run(scenario, tmp_path):
    """Killed at each call in turn, a save leaves the whole run, or an unfinished one that can be recovered."""
    n_points = count_points(tmp_path / "counted", lambda: scenario(tmp_path / "counted"))
    assert n_points > 40
    outcomes = []
    for number in range(1, n_points + 1):
        store = tmp_path / str(number)

        def save_until_killed(tell, store=store, number=number):
            with killed_at(store, number):
                scenario(store, tell)

        told, status = run_in_child(save_until_killed)
        assert status == -signal.SIGKILL, f"call {number}: {status}"
        if store.exists():
            outcomes.append(check_store_after_kill(store, told))
    # All ways to end have been seen, and from one call on nothing is lost any more.
    assert {"lost", "recovered", "published"} <= set(outcomes)
    assert "lost" not in outcomes[outcomes.index("recovered") :]


def test_a_kill_while_copying_to_another_file_system(tmp_path):
    """Where the entry's folder lies on another file system, the copy beside it loses and doubles nothing either."""
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second file system")
    import tempfile

    with tempfile.TemporaryDirectory(dir=other) as elsewhere:

        def linked(name: str) -> Path:
            version = tmp_path / name / "stores.TwoFiles" / "1.0.0"
            version.mkdir(parents=True)
            target = Path(elsewhere, name)
            target.mkdir()
            (version / "entry").symlink_to(target)
            return tmp_path / name

        counted = linked("counted")
        n_points = count_points(tmp_path, lambda: record(counted))
        assert counted.joinpath("stores.TwoFiles", "1.0.0", "entry").resolve().parent == Path(elsewhere)
        first = n_points - 45  # what is before is the same as on one file system
        for number in range(first, n_points + 1):
            store = linked(str(number))

            def save_until_killed(tell, store=store, number=number):
                with killed_at(tmp_path, number):
                    record(store, tell)

            told, _ = run_in_child(save_until_killed)
            entry = store / "stores.TwoFiles" / "1.0.0" / "entry"
            runs = [path for path in entry.iterdir() if not path.name.startswith(".")]
            assert len(runs) <= 1
            for run in unfinished_of(store):
                assert (run.core_results, runs) == ("complete", [])
                runs = [recover_run(run.run_id, store)]
            assert "s" in told
            check_complete(runs[0])
            assert unfinished_of(store) == []


def test_a_kill_in_the_middle_of_recovering(tmp_path):
    """`recover` can be killed at any call, and called again."""

    def make_lost(store: Path) -> str:
        def die_staged(tell):
            def stop(letter):
                if letter == "s":
                    os.kill(os.getpid(), signal.SIGKILL)

            record(store, stop)

        run_in_child(die_staged)
        return unfinished_of(store)[0].run_id

    run_id = make_lost(tmp_path / "counted")
    n_points = count_points(tmp_path / "counted", lambda: recover_run(run_id, tmp_path / "counted"))
    for number in range(1, n_points + 1):
        store = tmp_path / str(number)
        run_id = make_lost(store)

        def recover_until_killed(tell, store=store, number=number, run_id=run_id):
            with killed_at(store, number):
                recover_run(run_id, store)

        assert run_in_child(recover_until_killed)[1] == -signal.SIGKILL
        if runs_of(store):
            assert unfinished_of(store) == []
        else:
            check_recovery(store, run_id)


def test_a_kill_in_the_middle_of_discarding(tmp_path, monkeypatch):
    """What is left of a run that was being deleted is never published as if it were whole."""
    scandir = os.scandir

    class ResultsFirst:
        """The content of a folder in the worst order; a file system has one of its own."""

        def __init__(self, path="."):
            with scandir(path) as entries:
                self.entries = iter(sorted(entries, key=lambda entry: entry.name, reverse=True))

        def __iter__(self):
            return self

        def __next__(self):
            return next(self.entries)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(os, "scandir", ResultsFirst)
    for number in range(1, 40):
        store = tmp_path / str(number)

        def die_staged(tell, store=store):
            def stop(letter):
                if letter == "s":
                    os.kill(os.getpid(), signal.SIGKILL)

            record(store, stop)

        run_in_child(die_staged)
        run_id = unfinished_of(store)[0].run_id

        def discard_until_killed(tell, store=store, number=number, run_id=run_id):
            with killed_at(store, number):
                discard_run(run_id, store)

        _, status = run_in_child(discard_until_killed)
        for run in unfinished_of(store):
            if run.core_results == "complete":
                check_recovery(store, run.run_id)
            else:
                with pytest.raises(SaveError):
                    recover_run(run.run_id, store)
                discard_run(run.run_id, store)
        if status == 0:
            return
    pytest.fail("it was never deleted")


def test_a_run_killed_in_the_middle_of_the_challenge_is_lost_at_once(tmp_path):
    """Right after a kill -9 the command says `lost`, for certain, and what is known about the run."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, time\n"
        "from stores import TwoFiles\n"
        "from gaitmap_results import recorded_run\n"
        "def entry():\n"
        "    print('running', flush=True)\n"
        "    time.sleep(600)\n"
        "with recorded_run(('gaitmap', 'slow'), path='store', use_git=False):\n"
        "    TwoFiles().run(entry)\n"
    )
    process = subprocess.Popen(
        [sys.executable, script], cwd=tmp_path, env=python_environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        (running,) = unfinished_runs(tmp_path / "store")
        assert (running.status, running.certainty) == ("running", "certain")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    command = "from gaitmap_results.cli import main; main(['unfinished', 'store', '--json'])"
    shown = subprocess.run(
        [sys.executable, "-c", command], cwd=tmp_path, env=python_environment(), capture_output=True, check=True
    )
    (lost,) = json.loads(shown.stdout)
    assert (lost["status"], lost["certainty"], lost["core_results"]) == ("lost", "certain", "none")
    assert lost["entry_name"] == ["gaitmap", "slow"]
    assert lost["run_id"] == running.run_id
    assert Path(lost["path"]).is_dir()
    assert lost["started"] == running.started.isoformat()


def test_what_was_known_of_a_lost_run_is_published_with_it(tmp_path):
    """A recovered run has the record that the program wrote when the challenge had finished."""

    def die_staged(tell):
        def stop(letter):
            if letter == "s":
                os.kill(os.getpid(), signal.SIGKILL)

        record(tmp_path / "store", stop)

    run_in_child(die_staged)
    path = recover_run(unfinished_of(tmp_path / "store")[0].run_id, tmp_path / "store")
    metadata = check_complete(path)
    normal = json.loads((record(tmp_path / "store") / "metadata.json").read_text())
    assert set(metadata) == set(normal)
    assert metadata["system_info"]["packages_info"] == normal["system_info"]["packages_info"]
    for key in ("repr_challenge", "command", "challenge_version", "entry_name"):
        assert metadata[key] == normal[key]
    assert metadata["runtime"] > 0
    assert metadata["timing_source"] == "challenge"
    assert load_run_custom_metadata(path) == {"note": "kept"}


def test_a_kill_while_core_results_are_written(tmp_path):
    """A part of the core results is called a part, although the program could not say so, and is not published."""

    class Dies(TwoFiles):
        def save_core_results(self, folder_path):
            (folder_path / "first.txt").write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)

    def run(tell):
        with recorded_run("entry", path=tmp_path, use_git=False):
            Dies().run(42)

    assert run_in_child(run) == ("", -signal.SIGKILL)
    (lost,) = unfinished_of(tmp_path)
    assert (lost.status, lost.core_results) == ("lost", "partial")
    assert (lost.path / "results" / "first.txt").read_text() == "half"
    with pytest.raises(SaveError, match="only a part"):
        recover_run(lost.run_id, tmp_path)


class Slow(TwoFiles):
    """Has a repr that takes for ever, until somebody loses patience."""

    patience = "kill"

    def __repr__(self) -> str:
        if self.patience == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise KeyboardInterrupt


def test_a_repr_that_hangs_until_the_program_is_killed(tmp_path):
    """The results are on the disk before the challenge is asked about itself, with all else that is known."""

    def run(tell):
        with recorded_run("entry", path=tmp_path, use_git=False, custom_metadata={"note": "kept"}):
            Slow().run(lambda: 42)

    assert run_in_child(run) == ("", -signal.SIGKILL)
    (lost,) = unfinished_of(tmp_path)
    metadata = check_complete(recover_run(lost.run_id, tmp_path))
    assert metadata["repr_challenge"] is None
    assert metadata["runtime"] >= 0
    assert metadata["system_info"]["python_version"]
    assert "repr_challenge" in [error["what"] for error in metadata["collection_errors"]]


def test_a_repr_that_hangs_until_ctrl_c(tmp_path, monkeypatch):
    """Ctrl-C ends the waiting, not the run: that is published, without what could not be said."""
    monkeypatch.setattr(Slow, "patience", "ctrl-c")

    # Not in this process: pytest would ask for the repr, too, to show a failure.
    def run(tell):
        with pytest.raises(KeyboardInterrupt), recorded_run("entry", path=tmp_path, use_git=False) as recorder:
            Slow().run(lambda: 42)
        metadata = check_complete(recorder.path_)
        assert metadata["repr_challenge"] is None
        assert "block.raised" in [reason["code"] for reason in metadata["debug_reasons"]]
        with pytest.raises(KeyboardInterrupt):
            save_run(Slow().run(42), "entry", custom_metadata={}, path=tmp_path / "by_hand", use_git=False)
        (run,) = unfinished_of(tmp_path / "by_hand")
        assert run.core_results == "complete"
        tell("k")

    assert run_in_child(run) == ("k", 0)
