"""Saves a challenge that computes nothing with gaitmap_challenges."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import Any

import pandas as pd
from answering import STORE, answer

warnings.simplefilter("ignore")

from gaitmap_challenges.challenge_base import BaseChallenge  # noqa: E402
from gaitmap_challenges.results import save_run  # noqa: E402
from tpcp import Dataset  # noqa: E402


class NoData(Dataset):
    """One recording."""

    def create_index(self):
        """List it."""
        return pd.DataFrame({"participant": ["a"]})


@dataclass(repr=False)
class EmptyChallenge(BaseChallenge):
    """Writes one tiny file."""

    dataset: Any

    VERSION = "1.0.0"

    def run(self, optimizer):
        """Do nothing."""
        with self._measure_time():
            self.optimizer = optimizer
            self.dataset_ = self.dataset
        return self

    def save_core_results(self, folder_path):
        """Write the file."""
        (folder_path / "result.json").write_text("{}")

    @classmethod
    def load_core_results(cls, folder_path):
        return (folder_path / "result.json").read_text()


def run():
    """Save one run, and return how long that alone took."""
    challenge = EmptyChallenge(NoData()).run(None)
    started = time.perf_counter()
    path = save_run(challenge, "entry", custom_metadata={}, path=STORE, debug_run=False)
    seconds = time.perf_counter() - started
    assert not path.name.startswith("_"), path  # official
    return seconds


if __name__ == "__main__":
    answer(run=run)
