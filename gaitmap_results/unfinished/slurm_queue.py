"""Ask Slurm what became of a job."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import Final

__all__ = ["JobAnswer", "Slurm"]

# https://slurm.schedmd.com/squeue.html#SECTION_JOB-STATE-CODES
_ACTIVE: Final = frozenset({"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"})
_WAITING: Final = frozenset(
    {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT"}
)
_JOB_ID: Final = re.compile(r"\d{1,12}")
_TIMEOUT_S: Final = 5.0
# Stands for the answer that there is no such job.
_UNKNOWN_JOB: Final = "unknown job"
# A job's program starts later than the job itself, and clocks of two computers differ.
_START_TOLERANCE_S: Final = 60.0


@dataclass(frozen=True)
class JobAnswer:
    """What Slurm says about the job of a run.

    Attributes
    ----------
    is_over
        Whether the run's program has ended.
    words
        The evidence, in words.
    """

    is_over: bool
    words: str


class Slurm:
    """Ask ``squeue`` and ``sacct`` about each job once; stop asking if Slurm does not answer in time.

    A job is judged by its own row: for the last task of an array, Slurm answers with all tasks.
    """

    def __init__(self, *, timeout: float = _TIMEOUT_S) -> None:
        self._timeout = timeout
        self._answers_in_time = True
        self._known: dict[tuple[str, float | None], JobAnswer | None] = {}

    def ask(self, job_id: str, *, started: float | None) -> JobAnswer | None:
        """Return what is known about a job.

        Parameters
        ----------
        job_id
            Number of the job.
        started
            When the run started, as a POSIX time stamp.
            A job that started later was put back into the queue and runs the program anew.

        Returns
        -------
        answer
            ``None`` if Slurm is not installed, does not answer, or does not know the job.
        """
        if not _JOB_ID.fullmatch(job_id):
            return None
        key = (job_id, started)
        if key not in self._known:
            self._known[key] = self._ask_all(job_id, started)
        return self._known[key]

    def _ask_all(self, job_id: str, started: float | None) -> JobAnswer | None:
        queue = self._run("squeue", "--noheader", "--states=all", f"--jobs={job_id}", "--format=%A|%T|%S")
        row = _row_of(job_id, queue)
        if row is not None:
            return _judge_queue(job_id, row, started)
        known = self._ask_accounting(job_id)
        if known is None and queue is _UNKNOWN_JOB:
            # The controller forgets a job some minutes after its end.
            return JobAnswer(True, f"Slurm no longer knows job {job_id}; it has ended, or belongs to another cluster")
        return known

    def _ask_accounting(self, job_id: str) -> JobAnswer | None:
        """Ask the accounting for a job that is not in the queue; it may belong to another cluster."""
        answer = self._run(
            "sacct", "--noheader", "--allocations", "--parsable2", f"--jobs={job_id}", "--format=JobIDRaw,State"
        )
        row = _row_of(job_id, answer)
        if row is None:
            return None
        # "CANCELLED by 1000"
        state = row[0].partition(" ")[0]
        if state in _ACTIVE | _WAITING:
            # An active job would be in the queue, so the accounting is out of date.
            return None
        return JobAnswer(True, f"Slurm says that job {job_id} has ended ({state})")

    def _run(self, program: str, *arguments: str) -> str | None:
        path = shutil.which(program) if self._answers_in_time else None
        if path is None:
            return None
        environment = {**os.environ, "SLURM_TIME_FORMAT": "%s", "LC_ALL": "C"}
        try:
            done = subprocess.run(
                [path, *arguments],
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=self._timeout,
                env=environment,
                check=False,
            )
        except subprocess.TimeoutExpired:
            self._answers_in_time = False
            return None
        except OSError:
            return None
        if done.returncode == 0:
            return done.stdout.decode(errors="replace")
        return _UNKNOWN_JOB if b"Invalid job id specified" in done.stderr else None


def _row_of(job_id: str, answer: str | None) -> list[str] | None:
    """Return the last row of a job without its id; a requeued job has several."""
    rows = [line.strip().split("|") for line in (answer or "").splitlines()]
    return next((row[1:] for row in reversed(rows) if len(row) > 1 and row[0] == job_id), None)


def _judge_queue(job_id: str, row: list[str], started: float | None) -> JobAnswer:
    state, start = row[0], float(row[-1]) if row[-1].isdigit() else None
    if state in _WAITING:
        return JobAnswer(True, f"Slurm job {job_id} is waiting in the queue to start again ({state})")
    if state not in _ACTIVE:
        return JobAnswer(True, f"Slurm says that job {job_id} has ended ({state})")
    if started is not None and start is not None and start > started + _START_TOLERANCE_S:
        return JobAnswer(True, f"Slurm has restarted job {job_id} since then ({state})")
    return JobAnswer(False, f"Slurm says that job {job_id} is active ({state})")
