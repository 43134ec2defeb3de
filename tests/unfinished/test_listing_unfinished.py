"""What became of an unfinished run, derived from outside: by process, Slurm job, or not at all."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from faults import run_in_child
from stores import TwoFiles, record, unfinished_of

from gaitmap_results import UnfinishedRun, recorded_run, unfinished_runs
from gaitmap_results.exceptions import NoResultsFolderError, RunNotFoundError
from gaitmap_results.provenance.process_identity import current_process
from gaitmap_results.store.journal import JournalContent
from gaitmap_results.unfinished.slurm_queue import Slurm
from gaitmap_results.unfinished.verdict import Verdict, judge

STARTED = 1_760_000_000.0


def journal(**process) -> dict[str, object]:
    """Return what the journal of a running run says, whose process is this one but for some facts."""
    identity = {**current_process().to_json(), **process}
    return {"status": "running", "process": identity, "started_utc": STARTED, "updated_utc": STARTED}


def verdict_on(content: object) -> Verdict:
    """Judge a run by what its journal says."""
    return judge(JournalContent.from_json(content), Slurm(timeout=500))


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Put programs named squeue and sacct on the path; return what makes them say something."""
    folder = tmp_path / "bin"
    folder.mkdir()
    # They are nothing but shell scripts, so that they answer at once.
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")

    def say(name: str, text: str, *, code: int = 0, delay: float = 0) -> None:
        program = folder / name
        program.write_text(
            f'#!/bin/sh\necho "$0 $@" >> {tmp_path}/asked\nsleep {delay}\n'
            f"cat {'>&2 ' if code else ''}<<'END'\n{text}\nEND\nexit {code}\n"
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    return say


ON_POSIX = pytest.mark.skipif(os.name == "nt", reason="needs programs that are shell scripts")


def test_a_process_that_is_there_runs():
    """The run of a process that is alive is running, for certain."""
    verdict = verdict_on(journal())
    assert (verdict.status, verdict.certainty) == ("running", "certain")
    assert str(os.getpid()) in verdict.evidence


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs the facts that Linux gives")
@pytest.mark.parametrize(
    "changes",
    [{"start_ticks": 1}, {"boot_id": "another"}, {"pid": 2**22 + 1}],
    ids=["number given anew", "restarted", "no such process"],
)
def test_a_process_that_is_gone_is_lost(changes):
    """The number alone proves nothing: it may belong to another process now, or be of before a restart."""
    verdict = verdict_on(journal(**changes))
    assert (verdict.status, verdict.certainty) == ("lost", "certain")


def test_a_run_on_another_computer_is_unknown(monkeypatch):
    """What cannot be seen is not guessed; the words say why, and when it last gave a sign of life."""
    monkeypatch.setenv("PATH", "")
    verdict = verdict_on(journal(host="another", slurm_job_id="123"))
    assert (verdict.status, verdict.certainty) == ("unknown", "unknown")
    for part in ("another", "123", "2025-10-09 08:53 UTC", "does not mean"):
        assert part in verdict.evidence


@ON_POSIX
@pytest.mark.parametrize(
    ("queue", "accounting", "expected"),
    [
        ("123|RUNNING|1759999990", None, ("running", "probable")),
        ("123|COMPLETING|1760177000", None, ("lost", "probable")),
        ("123|RUNNING|1760000100", None, ("lost", "probable")),
        ("123|PENDING|N/A", None, ("lost", "probable")),
        ("123|TIMEOUT|1759999990", None, ("lost", "probable")),
        ("", "123|TIMEOUT", ("lost", "probable")),
        ("", "123|CANCELLED by 1000", ("lost", "probable")),
        ("", "123|NODE_FAIL\n123|COMPLETED", ("lost", "probable")),
        ("", "", ("unknown", "unknown")),
        ("", "123|RUNNING", ("unknown", "unknown")),
        # The last task of an array has the array's id: Slurm answers with all tasks, in any order.
        ("124|RUNNING|1759999990\n123|TIMEOUT|1759999990\n125|PENDING|N/A", None, ("lost", "probable")),
        ("124|TIMEOUT|1759999990\n123|RUNNING|1759999990\n125|FAILED|N/A", None, ("running", "probable")),
        ("124|RUNNING|1759999990", "124|RUNNING\n123|FAILED\n125|COMPLETED", ("lost", "probable")),
        ("124|RUNNING|1759999990", "124|FAILED\n125|COMPLETED", ("unknown", "unknown")),
        ("1234|RUNNING|1759999990", None, ("unknown", "unknown")),
    ],
)
def test_a_run_on_another_computer_is_judged_by_its_slurm_job(queue, accounting, expected, slurm):
    """A job that runs, has ended, or was put back into the queue tells about the run; the rows of others do not."""
    slurm("squeue", queue)
    if accounting is not None:
        slurm("sacct", accounting)
    verdict = verdict_on(journal(host="another", slurm_job_id="123"))
    assert (verdict.status, verdict.certainty) == expected
    assert "123" in verdict.evidence


@ON_POSIX
@pytest.mark.parametrize(
    ("accounting", "words"),
    [("123|OUT_OF_MEMORY", "has ended (OUT_OF_MEMORY)"), ("", "no longer knows job 123"), (None, "another cluster")],
)
def test_slurm_that_no_longer_knows_the_job(accounting, words, slurm):
    """The controller forgets a job minutes after its end: such a run is probably lost, and accounting may know more."""
    slurm("squeue", "slurm_load_jobs error: Invalid job id specified", code=1)
    if accounting is not None:
        slurm("sacct", accounting)
    verdict = verdict_on(journal(host="another", slurm_job_id="123"))
    assert (verdict.status, verdict.certainty) == ("lost", "probable")
    assert words in verdict.evidence


@ON_POSIX
def test_slurm_that_fails_says_nothing(slurm):
    """A controller that cannot be reached is no evidence."""
    slurm("squeue", "slurm_load_jobs error: Unable to contact slurm controller (connect failure)", code=1)
    assert Slurm().ask("123", started=None) is None


@ON_POSIX
def test_slurm_that_does_not_answer_is_asked_once(slurm, tmp_path):
    """A listing of many runs does not hang at a controller that is down."""
    slurm("squeue", "1|RUNNING|1", delay=600)
    slurm("sacct", "FAILED", delay=600)
    for timeout in (0.3, 3.0, 30.0):  # where the machine is so busy that squeue did not even begin
        asker = Slurm(timeout=timeout)
        assert asker.ask("1", started=None) is None
        assert asker.ask("2", started=None) is None
        if (tmp_path / "asked").exists():
            break
    assert len((tmp_path / "asked").read_text().splitlines()) == 1


@ON_POSIX
def test_slurm_is_asked_once_for_each_job(slurm, tmp_path):
    """The runs of one job share the answer, so that a long listing does not burden the controller."""
    slurm("squeue", "7|RUNNING|1")
    asker = Slurm(timeout=500)
    answer = asker.ask("7", started=5.0)
    assert answer is not None
    assert asker.ask("7", started=5.0) == answer
    assert len((tmp_path / "asked").read_text().splitlines()) == 1


@ON_POSIX
@pytest.mark.parametrize("job_id", ["", "-M all", "1;reboot", "../1", "1,2", "7_1", "9" * 100])
def test_nothing_that_is_no_job_number_reaches_slurm(job_id, slurm, tmp_path):
    """A journal that somebody else wrote cannot give squeue options."""
    slurm("squeue", "7|RUNNING|1")
    assert Slurm().ask(job_id, started=None) is None
    assert not (tmp_path / "asked").exists()


@pytest.mark.parametrize("status", ["failed", "interrupted", "terminated", "save_failed"])
def test_what_the_program_said_counts(status):
    """A run whose program wrote how it ended needs no evidence from outside."""
    verdict = verdict_on({**journal(host="another"), "status": status})
    assert (verdict.status, verdict.certainty) == (status, "certain")


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"status": "running"},
        {"status": ["running"], "process": "me"},
        {"status": "running", "process": {}},
        {"status": "running", "process": {"pid": -1, "host": 3, "slurm_job_id": 3}},
        {"status": "running", "process": {"pid": 2**80, "host": "x"}, "updated_utc": 1e300, "started_utc": "x"},
        {"status": "running", "process": {"pid": True}, "updated_utc": []},
    ],
)
def test_a_journal_that_says_nothing_of_use(content):
    """Whatever a journal holds, the verdict is unknown and not an error."""
    assert verdict_on(content).status == "unknown"


