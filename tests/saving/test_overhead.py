"""What recording itself takes is measured and stored."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from challenges import ExampleChallenge

from gaitmap_results import recorded_run, save_run

SLOW_S = 0.15


class SlowToStore(ExampleChallenge):
    """A challenge whose results take a while to write."""

    def save_core_results(self, folder_path: Path) -> None:
        """Wait, then write."""
        time.sleep(SLOW_S)
        super().save_core_results(folder_path)


def overhead_of(path: Path) -> dict[str, Any]:
    """Return what a record says of its own cost."""
    stored: dict[str, Any] = json.loads((path / "metadata.json").read_text(encoding="utf-8"))["recorder_overhead_s"]
    return stored


def test_start_and_end_of_a_block(tmp_path: Path) -> None:
    """The record stores what entering and leaving took: no more than the user waited for, and not the run itself."""
    before = time.perf_counter()
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        entered = time.perf_counter() - before
        ExampleChallenge().run(lambda: time.sleep(SLOW_S))
        ended = time.perf_counter()
    left = time.perf_counter() - ended
    overhead = overhead_of(recorder.path_)
    assert 0 < overhead["start"] <= entered
    assert 0 < overhead["end"] < SLOW_S + left


def test_storing_the_core_results_counts_as_end(tmp_path: Path) -> None:
    """Core results are written when `run` returns, inside of the block; what that takes is recording, too."""
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        SlowToStore().run(lambda: 1)
        time.sleep(10 * SLOW_S)  # the user's own work after the run is none
    assert SLOW_S <= overhead_of(recorder.path_)["end"] < 10 * SLOW_S


def test_save_run_has_no_start(tmp_path: Path) -> None:
    """`save_run` sees only the end, and says so."""
    overhead = overhead_of(
        save_run(SlowToStore().run(lambda: 1), "entry", custom_metadata={}, path=tmp_path, use_git=False)
    )
    assert overhead["start"] is None
    assert overhead["end"] >= SLOW_S
