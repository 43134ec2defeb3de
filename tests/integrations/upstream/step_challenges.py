"""Challenges as users of gaitmap_challenges write them: dataclasses that inherit from its base class."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from gaitmap_challenges.challenge_base import BaseChallenge
from tpcp import Dataset

__all__ = ["LongStepChallenge", "StepChallenge", "Walks"]


class Walks(Dataset):
    """Two recordings."""

    def create_index(self) -> pd.DataFrame:
        """List the recordings."""
        return pd.DataFrame({"participant": ["a", "b"], "test": ["1", "1"]})


@dataclass(repr=False)
class StepChallenge(BaseChallenge):
    """Takes what the entry says."""

    dataset: Walks
    factor: int = 1

    VERSION = "1.2.0"

    steps_: int = field(init=False)

    def run(self, optimizer: Any) -> StepChallenge:
        """Run one entry."""
        with self._measure_time():
            self.optimizer = optimizer
            self.dataset_ = self.dataset
            self.steps_ = self.factor * optimizer
        return self

    def get_core_results(self) -> dict[str, Any]:
        """Return the steps."""
        return {"steps": self.steps_}

    def save_core_results(self, folder_path: Path) -> None:
        """Write the steps."""
        (folder_path / "steps.json").write_text(json.dumps(self.get_core_results()))

    @classmethod
    def load_core_results(cls, folder_path: Path) -> dict[str, Any]:
        """Read the steps."""
        return json.loads((Path(folder_path) / "steps.json").read_text())


@dataclass(repr=False)
class LongStepChallenge(StepChallenge):
    """Runs what it inherits."""

    VERSION = "2.0.0"

    def run(self, optimizer: Any) -> LongStepChallenge:
        """Run one entry as the class above does, and more."""
        super().run(optimizer)
        self.steps_ += 1
        return self
