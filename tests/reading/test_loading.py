"""Reading a run back: its record, its results and what its author stored, also of gaitmap_challenges' runs."""

from __future__ import annotations

import json
import pickle
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from challenges import ExampleChallenge
from run_folders import PUBLISHED, needs_published

from gaitmap_results import (
    BaseChallenge,
    LoadedRun,
    load_run,
    load_run_custom_metadata,
    load_run_metadata,
    recorded_run,
    save_run,
)
from gaitmap_results.exceptions import (
    CorruptRunError,
    InvalidChallengeError,
    RunNotFoundError,
    UnloadableResultsWarning,
    WrongChallengeError,
)


class OtherChallenge(ExampleChallenge):
    """Another challenge, which reads the same files."""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Give a run folder."""
    challenge = ExampleChallenge(3).run(42)
    return save_run(challenge, ("a", "b"), custom_metadata={"note": "ü"}, path=tmp_path, use_git=False)


def test_a_run_comes_back_as_it_was_saved(run: Path) -> None:
    """Metadata, results and custom metadata are those of the files."""
    loaded = load_run(ExampleChallenge, run)
    assert loaded.metadata == json.loads((run / "metadata.json").read_text(encoding="utf-8"))
    assert loaded.results == {"value": 3, "result": 42}
    assert loaded.custom_metadata == {"note": "ü"}


def test_a_loaded_run_is_a_named_tuple(run: Path) -> None:
    """It unpacks in the order of gaitmap_challenges, and can be pickled."""
    metadata, results, custom_metadata = loaded = load_run(ExampleChallenge, run)
    assert loaded == LoadedRun(metadata, results, custom_metadata)
    assert pickle.loads(pickle.dumps(loaded)) == loaded
    assert loaded._fields == ("metadata", "results", "custom_metadata")


def test_class_or_instance_and_text_or_path_will_do(run: Path) -> None:
    """The challenge may be a class or an instance, the path a string or a Path."""
    assert load_run(ExampleChallenge(), str(run)) == load_run(ExampleChallenge, run)


def test_what_the_recorder_knows_is_what_is_loaded(tmp_path: Path) -> None:
    """metadata_ of a recorder is the record that is on the disk."""
    with recorded_run("entry", path=tmp_path) as r:
        ExampleChallenge().run(1)
    assert r.metadata_ == load_run_metadata(r.path_)


def test_dictionaries_are_the_callers_own(run: Path) -> None:
    """Changing what was loaded changes nothing for the next one, and nothing goes stale."""
    load_run_metadata(run)["is_debug_run"] = "changed"
    load_run_custom_metadata(run)["note"] = "changed"
    assert load_run_metadata(run)["is_debug_run"] is True
    assert load_run_custom_metadata(run) == {"note": "ü"}
    (run / "custom_metadata.json").write_text('{"note": "edited"}')
    assert load_run_custom_metadata(run) == {"note": "edited"}


def test_a_relative_path_is_of_the_working_directory_now(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a change of the working directory, a relative path means another folder."""
    monkeypatch.chdir(run.parent)
    assert load_run_metadata(run.name)["entry_name"] == ["a", "b"]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunNotFoundError):
        load_run_metadata(run.name)


def test_a_run_of_an_older_version_is_loaded(tmp_path: Path) -> None:
    """load_core_results is asked to read whichever version wrote the files."""

    class Challenge(ExampleChallenge):
        pass

    older = save_run(Challenge().run(1), "entry", custom_metadata={}, path=tmp_path, use_git=False)
    Challenge.VERSION = "2.0.0"
    assert load_run(Challenge, older).metadata["challenge_version"] == "1.0.0"


# What cannot be loaded


def test_a_run_of_another_challenge_is_refused(run: Path) -> None:
    """Results are not read with the wrong class, also where that could; the message names both."""
    with pytest.raises(WrongChallengeError, match=r"ExampleChallenge.*OtherChallenge"):
        load_run(OtherChallenge, run)


@pytest.mark.parametrize("challenge", ["challenges.ExampleChallenge", object(), None, int])
def test_what_cannot_read_results_is_refused(run: Path, challenge: Any) -> None:
    """A name or any object without load_core_results is refused with what to use instead."""
    with pytest.raises(InvalidChallengeError, match="load_core_results"):
        load_run(challenge, run)


@pytest.mark.parametrize(
    "load", [load_run_metadata, load_run_custom_metadata, lambda path: load_run(ExampleChallenge, path)]
)
def test_where_there_is_no_run_the_error_says_so(tmp_path: Path, run: Path, load: Any) -> None:
    """A missing folder, one that is no run, and a file are told apart from a damaged run."""
    for path in (tmp_path / "missing", tmp_path, run.parent, run / "metadata.json"):
        with pytest.raises(RunNotFoundError, match="no run") as raised:
            load(path)
        assert isinstance(raised.value, LookupError)


@pytest.mark.parametrize("content", [b"", b'{"a": ', b"[1]", b"null", b"\xff\xfe", b'"text"'])
def test_a_damaged_record_is_told_with_its_file(run: Path, content: bytes) -> None:
    """A truncated or foreign metadata.json is a CorruptRunError that names the file."""
    (run / "metadata.json").write_bytes(content)
    with pytest.raises(CorruptRunError, match=r"metadata\.json") as raised:
        load_run_metadata(run)
    assert raised.value.path == run


