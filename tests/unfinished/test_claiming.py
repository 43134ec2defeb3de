"""One process alone recovers or discards an unfinished run: it claims it by a rename."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from faults import count_points, killed_at, run_in_child
from stores import TwoFiles, check_complete, leftovers_of, record, runs_of, unfinished_of

from gaitmap_results import discard_run, recorded_run, recover_run, unfinished_runs
from gaitmap_results.exceptions import RecorderStateError, RunNotFoundError, SaveError
from gaitmap_results.store import staging
from gaitmap_results.unfinished import claiming, recovering
from gaitmap_results.unfinished.run_finding import find_places

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can be forked and killed")


@pytest.fixture
def store(tmp_path) -> Path:
    """Return a store with one run whose results are complete and whose process was killed."""

    def die(_):
        record(tmp_path / "store", lambda letter: letter == "s" and os.kill(os.getpid(), signal.SIGKILL))

    run_in_child(die)
    return tmp_path / "store"


@contextmanager
def another_process_recovers(store: Path, run_id: str) -> Iterator[int]:
    """Let another process claim a run and stop there; yield its number, and let it go on at the end."""
    from_child, to_parent = os.pipe()
    from_parent, to_child = os.pipe()
    child = os.fork()
    if child == 0:
        publish = recovering._publish

        def wait(*arguments):
            os.write(to_parent, b"claimed")
            os.read(from_parent, 1)
            return publish(*arguments)

        recovering._publish = wait
        code = 1
        try:
            recover_run(run_id, store)
            code = 0
        finally:
            os._exit(code)
    assert os.read(from_child, 7) == b"claimed"
    try:
        yield child
    finally:
        os.write(to_child, b"g")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) in (0, -signal.SIGKILL)


def test_a_run_that_another_process_recovers_is_not_available(store):
    """The second one is told so, with the number of the first, whether it recovers or discards; one run is stored."""
    (run,) = unfinished_of(store)
    with another_process_recovers(store, run.run_id) as other:
        for attempt in (recover_run, discard_run):
            with pytest.raises(RunNotFoundError, match=f"process {other} on this computer has claimed it"):
                attempt(run.run_id, store)
        with pytest.raises(RunNotFoundError, match="has claimed it"):
            recover_run(run.run_id, store, even_if_running=True)
        (listed,) = unfinished_runs(store)
        assert f"recovered or discarded by process {other}" in listed.evidence
        assert listed.core_results == "complete"
    (path,) = runs_of(store)
    check_complete(path)
    assert leftovers_of(store) == []


def test_a_claim_ends_with_its_process(store):
    """A process that is killed after its claim holds the run no longer, and nothing of it is lost."""
    (run,) = unfinished_of(store)
    with another_process_recovers(store, run.run_id) as other:
        os.kill(other, signal.SIGKILL)
        while claiming.holder_of(find_places(store)[0][0]) is not None:
            pass  # it becomes a zombie, and is waited for below
    (left,) = unfinished_of(store)
    assert ".claimed-" in left.path.name
    check_complete(recover_run(run.run_id, store))
    assert leftovers_of(store) == []


def test_a_run_that_is_claimed_between_the_look_and_the_rename(store, monkeypatch):
    """Who finds the run gone at the rename is told so; nothing is published twice."""
    (run,) = unfinished_of(store)
    claim = claiming._claim

    def slowly(place):
        monkeypatch.setattr(claiming, "_claim", claim)
        check_complete(recover_run(run.run_id, store))
        return claim(place)

    monkeypatch.setattr(claiming, "_claim", slowly)
    with pytest.raises(RunNotFoundError, match="another process has claimed it just now"):
        recover_run(run.run_id, store)
    assert len(runs_of(store)) == 1


@pytest.mark.parametrize("function", [recover_run, discard_run])
def test_a_kill_while_a_left_journal_is_deleted_makes_no_lost_run(function, store):
    """Of a published run only the journal is left: wherever its deletion is killed, no lost run is listed."""
    path = recover_run(unfinished_of(store)[0].run_id, store)
    run_id = check_complete(path)["run_id"]
    left = {"run_id": run_id, "status": "publishing", "core_results": "complete", "entry_name": "entry"}
    left |= {"challenge_name": "stores.TwoFiles", "challenge_version": "1.0.0"}
    aside = store / ".unfinished" / f"{run_id}.journal.json"
    aside.write_text(json.dumps(left))
    n_points = count_points(store, lambda: function(run_id, store))
    assert leftovers_of(store) == []
    for number in range(1, n_points + 1):

        def die(_, number=number):
            with killed_at(store, number):
                function(run_id, store)

        aside.write_text(json.dumps(left))
        run_in_child(die)
        assert unfinished_of(store) == []
        if leftovers_of(store):
            assert recover_run(run_id, store) == path
        assert leftovers_of(store) == []
        check_complete(path)


def test_threads_that_recover_at_the_same_time(store):
    """In one process, too, one of them publishes the run and the others get the error."""
    (run,) = unfinished_of(store)
    answers = []
    start = threading.Barrier(6)

    def recover():
        start.wait()
        try:
            answers.append(recover_run(run.run_id, store))
        except RunNotFoundError as error:
            answers.append(error)

    threads = [threading.Thread(target=recover) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({answer for answer in answers if isinstance(answer, Path)}) == 1
    assert len(answers) == 6
    (path,) = runs_of(store)
    check_complete(path)
    assert leftovers_of(store) == []


def test_a_recovery_that_fails_gives_the_run_back(store, monkeypatch):
    """It can be tried again at once, by any process, under its own name; the error says where the results are."""
    (run,) = unfinished_of(store)

    def refuse(*_, **__):
        raise PermissionError(13, "not today")

    with monkeypatch.context() as patch:
        patch.setattr(staging, "publish_folder", refuse)
        with pytest.raises(SaveError, match="not today") as raised:
            recover_run(run.run_id, store)
    assert raised.value.path == run.path
    assert [path.name for path in (store / ".unfinished").iterdir()] == [run.run_id]
    check_complete(recover_run(run.run_id, store))


def test_a_claim_that_cannot_be_judged_from_here_holds(store):
    """A process of another computer may still be at work; whoever knows better says so, or renames the folder."""
    (run,) = unfinished_of(store)
    claimed = run.path.with_name(f"{run.run_id}.claimed-4711-t1-00000000-00000000-00000000")
    run.path.rename(claimed)
    for attempt in (recover_run, discard_run):
        with pytest.raises(RunNotFoundError, match="cannot be seen from here") as raised:
            attempt(run.run_id, store)
        assert f"rename {claimed} to {run.run_id}" in str(raised.value)
    check_complete(recover_run(run.run_id, store, even_if_running=True))
    assert leftovers_of(store) == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs the identifier of the computer's start")
def test_a_claim_of_before_a_restart_holds_no_longer(store):
    """The same computer, started anew: the process that claimed the run is gone."""
    (run,) = unfinished_of(store)
    host, _, namespace = claiming._suffix().rsplit("-", 3)[1:]
    run.path.rename(run.path.with_name(f"{run.run_id}.claimed-4711-t1-{host}-00000000-{namespace}"))
    check_complete(recover_run(run.run_id, store))


def test_a_discard_claims_as_well(store, monkeypatch):
    """What is being deleted cannot be recovered meanwhile."""
    (run,) = unfinished_of(store)
    discard = staging.Staging.discard

    def check(self):
        with pytest.raises(RunNotFoundError, match="has claimed it"):
            recover_run(run.run_id, store)
        discard(self)

    monkeypatch.setattr(staging.Staging, "discard", check)
    discard_run(run.run_id, store)
    assert unfinished_of(store) == []


def test_a_fresh_heartbeat_is_not_overruled(tmp_path):
    """A block that gives signs of life is open, whatever one asks for; where its process is seen, that counts."""
    with recorded_run("entry", path=tmp_path, use_git=False, sample_resources_s=60):
        (file,) = tmp_path.glob(".unfinished/*/journal.json")
        run_id = file.parent.name
        text = file.read_text()
        file.write_text(text.replace(f'"host": "{os.uname().nodename}"', '"host": "another"'))
        (listed,) = unfinished_runs(tmp_path)
        assert (listed.status, listed.certainty) == ("running", "probable")
        with pytest.raises(RecorderStateError, match="sign of life"):
            recover_run(run_id, tmp_path, even_if_running=True)
        with pytest.raises(RecorderStateError, match="sign of life"):
            discard_run(run_id, tmp_path)
        file.write_text(text)
        TwoFiles(1).run(lambda: 1)
