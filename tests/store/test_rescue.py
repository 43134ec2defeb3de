"""Where results go if the results folder cannot be written: the first place that can take them."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from git_repository import GitRepository
from processes import run_python
from stores import check_complete

from gaitmap_results.store import rescue as module
from gaitmap_results.store.journal import JournalContent, read_journal
from gaitmap_results.store.rescue import is_rescue_folder, rescue, rescue_folders

JOURNAL = JournalContent(status="running", core_results="none")


@pytest.fixture
def places(tmp_path, monkeypatch) -> dict[str, Path]:
    """Give each place a folder of the test's own."""
    found = {}
    for name in ("submission", "working", "state", "var_tmp", "temporary"):
        found[name] = tmp_path / name
        found[name].mkdir()
    monkeypatch.setenv("SLURM_SUBMIT_DIR", str(found["submission"]))
    monkeypatch.chdir(found["working"])
    monkeypatch.setattr(module, "_state_folder", lambda: found["state"])
    monkeypatch.setattr(module, "_var_tmp", lambda: found["var_tmp"])
    monkeypatch.setattr(tempfile, "tempdir", str(found["temporary"]))
    return found


def on_another_disk(monkeypatch, *names: str) -> None:
    """Let some places lie on another file system than all else."""
    real = module._device
    monkeypatch.setattr(module, "_device", lambda path: -1 if path.name in names else real(path))


def full(*names: str):
    """Return what writes, but for places of these names, whose disk is full."""

    def write(staging):
        if staging.results_folder.parent.name in names:
            raise OSError(28, "No space left on device")
        (staging.folder / "written").write_text("yes")

    return write


@pytest.mark.parametrize("n_full", range(5))
def test_the_places_in_their_order(n_full, places, tmp_path):
    """The folder of submission, the working directory, the state folder, /var/tmp, the temporary directory."""
    names = list(places)
    staging = rescue(JOURNAL, full(*names[:n_full]), away_from=tmp_path / "results")
    assert staging.results_folder.parent == places[names[n_full]]
    assert (staging.folder / "written").exists()
    assert [place for place in places.values() if any(place.iterdir())] == [places[names[n_full]]]


def test_another_file_system_comes_first(places, tmp_path, monkeypatch):
    """A disk that is full or gone takes what lies on it along."""
    on_another_disk(monkeypatch, "var_tmp", "temporary")
    first = rescue(JOURNAL, away_from=tmp_path / "results")
    second = rescue(JOURNAL, full("var_tmp", "temporary"), away_from=tmp_path / "results")
    unknown = rescue(JOURNAL)
    assert first.results_folder.parent == places["var_tmp"]
    assert second.results_folder.parent == places["submission"]
    assert unknown.results_folder.parent == places["submission"]


def test_places_that_are_not_there(places, monkeypatch, tmp_path):
    """A variable without a folder behind it, and a home that nobody knows, are passed over."""

    def unknown():
        raise RuntimeError("Could not determine home directory.")

    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("SLURM_SUBMIT_DIR", str(tmp_path / "a file" / "gone"))
    monkeypatch.setattr(module, "_state_folder", unknown)
    monkeypatch.setattr(module.Path, "cwd", unknown)
    assert rescue(JOURNAL).results_folder.parent == places["var_tmp"]


def test_the_folder_that_cannot_be_written_is_no_place(places):
    """A working directory inside of the results folder is not used, since its runs would be listed there."""
    assert rescue(JOURNAL, away_from=places["submission"]).results_folder.parent == places["working"]
    inside = rescue(JOURNAL, full("submission"), away_from=places["working"].parent / "working")
    assert inside.results_folder.parent == places["state"]


