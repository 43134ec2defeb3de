"""Records a challenge that computes nothing, and does what nobody can do without."""

from __future__ import annotations

import json
import sys
from importlib.metadata import distributions
from pathlib import Path

from answering import STORE, answer
from floor import ask_git, floor_of

from gaitmap_results import BaseChallenge, recorded_run
from gaitmap_results.provenance.git import PendingStatus, read_git_state


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


def block(**options):
    """Record one run."""
    with recorded_run("entry", path=STORE, debug_run=False, **options) as recorder:
        EmptyChallenge().run(None)
    return recorder


def without_git():
    """Record one run without asking git."""
    block(use_git=False)


def official():
    """Record one run and say that it is official, and what else is of interest about it."""
    recorder = block()
    metadata = recorder.metadata_
    assert metadata["is_debug_run"] is False, metadata["debug_reasons"]
    assert json.loads((recorder.path_ / "metadata.json").read_bytes())["is_debug_run"] is False
    global floor
    floor = floor_of(recorder.path_)
    size = sum(file.stat().st_size for file in recorder.path_.rglob("*") if file.is_file())
    return {"packages": len(list(distributions())), "bytes": size}


def git_of_block():
    """Read from git what a block reads when it is entered and left."""
    options = {"results_folder": STORE, "caller_file": Path(__file__)}
    state = read_git_state(Path.cwd(), **options)
    with PendingStatus(state.base_dir, first=state) as pending:
        again = pending.finish(**options)
    assert not again.differences


def two_statuses():
    """Ask git twice for the status."""
    ask_git()
    ask_git()


if __name__ == "__main__":
    answer(
        block=lambda: None if block().metadata_["is_debug_run"] is False else sys.exit("a debug run"),
        official=official,
        floor=lambda: floor(),
        without_git=without_git,
        git_of_block=git_of_block,
        two_statuses=two_statuses,
    )
