"""The how-to's batch scripts, carried out on a real Slurm of one node: only ``tox -e slurm`` runs this."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from challenges import stored_runs
from documents import TOP, File, Page
from git_repository import GitRepository
from processes import python_environment
from slurm_node import PROGRAMS, slurm_node

pytestmark = [
    pytest.mark.skipif("GAITMAP_RESULTS_TEST_SLURM" not in os.environ, reason="tox -e slurm asks for it"),
]
_PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin"
_ENDLESS = """
import time
from gaitmap_results import record_run

@record_run(handle_signals=("SIGTERM",))
def endless():
    print("started", flush=True)
    time.sleep(600)
"""


class Cluster:
    """A study in a repository, and what is typed there."""

    def __init__(self, repository, results, environment):
        self.folder = repository.path
        self.repository = repository
        self.results = results
        self.environment = environment

    def type(self, *command, **changes):
        """Type a command and return what it prints."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environment, **changes},
            capture_output=True,
            text=True,
            check=False,
            timeout=1500,
        )
        assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def submit(self, *arguments, **changes):
        """Submit a script as the page does; return the job's id."""
        return self.type("bash", "submit.sh", *arguments, **changes).strip()

    def state(self, job):
        """Return what Slurm says of a job, or of the tasks of an array."""
        return set(self.type("squeue", f"--jobs={job}", "--states=all", "--noheader", "--format=%T").split())

    def wait(self, job, states=frozenset({"COMPLETED"}), seconds=1500):
        """Wait until a job has one of these states."""
        end = time.monotonic() + seconds
        while not (now := self.state(job)) <= states:
            assert time.monotonic() < end, f"{now}\n{self.logs()}"
            time.sleep(0.5)

    def logs(self):
        """Return what the jobs have printed."""
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("trees/*/logs/*")))

    def unfinished(self):
        """Return what the command tells of unfinished runs."""
        return json.loads(self.type("gaitmap-results", "unfinished", "--json"))


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """Start Slurm, for all tests of this module."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=_PATH) is None]
    if missing:
        pytest.fail(f"{', '.join(missing)}: install Debian's packages slurm-wlm and munge")
    with slurm_node(tmp_path_factory.mktemp("slurm")) as environment:
        yield environment


@pytest.fixture
def cluster(node, tmp_path):
    """Return the study of the pages, committed."""
    repository = GitRepository(tmp_path / "study")
    for name in ("study_repository.md", "slurm.md"):
        for step in Page.read(TOP / "docs" / "how_to" / name).steps():
            if isinstance(step, File):
                repository.write(step.name, step.text)
    repository.write("endless.py", _ENDLESS)
    repository.commit()
    results = tmp_path / "results"
    results.mkdir()
    environment = python_environment({**node, "PATH": _PATH, "STUDY_RESULTS": str(results)})
    return Cluster(repository, results, environment)


def _jobs(runs, key):
    return sorted(str(run["system_info"]["slurm"][key]) for run in runs)


def test_one_job_for_all_entries(cluster):
    """Runs are official and of the commit that was submitted, whatever is edited meanwhile; again, all are skipped."""
    job = cluster.submit("--hold", "suite.sh")
    commit = cluster.type("git", "rev-parse", "HEAD").strip()
    cluster.repository.write("study.py", "raise SystemExit('edited while the job waits')\n")
    cluster.type("scontrol", "release", job)
    cluster.wait(job)
    runs = stored_runs(cluster.results)
    assert [run["debug_reasons"] for run in runs] == [[]] * 4, cluster.logs()
    assert {run["git_commit_hash"] for run in runs} == {commit}
    assert _jobs(runs, "job_id") == [job] * 4
    assert "[4/4]" in cluster.logs()
    cluster.wait(cluster.submit("suite.sh"))
    assert cluster.logs().count("skipped: It is recorded already") == 4
    assert len(stored_runs(cluster.results)) == 4


def test_one_job_for_each_entry(cluster):
    """Each task of an array records its entry, and says in which task it was."""
    job = cluster.submit("array.sh")
    cluster.wait(job)
    runs = stored_runs(cluster.results)
    assert [run["debug_reasons"] for run in runs] == [[]] * 4, cluster.logs()
    assert _jobs(runs, "array_task_id") == ["0", "1", "2", "3"]
    assert set(_jobs(runs, "array_job_id")) == {job}
    assert len(list(cluster.folder.glob(f"trees/*/logs/*-{job}_*.out"))) == 4


def test_the_time_limit_and_a_requeue(cluster):
    """At the limit the run says that it was terminated; a job that is requeued starts a run of its own."""
    cluster.repository.write("limit.sh", _script("python -c 'import endless; endless.endless()'"))
    cluster.repository.commit()
    limit = cluster.submit("--time=00:01:00", "--signal=TERM@20", "limit.sh")
    cluster.wait(limit, {"FAILED", "TIMEOUT", "CANCELLED"})
    assert [run["status"] for run in cluster.unfinished()] == ["terminated"], cluster.logs()
    job = cluster.submit("--requeue", "limit.sh")
    _wait_for(lambda: "running" in [run["status"] for run in cluster.unfinished()])
    cluster.type("scontrol", "requeue", job)
    cluster.type("scontrol", "update", f"jobid={job}", "starttime=now")
    _wait_for(lambda: len(cluster.unfinished()) == 3, seconds=300)  # Slurm waits two minutes
    assert sorted(run["status"] for run in cluster.unfinished()) == ["running", "terminated", "terminated"]
    cluster.type("scancel", job)
    _wait_for(lambda: "running" not in [run["status"] for run in cluster.unfinished()])


def test_unfinished_runs_are_judged_by_slurm(cluster):
    """Seen from another computer, a run lives as long as its job, and then is lost."""
    cluster.repository.write("limit.sh", _script("python -c 'import endless; endless.endless()'"))
    cluster.repository.commit()
    job = cluster.submit("limit.sh")
    _wait_for(lambda: "running" in [run["status"] for run in cluster.unfinished()])
    (journal,) = cluster.results.glob(".unfinished/*/journal.json")
    content = json.loads(journal.read_text())
    content["process"].update(host="another", boot_id="another", boot_time=None)
    journal.write_text(json.dumps(content))
    (run,) = cluster.unfinished()
    assert (run["status"], "Slurm" in run["evidence"]) == ("running", True), run
    cluster.type("scancel", "--signal=KILL", "--full", job)
    cluster.wait(job, {"CANCELLED", "FAILED"})
    journal.write_text(json.dumps(content))
    (run,) = cluster.unfinished()
    assert (run["status"], "Slurm" in run["evidence"]) == ("lost", True), run


def test_with_dask(cluster):
    """dask-jobqueue's workers are jobs of their own, and each entry is recorded once, officially."""
    pytest.importorskip("dask_jobqueue")
    said = cluster.type(sys.executable, "dask_study.py")
    assert said.count("recorded") == 4, said
    runs = stored_runs(cluster.results)
    assert [run["debug_reasons"] for run in runs] == [[]] * 4
    assert len(set(_jobs(runs, "job_id"))) in (1, 2)


def _script(command):
    return f"#!/bin/bash\n#SBATCH --output=logs/%x-%j.out\nsrun {command}\n"


def _wait_for(happened, seconds=1500):
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.5)