def test_what_is_rescued_is_private_and_dirties_no_repository(places, monkeypatch, tmp_path):
    """Its user alone may read it, and git does not see it."""
    repository = GitRepository(tmp_path / "repository")
    repository.write("code.py", "1")
    repository.commit()
    monkeypatch.setenv("SLURM_SUBMIT_DIR", str(repository.path))
    staging = rescue(JOURNAL, run_id="1bf072c0-c5d6-4e7e-af8f-4b03816e63ee")
    assert staging.results_folder.parent == repository.path
    assert os.name == "nt" or stat.S_IMODE(staging.results_folder.stat().st_mode) == 0o700
    assert repository.git("status", "--porcelain") == ""
    assert read_journal(staging.folder / "journal.json").run_id == "1bf072c0-c5d6-4e7e-af8f-4b03816e63ee"


def test_what_is_no_fault_of_the_place_is_raised(places):
    """An error of the challenge's own is not tried in five places, and leaves nothing behind."""
    tried = []

    def fail(staging):
        tried.append(staging.folder)
        raise FileNotFoundError(2, "the challenge's own")

    with pytest.raises(FileNotFoundError, match="the challenge's own"):
        rescue(JOURNAL, fail)
    assert len(tried) == 1
    assert all(not any(place.iterdir()) for place in places.values())


def test_no_place_at_all(places):
    """The last reason is told."""
    with pytest.raises(OSError, match="No space left"):
        rescue(JOURNAL, full(*places))
    assert all(not any(place.iterdir()) for place in places.values())


def test_rescue_folders_are_found_again(places):
    """In every place, and only what has the name and belongs to the user."""
    made = [rescue(JOURNAL, full(*list(places)[:number])).results_folder for number in range(5)]
    (places["state"] / "gaitmap_results_rescue_file").write_text("")
    (places["state"] / "another").mkdir()
    assert list(rescue_folders()) == made
    assert all(map(is_rescue_folder, made))


@pytest.mark.parametrize(
    ("platform", "variable", "usual"),
    [
        ("linux", "XDG_STATE_HOME", ".local/state"),
        ("darwin", None, "Library/Application Support"),
        ("win32", "LOCALAPPDATA", "AppData/Local"),
    ],
)
def test_the_state_folder(platform, variable, usual, monkeypatch, tmp_path):
    """The place that each system has for such files in the home folder, or that its own variable names."""
    environment = {"XDG_STATE_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
    monkeypatch.setattr(module.sys, "platform", platform)
    monkeypatch.setattr(
        module, "os", SimpleNamespace(name="nt" if platform == "win32" else "posix", environ=environment)
    )
    assert module._state_folder() == (Path.home() / usual if variable is None else tmp_path) / "gaitmap_results"
    environment.clear()
    assert module._state_folder() == Path.home() / usual / "gaitmap_results"


LEFT_FOLDER = """
import os, shutil, sys
from pathlib import Path
from gaitmap_results import recorded_run
from gaitmap_results.exceptions import ResultsFolderError
from stores import TwoFiles

store = Path(sys.argv[1])
try:
    with recorded_run("entry", path=store, use_git=False):
        shutil.rmtree(store)
        store.write_text("in the way")
        os.rmdir(os.getcwd())
        TwoFiles().run(42)
except ResultsFolderError as error:
    print(error.path)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not remove a working directory in use")
@pytest.mark.parametrize("variable", ["XDG_STATE_HOME", "SLURM_SUBMIT_DIR"])
def test_a_relative_place_below_a_folder_that_is_gone_is_passed_over(variable, tmp_path):
    """Where the working directory was deleted, a variable that starts from it costs no result."""
    (tmp_path / "working").mkdir()
    places = {"XDG_STATE_HOME": str(tmp_path / "state"), "TMPDIR": str(tmp_path)}
    done = run_python(
        "-c", LEFT_FOLDER, tmp_path / "store", cwd=tmp_path / "working", env={**places, variable: "below"}
    )
    path = Path(done.stdout.strip())
    check_complete(path)
    assert "gaitmap_results_rescue_" in str(path)
    shutil.rmtree(path.parents[3])
