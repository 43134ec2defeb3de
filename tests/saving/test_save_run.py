"""Saving a challenge that has run: what is stored where, and that no mistake costs a result."""

from __future__ import annotations

import errno
import inspect
import json
import os
import shutil
import stat
import sys
import time
import warnings
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from challenges import ExampleChallenge
from processes import run_python

import gaitmap_results
from gaitmap_results import recorded_run, save_run
from gaitmap_results.exceptions import (
    CoreResultsError,
    DebugRunWarning,
    DebugSettingWarning,
    GaitmapResultsError,
    InvalidChallengeError,
    InvalidCustomMetadataError,
    InvalidNameError,
    InvalidOptionError,
    NoResultsFolderError,
    ResultsFolderError,
    SaveError,
)

AS_ROOT = pytest.mark.skipif(
    hasattr(os, "geteuid") and os.geteuid() == 0, reason="the superuser may write into every folder"
)
ON_POSIX = pytest.mark.skipif(os.name == "nt", reason="needs permissions and links as POSIX has them")


def finished(value: int = 1) -> ExampleChallenge:
    """Return a challenge that has run."""
    return ExampleChallenge(value).run(lambda: 42)


def save(folder: Path, challenge: Any = None, entry_name: Any = "entry", **options: Any) -> Path:
    """Save a finished challenge as most tests want it: nothing said that is not tested."""
    arguments = {"custom_metadata": {}, "path": folder, "use_git": False, **options}
    return save_run(finished() if challenge is None else challenge, entry_name, **arguments)


