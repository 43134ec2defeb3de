"""The heartbeat of a run, and what is concluded from it on another computer."""

from __future__ import annotations

import errno
import json
import os
import tempfile
import threading
import time
from pathlib import Path

import pytest
from processes import run_python
from stores import TwoFiles, leftovers_of, runs_of

from gaitmap_results import recorded_run, unfinished_runs
from gaitmap_results.provenance.process_identity import current_process
from gaitmap_results.store import heartbeat
from gaitmap_results.store.heartbeat import SignOfLife, beat, last_sign_of_life
from gaitmap_results.store.journal import JournalContent
from gaitmap_results.unfinished.slurm_queue import JobAnswer
from gaitmap_results.unfinished.verdict import judge

RUN_ID = "00000000-0000-4000-8000-000000000001"


class FixedSlurm:
    """Gives the same answer for every job."""

    def __init__(self, answer=None):
        self.answer = answer

    def ask(self, job_id, *, started):
        return self.answer


OVER = JobAnswer(True, "Slurm says that job 7 has ended (TIMEOUT)")
ACTIVE = JobAnswer(False, "Slurm says that job 7 is active (RUNNING)")


@pytest.fixture
def journal(tmp_path):
    """Return a function that leaves the journal of a run of another computer, with its last heartbeat so long ago."""

    def leave(age_s, *, aside=False, **changes):
        process = {**current_process().to_json(), "host": "another", "slurm_job_id": "7"}
        content = {"status": "running", "process": process, "heartbeat_s": 30.0, "started_utc": 1.0, **changes}
        folder = tmp_path / ".unfinished" / RUN_ID
        folder.mkdir(parents=True, exist_ok=True)
        file = folder.with_name(f"{RUN_ID}.journal.json") if aside else folder / "journal.json"
        file.write_text(json.dumps(content))
        moment = time.time() - age_s
        os.utime(file, (moment, moment))
        return JournalContent.from_json(content), file

    return leave


@pytest.fixture
def often(monkeypatch):
    """Let the hearts of this process beat several times a second."""
    monkeypatch.setattr(heartbeat, "_SHORTEST_S", 0.02)


def wait_for(condition):
    """Wait until something is so; on a busy machine that may take a while."""
    end = time.monotonic() + 500
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("age_s", "interval_s", "expected"),
    [
        (0, 30, "running"),
        (100, 30, "running"),
        (310, 30, "lost"),
        (100, 0.001, "running"),
        (2000, 360, "running"),
        (3700, 360, "lost"),
        (3e6, 30, "lost"),
        (-200, 30, "running"),
    ],
)
def test_ten_heartbeats_that_are_missing_are_a_lost_run(age_s, interval_s, expected, journal):
    """Of a run elsewhere one knows that it is probably lost, or probably running, from the age of its heartbeat."""
    content, file = journal(age_s, heartbeat_s=interval_s)
    verdict = judge(content, FixedSlurm(), file)
    assert (verdict.status, verdict.certainty) == (expected, "probable")
    for part in ("another", "cannot be seen from here", "sign of life"):
        assert part in verdict.evidence


def test_the_limit_is_ten_intervals():
    """Up to the tenth missing heartbeat a run may be alive."""
    assert [SignOfLife(30.0, age_s, by_file_system=True).is_overdue for age_s in (299.0, 301.0)] == [False, True]


@pytest.mark.parametrize(("age_s", "words"), [(12, "12 s"), (600, "10 minutes"), (7300, "2 hours"), (1e6, "12 days")])
def test_the_words_say_how_old_the_last_sign_of_life_is(age_s, words):
    """One reads how often it was expected and when it came last."""
    said = SignOfLife(30.0, age_s, by_file_system=True).words
    assert said == f"it gives a sign of life every 30 s, and the last one was {words} ago"


@pytest.mark.parametrize("value", [None, True, "30", 0, -1, float("nan"), float("inf"), [30], {}])
def test_a_run_without_a_heartbeat_is_judged_as_before(value, journal):
    """Where the journal promises no heartbeat, or something that is none, its age says nothing."""
    content, file = journal(1e6, heartbeat_s=value)
    assert judge(content, FixedSlurm(), file).status == "unknown"
    assert judge(content, FixedSlurm(ACTIVE), file).status == "running"
    verdict = judge(content, FixedSlurm(), file)
    assert verdict.status == "unknown"
    assert "does not mean" in verdict.evidence


