"""Checking a run folder against its manifest."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys

import pytest
from challenges import ExampleChallenge
from run_folders import PUBLISHED, as_ordinary_user, needs_published, write_run

from gaitmap_results import save_run, verify_run
from gaitmap_results.exceptions import CorruptRunError, RunNotFoundError


@pytest.fixture
def run(tmp_path):
    """Return the folder of a saved run."""
    return save_run(ExampleChallenge().run(1), "test", custom_metadata={}, path=tmp_path, use_git=False)


def test_an_untouched_run_is_intact(run):
    """A run as it was saved has nothing missing, changed or extra, given as path or text."""
    verification = verify_run(str(run))
    assert verification == dataclasses.replace(verification, missing=(), changed=(), extra=(), skipped=())
    assert (verification.status, verification.is_intact, verification.n_files) == ("intact", True, 3)
    assert verification.path == run


def test_every_difference_is_named(run):
    """What is missing, changed and extra is named by its path in the run folder."""
    (run / "custom_metadata.json").unlink()
    (run / "results" / "result.json").write_bytes(b"x" * (run / "results" / "result.json").stat().st_size)
    (run / "results" / "more").mkdir()
    (run / "results" / "more" / "notes.txt").touch()
    verification = verify_run(run)
    assert verification.missing == ("custom_metadata.json",)
    assert verification.changed == ("results/result.json",)
    assert verification.extra == ("results/more/notes.txt",)
    assert (verification.status, verification.is_intact) == ("changed", False)


def test_progress_counts_every_byte(run):
    """The sizes that are reported on the way add up to those of the files in the manifest."""
    sizes = []
    verify_run(run, on_file=sizes.append)
    files = [file for file in run.rglob("*") if file.is_file() and file.name != "MANIFEST.sha256"]
    assert sorted(sizes) == sorted(file.stat().st_size for file in files)


def test_odd_names(tmp_path):
    """Line breaks, backslashes, spaces and letters of other scripts in names are compared like any other."""

    class OddNames(ExampleChallenge):
        def save_core_results(self, folder_path):
            for name in ("a b", "ü", "größe.txt", "*x", *(() if os.name == "nt" else ("a\\b", "a\nb", "\\", "\r"))):
                (folder_path / name).write_text(name)

    run = save_run(OddNames().run(1), "test", custom_metadata={}, path=tmp_path, use_git=False)
    assert verify_run(run).status == "intact"
    (run / "results" / "ü").unlink()
    assert verify_run(run).missing == ("results/ü",)


def test_nothing_outside_is_read(run, tmp_path):
    """A link is named as skipped; a file that was replaced by a link to an equal one is not what was saved."""
    outside = tmp_path / "outside"
    outside.mkdir()
    original = run / "results" / "result.json"
    (outside / "result.json").write_bytes(original.read_bytes())
    try:
        (run / "results" / "loop").symlink_to(run)
        (run / "out").symlink_to(outside)
    except OSError:
        pytest.skip("this system makes no links")
    verification = verify_run(run)
    assert [name for name, _ in verification.skipped] == ["out", "results/loop"]
    assert verification.status == "intact"
    original.unlink()
    original.symlink_to(outside / "result.json")
    assert verify_run(run).missing == ("results/result.json",)


def test_a_folder_replaced_by_a_link(run, tmp_path):
    """Files below a folder that is now a link are missing, wherever the link leads."""
    (run / "results").rename(tmp_path / "moved")
    try:
        (run / "results").symlink_to(tmp_path / "moved")
    except OSError:
        pytest.skip("this system makes no links")
    assert verify_run(run).missing == ("results/result.json",)


@pytest.mark.parametrize(
    "line",
    [
        "{digest}  ../outside.txt",
        "{digest}  /etc/hostname",
        "{digest}  results/../../outside.txt",
        "no digest  results/result.json",
        "{digest}",
    ],
)
def test_a_manifest_that_leads_out_is_refused(line, run):
    """A manifest that names a path outside of the run folder, or that is none, is an error and nothing is read."""
    with (run / "MANIFEST.sha256").open("a") as manifest:
        manifest.write(line.format(digest="0" * 64) + "\n")
    with pytest.raises(CorruptRunError, match="line 4 of the manifest") as caught:
        verify_run(run)
    assert caught.value.path == run


def test_a_manifest_that_was_taken_away(run):
    """Our runs have a manifest: without it one of them is not intact, it lacks a file."""
    (run / "MANIFEST.sha256").unlink()
    verification = verify_run(run)
    assert (verification.has_manifest, verification.missing) == (False, ("MANIFEST.sha256",))
    assert verification.status == "changed"


def test_no_manifest_at_all(tmp_path):
    """A run of gaitmap_challenges never had a manifest, which is no fault and no proof either."""
    verification = verify_run(write_run(tmp_path, schema_version=...))
    assert (verification.status, verification.is_intact) == ("no manifest", False)


@pytest.mark.parametrize("name", ["nothing", "empty", "file"])
def test_no_run_there(name, tmp_path):
    """A path that is no run folder is an error that says so."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(RunNotFoundError, match=r"There is no (run in|folder)"):
        verify_run(tmp_path / name)


def test_damaged_record_without_manifest(tmp_path):
    """Where neither record nor manifest can be read, nothing can be said, and that is an error."""
    run = write_run(tmp_path)
    (run / "metadata.json").write_text("{")
    with pytest.raises(CorruptRunError, match="cannot be read: "):
        verify_run(run)


def test_a_closed_file_is_not_called_intact(run):
    """Unknown is not intact: a file that cannot be read is named, and the status is "unreadable"."""
    (run / "results" / "result.json").chmod(0)
    program = (
        "import sys, json; from gaitmap_results import verify_run; v = verify_run(sys.argv[1]);"
        "print(json.dumps([v.status, v.skipped, v.missing]))"
    )
    command = as_ordinary_user([sys.executable, "-c", program, str(run)])
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    status, ((name, reason),), missing = json.loads(done.stdout)
    assert (status, name, missing) == ("unreadable", "results/result.json", [])
    assert "Permission denied" in reason
    (run / "results" / "result.json").chmod(0o644)
    (run / "results").chmod(0)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    finally:
        (run / "results").chmod(0o755)
    status, ((name, _),), missing = json.loads(done.stdout)
    assert (status, name, missing) == ("unreadable", "results", [])


@needs_published
def test_published_runs():
    """The published runs have no manifest, and nothing is said against them."""
    runs = [path.parent for path in PUBLISHED.rglob("metadata.json")]
    assert len(runs) == 17
    assert {verify_run(run).status for run in runs} == {"no manifest"}
