"""The study that the examples in docstrings are about: a challenge, an algorithm, and runs in ``results``."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gaitmap_results import BaseChallenge, recorded_run

__all__ = ["names_of_the_reader", "record_study"]

#: The mean stride time of each participant, in seconds.
REFERENCE = {"P1": 1.10, "P2": 1.02, "P3": 0.98, "P4": 1.21, "P5": 1.07, "P6": 1.15, "P7": 0.93, "P8": 1.04}


class StrideTime(BaseChallenge):
    """Compare how well algorithms find the mean stride time."""

    __module__ = "my_project"
    VERSION = "1.0.0"
    SCORES = {"abs_error_s": "minimize"}

    def run(self, optimizer: Any) -> None:
        self.optimizer = optimizer
        self.errors_ = {name: round(abs(optimizer(value) - value), 4) for name, value in REFERENCE.items()}

    def get_scores(self) -> dict[str, Any]:
        return {"abs_error_s": self.errors_}

    def save_core_results(self, folder_path: Path) -> None:
        (folder_path / "errors.json").write_text(json.dumps(self.errors_))

    @classmethod
    def load_core_results(cls, folder_path: Path) -> Any:
        return json.loads((folder_path / "errors.json").read_text())


@dataclass
class Scaled:
    """Find each stride time too short by a factor."""

    factor: float

    def __call__(self, value: float) -> float:
        """Return the stride time that is found."""
        return value * self.factor


def names_of_the_reader() -> dict[str, Any]:
    """Return the names that a reader has before they type an example."""
    return {"StrideTime": StrideTime, "challenge": StrideTime(), "optimizer": Scaled(0.98)}


def record_study() -> None:
    """Record two official runs and one that fails in the folder ``results`` of the working directory."""
    for name, factor in (("as_published", 0.95), ("recalibrated", 0.97)):
        with recorded_run(
            name, path="results", use_git=False, debug_run=False, custom_metadata={"sensor": "lower back"}
        ):
            StrideTime().run(Scaled(factor))
    with contextlib.suppress(FileNotFoundError), recorded_run("shin", path="results", use_git=False):
        raise FileNotFoundError("no recording of P9")
