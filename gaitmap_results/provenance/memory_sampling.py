"""Sample the memory of a run's processes in a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import psutil

from gaitmap_results.provenance.processes import descendants, peak_memory
from gaitmap_results.store.safe_text import error_text

__all__ = ["Sampled", "Sampler"]

# The share of one processor that sampling may use; the pauses grow where a sample takes long.
_SHARE: Final = 0.005
# How long the end of a block waits for a running sample.
_PATIENCE_S: Final = 5.0
_MOST_PROBLEMS: Final = 3


@dataclass
class Sampled:
    """The samples of this process and its child processes, direct and indirect.

    Attributes
    ----------
    interval_s
        The requested pause between two samples, in seconds.
    highest_sum
        The highest sum of the resident memory of all of them in one sample, in bytes; ``None`` without a sample.
    highest_peaks
        The highest sum of the peak resident memory of the child processes in one sample, in bytes.
    n_looks
        The number of samples.
    longest_gap_s
        The longest time between two samples, in seconds.
    processes
        Every child process in any of the samples.
    some_left
        Whether one of them got another parent, so that it no longer counts.
    problems
        What went wrong, in sentences.
    """

    interval_s: float
    highest_sum: int | None = None
    highest_peaks: int = 0
    n_looks: int = 0
    longest_gap_s: float = 0.0
    processes: set[psutil.Process] = field(default_factory=set)
    some_left: bool = False
    problems: tuple[str, ...] = ()


class Sampler:
    """A thread that samples this process and its child processes, and gives signs of life.

    The thread never keeps the program from ending, and no error in it reaches the user.
    A forked child has no such thread; it must not call :meth:`finish`.

    Parameters
    ----------
    interval_s
        The pause between two samples in seconds; longer if sampling would take more than 0.5 % of a processor's time.
    beat
        Gives a sign of life.
    beat_interval_s
        Seconds between two signs of life.
    """

    def __init__(
        self,
        interval_s: float,
        *,
        beat: Callable[[], None] | None = None,
        beat_interval_s: float | None = None,
    ) -> None:
        self._beat = beat
        self._beat_interval_s = threading.TIMEOUT_MAX if beat is None or beat_interval_s is None else beat_interval_s
        self._seen = Sampled(interval_s)
        self._last_look: float | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gaitmap_results sampler", daemon=True)

    def start(self) -> bool:
        """Start the thread; return ``False`` if the system allows no further thread."""
        self._guard(self._thread.start, "The thread that samples the processes could not be started")
        return self._thread.ident is not None

    def stop(self) -> None:
        """Stop the thread; it may already have stopped."""
        self._stopped.set()

    def finish(self) -> Sampled:
        """Stop the thread, take the last sample, and return all of them."""
        self.stop()
        if self._thread.ident is not None:
            self._thread.join(_PATIENCE_S)
        if self._thread.is_alive():
            self._note("The last sample of the processes did not end in time.")
        else:
            self._guard(self._look, "The processes could not be sampled")
        return self._seen

    def _run(self) -> None:
        next_look = time.monotonic()
        next_beat = next_look + self._beat_interval_s
        while not self._stopped.is_set():
            if time.monotonic() >= next_look:
                before = time.thread_time()
                self._guard(self._look, "The processes could not be sampled")
                cost_s = time.thread_time() - before
                next_look = time.monotonic() + max(self._seen.interval_s, cost_s / _SHARE)
            if self._beat is not None and time.monotonic() >= next_beat:
                self._guard(self._beat, "The heartbeat could not be written")
                next_beat = time.monotonic() + self._beat_interval_s
            pause_s = min(next_look, next_beat) - time.monotonic()
            self._stopped.wait(min(max(0.0, pause_s), threading.TIMEOUT_MAX))

    def _guard(self, action: Callable[[], None], what: str) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001 - the user's program has nothing to do with it
            self._note(f"{what}: {error_text(error)}.")

    def _note(self, problem: str) -> None:
        known = self._seen.problems
        if problem not in known and len(known) < _MOST_PROBLEMS:
            self._seen.problems = (*known, problem)

    def _look(self) -> None:
        seen = self._seen
        alive = descendants()
        total = psutil.Process().memory_info().rss + sum(each.resident_bytes for each in alive.values())
        peaks = sum(peak_memory(each.process.pid) or 0 for each in alive.values() if not each.is_zombie)
        seen.some_left |= any(each.is_running() for each in seen.processes.difference(alive))
        seen.processes.update(alive)
        seen.highest_sum = max(seen.highest_sum or 0, total)
        seen.highest_peaks = max(seen.highest_peaks, peaks)
        seen.n_looks += 1
        now = time.monotonic()
        if self._last_look is not None:
            seen.longest_gap_s = max(seen.longest_gap_s, now - self._last_look)
        self._last_look = now
