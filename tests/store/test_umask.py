"""What is stored can be read by its owner, whatever umask the challenge left behind."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from challenges import ExampleChallenge

from gaitmap_results import recorded_run, save_run
from gaitmap_results.store.umask import open_to_owner

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")


@pytest.fixture(autouse=True)
def own_umask() -> Iterator[None]:
    """Set the umask again that was there before a test."""
    before = os.umask(0o022)
    yield
    os.umask(before)


class Strict(ExampleChallenge):
    """Leaves a strict umask behind, in its run or while it saves."""

    def __init__(self, when: str, mask: int) -> None:
        super().__init__()
        self.when, self.mask = when, mask

    def run(self, optimizer: Any = None) -> Strict:
        if self.when == "run":
            os.umask(self.mask)
        super().run(optimizer)
        return self

    def save_core_results(self, folder_path: Path) -> None:
        (folder_path / "inner").mkdir()
        if self.when == "save":
            os.umask(self.mask)
        super().save_core_results(folder_path)
        (folder_path / "inner" / "more.txt").write_text("1", encoding="utf-8")
        (folder_path / "late").mkdir()


def closed_below(folder: Path) -> list[str]:
    """Return what its owner cannot read or enter."""
    needed = {True: stat.S_IRUSR | stat.S_IXUSR, False: stat.S_IRUSR}
    return [str(path) for path in folder.rglob("*") if ~path.stat().st_mode & needed[path.is_dir()]]


@pytest.mark.parametrize("mask", [0o777, 0o700, 0o277])
@pytest.mark.parametrize("when", ["run", "save"])
@pytest.mark.parametrize("way", ["block", "save_run"])
def test_the_owner_can_read_all_of_a_run(tmp_path: Path, way: str, when: str, mask: int) -> None:
    """The run folder, its parents and every file are the owner's to read, and the umask stays what it was left as."""
    challenge = Strict(when, mask)
    if way == "block":
        with recorded_run("e", path=tmp_path / "results", use_git=False):
            challenge.run(1)
    else:
        save_run(challenge.run(1), "e", custom_metadata={}, path=tmp_path / "results", use_git=False)
    assert closed_below(tmp_path) == []
    assert os.umask(0o022) == mask


def test_the_umask_of_others_is_kept(tmp_path: Path) -> None:
    """Who else may read is decided by the umask as ever."""
    os.umask(0o027)
    with recorded_run("e", path=tmp_path / "results", use_git=False) as r:
        ExampleChallenge().run(1)
    assert r.path_ is not None
    assert stat.S_IMODE((r.path_ / "metadata.json").stat().st_mode) == 0o640


def test_threads_that_save_at_once_leave_the_umask_as_it_was() -> None:
    """The last one to leave sets it again, in whatever order they leave."""
    os.umask(0o777)
    first_is_in, second_is_in = threading.Event(), threading.Event()

    def second() -> None:
        first_is_in.wait()
        with open_to_owner():
            second_is_in.set()
            first_has_left.wait()

    first_has_left = threading.Event()
    thread = threading.Thread(target=second)
    thread.start()
    with open_to_owner():
        first_is_in.set()
        second_is_in.wait()
    first_has_left.set()
    thread.join()
    assert os.umask(0o022) == 0o777
