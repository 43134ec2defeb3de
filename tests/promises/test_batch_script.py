"""Entry scripts as clusters run them: a batch script in bash, an array of jobs, a time limit, ``python -m``."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from challenges import stored_runs
from git_repository import GitRepository
from processes import python_environment

from gaitmap_results import unfinished_runs

pytestmark = [
    pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash"),
    pytest.mark.filterwarnings("ignore::gaitmap_results.GaitmapResultsWarning"),
]

ENTRIES = '''
"""Entries of a study: one function, called from the main guard with what the batch script says."""
import os, sys, time
from pathlib import Path
from gaitmap_results import BaseChallenge, record_run

class Steps(BaseChallenge):
    VERSION = "1.0.0"

    def run(self, optimizer):
        self.optimizer = optimizer
        return self

    def save_core_results(self, folder_path):
        (folder_path / "fold.txt").write_text(str(self.optimizer))

    @classmethod
    def load_core_results(cls, folder_path):
        return (folder_path / "fold.txt").read_text()

@record_run("cross_validation", debug_run=False, handle_signals=("SIGTERM",))
def main(fold):
    if fold == "endless":
        Path("started").touch()
        time.sleep(600)
    Steps().run(fold)

if __name__ == "__main__":
    main(sys.argv[1])
'''

# What slurmd sets for each task of `sbatch --array=0-1 --nodes=1 --cpus-per-task=2 --mem=4G --time=01:00:00`.
BATCH = """#!/usr/bin/env bash
#SBATCH --array=0-1 --nodes=1 --cpus-per-task=2 --mem=4G --time=01:00:00
set -euo pipefail

task() {
    export SLURM_JOB_ID=$((4100 + $1)) SLURM_ARRAY_JOB_ID=4100 SLURM_ARRAY_TASK_ID=$1 SLURM_ARRAY_TASK_COUNT=2
    export SLURM_JOB_NUM_NODES=1 SLURM_NTASKS=1 SLURM_CPUS_PER_TASK=2 SLURM_MEM_PER_NODE=4096
    export SLURM_JOB_PARTITION=compute SLURM_CLUSTER_NAME=woody SLURM_JOB_USER=somebody SLURM_SUBMIT_HOST=login1
    export SLURM_JOB_START_TIME=1780000000 SLURM_JOB_END_TIME=1780003600 OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK
    "$PYTHON" -m study.entries "fold_$1"
}

task 0 & first=$!
task 1 & second=$!
wait $first
wait $second
"""


@pytest.fixture
def project(tmp_path):
    """Make a repository with a package, a config and a batch script, all of it committed."""
    repository = GitRepository(tmp_path / "project")
    repository.write("study/__init__.py", "")
    repository.write("study/entries.py", ENTRIES)
    repository.write("pyproject.toml", "[tool.gaitmap_results]\nresults_dir = 'results'\n")
    repository.write(".gitignore", "__pycache__/\n/started\n")
    repository.write("batch.sh", BATCH)
    repository.commit()
    return repository.path


def environment():
    """Return the environment of a batch script, which names the Python of the tests."""
    return python_environment({"PYTHON": sys.executable})


def test_an_array_of_jobs(project):
    """Two tasks that run at once are stored side by side, official, each with its place in the job and its limits."""
    done = subprocess.run(
        ["bash", "batch.sh"], cwd=project, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr

    runs = stored_runs(project / "results")
    assert [run["debug_reasons"] for run in runs] == [[], []]
    assert {run["challenge_name"] for run in runs} == {"study.entries.Steps"}
    assert {Path(run["caller_file_path"]).name for run in runs} == {"entries.py"}
    jobs = sorted((run["system_info"]["slurm"] for run in runs), key=lambda job: job["job_id"])
    assert [(job["job_id"], job["array_job_id"], job["array_task_id"]) for job in jobs] == [
        ("4100", "4100", 0),
        ("4101", "4100", 1),
    ]
    for job in jobs:
        assert (job["n_nodes"], job["cpus_per_task"], job["memory_per_node_mib"]) == (1, 2, 4096)
        assert (job["partition"], job["cluster"], job["time_limit_s"]) == ("compute", "woody", 3600)
    limits = runs[0]["system_info"]["limits"]
    assert limits["environment_variables"]["OMP_NUM_THREADS"] == "2"
    assert "somebody" not in json.dumps(jobs)
    assert "login1" not in json.dumps(jobs)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_the_time_limit_of_a_job(project):
    """A job that is ended by its time limit leaves a terminated run that says in which job it was."""
    script = 'export SLURM_JOB_ID=4200\nexec "$PYTHON" -m study.entries endless\n'
    with subprocess.Popen(["bash", "-c", script], cwd=project, env=environment(), stderr=subprocess.PIPE) as job:
        while not (project / "started").exists():
            time.sleep(0.02)
            assert job.poll() is None
        job.terminate()
        job.communicate(timeout=500)

    assert job.returncode != 0
    (run,) = unfinished_runs(project / "results")
    assert (run.status, run.entry_name) == ("terminated", "cross_validation")
    (journal,) = (project / "results" / ".unfinished").glob("*/journal.json")
    assert json.loads(journal.read_text())["process"]["slurm_job_id"] == "4200"
    assert stored_runs(project / "results") == []
