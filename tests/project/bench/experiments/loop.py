"""Computes the same inside and outside of a recorded block, and says how long that took."""

from __future__ import annotations

import inspect
import sys
import time

from answering import STORE, answer

from gaitmap_results import BaseChallenge, recorded_run

N_STEPS = int(sys.argv[2])
OPTIONS = inspect.signature(recorded_run).parameters
SAMPLER = next((name for name in OPTIONS if name.startswith("sample_resources")), None)


def compute():
    """Keep one core busy, and return for how long."""
    started = time.perf_counter()
    total = 0
    for number in range(N_STEPS):
        total += number * number % 7
    return time.perf_counter() - started


class ComputingChallenge(BaseChallenge):
    """Computes."""

    VERSION = "1.0.0"

    def run(self, optimizer):
        """Compute."""
        with self._measure_time():
            self.seconds_ = compute()
        return self

    def save_core_results(self, folder_path):
        """Write one file."""
        (folder_path / "result.json").write_text("{}")

    @classmethod
    def load_core_results(cls, folder_path):
        return (folder_path / "result.json").read_text()


def inside(**options):
    """Compute while a block is open."""
    with recorded_run("entry", path=STORE, debug_run=False, **options):
        return ComputingChallenge().run(None).seconds_


def outside():
    """Compute in the same method without a block."""
    return ComputingChallenge().run(None).seconds_


def sampled():
    """Compute while a block is open that samples what the process uses."""
    default = OPTIONS[SAMPLER].default
    return inside(**{SAMPLER: True if isinstance(default, bool) else 1.0})


if __name__ == "__main__":
    answer(inside=inside, outside=outside, outside_again=outside, sampled=sampled, sampler=lambda: SAMPLER)
