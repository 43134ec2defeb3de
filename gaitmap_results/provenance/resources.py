"""Measures the CPU time and the memory that a run needs."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from typing import Any

from gaitmap_results.provenance.limits import slurm_job_peak_memory
from gaitmap_results.provenance.machine import process_reader
from gaitmap_results.provenance.processes import ProcessKey, ProcessReader, ProcessSample
from gaitmap_results.provenance.sampling import Sampled, Sampler
from gaitmap_results.store.heartbeat import Heart, heartbeat_interval

__all__ = ["ResourceMeter"]

# CPU time of other processes is told in hundredths of a second, in up to four parts that are cut off each.
_TICKS_TOLERANCE_S = 0.04
# Where one of these is loaded, work can be done by processes that this one did not start.
_OTHER_MACHINES = ("distributed", "pyspark", "ray")
_ENDED = "Processes ended during the run; their memory is not known."
_ENDED_UNSEEN = "Processes ended during the run; their memory is known only as far as it was looked at."


@dataclass(frozen=True)
class _Snapshot:
    own_cpu_s: float
    own_waited_cpu_s: float | None
    descendants: dict[ProcessKey, ProcessSample]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class ResourceMeter:
    """Measures this process and the processes that come from it, from :meth:`start` to :meth:`finish`.

    It looks twice, and needs no thread in between.
    What a process that ended meanwhile needed is known from its parent, which is told the CPU time, not the memory.
    With a sampler, which is a thread, what was last seen of such a process is known too.

    Examples
    --------
    >>> from gaitmap_results.provenance.resources import ResourceMeter
    >>> meter = ResourceMeter.start()
    >>> total = sum(range(1000))
    >>> sorted(meter.finish())
    ['cpu_time_s', 'n_processes_seen', 'peak_memory_bytes']
    """

    _pid: int
    _reader: ProcessReader
    _before: _Snapshot
    _sampler: Sampler | None = None

    @classmethod
    def start(
        cls, reader: ProcessReader | None = None, *, interval_s: float | None = None, heart: Heart | None = None
    ) -> ResourceMeter:
        """Begin to measure.

        Parameters
        ----------
        reader
            How to look at processes; by default through ``/proc`` where there is one, else through psutil.
        interval_s
            Look at the processes in between, too, with pauses of so many seconds.
        heart
            Gives signs of life meanwhile.
        """
        if reader is None:
            reader = process_reader()
        before = _look(reader)
        sampler = None
        if interval_s is not None:
            beat = None if heart is None else heart.beat
            sampler = Sampler(reader, interval_s, beat=beat, beat_interval_s=heartbeat_interval(interval_s))
            if not sampler.start() and heart is not None:
                heart.note(heartbeat_s=None)  # else the run would be taken for lost
        return cls(os.getpid(), reader, before, sampler)

    def stop(self) -> None:
        """Stop looking at the processes, without a result."""
        if self._sampler is not None:
            self._sampler.stop()

    def finish(self) -> dict[str, Any]:
        """Return what was needed since the start.

        Returns
        -------
        resources
            ``cpu_time_s``: CPU time in seconds of this process and all that come from it.
            ``peak_memory_bytes``: the sum of the peaks of the resident memory of those that are alive at the end.
            The peaks need not have come at the same time, and memory that processes share counts for each of them;
            ``main_process`` is the part of this process alone, ``slurm_job`` what Slurm's control group counted.
            A peak is that of the whole life of a process, so it ``includes_before_start``.
            Both have ``value``, ``source``, ``complete`` and ``why_incomplete`` (sentences).
            Where ``complete`` is False, the value covers only the processes that could be measured.
            ``peak_memory_bytes`` has ``sampled``, too: None, or what was seen in between, see :func:`_sampled_memory`.
            The value is then the highest sum of the peaks of those that were alive in one look.
            ``n_processes_seen``: this process and those that were there whenever processes were looked at.
        """
        if os.getpid() != self._pid:
            return _nothing("The process that measures is not the one in which measuring began.")
        seen = None if self._sampler is None else self._sampler.finish()
        after = _look(self._reader)
        left, vanished = _missing(self._before, after, self._reader)
        alive = (left if seen is None else seen.strays | left) | after.descendants
        gone = {} if seen is None else _gone(seen, alive)
        elsewhere = [
            f"{name} is loaded, which can compute on other machines." for name in _OTHER_MACHINES if name in sys.modules
        ]
        problems = [*self._before.problems, *after.problems, *elsewhere]
        cpu_s, ended, cpu_problems = _cpu_time(self._before, after, alive, vanished, gone)
        strays = {} if seen is None else seen.ended_strays
        if strays:
            cpu_s += _since_the_start(self._before, strays)
            cpu_problems.append("Processes outlived the one that had started them; what was seen of them last counts.")
        peak = _peak_memory(self._reader, alive.values(), 0 if seen is None else seen.highest_peaks)
        peak["sampled"] = None if seen is None else _sampled_memory(seen)
        if ended or vanished or gone:
            peak["why_incomplete"].append(_ENDED if seen is None else _ENDED_UNSEEN)
        why_incomplete = [*problems, *cpu_problems]
        peak["why_incomplete"] += problems
        peak["complete"] = peak["value"] is not None and not peak["why_incomplete"]
        return {
            "cpu_time_s": {
                "value": cpu_s,
                "source": self._reader.name,
                "complete": not why_incomplete,
                "why_incomplete": why_incomplete,
            },
            "peak_memory_bytes": peak,
            "n_processes_seen": 1 + len(alive.keys() | vanished.keys() | gone.keys() | strays.keys()),
        }


def _nothing(reason: str) -> dict[str, Any]:
    unknown = {"value": None, "source": None, "complete": False, "why_incomplete": [reason]}
    peak = {**unknown, "includes_before_start": True, "main_process": None, "slurm_job": None, "sampled": None}
    return {"cpu_time_s": unknown, "peak_memory_bytes": peak, "n_processes_seen": 0}


def _look(reader: ProcessReader) -> _Snapshot:
    problems: tuple[str, ...] = ()
    try:
        samples = reader.descendants(os.getpid())
    except OSError as error:
        samples, problems = [], (f"The processes that this one started could not be listed: {error}.",)
    return _Snapshot(
        own_cpu_s=time.process_time(),
        own_waited_cpu_s=_own_waited_cpu_s(),
        descendants={(sample.pid, sample.start): sample for sample in samples},
        problems=problems,
    )


def _own_waited_cpu_s() -> float | None:
    if sys.platform == "win32":
        return None
    import resource

    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _missing(
    before: _Snapshot, after: _Snapshot, reader: ProcessReader
) -> tuple[dict[ProcessKey, ProcessSample], dict[ProcessKey, ProcessSample]]:
    """Split the processes that no longer come from this one: alive under another parent, and vanished."""
    left, vanished = {}, {}
    for key, old in before.descendants.items():
        if key not in after.descendants:
            try:
                now = reader.sample(old.pid)
            except OSError:
                now = None
            if now is not None and now.start == old.start:
                left[key] = now
            else:
                vanished[key] = old
    return left, vanished


def _cpu_time(
    before: _Snapshot,
    after: _Snapshot,
    alive: dict[ProcessKey, ProcessSample],
    vanished: dict[ProcessKey, ProcessSample],
    gone: dict[ProcessKey, ProcessSample],
) -> tuple[float, bool, list[str]]:
    """Add up the CPU time since the start.

    What ended processes needed is told by those that had started them; what was last seen of them (``gone``) is less,
    but counts where nothing was told.

    Returns
    -------
    cpu_s, ended, problems
        The seconds; whether any process is known to have ended and been waited for; what is missing in the sum.
    """
    problems = []
    own_pid = os.getpid()
    cpu_s = after.own_cpu_s - before.own_cpu_s
    # How much CPU time each living process has taken over from children that ended.
    taken_over = {own_pid: _difference(after.own_waited_cpu_s, before.own_waited_cpu_s)}
    for key, now in alive.items():
        old = before.descendants.get(key)
        cpu_s += now.cpu_s - (old.cpu_s if old else 0.0)
        taken_over[now.pid] = _difference(now.waited_cpu_s, old.waited_cpu_s if old else 0.0)
    if None in taken_over.values():
        problems.append("This system does not tell what processes that ended have needed.")
    from_before = _from_before_the_start(vanished)
    for pid, earlier_s in from_before.items():
        # A vanished process must have left something to its parent; if not, nobody knows what it needed.
        gained_s = taken_over.get(pid)
        if gained_s is None or gained_s <= 0 or gained_s + _TICKS_TOLERANCE_S * len(vanished) < earlier_s:
            problems.append("A process ended without telling its parent what it had needed.")
    if {old.parent_pid for old in vanished.values()} & {old.pid for old in vanished.values()}:
        problems.append("A process ended together with the one that had started it, perhaps after it.")
    told_s = sum(max(0.0, (gain_s or 0.0) - from_before.get(pid, 0.0)) for pid, gain_s in taken_over.items())
    seen_s = _since_the_start(before, gone)
    if told_s + _TICKS_TOLERANCE_S * len(taken_over) < seen_s:
        problems.append("A process ended without telling its parent what it had needed.")
    cpu_s += max(told_s, seen_s)
    return cpu_s, any(gain_s for gain_s in taken_over.values()), list(dict.fromkeys(problems))


def _difference(after: float | None, before: float | None) -> float | None:
    return None if after is None or before is None else after - before


def _gone(seen: Sampled, alive: dict[ProcessKey, ProcessSample]) -> dict[ProcessKey, ProcessSample]:
    """Return what ended below the one that had started it, as it was seen last."""
    return seen.ended | {key: last for key, last in seen.alive.items() if key not in alive}


def _since_the_start(before: _Snapshot, last_seen: dict[ProcessKey, ProcessSample]) -> float:
    """Add up the CPU time of each process itself, from the start of the run to when it was seen last."""
    earlier = before.descendants
    return sum(last.cpu_s - (earlier[key].cpu_s if key in earlier else 0.0) for key, last in last_seen.items())


def _from_before_the_start(vanished: dict[ProcessKey, ProcessSample]) -> dict[int, float]:
    """Add up what vanished processes had needed before the start, for each process that took it over.

    It is in the sum that their parent tells, but it is no part of the run.
    """
    parents = {old.pid: old.parent_pid for old in vanished.values()}
    earlier: dict[int, float] = {}
    for old in vanished.values():
        pid = old.parent_pid
        while pid in parents:
            pid = parents[pid]
        earlier[pid] = earlier.get(pid, 0.0) + old.cpu_s + (old.waited_cpu_s or 0.0)
    return earlier


def _peak_memory(reader: ProcessReader, descendants: Any, highest_in_a_look: int) -> dict[str, Any]:
    own, source = reader.peak_memory(os.getpid()), reader.peak_memory_name
    if own is None:
        own, source = _own_peak_from_rusage(), "rusage"
    peaks = [None if sample.is_zombie else reader.peak_memory(sample.pid) for sample in descendants]
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
    """Describe the memory that was seen in between.

    Returns
    -------
    sampled
        ``value``: the highest sum of the resident memory of all processes in one look, in bytes.
        ``n_looks``, ``interval_s`` (the pause that was asked for) and ``longest_gap_s`` (that there was), in seconds.
        ``why_incomplete``: sentences; it is always less than the peak, or equal to it.
    """
    return {
        "value": seen.highest_sum,
        "n_looks": seen.n_looks,
        "interval_s": seen.interval_s,
        "longest_gap_s": seen.longest_gap_s,
        "why_incomplete": ["The memory between two looks may have been higher.", *seen.problems],
    }


def _own_peak_from_rusage() -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    # Bytes on macOS, KiB elsewhere (getrusage(2) of each system).
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
