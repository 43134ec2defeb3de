"""Records one run, the only one of its process, and prints how much memory that process has."""

from __future__ import annotations

import sys
from pathlib import Path

from gaitmap_results import BaseChallenge, recorded_run


class EmptyChallenge(BaseChallenge):
    """Writes one tiny file."""

    VERSION = "1.0.0"

    def run(self, optimizer):
        """Do nothing."""
        with self._measure_time():
            self.optimizer = optimizer
        return self

    def save_core_results(self, folder_path):
        """Write the file."""
        (folder_path / "result.json").write_text("{}")

    @classmethod
    def load_core_results(cls, folder_path):
        return (folder_path / "result.json").read_text()


if __name__ == "__main__":
    with recorded_run("entry", path=Path(sys.argv[1]), debug_run=False) as recorder:
        EmptyChallenge().run(None)
    if "memory" in sys.argv:
        import psutil

        print(psutil.Process().memory_info().rss)
    if recorder.metadata_["is_debug_run"]:
        sys.exit("a debug run")
