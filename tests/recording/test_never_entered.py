"""A recorder that is never entered records nothing, and says so."""

from __future__ import annotations

import gc
import warnings
from pathlib import Path

import pytest
from challenges import ExampleChallenge
from processes import run_python

from gaitmap_results import record_run, recorded_run
from gaitmap_results.exceptions import GaitmapResultsError, RecorderNotEnteredWarning


def test_a_dropped_recorder_warns_at_the_line_that_made_it(tmp_path: Path) -> None:
    """As Python does for a coroutine that was never awaited."""
    with pytest.warns(RecorderNotEnteredWarning, match=r"'e'.*with recorded_run") as shown:  # noqa: PT031
        recorded_run("e", path=tmp_path)
        gc.collect()
    assert len(shown) == 1
    assert shown[0].filename == __file__
    assert "recorded_run(" in Path(__file__).read_text("utf-8").splitlines()[shown[0].lineno - 1]
    assert list(tmp_path.iterdir()) == []


def test_the_end_of_the_program_drops_what_is_left(tmp_path: Path) -> None:
    """A recorder that a variable holds warns when the program ends, once, at its line."""
    script = tmp_path / "script.py"
    script.write_text(
        "import os\nfrom gaitmap_results import recorded_run\nr = recorded_run('left', path='results')\n"
        "if hasattr(os, 'fork'):\n    child = os.fork()\n    if child:\n        os.waitpid(child, 0)\n",
        encoding="utf-8",
    )
    done = run_python("script.py", cwd=tmp_path)
    assert done.stderr.count("RecorderNotEnteredWarning") == 1
    assert "script.py:3: RecorderNotEnteredWarning" in done.stderr


def test_what_was_entered_or_refused_says_nothing(tmp_path: Path) -> None:
    """A block, one that was refused on entering, and a decorated function whose call is dropped need no such word."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with recorded_run("e", path=tmp_path, use_git=False):
            ExampleChallenge().run(1)
        with pytest.raises(GaitmapResultsError), recorded_run("../e", path=tmp_path):
            pytest.fail("it was entered")

        @record_run(path=tmp_path, use_git=False)
        def generator():  # type: ignore[no-untyped-def]
            yield 1

        generator()
        gc.collect()
