"""Measure the CPU time and the memory of a run."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from gaitmap_results.provenance.memory_sampling import Sampled, Sampler
from gaitmap_results.provenance.processes import PEAK_SOURCE, ProcessSample, descendants, peak_memory
from gaitmap_results.provenance.resource_limits import slurm_job_peak_memory
from gaitmap_results.store.heartbeat import Heart, heartbeat_interval

__all__ = ["ResourceMeter"]

# With one of these, processes that this one did not start can do work.
_OTHER_MACHINES = ("distributed", "pyspark", "ray")
_ENDED = "Processes ended during the run; their memory use is unknown."
_ENDED_UNSEEN = "Processes ended during the run; their memory use is known only at the times of the samples."
_LEFT = "Processes from before the run ended or lost their parent during it; their share is not known exactly."
_OUTLIVED = "Processes outlived their parent; they are not counted."
_UNTOLD = "A process ended without reporting to its parent what it used."
_NOT_TOLD = "This system does not report what ended processes used."


@dataclass(frozen=True)
class _Snapshot:
    own_cpu_s: float
    own_waited_cpu_s: float | None
    descendants: Mapping[psutil.Process, ProcessSample]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class ResourceMeter:
    """Measures this process and its child processes, direct and indirect, from :meth:`start` to :meth:`finish`.

    It looks at the processes twice, without a thread.
    A process that ended in between reports its CPU time to its parent, but not its memory.
    With a sampler, which is a thread, the memory of processes alive in one of its samples is known too.

    Examples
    --------
    >>> from gaitmap_results.provenance.resources import ResourceMeter
    >>> meter = ResourceMeter.start()
    >>> total = sum(range(1000))
    >>> sorted(meter.finish())
    ['cpu_time_s', 'n_processes_seen', 'peak_memory_bytes']
    """

    _pid: int
    _before: _Snapshot
    _sampler: Sampler | None = None

    @classmethod
    def start(cls, *, interval_s: float | None = None, heart: Heart | None = None) -> ResourceMeter:
        """Begin to measure.

        Parameters
        ----------
        interval_s
            Seconds between samples in between; by default none are taken.
        heart
            Gives signs of life meanwhile.
        """
        before = _look()
        sampler = None
        if interval_s is not None:
            beat = None if heart is None else heart.beat
            sampler = Sampler(interval_s, beat=beat, beat_interval_s=heartbeat_interval(interval_s))
            if not sampler.start() and heart is not None:
                heart.note(heartbeat_s=None)  # else the run would be taken for lost
        return cls(os.getpid(), before, sampler)

    def stop(self) -> None:
        """Stop the sampler without a result."""
        if self._sampler is not None:
            self._sampler.stop()

    def finish(self) -> dict[str, Any]:
        """Return the resources used since the start.

        Returns
        -------
        resources
            ``cpu_time_s``: CPU time in seconds of this process and its child processes.
            ``peak_memory_bytes``: the sum of the peak resident memory of those that are alive at the end.
            The peaks need not coincide, and shared memory counts for each process; ``main_process`` is the part of this
            process alone, ``slurm_job`` the count of Slurm's control group.
            A peak is that of the whole life of a process, so it ``includes_before_start``.
            Both have ``value``, ``source``, ``complete`` and ``why_incomplete`` (sentences).
            Where ``complete`` is False, the value covers only the processes that could be measured.
            ``peak_memory_bytes`` also has ``sampled``: None, or the result of the samples, see :func:`_sampled_memory`.
            The value is then the highest sum of the peaks of those that were alive in one sample.
            ``n_processes_seen``: this process and the child processes seen at any look.
        """
        if os.getpid() != self._pid:
            return _nothing("The measurement began in another process.")
        seen = None if self._sampler is None else self._sampler.finish()
        after = _look()
        known = set(self._before.descendants) | (set() if seen is None else seen.processes)
        missing = known - set(after.descendants)
        problems = [*self._before.problems, *after.problems]
        problems += [
            f"{name} is loaded, which can compute on other machines." for name in _OTHER_MACHINES if name in sys.modules
        ]
        cpu_s, told_s, cpu_problems = _cpu_time(self._before, after)
        if seen is not None and seen.some_left:
            cpu_problems.append(_OUTLIVED)
        if missing and told_s == 0:
            cpu_problems.append(_UNTOLD)
        peak = _peak_memory(after.descendants.values(), 0 if seen is None else seen.highest_peaks)
        peak["sampled"] = None if seen is None else _sampled_memory(seen)
        if told_s > 0 or missing:
            peak["why_incomplete"].append(_ENDED if seen is None else _ENDED_UNSEEN)
        peak["why_incomplete"] += problems
        peak["complete"] = peak["value"] is not None and not peak["why_incomplete"]
        why_incomplete = [*problems, *cpu_problems]
        return {
            "cpu_time_s": {
                "value": cpu_s,
                "source": "psutil",
                "complete": not why_incomplete,
                "why_incomplete": why_incomplete,
            },
            "peak_memory_bytes": peak,
            "n_processes_seen": 1 + len(known | set(after.descendants)),
        }


def _nothing(reason: str) -> dict[str, Any]:
    unknown = {"value": None, "source": None, "complete": False, "why_incomplete": [reason]}
    peak = {**unknown, "includes_before_start": True, "main_process": None, "slurm_job": None, "sampled": None}
    return {"cpu_time_s": unknown, "peak_memory_bytes": peak, "n_processes_seen": 0}


def _look() -> _Snapshot:
    problems: tuple[str, ...] = ()
    samples: Mapping[psutil.Process, ProcessSample] = {}
    try:
        samples = descendants()
    except OSError as error:
        problems = (f"The processes that this one started could not be listed: {error}.",)
    return _Snapshot(time.process_time(), _own_waited_cpu_s(), samples, problems)


def _own_waited_cpu_s() -> float | None:
    if sys.platform == "win32":
        return None
    import resource

    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _cpu_time(before: _Snapshot, after: _Snapshot) -> tuple[float, float, list[str]]:
    """Add up the CPU time since the start.

    Returns
    -------
    cpu_s, told_s, problems
        The seconds; those among them that ended processes reported to their parents; what the sum lacks.
    """
    cpu_s = after.own_cpu_s - before.own_cpu_s
    # The CPU time that each living process has taken over from ended children.
    gains = [_difference(after.own_waited_cpu_s, before.own_waited_cpu_s)]
    for process, now in after.descendants.items():
        old = before.descendants.get(process)
        cpu_s += now.cpu_s - (old.cpu_s if old else 0.0)
        gains.append(_difference(now.waited_cpu_s, old.waited_cpu_s if old else 0.0))
    told_s = sum(gain for gain in gains if gain is not None)
    # What they reported includes their time before the start, which is not part of the run.
    left = [old for process, old in before.descendants.items() if process not in after.descendants]
    told_s = max(0.0, told_s - sum(old.cpu_s + (old.waited_cpu_s or 0.0) for old in left))
    problems = ([_NOT_TOLD] if None in gains else []) + ([_LEFT] if left else [])
    return cpu_s + told_s, told_s, problems


def _difference(after: float | None, before: float | None) -> float | None:
    return None if after is None or before is None else after - before


def _peak_memory(samples: Iterable[ProcessSample], highest_in_a_look: int) -> dict[str, Any]:
    own, source = peak_memory(os.getpid()), PEAK_SOURCE
    if own is None:
        own, source = _own_peak_from_rusage(), "rusage"
    peaks = [None if sample.is_zombie else peak_memory(sample.process.pid) for sample in samples]
    known = [peak for peak in peaks if peak is not None]
    is_incomplete = own is None or len(known) < len(peaks)
    job_id = os.environ.get("SLURM_JOB_ID")
    return {
        "value": own + max(sum(known), highest_in_a_look) if own is not None else None,
        "source": source,
        "complete": False,
        "why_incomplete": ["The memory of a process could not be read."] if is_incomplete else [],
        "includes_before_start": True,
        "main_process": own,
        "slurm_job": slurm_job_peak_memory(job_id) if job_id else None,
    }


def _sampled_memory(seen: Sampled) -> dict[str, Any]:
    """Describe the memory in the samples.

    Returns
    -------
    sampled
        ``value``: the highest sum of the resident memory of all processes in one sample, in bytes.
        ``n_looks``, ``interval_s`` (the requested pause) and ``longest_gap_s`` (the longest actual one), in seconds.
        ``why_incomplete``: sentences; the value never exceeds the peak.
    """
    return {
        "value": seen.highest_sum,
        "n_looks": seen.n_looks,
        "interval_s": seen.interval_s,
        "longest_gap_s": seen.longest_gap_s,
        "why_incomplete": ["The memory use between two samples may have been higher.", *seen.problems],
    }


def _own_peak_from_rusage() -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    # Bytes on macOS, KiB elsewhere (getrusage(2) of each system).
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
