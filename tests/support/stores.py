"""What every store of runs must look like, whatever has happened to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from challenges import ExampleChallenge

from gaitmap_results import recorded_run, save_run, verify_run
from gaitmap_results.unfinished.listing import UnfinishedRun, list_unfinished

__all__ = [
    "TwoFiles",
    "check_complete",
    "foreign_reader",
    "leftovers_of",
    "record",
    "runs_of",
    "save",
    "say_nothing",
    "unfinished_of",
]


def say_nothing(_: str) -> None:
    """Take no notice of how far a run has come."""


class TwoFiles(ExampleChallenge):
    """Writes two files, one of them in a folder, so that half of the results is a thing that can be."""

    def run(self, optimizer: Any = None) -> TwoFiles:
        super().run(optimizer)
        self.optimizer = None  # what can be pickled can be compared, and is not saved twice
        return self

    def save_core_results(self, folder_path: Path) -> None:
        """Write the result twice."""
        super().save_core_results(folder_path)
        (folder_path / "again").mkdir()
        (folder_path / "again" / "result.json").write_text(json.dumps(self.get_core_results()), encoding="utf-8")


def record(
    store: Path, tell: Callable[[str], None] = say_nothing, *, value: int = 1, change: bool = False, **options: Any
) -> Path:
    """Record one run, and tell when it was entered (e), had run (r), had its results on the disk (s), was left (x).

    With ``change``, the challenge is another one at the end of the block than it was at the end of its run.
    """
    arguments = {"path": store, "use_git": False, "custom_metadata": {"note": "kept"}, **options}
    with recorded_run("entry", **arguments) as recorder:
        tell("e")
        challenge = TwoFiles(value)

        def entry() -> int:
            tell("r")
            return 42

        challenge.run(entry)
        tell("s")
        if change:
            challenge.result_ = 42.0
    tell("x")
    assert recorder.path_ is not None
    return recorder.path_


def save(store: Path, tell: Callable[[str], None] = say_nothing, *, value: int = 1) -> Path:
    """Run a challenge and save it by hand, and tell how far that has come as :func:`record` does."""
    challenge = TwoFiles(value).run(42)
    tell("er")
    path = save_run(challenge, "entry", path=store, use_git=False, custom_metadata={"note": "kept"})
    tell("sx")
    return path


def foreign_reader(store: Path) -> list[Path]:
    """Return the runs as gaitmap_challenges finds them: its glob, and the keys that it reads of each."""
    try:
        folder = next(store.rglob(f"{TwoFiles.__module__}.{TwoFiles.__name__}"))
    except StopIteration:
        return []
    found = []
    for file in folder.rglob("metadata.json"):
        metadata = json.loads(file.read_text(encoding="utf-8"))
        assert metadata["challenge_version"]
        assert metadata["run_start_datetime_utc"] > 0
        assert isinstance(metadata["is_debug_run"], bool)
        found.append(file.parent)
    return found


def check_complete(path: Path, *, value: int = 1) -> dict[str, Any]:
    """Fail if a run folder is not a complete run; return its metadata."""
    assert verify_run(path).status == "intact", verify_run(path)
    for name in ("result.json", "again/result.json"):
        assert json.loads((path / "results" / name).read_text()) == {"value": value, "result": 42}
    assert (path / "custom_metadata.json").is_file()
    metadata: dict[str, Any] = json.loads((path / "metadata.json").read_text(encoding="utf-8"))
    return metadata


def runs_of(store: Path) -> list[Path]:
    """Return the run folders of a store, after checking that each is complete."""
    found = foreign_reader(store)
    for path in found:
        check_complete(path, value=json.loads((path / "results" / "result.json").read_text())["value"])
    return found


def unfinished_of(store: Path) -> list[UnfinishedRun]:
    """Return the unfinished runs of a store, in which nothing is to be skipped."""
    runs, skipped = list_unfinished(store)
    assert skipped == []
    return runs


def leftovers_of(store: Path) -> list[Path]:
    """Return whatever lies in ``.unfinished``."""
    folder = store / ".unfinished"
    return sorted(folder.iterdir()) if folder.exists() else []