def test_a_list_is_oldest_first_and_says_what_is_known(tmp_path):
    """Every unfinished run is listed with its entry, start, folder and error."""
    for name in ("one", ("two", "nested")):
        with pytest.raises(ZeroDivisionError), recorded_run(name, path=tmp_path, use_git=False):
            1 / 0  # noqa: B018
    first, second = unfinished_runs(tmp_path)
    assert isinstance(first, UnfinishedRun)
    assert (first.entry_name, second.entry_name) == ("one", ("two", "nested"))
    assert (first.status, first.certainty, first.core_results) == ("failed", "certain", "none")
    assert first.error == "ZeroDivisionError: division by zero"
    assert first.started < second.started
    assert first.started.utcoffset().total_seconds() == 0
    assert first.path == tmp_path / ".unfinished" / first.run_id


def test_the_run_that_is_under_way_is_listed_as_running(tmp_path):
    """One sees in the list what is running now; when it is published, it is gone from the list."""
    with recorded_run("entry", path=tmp_path, use_git=False):
        (before,) = unfinished_runs(tmp_path)
        TwoFiles().run(42)
        (after,) = unfinished_runs(tmp_path)
    assert (before.status, before.core_results, before.challenge_name) == ("running", "none", None)
    assert (after.status, after.core_results, after.challenge_name) == ("running", "complete", "stores.TwoFiles")
    assert before.run_id == after.run_id
    assert unfinished_runs(tmp_path) == []