def read(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def unfinished(folder: Path) -> list[Path]:
    """Return the folders of unfinished runs."""
    top = folder / ".unfinished"
    return sorted(path for path in top.iterdir() if path.is_dir()) if top.exists() else []


# What a save leaves


def test_the_signature_is_the_seeds() -> None:
    """A call of gaitmap_challenges.results.save_run works after changing the import, for every name and default."""
    nothing = inspect.Parameter.empty
    positional, keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    parameters = inspect.signature(save_run).parameters.values()
    assert [(each.name, each.kind, each.default) for each in parameters] == [
        ("challenge", positional, nothing),
        ("entry_name", positional, nothing),
        ("custom_metadata", keyword, nothing),
        ("path", keyword, None),
        ("debug_run", keyword, None),
        ("stored_filenames_relative_to", keyword, None),
        ("use_git", keyword, True),
        ("git_dirty_ignore", keyword, ()),
        ("debug_folder_prefix", keyword, "_"),
        ("_force_local_debug_run_setting", keyword, False),
        ("_caller_file_path_stack_offset", keyword, 0),
    ]


def test_recorded_run_takes_every_option_of_save_run() -> None:
    """No option of save_run is lost by going from it to the block."""
    options = set(inspect.signature(save_run).parameters) - {"entry_name"}
    assert options <= set(inspect.signature(recorded_run).parameters)


def test_the_folder_of_a_run_has_the_documented_layout(tmp_path: Path) -> None:
    """A run lies in challenge/version/entry/timestamp and holds exactly the documented files."""
    challenge = finished()
    path = save(tmp_path, challenge, ("group", "entry"), custom_metadata={"note": "first"})
    start = datetime.fromtimestamp(challenge.run_start_datetime_utc_timestamp_, timezone.utc).strftime("%Y%m%d_%H%M%S")
    assert path == tmp_path / "challenges.ExampleChallenge" / "1.0.0" / "group" / "entry" / f"_{start}"
    files = sorted(item.relative_to(path).as_posix() for item in path.rglob("*") if item.is_file())
    assert files == ["MANIFEST.sha256", "custom_metadata.json", "metadata.json", "results/result.json"]
    assert read(path / "results" / "result.json") == {"value": 1, "result": 42}
    assert read(path / "custom_metadata.json") == {"note": "first"}
    assert unfinished(tmp_path) == []


def test_the_path_that_is_returned_is_absolute_and_a_path(tmp_path: Path) -> None:
    """The caller can use what save_run returns after changing the working directory."""
    path = save(Path("relative"))
    assert isinstance(path, Path)
    assert path.is_absolute()
    assert path.is_relative_to(tmp_path / "relative")


@pytest.mark.parametrize(("entry_name", "stored"), [("test", "test"), (("a", "b"), ["a", "b"]), (("one",), ["one"])])
def test_an_entry_name_is_stored_as_it_was_given(tmp_path: Path, entry_name: Any, stored: Any) -> None:
    """A string stays a string and a tuple becomes a list, so that readers of gaitmap_challenges read ours."""
    assert read(save(tmp_path, entry_name=entry_name) / "metadata.json")["entry_name"] == stored


def test_runs_of_the_same_second_get_numbers_that_do_not_pile_up(tmp_path: Path) -> None:
    """A taken name gets _1, _2, ... (and not _1_2), also for debug and official runs side by side."""
    challenge = finished()
    names = [save(tmp_path, challenge).name for _ in range(4)]
    assert names == [names[0], f"{names[0]}_1", f"{names[0]}_2", f"{names[0]}_3"]
    official = save(tmp_path, challenge, debug_run=False)
    assert official.name == names[0].removeprefix("_")


@pytest.mark.parametrize(("prefix", "start"), [("_", "_2"), ("", "2"), ("debug-", "debug-2")])
def test_only_a_debug_run_has_the_prefix(tmp_path: Path, prefix: str, start: str) -> None:
    """Debug runs are told apart by the folder's name, official ones have none of the prefix."""
    assert save(tmp_path, debug_folder_prefix=prefix, debug_run=True).name.startswith(start)
    assert save(tmp_path, debug_folder_prefix=prefix, debug_run=False).name[:1] == "2"


def test_the_folder_comes_from_the_config_where_no_path_is_given(tmp_path: Path) -> None:
    """Without a path the results folder of the config is used."""
    gaitmap_results.set_config(gaitmap_results.LocalConfig(results_dir=tmp_path / "configured"))
    assert save(None).is_relative_to(tmp_path / "configured")


def test_a_challenge_without_any_of_the_optional_attributes_is_saved(tmp_path: Path) -> None:
    """What a challenge does not say (times, data set, pipeline) is stored as unknown and costs nothing."""

    class Bare:
        VERSION = "2"

        def save_core_results(self, folder_path: Path) -> None:
            (folder_path / "x").write_text("x")

    path = save(tmp_path, Bare())
    metadata = read(path / "metadata.json")
    unknown = ["repr_pipeline", "repr_dataset", "dataset_name", "dataset_columns"]
    unknown += ["run_start_datetime_utc", "run_start_datetime", "run_end_datetime", "runtime", "timing_source"]
    assert {key: metadata[key] for key in unknown} == dict.fromkeys(unknown)
    assert (path / "results" / "x").read_text() == "x"


def test_a_repr_that_raises_costs_only_itself(tmp_path: Path) -> None:
    """The error's text stands in the place of a repr that raises."""

    class Rude(ExampleChallenge):
        def __repr__(self) -> str:
            raise ValueError("no repr today")

    metadata = read(save(tmp_path, Rude().run(1)) / "metadata.json")
    assert "no repr today" in metadata["repr_challenge"]


def test_attributes_that_raise_cost_only_themselves(tmp_path: Path) -> None:
    """A property of the challenge that raises is stored as null, with the reason in collection_errors."""

    class Rude(ExampleChallenge):
        @property
        def dataset_(self) -> Any:
            raise RuntimeError("the data set is on another disk")

    with pytest.warns(gaitmap_results.exceptions.IncompleteProvenanceWarning, match="on another disk") as caught:
        path = save(tmp_path, Rude().run(1))
    metadata = read(path / "metadata.json")
    assert metadata["repr_dataset"] is None
    assert [error["what"] for error in metadata["collection_errors"]] == ["repr_dataset"]
    assert len(caught) == 1


def test_a_data_set_is_described(tmp_path: Path) -> None:
    """Class, columns and repr of the data set are stored."""
    import pandas as pd

    class Walks:
        index = pd.DataFrame({"participant": ["a"], "trial": ["b"]})

        def __repr__(self) -> str:
            return "Walks [1 row]"

    challenge = finished()
    challenge.dataset_ = Walks()
    metadata = read(save(tmp_path, challenge) / "metadata.json")
    assert metadata["dataset_name"] == "Walks"
    assert metadata["dataset_columns"] == ["participant", "trial"]
    assert metadata["repr_dataset"] == "Walks [1 row]"


def test_a_table_as_data_set_has_its_columns(tmp_path: Path) -> None:
    """A DataFrame that is used as the data set itself is described by its own columns."""
    import pandas as pd

    challenge = finished()
    challenge.dataset_ = pd.DataFrame({"participant": ["a"], "cadence": [1.8]})
    metadata = read(save(tmp_path, challenge) / "metadata.json")
    assert (metadata["dataset_name"], metadata["dataset_columns"]) == ("DataFrame", ["participant", "cadence"])


# Telling the user


@pytest.mark.parametrize(("debug_run", "word"), [(True, "debug"), (False, "official")])
def test_one_line_says_where_the_run_went(tmp_path: Path, capsys: Any, debug_run: bool, word: str) -> None:
    """After each save the user sees exactly one line, with the path and whether the run is official."""
    path = save(tmp_path, debug_run=debug_run)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert str(path) in printed.err
    assert f"{word} run" in printed.err
    assert ("(official, code not checked)" in printed.err) is (word == "official")  # git was not asked


def test_a_closed_standard_error_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program without a console can save."""
    monkeypatch.setattr(sys, "stderr", None)
    assert save(tmp_path).is_dir()


def test_warnings_point_at_the_users_line(tmp_path: Path) -> None:
    """A warning names the file and the line of the call, not one of ours."""
    line = inspect.currentframe().f_lineno + 2
    with pytest.warns(DebugRunWarning) as caught:
        save_run(finished(), "entry", custom_metadata={}, path=tmp_path, debug_run=False)
    assert [(warning.filename, warning.lineno) for warning in caught] == [(__file__, line)]


# Wrong arguments after the run


class WithoutVersion:
    """Has results but no version."""

    def save_core_results(self, folder_path: Path) -> None:
        (folder_path / "result.json").write_text('{"value": 1, "result": 42}')


class WithEscapingVersion(ExampleChallenge):
    """Has a version that leads out of the results folder."""

    VERSION = "../../elsewhere"


class WithNumberAsVersion(ExampleChallenge):
    """Has a version that is no string."""

    VERSION = 2


WRONG: dict[str, tuple[dict[str, Any], type[GaitmapResultsError]]] = {
    "entry name empty": ({"entry_name": ""}, InvalidNameError),
    "entry name escapes": ({"entry_name": ("..", "x")}, InvalidNameError),
    "entry name of numbers": ({"entry_name": (1, 2)}, InvalidNameError),
    "entry name none": ({"entry_name": None}, InvalidNameError),
    "prefix escapes": ({"debug_folder_prefix": "../"}, InvalidNameError),
    "prefix no string": ({"debug_folder_prefix": 3}, InvalidNameError),
    "ignore list is a string": ({"git_dirty_ignore": "docs"}, InvalidOptionError),
    "ignore list refuses all": ({"git_dirty_ignore": ["."]}, InvalidOptionError),
    "ignore list raises": ({"git_dirty_ignore": 5}, InvalidOptionError),
    "debug_run a word": ({"debug_run": "no"}, InvalidOptionError),
    "debug_run a number": ({"debug_run": 1}, InvalidOptionError),
    "use_git a word": ({"use_git": "yes"}, InvalidOptionError),
    "force a word": ({"_force_local_debug_run_setting": "yes"}, InvalidOptionError),
    "offset negative": ({"_caller_file_path_stack_offset": -1}, InvalidOptionError),
    "offset a word": ({"_caller_file_path_stack_offset": "1"}, InvalidOptionError),
    "relative_to a number": ({"stored_filenames_relative_to": 3}, InvalidOptionError),
    "relative_to NUL": ({"stored_filenames_relative_to": "a\0b"}, InvalidOptionError),
    "path a number": ({"path": 3}, GaitmapResultsError),
    "path with an unset variable": ({"path": "$NOT_SET_ANYWHERE/results"}, GaitmapResultsError),
    "no path": ({"path": None}, NoResultsFolderError),
    "custom metadata": ({"custom_metadata": {"a": {1, 2}}}, InvalidCustomMetadataError),
    "custom metadata no mapping": ({"custom_metadata": [1]}, InvalidCustomMetadataError),
    "no version": ({"challenge": WithoutVersion}, InvalidChallengeError),
    "version escapes": ({"challenge": WithEscapingVersion}, InvalidNameError),
    "version a number": ({"challenge": WithNumberAsVersion}, InvalidNameError),
}


def _core_results_below(path: Path) -> Any:
    """Return the core results that lie in a folder, wherever in it."""
    found = list(path.rglob("result.json"))
    assert len(found) == 1, found
    return read(found[0])


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_argument_never_costs_the_result(tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever save_run refuses, the core results are on the disk and the error says where."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    options, error = WRONG[case]
    arguments: dict[str, Any] = {"path": tmp_path / "results", **options}
    kind = arguments.pop("challenge", ExampleChallenge)
    challenge = kind()
    if isinstance(challenge, ExampleChallenge):
        challenge.run(lambda: 42)
    with pytest.raises(error) as raised:
        save(arguments.pop("path"), challenge, **arguments)
    assert isinstance(raised.value, GaitmapResultsError)
    assert raised.value.path is not None
    assert _core_results_below(raised.value.path) == {"value": 1, "result": 42}
    assert str(raised.value.path) in str(raised.value)


def test_an_argument_whose_own_code_raises_costs_no_result(tmp_path: Path) -> None:
    """Even an argument that raises while it is looked at leaves the core results on the disk."""

    class Rude:
        def __iter__(self) -> Any:
            raise RuntimeError("cannot be read")

    with pytest.raises(SaveError, match="cannot be read") as raised:
        save(tmp_path, git_dirty_ignore=Rude())
    assert isinstance(raised.value.__cause__, RuntimeError)
    assert _core_results_below(raised.value.path) == {"value": 1, "result": 42}


def test_what_is_no_challenge_is_refused(tmp_path: Path) -> None:
    """A class, and an object without results, are refused with what to do."""
    with pytest.raises(InvalidChallengeError, match="pass the object"):
        save(tmp_path, ExampleChallenge)
    with pytest.raises(InvalidChallengeError, match="save_core_results"):
        save(tmp_path, "a string")
    assert unfinished(tmp_path) == []


def test_invalid_custom_metadata_publishes_the_run_as_debug(tmp_path: Path) -> None:
    """The run is published with the values' repr and the reason, then the error is raised with the path of the run."""
    with pytest.raises(InvalidCustomMetadataError) as raised:
        save(tmp_path, custom_metadata={"fine": 1, "bad": {"inner": {3}}}, debug_run=False)
    path = raised.value.path
    metadata = read(path / "metadata.json")
    assert path.name.startswith("_")
    assert metadata["is_debug_run"] is True
    assert [reason["code"] for reason in metadata["debug_reasons"]] == ["custom_metadata.invalid"]
    assert metadata["debug_reasons"][0]["detail"]["problems"][0]["key_path"] == "custom_metadata['bad']['inner']"
    assert read(path / "custom_metadata.json") == {"fine": 1, "bad": {"inner": "{3}"}}
    assert unfinished(tmp_path) == []


# The disk


def _assert_rescued(error: ResultsFolderError, temporary: Path, results_folder: Path) -> None:
    assert error.results_folder == results_folder
    assert error.path.is_relative_to(temporary)
    assert read(error.path / "results" / "result.json") == {"value": 1, "result": 42}
    assert read(error.path / "metadata.json")["entry_name"] == "entry"
    assert (error.path / "MANIFEST.sha256").exists()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a temporary directory of the test's own, for what is rescued."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.chdir(folder)
    return folder


def test_a_results_folder_that_is_a_file_leads_to_a_rescue(tmp_path: Path, temporary: Path) -> None:
    """Where the results folder cannot be made, the whole run goes to the temporary directory."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(ResultsFolderError) as raised:
        save(blocked)
    _assert_rescued(raised.value, temporary, blocked)


@AS_ROOT
@ON_POSIX
def test_a_results_folder_without_permission_leads_to_a_rescue(tmp_path: Path, temporary: Path) -> None:
    """Where the user may not write, the whole run goes to the temporary directory."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    try:
        with pytest.raises(ResultsFolderError) as raised:
            save(closed)
    finally:
        closed.chmod(stat.S_IRWXU)
    _assert_rescued(raised.value, temporary, closed)


def test_a_results_folder_that_goes_away_while_saving_leads_to_a_rescue(tmp_path: Path, temporary: Path) -> None:
    """A disk that is gone in the middle of a save costs no result."""
    folder = tmp_path / "results"

    class OnALostDisk(ExampleChallenge):
        calls = 0

        def save_core_results(self, folder_path: Path) -> None:
            OnALostDisk.calls += 1
            if OnALostDisk.calls == 1:
                shutil.rmtree(folder)
                folder.write_text("there is no folder any more")
            super().save_core_results(folder_path)

    with pytest.raises(ResultsFolderError) as raised:
        save(folder, OnALostDisk().run(lambda: 42))
    _assert_rescued(raised.value, temporary, folder)


def test_results_that_were_written_a_second_time_are_not_official(tmp_path: Path, temporary: Path) -> None:
    """What can be read only once may be missing the second time."""

    class Streamed(ExampleChallenge):
        def run(self, optimizer: Any) -> Streamed:
            self.results_ = iter([1, 2])
            return self

        def save_core_results(self, folder_path: Path) -> None:
            first = next(self.results_, None)
            if first == 1:
                raise OSError(errno.EIO, "the disk failed")
            (folder_path / "result.json").write_text(json.dumps([first, *self.results_]))

    with pytest.raises(ResultsFolderError) as raised:
        with recorded_run("e", path=tmp_path / "results", debug_run=False, use_git=False):
            Streamed().run(1)
    metadata = json.loads((raised.value.path / "metadata.json").read_text("utf-8"))
    assert metadata["is_debug_run"]
    assert [reason["code"] for reason in metadata["debug_reasons"]] == ["recovered"]


@pytest.mark.parametrize("error", [ConnectionResetError("the data server is gone"), TimeoutError("too slow")])
def test_an_error_of_the_network_is_no_lost_disk(tmp_path: Path, temporary: Path, error: OSError) -> None:
    """The challenge is not asked a second time, and nobody is told that the results folder cannot be written."""

    class OfTheNetwork(ExampleChallenge):
        n_calls = 0

        def save_core_results(self, folder_path: Path) -> None:
            self.n_calls += 1
            if self.n_calls == 1:
                raise error

    challenge = OfTheNetwork().run(1)
    with pytest.raises(CoreResultsError, match=str(error)):
        save(tmp_path / "results", challenge)
    assert challenge.n_calls == 1
    assert list(temporary.iterdir()) == []


def test_a_rescued_run_is_readable_by_its_user_only(tmp_path: Path, temporary: Path) -> None:
    """The temporary directory is shared with others; a rescued run is not."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(ResultsFolderError):
        save(blocked)
    (store,) = temporary.glob("gaitmap_results_rescue_*")
    assert os.name == "nt" or stat.S_IMODE(store.stat().st_mode) == 0o700


def test_wrong_arguments_on_a_folder_that_cannot_be_written_cost_no_result(tmp_path: Path, temporary: Path) -> None:
    """Two mistakes at once leave the core results in the rescue folder."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(InvalidNameError) as raised:
        save(blocked, entry_name="..")
    assert raised.value.path.is_relative_to(temporary)
    assert _core_results_below(raised.value.path) == {"value": 1, "result": 42}


def test_a_save_core_results_that_raises_keeps_what_it_wrote(tmp_path: Path) -> None:
    """What was written stays in .unfinished with status save_failed, and the error says where and why."""

    class Broken(ExampleChallenge):
        def save_core_results(self, folder_path: Path) -> None:
            (folder_path / "first.txt").write_text("half")
            raise KeyError("second table")

    with pytest.raises(CoreResultsError, match="second table") as raised:
        save(tmp_path, Broken().run(1))
    assert isinstance(raised.value, SaveError)
    assert isinstance(raised.value.__cause__, KeyError)
    assert unfinished(tmp_path) == [raised.value.path]
    assert (raised.value.path / "results" / "first.txt").read_text() == "half"
    journal = read(raised.value.path / "journal.json")
    assert (journal["status"], journal["core_results"]) == ("save_failed", "partial")
    assert "second table" in journal["error"]["message"]
    assert list(tmp_path.rglob("metadata.json")) == []


def test_a_save_core_results_that_raises_an_error_of_files_is_no_lost_disk(tmp_path: Path, temporary: Path) -> None:
    """A FileNotFoundError of the challenge's own is told as the challenge's, and leaves nothing in the rescue place."""

    class Broken(ExampleChallenge):
        def save_core_results(self, folder_path: Path) -> None:
            (folder_path / "first.txt").write_text("half")
            (folder_path / "missing" / "second.txt").write_text("x")

    with pytest.raises(CoreResultsError, match=r"second\.txt") as raised:
        save(tmp_path / "results", Broken().run(1))
    assert (raised.value.path / "results" / "first.txt").read_text() == "half"
    assert list(temporary.iterdir()) == []


def test_an_interrupt_while_the_core_results_are_written_keeps_what_is_there(tmp_path: Path) -> None:
    """Ctrl-C in save_core_results goes on, and what was written stays where `unfinished` finds it."""

    class Slow(ExampleChallenge):
        def save_core_results(self, folder_path: Path) -> None:
            super().save_core_results(folder_path)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save(tmp_path, Slow().run(lambda: 42))
    (folder,) = unfinished(tmp_path)
    assert _core_results_below(folder) == {"value": 1, "result": 42}
    assert read(folder / "journal.json")["core_results"] == "partial"


def test_a_working_directory_that_was_deleted_costs_no_result(tmp_path: Path) -> None:
    """A run can be saved from a folder that does not exist any more; the state of its repository is unknown."""
    code = """
import os, sys
from pathlib import Path
from challenges import ExampleChallenge
from gaitmap_results import save_run
results, gone = sys.argv[1:]
os.makedirs(gone); os.chdir(gone)
challenge = ExampleChallenge().run(lambda: 42)
os.rmdir(gone)
print(save_run(challenge, "entry", custom_metadata={}, path=results, debug_run=False))
"""
    script = tmp_path / "entry.py"
    script.write_text(code)
    done = run_python(script, tmp_path / "results", tmp_path / "gone", cwd=tmp_path)
    metadata = read(Path(done.stdout.strip()) / "metadata.json")
    assert metadata["is_debug_run"] is True
    assert metadata["git_dirty"] is None
    assert [reason["code"] for reason in metadata["debug_reasons"]] == ["git.unavailable", "code.unidentified"]


# Warnings turned into errors


def _official_outside_of_a_repository(tmp_path: Path) -> list[dict[str, Any]]:
    stored = list((tmp_path / "results").glob("challenges.*/*/*/*/metadata.json"))
    return [read(path) for path in stored]


def test_a_warning_that_is_an_error_comes_after_the_run_is_published(tmp_path: Path) -> None:
    """With -W error, save_run raises its warning only when everything is in its place."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DebugRunWarning):
            save(tmp_path / "results", debug_run=False, use_git=True)
    (metadata,) = _official_outside_of_a_repository(tmp_path)
    assert [reason["code"] for reason in metadata["debug_reasons"]] == ["git.not_a_repository"]
    assert unfinished(tmp_path / "results") == []


def test_several_warnings_that_are_errors_are_all_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With some warnings as errors the others are still shown."""
    monkeypatch.setenv("GAITMAP_RESULTS_DEBUG", "true")
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        warnings.simplefilter("error", DebugSettingWarning)
        with pytest.raises(DebugSettingWarning):
            save(tmp_path / "results", debug_run=False, use_git=True)
    assert [warning.category for warning in shown] == [DebugRunWarning]
    assert len(_official_outside_of_a_repository(tmp_path)) == 1


def test_the_whole_of_python_with_warnings_as_errors_saves(tmp_path: Path) -> None:
    """A process started with -W error stores its run, with all three ways to save."""
    code = """
import sys
from challenges import ExampleChallenge
from gaitmap_results import record_run, recorded_run, save_run
results = sys.argv[1]
save_run(ExampleChallenge().run(lambda: 1), "saved", custom_metadata={}, path=results)
with recorded_run("block", path=results):
    ExampleChallenge().run(lambda: 2)
@record_run(path=results)
def decorated():
    return ExampleChallenge().run(lambda: 3)
decorated()
"""
    script = tmp_path / "entry.py"
    script.write_text(code)
    run_python("-W", "error", script, tmp_path / "results", cwd=tmp_path)
    stored = (tmp_path / "results").glob("challenges.ExampleChallenge/1.0.0/*/*/results/result.json")
    assert sorted(read(path)["result"] for path in stored) == [1, 2, 3]


# save_run inside of a block


def test_a_challenge_that_the_user_saved_is_not_saved_again(tmp_path: Path) -> None:
    """An explicit save_run inside of an open block is the save; the block adds none."""
    with recorded_run("block", path=tmp_path, use_git=False) as r:
        challenge = finished()
        path = save(tmp_path, challenge, "mine")
    assert [found.parent for found in tmp_path.glob("challenges.*/*/*/*/metadata.json")] == [path]
    assert r.paths_ == [path]
    assert r.status_ == "published"
    assert unfinished(tmp_path) == []


def test_another_challenge_beside_the_one_that_the_user_saved_is_saved(tmp_path: Path) -> None:
    """Only the challenge that was saved by hand is left out."""
    with recorded_run("block", path=tmp_path, use_git=False):
        save(tmp_path, finished(1), "mine")
        finished(2)
    stored = tmp_path.glob("challenges.*/*/*/*/results/result.json")
    assert sorted((path.parts[-4], read(path)["value"]) for path in stored) == [("block", 2), ("mine", 1)]


def test_a_challenge_that_runs_again_after_a_save_by_hand_is_saved_again(tmp_path: Path) -> None:
    """A save by hand stands for the run before it; a later run of the same object is another result."""
    with recorded_run("block", path=tmp_path, use_git=False):
        challenge = ExampleChallenge().run(lambda: 1)
        save(tmp_path, challenge, "mine")
        challenge.run(lambda: 2)
    stored = tmp_path.glob("challenges.*/*/*/*/results/result.json")
    assert sorted((path.parts[-4], read(path)["result"]) for path in stored) == [("block", 2), ("mine", 1)]


def test_an_earlier_run_of_an_object_that_is_saved_by_hand_is_kept(tmp_path: Path) -> None:
    """A save by hand stores what the object holds now; the run before the last one is the block's to save."""
    with recorded_run("block", path=tmp_path, use_git=False):
        challenge = ExampleChallenge().run(lambda: 1)
        challenge.run(lambda: 2)
        save(tmp_path, challenge, "mine")
    stored = tmp_path.glob("challenges.*/*/*/*/results/result.json")
    assert sorted((path.parts[-4], read(path)["result"]) for path in stored) == [("block", 1), ("mine", 2)]


def test_a_save_by_hand_in_an_inner_block_counts_for_the_outer_one(tmp_path: Path) -> None:
    """A challenge that ran in the outer block and was saved in the inner one is stored once."""
    with recorded_run("outer", path=tmp_path, use_git=False) as outer:
        challenge = finished()
        with recorded_run("inner", path=tmp_path, use_git=False):
            path = save(tmp_path, challenge, "mine")
    assert [found.parent for found in tmp_path.glob("challenges.*/*/*/*/metadata.json")] == [path]
    assert outer.status_ == "published"
    assert unfinished(tmp_path) == []


def test_a_refused_save_by_hand_leaves_the_saving_to_the_block(tmp_path: Path) -> None:
    """A save_run that was refused inside of a block does not keep the block from saving."""
    with recorded_run("block", path=tmp_path, use_git=False) as r:
        challenge = finished()
        with pytest.raises(InvalidNameError):
            save(tmp_path, challenge, "..")
    assert read(r.path_ / "results" / "result.json") == {"value": 1, "result": 42}


def test_the_recorder_knows_the_run_that_was_saved_by_hand(tmp_path: Path) -> None:
    """After the block, path_ and metadata_ speak of the same run, whoever saved it."""
    with recorded_run("block", path=tmp_path, use_git=False) as r:
        save(tmp_path, finished(), "mine")
    assert r.metadata_ == read(r.path_ / "metadata.json")


def test_times_that_raise_cost_no_result(tmp_path: Path) -> None:
    """A challenge whose own times cannot be read is saved, by hand and by a block, and its run does not raise."""

    class Rude(ExampleChallenge):
        def run(self, optimizer: Any = None) -> Any:
            self.result_ = 42
            return self

        @property
        def runtime_(self) -> float:
            raise RuntimeError("no clock")

        run_start_datetime_ = "2026-03-29T12:00:00+00:00"
        run_end_datetime_ = "2026-03-29T12:00:01+00:00"

    assert read(save(tmp_path, Rude().run()) / "metadata.json")["timing_source"] == "observed"
    with recorded_run("block", path=tmp_path, use_git=False) as r:
        Rude().run()
    assert r.metadata_["timing_source"] == "observed"


def test_a_challenge_that_measures_no_time_has_the_times_of_its_run(tmp_path: Path) -> None:
    """What was seen of a run outside of any block is known when it is saved."""

    class Timeless(ExampleChallenge):
        def run(self, optimizer: Any = None) -> Timeless:
            self.result_ = optimizer
            return self

    before = time.time()
    challenge = Timeless().run(1)
    after = time.time()
    path = save_run(challenge, "e", custom_metadata={}, path=tmp_path, use_git=False)
    metadata = json.loads((path / "metadata.json").read_text("utf-8"))
    assert metadata["timing_source"] == "observed"
    assert before - 0.01 <= metadata["run_start_datetime_utc"] <= metadata["run_end_datetime_utc"] <= after + 0.01


def test_results_of_a_challenge_are_not_its_parameters(tmp_path: Path) -> None:
    """A challenge without parameters is described without what it holds only after its run, so two entries agree."""

    class WithoutParameters(ExampleChallenge):
        def __init__(self) -> None:
            self.window_s = 2

        def run(self, optimizer: Any) -> Any:
            self.optimizer, self.errors_ = optimizer, {"P1": optimizer}
            return self

        def save_core_results(self, folder_path: Path) -> None:
            (folder_path / "errors.json").write_text(json.dumps(self.errors_))

    stored = [
        save_run(WithoutParameters().run(entry), str(entry), custom_metadata={}, path=tmp_path, use_git=False)
        for entry in (1, 2)
    ]
    first, second = (json.loads((path / "metadata.json").read_text())["parameters"] for path in stored)
    assert first["challenge"] == second["challenge"]
    assert first["challenge"]["value"]["attributes"]["window_s"] == 2
