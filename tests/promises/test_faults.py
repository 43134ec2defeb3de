"""The file system fails at every single call, or is full, or read-only: where the results are then."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path

import pytest
from faults import count_points, error_at, run_in_child
from processes import run_python
from stores import TwoFiles, check_complete, foreign_reader, record, runs_of, save, unfinished_of

from gaitmap_results import recorded_run, recover_run, save_run
from gaitmap_results.exceptions import (
    CoreResultsError,
    GaitmapResultsError,
    ResultsFolderError,
    SaveError,
    SaveFailedWarning,
)

pytestmark = pytest.mark.exhaustive

SCENARIOS = {
    "a block": record,
    "a block that changes the challenge": lambda store, tell: record(store, tell, change=True),
    "save_run": save,
}


@pytest.fixture(autouse=True)
def rescue(tmp_path, monkeypatch):
    """Send what is rescued to a folder of the test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.chdir(folder)
    return folder


def holds_results(folder: Path, value: int = 1) -> bool:
    """Say whether a folder, a run or an unfinished one, has all core results of a challenge."""
    files = [folder / "results" / name for name in ("result.json", "again/result.json")]
    return all(file.exists() and json.loads(file.read_text())["value"] == value for file in files)


def check_after_error(store: Path, told: str, path: Path | None, error: Exception | None, *, for_ever: bool) -> str:
    """Check everything that is promised after a failing disk; return what became of the run."""
    if error is None:
        assert path is not None
        check_complete(path)
        assert runs_of(store) == [path]
        assert unfinished_of(store) == []
        return "saved"
    # Whatever goes wrong, it is told by an error of this package, and nothing half is ever shown.
    assert isinstance(error, GaitmapResultsError), repr(error)
    assert runs_of(store) == [], "an error was raised although the run is in its place"
    if "e" not in told:
        assert isinstance(error, ResultsFolderError)
        assert error.path is None
        assert "r" not in told
        return "refused"
    assert error.path is not None, error
    assert holds_results(error.path), (error, list(error.path.rglob("*")))
    assert str(error.path) in str(error)
    if (error.path / "MANIFEST.sha256").exists() and ".unfinished" not in error.path.parts:
        check_complete(error.path)
        return "rescued"
    run_id, results_folder = error.path.name, error.path.parents[1]
    assert for_ever or json.loads((error.path / "journal.json").read_text())["status"] == "save_failed"
    assert f"recover {run_id} --results {results_folder}" in str(error)
    check_complete(recover_run(run_id, results_folder, even_if_running=True))
    return "recovered"


@pytest.mark.parametrize(
    ("code", "for_ever"),
    [(errno.EIO, False), (errno.EACCES, False), (errno.ENOSPC, True)],
    ids=["EIO at one call", "EACCES at one call", "ENOSPC from then on"],
)
@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_no_error_of_the_disk_loses_results(scenario, code, for_ever, tmp_path):
    """Whichever call fails, the run is saved, or an error says where its complete results are and how to go on."""
    counted = tmp_path / "counted"
    n_points = count_points(counted, lambda: scenario(counted, lambda _: None))
    outcomes = []
    for number in range(1, n_points + 1):
        store = tmp_path / str(number)
        told: list[str] = []
        path, error = None, None
        try:
            with error_at(store, number, code, for_ever=for_ever):
                path = scenario(store, told.append)
        except Exception as raised:
            error = raised
        outcomes.append(check_after_error(store, "".join(told), path, error, for_ever=for_ever))
    assert {"saved", "rescued"} <= set(outcomes)
    if scenario is not save:
        assert "refused" in outcomes


@pytest.fixture
def small_disk(tmp_path):
    """Mount a file system of 256 kB, where that is allowed."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=777", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill a file system; return the file to delete to make room again."""
    file = folder / "filler"
    with file.open("wb", buffering=0) as filler, pytest.raises(OSError, match="No space left"):
        while True:
            filler.write(b"x" * 1024)
    return file


def test_a_full_disk_is_told_before_the_run(small_disk):
    """Nothing is computed if the results folder has no room for the journal."""
    fill(small_disk)
    with pytest.raises(ResultsFolderError, match="No space left"):
        record(small_disk)
    assert list(small_disk.iterdir()) in ([small_disk / "filler"], [small_disk / ".unfinished", small_disk / "filler"])


