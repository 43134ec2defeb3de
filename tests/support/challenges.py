"""A small challenge that the tests run and save."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gaitmap_results import BaseChallenge

__all__ = ["ExampleChallenge", "stored_entries", "stored_runs"]


class ExampleChallenge(BaseChallenge):
    """Calls the entry, or takes it as the result, and stores the result beside its own value."""

    VERSION = "1.0.0"

    def __init__(self, value: int = 1) -> None:
        self.value = value

    def run(self, optimizer: Any = None) -> ExampleChallenge:
        """Run one entry: a function, whose result is taken, or the result itself."""
        self.optimizer = optimizer
        with self._measure_time():
            self.result_ = optimizer() if callable(optimizer) else optimizer
        return self

    def get_core_results(self) -> dict[str, Any]:
        """Return the value of the challenge and the result of the entry."""
        return {"value": self.value, "result": self.result_}

    def save_core_results(self, folder_path: Path) -> None:
        """Write one JSON file."""
        (folder_path / "result.json").write_text(json.dumps(self.get_core_results()), encoding="utf-8")

    @classmethod
    def load_core_results(cls, folder_path: Path) -> dict[str, Any]:
        """Return what ``save_core_results`` wrote."""
        results: dict[str, Any] = json.loads((folder_path / "result.json").read_text(encoding="utf-8"))
        return results


def stored_runs(results: Path) -> list[dict[str, Any]]:
    """Return the metadata of every run below a results folder, the oldest first."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in results.glob("*/*/**/metadata.json")]
    return sorted(found, key=lambda metadata: metadata["run_start_datetime_utc"])


def stored_entries(results: Path) -> list[Any]:
    """Return the entry names of the runs below a results folder, the oldest run first."""
    return [metadata["entry_name"] for metadata in stored_runs(results)]