def test_a_challenge_without_loading_says_what_to_write(tmp_path: Path) -> None:
    """Saving needs no load_core_results; loading then names the method that is missing."""

    class SaveOnly(BaseChallenge):
        VERSION = "1"

        def save_core_results(self, folder_path: Path) -> None:
            (folder_path / "x").write_text("x")

    with pytest.warns(UnloadableResultsWarning, match="load_core_results"):
        path = save_run(SaveOnly(), "entry", custom_metadata={}, path=tmp_path, use_git=False)
    with pytest.raises(NotImplementedError, match="load_core_results"):
        load_run(SaveOnly, path)


# Files that gaitmap_challenges wrote


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"a": NaN, "b": Infinity}', {"a": float("nan"), "b": float("inf")}),
        ('\ufeff{"a": 1}', {"a": 1}),
        ('{"a": 123456789012345678901234567890}', {"a": 123456789012345678901234567890}),
    ],
)
def test_json_of_older_writers_is_read(run: Path, content: str, expected: Any) -> None:
    """NaN, a byte order mark and large integers, which Python's writer puts into files, can be read."""
    (run / "custom_metadata.json").write_text(content, encoding="utf-8")
    assert repr(load_run_custom_metadata(run)) == repr(expected)


@needs_published
def test_the_published_runs_are_read_with_right_times() -> None:
    """Every published run loads; its stamps in UTC, wrong by the offset, are put right from the texts beside them."""
    files = sorted(PUBLISHED.rglob("metadata.json"))
    assert len(files) == 17
    for file in files:
        stored = json.loads(file.read_text(encoding="utf-8"))
        metadata = load_run_metadata(file.parent)
        for ours, theirs in (("run_start_datetime", "run_start_datetime"), ("run_end_datetime", "end_start_datetime")):
            right = datetime.fromisoformat(stored[theirs]).timestamp()
            assert metadata[f"{ours}_utc"] == pytest.approx(right, abs=1e-3)
            assert stored[f"{theirs}_utc"] == pytest.approx(right - 7200, abs=1)
        assert metadata["run_end_datetime_utc"] - metadata["run_start_datetime_utc"] == pytest.approx(
            stored["runtime"], abs=1
        )
        assert set(metadata["repaired"]) == {"run_start_datetime_utc", "end_start_datetime_utc"}
        unchanged = set(stored) - {"run_start_datetime_utc", "end_start_datetime_utc"}
        assert {key: metadata[key] for key in unchanged} == {key: stored[key] for key in unchanged}
        assert isinstance(load_run_custom_metadata(file.parent), dict)


@needs_published
def test_a_published_run_is_loaded_with_its_challenge() -> None:
    """load_run reads a run of gaitmap_challenges with a class of that name, results and all."""

    class Challenge(BaseChallenge):
        VERSION = "1.0.0"

        @classmethod
        def load_core_results(cls, folder_path: Path) -> Any:
            return json.loads((folder_path / "cv_metadata.json").read_text(encoding="utf-8"))

    Challenge.__module__ = "gaitmap_challenges.full_pipeline.kluge_2017"
    for file in PUBLISHED.glob("*kluge_2017*/*/*/*/*/*/metadata.json"):
        loaded = load_run(Challenge, file.parent)
        assert loaded.results
        assert loaded.metadata["challenge_name"] == "gaitmap_challenges.full_pipeline.kluge_2017.Challenge"


def test_a_record_of_ours_is_not_repaired(run: Path) -> None:
    """A record with a schema version means what it says, whatever its stamps."""
    metadata = json.loads((run / "metadata.json").read_text())
    metadata["run_start_datetime_utc"] -= 7200
    (run / "metadata.json").write_text(json.dumps(metadata))
    assert load_run_metadata(run) == metadata


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"run_start_datetime_utc": 1.0},
        {"run_start_datetime_utc": "1", "run_start_datetime": "2023-07-06T13:26:07+02:00"},
        {"run_start_datetime_utc": 1.0, "run_start_datetime": "no time"},
        {"run_start_datetime_utc": 1.0, "run_start_datetime": "2023-07-06T13:26:07"},
        {"run_start_datetime_utc": True, "run_start_datetime": None},
    ],
)
def test_a_record_that_cannot_be_repaired_is_read_as_it_is(tmp_path: Path, record: dict[str, Any]) -> None:
    """Where the text is missing or says no zone, nothing is guessed."""
    (tmp_path / "metadata.json").write_text(json.dumps(record))
    assert load_run_metadata(tmp_path) == {**record, "repaired": {}}


# gaitmap_challenges' readers and our folders


def test_a_reader_that_looks_for_metadata_json_finds_runs_only(tmp_path: Path) -> None:
    """gaitmap_challenges lists `rglob("metadata.json")` below the challenge's folder; during a run nothing is added."""
    top = tmp_path / "challenges.ExampleChallenge"
    first = save_run(ExampleChallenge().run(1), "entry", custom_metadata={}, path=tmp_path, use_git=False)
    with recorded_run("entry", path=tmp_path, use_git=False):
        ExampleChallenge().run(1)
        assert list(top.rglob("metadata.json")) == [first / "metadata.json"]
        assert list(tmp_path.rglob("metadata.json")) == [first / "metadata.json"]
    entries = {json.loads(file.read_text())["entry_name"] for file in top.rglob("metadata.json")}
    assert len(list(top.rglob("metadata.json"))) == 2
    assert entries == {"entry"}