def test_a_disk_that_fills_up_during_the_run(small_disk):
    """The whole run goes to a rescue folder, the error says where, and `recover` brings it home when there is room."""

    def entry():
        fill(small_disk)
        return 42

    with pytest.raises(ResultsFolderError) as caught, recorded_run("entry", path=small_disk, use_git=False):
        TwoFiles().run(entry)
    rescued = caught.value.path
    metadata = check_complete(rescued)
    assert foreign_reader(small_disk) == []
    (small_disk / "filler").unlink()
    (run,) = unfinished_of(small_disk)
    assert (run.core_results, run.rescued_to) == ("complete", rescued)
    assert (run.status, run.certainty) == ("save_failed", "certain")
    path = recover_run(run.run_id, small_disk)
    assert check_complete(path)["run_id"] == metadata["run_id"]
    assert runs_of(small_disk) == [path]
    assert unfinished_of(small_disk) == []
    check_complete(rescued)


def test_results_that_are_too_large_for_the_disk(small_disk):
    """Half of the core results never becomes a run; all of them are rescued."""

    class Large(TwoFiles):
        def save_core_results(self, folder_path):
            super().save_core_results(folder_path)
            (folder_path / "large").write_bytes(b"x" * 500_000)

    with pytest.raises(ResultsFolderError) as caught:
        save_run(Large().run(42), "entry", custom_metadata={}, path=small_disk, use_git=False)
    assert (caught.value.path / "results" / "large").stat().st_size == 500_000
    assert list(small_disk.rglob("metadata.json")) == []
    (run,) = unfinished_of(small_disk)
    assert (run.status, run.rescued_to) == ("save_failed", caught.value.path)
    # There still is no room: nothing is lost by trying.
    with pytest.raises(SaveError, match="No space left"):
        recover_run(run.run_id, small_disk)
    assert (caught.value.path / "results" / "large").stat().st_size == 500_000
    assert list(small_disk.rglob("metadata.json")) == []


def test_a_folder_that_becomes_read_only():
    """As a user whose folder loses its permission during the run, one finds the run in the rescue folder."""
    if not hasattr(os, "geteuid"):
        pytest.skip("needs users and permissions as POSIX has them")
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o777)

        def as_nobody(tell):
            record(folder / "warm", value=1)
            if os.geteuid() == 0:
                shutil.rmtree(folder / "warm")
                os.setgid(65534)
                os.setuid(65534)
                os.environ.update(HOME="/nonexistent", USER="nobody", LOGNAME="nobody")
            warnings.simplefilter("ignore")  # nobody may not read what there is to know about this machine
            (folder / "rescue").mkdir()
            tempfile.tempdir = str(folder / "rescue")
            os.chdir(folder / "rescue")
            store = folder / "store"

            def entry():
                for path in [store / ".unfinished", *(store / ".unfinished").iterdir()]:
                    path.chmod(0o555)
                store.chmod(0o555)
                return 42

            try:
                with recorded_run("entry", path=store, use_git=False):
                    TwoFiles().run(entry)
            except ResultsFolderError as error:
                check_complete(error.path)
                tell("c")
            finally:
                store.chmod(0o777)
                for path in [store / ".unfinished", *(store / ".unfinished").iterdir()]:
                    path.chmod(0o777)
            if foreign_reader(store) == [] and [run.status for run in unfinished_of(store)] == ["save_failed"]:
                tell("u")
            try:
                with recorded_run("entry", path="/proc/nowhere", use_git=False):
                    tell("!")
            except ResultsFolderError:
                tell("r")

        told, status = run_in_child(as_nobody)
        assert (told, status) == ("cur", 0)


def test_a_results_folder_that_is_deleted_during_the_run(tmp_path, rescue):
    """The folder is made again; a file in its place sends the run to the rescue folder."""
    store = tmp_path / "store"

    def delete():
        shutil.rmtree(store)
        return 42

    with recorded_run("entry", path=store, use_git=False) as recorder:
        TwoFiles().run(delete)
    check_complete(recorder.path_)

    def replace():
        shutil.rmtree(store)
        store.write_text("not a folder")
        return 42

    with pytest.raises(ResultsFolderError) as caught, recorded_run("entry", path=store, use_git=False):
        TwoFiles().run(replace)
    assert rescue in caught.value.path.parents
    check_complete(caught.value.path)


