"""What a power failure would leave: whatever counts as complete was written through to the disk before."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from challenges import ExampleChallenge

from gaitmap_results import recorded_run, save_run
from gaitmap_results.store import files

Written = dict[int, tuple[int, int]]


class Disk:
    """What was written through, and what of it when a folder or a file was moved to its place."""

    def __init__(self) -> None:
        self.written: Written = {}
        self.moves: list[tuple[Path, bytes, int, Written]] = []

    def sync(self, descriptor: int) -> None:
        """Note the state in which a file or folder is written through."""
        found = os.fstat(descriptor)
        self.written[found.st_ino] = found.st_size, found.st_mtime_ns

    def move(self, source: str | Path, target: str | Path) -> None:
        """Note what was written through before something is moved."""
        content = Path(source).read_bytes() if Path(source).is_file() else b""
        self.moves.append((Path(target), content, Path(source).stat().st_ino, dict(self.written)))
        move(source, target)


move = os.replace


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Watch what is written through to the disk."""
    disk = Disk()
    monkeypatch.setattr(files, "_sync", disk.sync)
    for name in ("rename", "replace"):
        monkeypatch.setattr(os, name, disk.move)
    return disk


def missing(folder: Path, written: Written) -> Iterator[str]:
    """Name what of a folder was not written through as it is now; a folder may have lost a name since."""
    for path in (folder, *folder.rglob("*")):
        found = path.stat()
        as_now = written.get(found.st_ino) == (found.st_size, found.st_mtime_ns)
        if not as_now and (path.is_file() or found.st_ino not in written):
            yield path.relative_to(folder).as_posix()


@pytest.mark.parametrize("way", ["block", "save_run"])
def test_a_run_is_on_the_disk_before_it_is_visible(tmp_path: Path, disk: Disk, way: str) -> None:
    """Every file of a run folder and every folder is written through before the rename, and then the folders above."""
    options: dict[str, Any] = {"custom_metadata": {"a": 1}, "path": tmp_path / "results", "use_git": False}
    if way == "save_run":
        run = save_run(ExampleChallenge().run(1), ("group", "entry"), **options)
    else:
        with recorded_run(("group", "entry"), **options) as recorder:
            (recorder.files_dir / "figure.txt").write_text("1")
            ExampleChallenge().run(1)
        assert recorder.path_ is not None
        run = recorder.path_
    (written,) = [written for target, _, _, written in disk.moves if target == run]
    assert list(missing(run, written)) == []
    above = [folder for folder in run.parents if folder.is_relative_to(tmp_path / "results")]
    assert [folder for folder in above if folder.stat().st_ino not in disk.written] == []


def test_results_are_on_the_disk_before_the_journal_calls_them_complete(tmp_path: Path, disk: Disk) -> None:
    """A block may go on for days after a challenge has finished; its results do not depend on luck meanwhile."""
    with recorded_run("entry", path=tmp_path, use_git=False):
        ExampleChallenge().run(1)
        (journal,) = tmp_path.glob(".unfinished/*/journal.json")
        (moved, written), (_, later) = [
            (moved, written)
            for target, content, moved, written in disk.moves
            if target == journal and json.loads(content)["core_results"] == "complete"
        ]
        assert list(missing(journal.parent / "results", written)) == []
        # The first journal that says so is written through, and so is the folder that has its name since.
        assert moved in written
        assert journal.parent.stat().st_ino in later