def test_a_starting_run_is_not_told_to_be_broken(tmp_path, monkeypatch):
    """Its folder is there a moment before its journal, and nobody needs to know."""
    with recorded_run("entry", path=tmp_path, use_git=False):
        (file,) = tmp_path.glob(".unfinished/*/journal.json")
        file.rename(tmp_path / "later")
        monkeypatch.setattr("time.sleep", lambda _: (tmp_path / "later").rename(file))
        (run,) = unfinished_runs(tmp_path)
        monkeypatch.undo()
        TwoFiles().run(42)
    assert (run.status, run.certainty, run.entry_name) == ("running", "certain", "entry")


def test_folders_without_unfinished_runs(tmp_path, monkeypatch):
    """A store without any, or an empty folder, has an empty list; no folder at all is an error that says so."""
    record(tmp_path / "store")
    assert unfinished_runs(tmp_path / "store") == []
    (tmp_path / "empty").mkdir()
    assert unfinished_runs(tmp_path / "empty") == []
    with pytest.raises(RunNotFoundError, match="no results folder"):
        unfinished_runs(tmp_path / "missing")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NoResultsFolderError):
        unfinished_runs()


def test_the_configs_results_folder_is_the_default(tmp_path, monkeypatch):
    """Without an argument the folder of the config is looked at."""
    (tmp_path / "pyproject.toml").write_text("[tool.gaitmap_results]\nresults_dir = 'store'\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ZeroDivisionError), recorded_run("entry", use_git=False):
        1 / 0  # noqa: B018
    assert [run.entry_name for run in unfinished_runs()] == ["entry"]


def test_the_stale_journal_of_a_published_run_is_no_lost_result(tmp_path):
    """A kill right after the publication leaves a journal; its run is published, and not listed."""
    path = record(tmp_path)
    run_id = json.loads((path / "metadata.json").read_text())["run_id"]
    stale = {
        **journal(pid=2**22 + 1),
        "status": "publishing",
        "core_results": "complete",
        "challenge_name": "stores.TwoFiles",
        "challenge_version": "1.0.0",
        "entry_name": "entry",
    }
    file = tmp_path / ".unfinished" / f"{run_id}.journal.json"
    file.write_text(json.dumps(stale))
    assert unfinished_of(tmp_path) == []
    # The user may have moved the run; then nobody can tell, and the words say so.
    path.rename(tmp_path / "moved")
    (run,) = unfinished_of(tmp_path)
    assert (run.status, run.core_results) == ("unknown", "none")
    assert "moved or deleted" in run.evidence


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can be forked")
def test_a_run_is_listed_by_another_process_without_changing_it(tmp_path):
    """Listing reads only."""
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:

        def look(tell):
            tell(unfinished_runs(tmp_path)[0].status)

        def facts():
            # Not the time of the last access, which reading changes on some file systems.
            found = {file: file.stat() for file in tmp_path.rglob("*")}
            return {file: (each.st_ino, each.st_mtime_ns, each.st_ctime_ns) for file, each in found.items()}

        before = facts()
        assert run_in_child(look) == ("running", 0)
        assert facts() == before
        TwoFiles().run(42)
    assert recorder.status_ == "published"


def test_a_file_in_the_place_of_the_unfinished_runs_is_an_error(tmp_path):
    """Where it cannot be known whether there are unfinished runs, nobody is told that there are none."""
    (tmp_path / ".unfinished").touch()
    with pytest.raises(RunNotFoundError, match="cannot be read"):
        unfinished_runs(tmp_path)