def test_a_results_folder_that_is_deleted_before_the_block_ends(tmp_path, rescue):
    """The challenge is asked for its results once more when those that it had written are gone."""
    store = tmp_path / "store"
    with pytest.raises(ResultsFolderError) as caught, recorded_run("entry", path=store, use_git=False):
        TwoFiles().run(lambda: 42)
        shutil.rmtree(store)
        store.write_text("not a folder")
    assert rescue in caught.value.path.parents
    check_complete(caught.value.path)


_PYTHON_GOES_AWAY = """
import pathlib, shutil, sys
from stores import TwoFiles, check_complete
from gaitmap_results import recorded_run
from gaitmap_results.exceptions import ResultsFolderError

class Gone:
    def find_spec(self, name, path=None, target=None):
        raise ImportError(name)

def go_away():
    sys.meta_path.insert(0, Gone())
    shutil.rmtree("store")
    pathlib.Path("store").write_text("not a folder")
    return 42

sys.modules.pop("tempfile", None)  # most programs have imported it, but not all
try:
    with recorded_run("entry", path="store", use_git=False):
        TwoFiles().run(go_away)
except ResultsFolderError as error:
    sys.meta_path.pop(0)
    check_complete(error.path)
    print(error.path.is_relative_to(sys.argv[1]))
"""


def test_a_disk_with_python_and_the_results_that_is_gone_after_the_run(rescue):
    """Nothing has to be imported once a run has started, not even to rescue its results."""
    done = run_python("-c", _PYTHON_GOES_AWAY, rescue, cwd=rescue)
    assert done.stdout.split() == ["True"]


def test_a_second_challenge_of_a_block_after_the_folder_is_gone(tmp_path, rescue):
    """The folder for the first challenge is opened with the block; one for the second is found somewhere, too."""
    store = tmp_path / "store"
    with pytest.raises(ResultsFolderError) as caught, recorded_run("entry", path=store, use_git=False) as recorder:
        TwoFiles(1).run(lambda: 42)
        shutil.rmtree(store)
        store.write_text("not a folder")
        TwoFiles(2).run(lambda: 42)
    assert len(recorder.paths_) == 2
    assert rescue in caught.value.path.parents
    for value, path in enumerate(recorder.paths_, start=1):
        check_complete(path, value=value)


class Breaks(TwoFiles):
    """Writes one of its files, and fails."""

    error: Exception = ValueError("no second file")

    def save_core_results(self, folder_path):
        super().save_core_results(folder_path)
        (folder_path / "again" / "result.json").unlink()
        raise self.error


@pytest.mark.parametrize(
    "error",
    [ValueError("no second file"), FileNotFoundError("missing"), ValueError("no \udc80 UTF-8")],
    ids=["own", "OSError", "a text that cannot be written"],
)
def test_save_core_results_that_raises_half_way(error, tmp_path):
    """What was written stays, as unfinished and failed to save; the error says where, and that it is not whole."""
    Breaks.error = error
    with pytest.raises(CoreResultsError, match="save_run") as caught:
        with recorded_run("entry", path=tmp_path / "store", use_git=False):
            Breaks().run(lambda: 42)
    assert (caught.value.path / "results" / "result.json").exists()
    assert caught.value.__cause__ is error
    (run,) = unfinished_of(tmp_path / "store")
    assert (run.status, run.certainty, run.core_results) == ("save_failed", "certain", "partial")
    assert type(error).__name__ in run.error
    with pytest.raises(SaveError, match="only a part"):
        recover_run(run.run_id, tmp_path / "store")
    assert foreign_reader(tmp_path / "store") == []


def test_save_core_results_that_would_work_the_second_time(tmp_path):
    """It is not tried again by itself, since the challenge may have changed; the user can, while it is there."""

    class Moody(TwoFiles):
        attempts = 0

        def save_core_results(self, folder_path):
            Moody.attempts += 1
            if Moody.attempts == 1:
                raise ValueError("not now")
            super().save_core_results(folder_path)

    with pytest.raises(CoreResultsError, match="not now"):
        with recorded_run("entry", path=tmp_path, use_git=False):
            Moody().run(lambda: 42)
    assert Moody.attempts == 1
    Moody.attempts = 0
    with recorded_run("entry", path=tmp_path, use_git=False):
        with pytest.warns(SaveFailedWarning, match="not now"):
            challenge = Moody().run(lambda: 42)
        check_complete(save_run(challenge, "entry", custom_metadata={}, path=tmp_path, use_git=False))