def test_a_time_far_in_the_future_is_no_sign_of_life(journal):
    """A clock that was wrong cannot let a run seem to be running for years."""
    content, file = journal(-1e6)
    assert judge(content, FixedSlurm(), file).status == "unknown"


@pytest.mark.parametrize(
    ("answer", "age_s", "expected", "words"),
    [
        (OVER, 0, "running", "TIMEOUT"),
        (OVER, 1e6, "lost", "TIMEOUT"),
        (ACTIVE, 0, "running", "RUNNING"),
        (ACTIVE, 1e6, "lost", "RUNNING"),
    ],
)
def test_slurm_and_the_heartbeat_together(answer, age_s, expected, words, journal):
    """A fresh sign of life is never overruled; without one a job that is over ends its runs, and one that goes on may
    have other programs to run.
    """
    content, file = journal(age_s)
    verdict = judge(content, FixedSlurm(answer), file)
    assert (verdict.status, verdict.certainty) == (expected, "probable")
    assert words in verdict.evidence


def test_on_its_own_computer_the_process_counts(journal):
    """Where the process can be seen, it is certain what became of the run, whatever its heartbeat says."""
    own = current_process().to_json()
    content, file = journal(1e6, process=own)
    assert judge(content, FixedSlurm(), file).status == "running"
    content, file = journal(0, process={**own, "pid": 2**22 + 1})
    verdict = judge(content, FixedSlurm(), file)
    assert (verdict.status, verdict.certainty) == ("lost", "certain")


def test_the_clock_is_that_of_the_file_system(journal, monkeypatch):
    """A computer whose own clock is an hour wrong comes to the same conclusion."""
    content, file = journal(100)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600)
    assert judge(content, FixedSlurm(), file).status == "running"
    monkeypatch.setattr(time, "time", lambda: now - 3600)
    content, file = journal(400 + 3600)
    assert judge(content, FixedSlurm(), file).status == "lost"


def test_who_asks_for_the_time_leaves_the_folder_of_the_run_alone(journal, monkeypatch):
    """A file with a name, as on file servers, must not be in a folder that its program publishes at that moment."""
    monkeypatch.setattr(tempfile, "_O_TMPFILE_WORKS", False, raising=False)
    content, file = journal(0)
    before = file.parent.stat().st_mtime_ns
    assert judge(content, FixedSlurm(), file).status == "running"
    assert file.parent.stat().st_mtime_ns == before


