"""What the user is told is a courtesy: where it cannot be shown, nothing is raised."""

from __future__ import annotations

from pathlib import Path

import pytest
from processes import run_python

SCRIPT = """
import sys
from challenges import ExampleChallenge
from gaitmap_results import recorded_run, save_run

class Gone:
    def write(self, text):
        raise {error}("the window is closed")
    flush = write

sys.stderr = Gone()
with recorded_run("block", path="results", use_git=False) as r:
    ExampleChallenge().run(1)
    r.custom_metadata["warned about"] = float("nan")
save_run(ExampleChallenge().run(1), "save", custom_metadata={{"a": float("nan")}}, path="results", use_git=False)
sys.stderr = sys.__stderr__
"""


@pytest.mark.parametrize("error", ["RuntimeError", "ValueError", "AttributeError", "OSError"])
def test_a_standard_error_that_raises_costs_nothing(tmp_path: Path, error: str) -> None:
    """Neither the line that says where a run went nor a warning raises because of it."""
    run_python("-c", SCRIPT.format(error=error), cwd=tmp_path)
    assert len(list(tmp_path.glob("results/*/*/*/*/MANIFEST.sha256"))) == 2
