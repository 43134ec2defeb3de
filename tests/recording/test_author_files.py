"""The author's own files of a block: published with its runs, and kept whatever happens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from challenges import ExampleChallenge
from processes import run_python

from gaitmap_results import (
    current_recorder,
    load_run_metadata,
    record_run,
    recorded_run,
    recover_run,
    save_run,
    unfinished_runs,
    verify_run,
)
from gaitmap_results.exceptions import (
    CoreResultsError,
    IncompleteProvenanceWarning,
    NoChallengeError,
    RecorderStateError,
    SaveFailedWarning,
)


def content(run: Path | None) -> dict[str, str]:
    """Return the author's files of a run, whose manifest lists exactly what is there."""
    assert run is not None
    verification = verify_run(run)
    assert (verification.is_intact, verification.extra) == (True, ())
    listed = (run / "MANIFEST.sha256").read_text()
    found = {path.relative_to(run / "files").as_posix(): path for path in run.glob("files/**/*") if path.is_file()}
    assert all(f"  files/{name}" in listed for name in found)
    return {name: path.read_text() for name, path in found.items()}


def test_files_are_published_with_the_run(tmp_path: Path) -> None:
    """What is written before and after the run, in folders too, is in the run folder and its manifest."""
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        (recorder.files_dir / "before.txt").write_text("1")
        ExampleChallenge().run(1)
        (recorder.files_dir / "figures").mkdir()
        (recorder.files_dir / "figures" / "gait.svg").write_text("<svg/>")
    assert content(recorder.path_) == {"before.txt": "1", "figures/gait.svg": "<svg/>"}
    assert load_run_metadata(recorder.path_)["collection_errors"] == []
    assert unfinished_runs(tmp_path) == []


def test_files_of_a_decorated_function(tmp_path: Path) -> None:
    """A recorded function finds the folder by the recorder that is open."""

    @record_run(path=tmp_path, use_git=False)
    def entry() -> Any:
        (current_recorder().files_dir / "model.json").write_text("{}")
        return ExampleChallenge().run(1)

    entry()
    (run,) = tmp_path.glob("*/*/entry/*")
    assert content(run) == {"model.json": "{}"}


@pytest.mark.parametrize("ask", [True, False])
def test_no_files(ask: bool, tmp_path: Path) -> None:
    """A run without files has no folder for them, also if it was asked for."""
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        ExampleChallenge().run(1)
        if ask:
            (recorder.files_dir / "empty").mkdir()
    assert recorder.path_ is not None
    assert not (recorder.path_ / "files").exists()


def test_each_run_of_a_block_has_all_files(tmp_path: Path) -> None:
    """A run folder is whole by itself: the files of a block belong to each of its runs, however they are found."""
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        ExampleChallenge(1).run(1)
        (recorder.files_dir / "log.txt").write_text("all of it")
        ExampleChallenge(2).run(2)
        save_run(ExampleChallenge(3).run(3), "by hand", custom_metadata={}, path=tmp_path, use_git=False)
    assert len(recorder.paths_) == 3
    assert [content(path) for path in recorder.paths_] == [{"log.txt": "all of it"}] * 3
    assert unfinished_runs(tmp_path) == []


def test_files_belong_to_the_innermost_block(tmp_path: Path) -> None:
    """Nested blocks have a folder each."""
    with recorded_run("outer", path=tmp_path, use_git=False) as outer:
        with recorded_run("inner", path=tmp_path, use_git=False) as inner:
            (current_recorder().files_dir / "inner.txt").write_text("inner")
            ExampleChallenge().run(1)
        (outer.files_dir / "outer.txt").write_text("outer")
        ExampleChallenge().run(2)
    assert (content(outer.path_), content(inner.path_)) == ({"outer.txt": "outer"}, {"inner.txt": "inner"})


def test_only_while_the_block_is_open(tmp_path: Path) -> None:
    """Before and after the block the error says where the files are."""
    recorder = recorded_run("entry", path=tmp_path, use_git=False)
    with pytest.raises(RecorderStateError, match="new"):
        _ = recorder.files_dir
    with recorder:
        ExampleChallenge().run(1)
    with pytest.raises(RecorderStateError, match="path_"):
        _ = recorder.files_dir


@pytest.mark.parametrize("end", ["raises", "no challenge", "save fails"])
def test_files_of_a_run_that_fails(end: str, tmp_path: Path) -> None:
    """They are kept beside the journal, which says what happened."""

    class Faulty(ExampleChallenge):
        def save_core_results(self, folder_path: Path) -> None:
            raise TypeError("never")

    error = {"raises": KeyError, "no challenge": NoChallengeError, "save fails": CoreResultsError}[end]
    with pytest.raises(error), recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        (recorder.files_dir / "log.txt").write_text("so far")
        if end == "raises":
            raise KeyError
        if end == "save fails":
            with pytest.warns(SaveFailedWarning):
                Faulty().run(1)
    (run,) = unfinished_runs(tmp_path)
    assert run.status == ("save_failed" if end == "save fails" else "failed")
    assert (run.path / "files" / "log.txt").read_text() == "so far"


def test_files_that_no_run_has(tmp_path: Path) -> None:
    """What was written after the user saved the run is nowhere else, and is kept; the journal says so."""
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        save_run(ExampleChallenge().run(1), "by hand", custom_metadata={}, path=tmp_path, use_git=False)
        (recorder.files_dir / "late.txt").write_text("late")
    (run,) = unfinished_runs(tmp_path)
    assert (run.status, run.core_results) == ("failed", "none")
    assert "author's files" in (run.error or "")
    assert [path.name for path in run.path.iterdir() if path.is_dir()] == ["files"]


def test_files_of_a_killed_process_survive_recover(tmp_path: Path) -> None:
    """After a kill they are published with the core results."""
    program = (
        "import os, signal, sys\n"
        "from challenges import ExampleChallenge\n"
        "from gaitmap_results import recorded_run\n"
        "with recorded_run('entry', path=sys.argv[1], use_git=False) as recorder:\n"
        "    (recorder.files_dir / 'log.txt').write_text('until the end')\n"
        "    ExampleChallenge().run(1)\n"
        "    os.kill(os.getpid(), getattr(signal, 'SIGKILL', signal.SIGTERM))\n"
    )
    with pytest.raises(AssertionError, match="ended with "):
        run_python("-c", program, tmp_path / "results", cwd=tmp_path)
    (run,) = unfinished_runs(tmp_path / "results")
    assert content(recover_run(run.run_id, tmp_path / "results")) == {"log.txt": "until the end"}


def test_a_file_that_cannot_be_copied_costs_no_run(tmp_path: Path) -> None:
    """Where a second run cannot have a file, it is published with a note of that."""
    warns = pytest.warns(IncompleteProvenanceWarning, match="files")
    with warns, recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        ExampleChallenge(1).run(1)
        ExampleChallenge(2).run(2)
        (recorder.files_dir / "log.txt").write_text("1")
        second = next(run.path for run in unfinished_runs(tmp_path) if run.path != recorder.files_dir.parent)
        (second / "files").write_text("in the way")
    errors = [json.loads((path / "metadata.json").read_text())["collection_errors"] for path in recorder.paths_]
    assert [[error["what"] for error in each] for each in errors] == [[], ["files"]]