def test_a_challenge_without_version(tmp_path):
    """Its results are kept at the end of its run; the error says where, and `recover` takes the version."""

    class NoVersion(TwoFiles):
        pass

    def entry():
        NoVersion.VERSION = None  # a challenge that had none before is refused before it runs
        return 42

    with pytest.raises(GaitmapResultsError, match="VERSION") as caught:
        with recorded_run("entry", path=tmp_path, use_git=False):
            NoVersion().run(entry)
            assert [run.core_results for run in unfinished_of(tmp_path) if run.status == "save_failed"] == ["complete"]
    assert holds_results(caught.value.path)
    (run,) = unfinished_of(tmp_path)
    assert (run.status, run.core_results, run.entry_name) == ("save_failed", "complete", "entry")
    assert "VERSION" in run.error
    with pytest.raises(GaitmapResultsError, match="--challenge-version"):
        recover_run(run.run_id, tmp_path)
    path = recover_run(run.run_id, tmp_path, challenge_version="1.0.0")
    assert path.parts[-3:-1] == ("1.0.0", "entry")
    assert unfinished_of(tmp_path) == []


def test_a_challenge_without_version_in_a_block_that_raises(tmp_path):
    """The user's own error goes on, and the results are kept all the same."""

    class NoVersion(TwoFiles):
        pass

    def entry():
        NoVersion.VERSION = None  # a challenge that had none before is refused before it runs
        return 42

    with pytest.raises(ZeroDivisionError), recorded_run("entry", path=tmp_path, use_git=False):
        NoVersion().run(entry)
        raise ZeroDivisionError
    kept = [run for run in unfinished_of(tmp_path) if run.core_results == "complete"]
    assert len(kept) == 1
    assert holds_results(kept[0].path)


def test_metadata_that_cannot_be_encoded(tmp_path):
    """The run is published as debug with the repr of what cannot be stored, and the error says where."""
    with pytest.raises(GaitmapResultsError, match="JSON") as caught:
        with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
            TwoFiles().run(lambda: 42)
            recorder.custom_metadata["object"] = object()
    metadata = check_complete(caught.value.path)
    assert "custom_metadata.invalid" in [reason["code"] for reason in metadata["debug_reasons"]]


def test_a_repr_that_raises(tmp_path):
    """The text of its error is stored in its place."""

    class Shy(TwoFiles):
        def __repr__(self):
            raise RuntimeError("no")

    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        Shy().run(lambda: 42)
    assert "RuntimeError: no" in check_complete(recorder.path_)["repr_challenge"]


def test_a_results_folder_whose_name_is_no_utf_8(tmp_path, rescue):
    """On systems where a name can be any bytes, saving, rescuing and listing work in such a folder, too."""
    store = tmp_path / os.fsdecode(b"st\xff\xfere")
    try:
        store.mkdir()
    except (OSError, UnicodeError):
        pytest.skip("this file system takes names in UTF-8 only")

    def block():
        (store / ".unfinished").rename(store / "away")
        (store / ".unfinished").write_text("in the way")
        return 42

    # Not in this process: pytest cannot send what is logged about such a path from its workers.
    def run(tell):
        check_complete(record(store))
        with pytest.raises(ResultsFolderError) as caught, recorded_run("entry", path=store, use_git=False):
            TwoFiles().run(block)
        assert rescue in caught.value.path.parents
        check_complete(caught.value.path)
        (store / ".unfinished").unlink()
        (store / "away").rename(store / ".unfinished")
        (run,) = unfinished_of(store)
        check_complete(recover_run(run.run_id, store))
        tell("k")

    assert run_in_child(run) == ("k", 0)


def test_one_challenge_that_cannot_be_published_does_not_cost_another(tmp_path):
    """The good one of a block is published beside one that has lost its version; the error comes then."""

    class NoVersion(TwoFiles):
        pass

    with pytest.raises(GaitmapResultsError, match="VERSION") as caught:
        with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
            TwoFiles(1).run(42)
            recorder.attach(NoVersion(2)).result_ = 42
            NoVersion.VERSION = None
    check_complete(recorder.path_)
    assert holds_results(caught.value.path, value=2)
    assert [run.status for run in unfinished_of(tmp_path)] == ["save_failed"]
