"""A run whose files could not be opened once it is published is refused before anything is computed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from challenges import ExampleChallenge
from processes import run_python

from gaitmap_results import recorded_run, save_run
from gaitmap_results.exceptions import InvalidNameError, ResultsFolderError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the limit depends on the registry")

LIMIT = os.pathconf("/", "PC_PATH_MAX") - 1 if os.name != "nt" else 0
# The challenge's folders, the entry's, the run's with room for a suffix, and the longest name of ours.
BELOW = len("/challenges.ExampleChallenge/1.0.0/entry/_20260101_000000_99/custom_metadata.json")


def deep_folder(base: Path, length: int) -> Path:
    """Return the path of a folder with exactly so many bytes."""
    path = base
    while length - len(str(path)) > 1:
        rest = length - len(str(path)) - 1
        path /= "d" * (rest if rest <= 200 else min(200, rest - 2))
    assert len(str(path)) == length
    return path


def test_the_longest_path_that_fits_is_stored(tmp_path: Path) -> None:
    """Up to the limit a run is stored and can be read."""
    folder = deep_folder(tmp_path, LIMIT - BELOW)
    with recorded_run("entry", path=folder, use_git=False) as r:
        ExampleChallenge().run(1)
    assert r.path_ is not None
    assert (r.path_ / "custom_metadata.json").read_bytes()


def test_a_path_that_is_too_long_is_refused_before_the_run(tmp_path: Path) -> None:
    """One byte more is refused, with both lengths: when the challenge is known, so before its first line."""
    folder = deep_folder(tmp_path, LIMIT - BELOW + 1)
    message = f"{LIMIT + 1} bytes, and this system opens paths of at most {LIMIT}"
    with pytest.raises(InvalidNameError, match=message), recorded_run("entry", path=folder, use_git=False):
        ExampleChallenge().run(lambda: pytest.fail("it ran"))
    given = recorded_run("entry", path=folder, use_git=False, challenge=ExampleChallenge())
    with pytest.raises(InvalidNameError, match=message), given:
        pytest.fail("it was entered")


def test_a_name_that_fits_no_challenge_is_refused_on_entering(tmp_path: Path) -> None:
    """What no challenge could be stored under is known before the block begins."""
    folder = deep_folder(tmp_path, LIMIT - 60)
    with pytest.raises(InvalidNameError, match="Shorten"), recorded_run("e" * 90, path=folder, use_git=False):
        pytest.fail("it was entered")


@pytest.mark.parametrize(
    "name", ["", ".unfinished", "challenges.ExampleChallenge", "challenges.ExampleChallenge/1.0.0/grp/entry"]
)
def test_a_file_where_a_folder_must_go_is_refused_before_the_run(tmp_path: Path, name: str) -> None:
    """A file in the place of a folder of the store is named before the first line of the run."""
    file = tmp_path / "results" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    with (
        pytest.raises((InvalidNameError, ResultsFolderError), match=rf"{file}\b.* is a file"),
        recorded_run(("grp", "entry"), path=tmp_path / "results", use_git=False),
    ):
        ExampleChallenge().run(lambda: pytest.fail("it ran"))


def test_a_name_that_the_locale_cannot_write_is_refused_on_entering(tmp_path: Path) -> None:
    """Where names of files are ASCII, an entry with an umlaut is refused with what to set."""
    code = (
        "from gaitmap_results import recorded_run\n"
        "from gaitmap_results.exceptions import InvalidNameError\n"
        "try:\n"
        "    recorded_run('gr\\xf6\\xdfe', path='results', use_git=False).__enter__()\n"
        "except InvalidNameError as error:\n"
        "    print(error)\n"
    )
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert "LC_ALL=C.UTF-8" in run_python("-c", code, cwd=tmp_path, env=ascii_only).stdout


def test_save_run_keeps_the_results_of_what_it_refuses(tmp_path: Path) -> None:
    """After the run there are results, which are kept, and the error says where."""
    folder = deep_folder(tmp_path, LIMIT - BELOW + 1)
    with pytest.raises(InvalidNameError) as refused:
        save_run(ExampleChallenge().run(1), "entry", custom_metadata={}, path=folder, use_git=False)
    assert refused.value.path is not None
    assert (refused.value.path / "results" / "result.json").exists()