def test_where_nothing_may_be_written_the_own_clock_counts(journal, monkeypatch):
    """Without a file just written, this computer's clock must do."""

    def refuse(*args, **options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    for age_s, expected in ((0, "running"), (1e6, "lost")):
        content, file = journal(age_s)
        verdict = judge(content, FixedSlurm(), file)
        assert (verdict.status, verdict.certainty) == (expected, "probable")


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_where_nothing_may_be_written_the_words_say_whose_clock_it_is(code, journal, monkeypatch):
    """Without a file just written, this computer's clock must do, and it is said that it may be wrong."""

    def refuse(*args, **options):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    for age_s, expected in ((0, "running"), (1e6, "lost")):
        content, file = journal(age_s)
        verdict = judge(content, FixedSlurm(), file)
        assert (verdict.status, verdict.certainty) == (expected, "probable")
        assert "this computer's clock, which may differ" in verdict.evidence


@pytest.mark.parametrize("aside", [False, True], ids=["in the folder", "set aside"])
def test_a_list_takes_the_heartbeat_into_account(aside, journal, tmp_path, monkeypatch):
    """The list finds the journal also while its run is being published, and leaves nothing behind."""
    monkeypatch.setenv("PATH", "")
    for age_s, expected in ((0, "running"), (1e6, "lost")):
        _, file = journal(age_s, aside=aside)
        before = file.stat().st_mtime_ns
        (run,) = unfinished_runs(tmp_path)
        assert (run.status, run.certainty) == (expected, "probable")
        assert file.stat().st_mtime_ns == before
    assert {path.name.partition(".")[0] for path in leftovers_of(tmp_path)} == {RUN_ID}


def test_a_link_in_the_place_of_the_journal_is_no_sign_of_life(tmp_path):
    """What a link leads to has a time of its own."""
    (tmp_path / "other").touch()
    link = tmp_path / "journal.json"
    try:
        link.symlink_to(tmp_path / "other")
    except OSError:
        pytest.skip("links are not allowed here")
    assert last_sign_of_life(link, 30) is None
    assert last_sign_of_life(tmp_path / "missing", 30) is None


def test_a_beat_changes_nothing_but_the_time(tmp_path):
    """The content stays, a file that is not there is not made, and neither is one whose folder is gone."""
    file = tmp_path / "journal.json"
    file.write_text("content")
    os.utime(file, (1.0, 1.0))
    beat(file)
    assert file.read_text() == "content"
    assert file.stat().st_mtime > 1e9
    file.unlink()
    beat(file)
    beat(tmp_path / "gone" / "journal.json")
    assert list(tmp_path.iterdir()) == []


def test_the_journal_tells_at_the_start_what_to_expect(tmp_path):
    """The interval stands in the journal before the user's code runs; without sampling it is null."""
    for interval_s, expected in ((None, None), (1, 30), (90, 90)):
        with recorded_run("entry", path=tmp_path, use_git=False, sample_resources_s=interval_s):
            (file,) = tmp_path.glob(".unfinished/*/journal.json")
            assert json.loads(file.read_text())["heartbeat_s"] == expected
            TwoFiles().run(42)


def test_the_heart_of_a_block_beats(often, tmp_path):
    """While the block is open its journals get younger without a change of what they say; afterwards there are none."""
    with recorded_run("entry", path=tmp_path, use_git=False, sample_resources_s=0.01):
        for _ in range(2):  # the folder that is opened with the block, and one more
            TwoFiles().run(42)
        files = list(tmp_path.glob(".unfinished/*/journal.json"))
        assert len(files) == 2
        contents = [file.read_bytes() for file in files]
        for file in files:
            os.utime(file, (1.0, 1.0))
            wait_for(lambda file=file: file.stat().st_mtime > 1e9)
        assert [file.read_bytes() for file in files] == contents
    assert leftovers_of(tmp_path) == []
    assert len(runs_of(tmp_path)) == 2


def test_hearts_that_beat_while_runs_are_published(often, tmp_path):
    """Moving, replacing and deleting journals under the beating heart costs no run and leaves nothing behind."""
    problems = []
    for number in range(15):
        with recorded_run("entry", path=tmp_path, use_git=False, sample_resources_s=1e-4) as recorder:
            TwoFiles(number).run(42)
            (file,) = tmp_path.glob(".unfinished/*/journal.json")
            stop = threading.Event()

            def always(recorder=recorder, stop=stop):
                while not stop.is_set():
                    try:
                        recorder.runs.folders.beat()
                    except Exception as error:
                        problems.append(error)

            thread = threading.Thread(target=always)
            thread.start()
        stop.set()
        thread.join()
        assert not file.exists()
    assert problems == []
    assert leftovers_of(tmp_path) == []
    assert len(runs_of(tmp_path)) == 15


@pytest.mark.skipif(os.name == "nt", reason="needs kills")
def test_a_killed_run_is_lost_when_its_heart_has_stopped(tmp_path, monkeypatch):
    """From another computer a killed run is first taken for running, and for lost after ten heartbeats are missing."""
    monkeypatch.setenv("PATH", "")
    program = (
        "import os, signal\nfrom gaitmap_results import recorded_run\n"
        "with recorded_run('entry', path='store', use_git=False, sample_resources_s=1):\n"
        "    if os.fork() == 0:\n        os._exit(0)\n"
        "    os.wait()\n    os._exit(0)\n"
    )
    run_python("-W", "ignore", "-c", program, cwd=tmp_path)
    monkeypatch.setattr("platform.node", lambda: "the other computer")
    (run,) = unfinished_runs(tmp_path / "store")
    assert (run.status, run.certainty) == ("running", "probable")
    file = Path(run.path) / "journal.json"
    moment = time.time() - 301
    os.utime(file, (moment, moment))
    (run,) = unfinished_runs(tmp_path / "store")
    assert (run.status, run.certainty) == ("lost", "probable")
