"""A save that is refused keeps all that is known about the run, so that `recover` needs no option for it."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from challenges import ExampleChallenge
from faults import run_in_child
from git_repository import GitRepository
from stores import unfinished_of

from gaitmap_results import load_run_metadata, recorded_run, recover_run, save_run
from gaitmap_results.exceptions import (
    ConfigError,
    GaitmapResultsError,
    InvalidChallengeError,
    InvalidNameError,
    InvalidOptionError,
    NoResultsFolderError,
    SaveError,
)
from gaitmap_results.saving import save_run as module

CUSTOM = {"citation": "Doe 2024", "n": 3}


class Timed(ExampleChallenge):
    """Measures its own times."""

    SCORES = {"error": "minimize"}

    def run(self, optimizer: Any) -> Timed:
        """Take a moment."""
        super().run(1)
        self.optimizer = optimizer
        with self._measure_time():
            time.sleep(0.01)
        return self

    def get_scores(self) -> dict[str, Any]:
        """Return a score."""
        return {"error": {"P1": 0.5}}


class Hostile:
    """An argument whose own code raises."""

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError("no comparison")

    __hash__ = None

    def __fspath__(self) -> str:
        raise ZeroDivisionError("no path")


def check_recovered(store: Path, challenge: Timed, **given: Any) -> dict[str, Any]:
    """Recover the one run of a store, and check all that was known before its save was refused."""
    (run,) = unfinished_of(store)
    path = recover_run(run.run_id, store, **given)
    metadata = json.loads((path / "metadata.json").read_text())
    assert metadata["run_start_datetime_utc"] == challenge.run_start_datetime_utc_timestamp_
    assert (metadata["runtime"], metadata["timing_source"]) == (challenge.runtime_, "challenge")
    assert metadata["challenge_version"] == "1.0.0"
    assert metadata["challenge_name"] == "test_refused_save.Timed"
    assert metadata["repr_pipeline"] == "'tuned'"
    assert metadata["caller_file_path"].endswith("test_refused_save.py")
    assert metadata["system_info"]["python_version"]
    assert json.loads((path / "custom_metadata.json").read_text()) == CUSTOM
    assert "P1" in (path / "scores.json").read_text()
    assert metadata["debug_reasons"][-1]["code"] == "recovered"
    return metadata


@pytest.mark.parametrize(
    ("option", "error"),
    [
        ({"debug_run": "yes"}, InvalidOptionError),
        ({"debug_folder_prefix": "a/"}, InvalidNameError),
        ({"use_git": 1}, InvalidOptionError),
        ({"stored_filenames_relative_to": 3}, InvalidOptionError),
        ({"git_dirty_ignore": [""]}, InvalidOptionError),
        ({"_caller_file_path_stack_offset": -1}, InvalidOptionError),
        ({"_force_local_debug_run_setting": None}, InvalidOptionError),
        ({"stored_filenames_relative_to": Hostile()}, SaveError),
    ],
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else value.__name__,
)
def test_a_wrong_option_costs_only_itself(option, error, tmp_path):
    """Times, version, custom metadata, scores and provenance are kept; `recover` needs nothing but the run."""
    challenge = Timed().run("tuned")
    with pytest.raises(error) as raised:
        save_run(challenge, ("group", "shin"), custom_metadata=CUSTOM, path=tmp_path / "results", **option)
    assert raised.value.path.parent == tmp_path / "results" / ".unfinished"
    assert "--entry-name" not in str(raised.value)
    assert check_recovered(tmp_path / "results", challenge)["entry_name"] == ["group", "shin"]


def test_a_challenge_that_ends_the_program_costs_no_times(tmp_path):
    """What is known without asking the challenge is kept before it is asked."""

    class Exiting(Timed):
        def __repr__(self) -> str:
            raise SystemExit(3)

    challenge = Exiting().run("tuned")
    with pytest.raises(SystemExit):
        save_run(challenge, "shin", custom_metadata=CUSTOM, path=tmp_path, debug_folder_prefix="/")
    (run,) = unfinished_of(tmp_path)
    metadata = load_run_metadata(recover_run(run.run_id, tmp_path))
    assert metadata["run_start_datetime_utc"] == challenge.run_start_datetime_utc_timestamp_
    assert (metadata["runtime"], metadata["challenge_version"]) == (challenge.runtime_, "1.0.0")


def test_a_wrong_variable_costs_only_itself(tmp_path, monkeypatch):
    """What the machine says is known although the config cannot be read."""
    challenge = Timed().run("tuned")
    monkeypatch.setenv("GAITMAP_RESULTS_DEBUG", "maybe")
    with pytest.raises(ConfigError, match="maybe"):
        save_run(challenge, ("group", "shin"), custom_metadata=CUSTOM, path=tmp_path / "results", use_git=False)
    metadata = check_recovered(tmp_path / "results", challenge)
    assert metadata["entry_name"] == ["group", "shin"]
    assert metadata["system_info"]["python_version"]


def test_the_commit_is_kept(tmp_path, monkeypatch):
    """What git said is part of what is known."""
    repository = GitRepository(tmp_path / "repository")
    repository.write("code.py", "1")
    commit = repository.commit()
    monkeypatch.chdir(repository.path)
    challenge = Timed().run("tuned")
    with pytest.raises(InvalidOptionError):
        save_run(challenge, "shin", custom_metadata=CUSTOM, path=tmp_path / "results", debug_run="yes")
    metadata = check_recovered(tmp_path / "results", challenge)
    assert metadata["git_commit_hash"] == (commit or metadata["git"]["start"]["commit"])
    assert metadata["git_commit_hash"]


def test_the_other_options_count(tmp_path):
    """What was asked for rightly is done when the run is recovered."""
    challenge = Timed().run("tuned")
    options = {"git_dirty_ignore": ["notes"], "debug_folder_prefix": "debug_", "stored_filenames_relative_to": tmp_path}
    with pytest.raises(InvalidOptionError):
        save_run(challenge, "shin", custom_metadata=CUSTOM, path=tmp_path / "results", debug_run="yes", **options)
    metadata = check_recovered(tmp_path / "results", challenge)
    assert metadata["git_dirty_ignore"] == ["notes"]
    (path,) = (tmp_path / "results").glob("*/1.0.0/shin/*")
    assert path.name.startswith("debug_")


@pytest.mark.parametrize("entry_name", ["a/b", "", 3, (), ("a", "..")])
def test_a_refused_entry_name_is_asked_for(entry_name, tmp_path):
    """Only what nobody knows has to be named; the error says by which option."""
    challenge = Timed().run("tuned")
    with pytest.raises(InvalidNameError, match="--entry-name"):
        save_run(challenge, entry_name, custom_metadata=CUSTOM, path=tmp_path, use_git=False)
    (run,) = unfinished_of(tmp_path)
    with pytest.raises(InvalidOptionError, match="--entry-name"):
        recover_run(run.run_id, tmp_path)
    assert check_recovered(tmp_path, challenge, entry_name="shin")["entry_name"] == "shin"


@pytest.mark.parametrize("how", ["no path", "broken config", "a file in its place"])
def test_without_a_results_folder_it_goes_to_a_rescue_folder(how, tmp_path, monkeypatch):
    """The error says where, and the run can be published there."""
    rescue = tmp_path / "rescue"
    rescue.mkdir()
    monkeypatch.chdir(rescue)
    options: dict[str, Any] = {}
    if how == "broken config":
        monkeypatch.setenv("GAITMAP_RESULTS_CONFIG", str(tmp_path / "missing.json"))
    if how == "a file in its place":
        (tmp_path / "file").write_text("")
        options["path"] = tmp_path / "file"
    challenge = Timed().run("tuned")
    expected = {"no path": NoResultsFolderError, "broken config": ConfigError}.get(how, GaitmapResultsError)
    with pytest.raises(expected) as raised:
        save_run(challenge, "shin", custom_metadata=CUSTOM, use_git=False, **options)
    path = raised.value.path
    if (path / "journal.json").exists():
        if how == "broken config":  # nothing else can be known of the config, and the command says so, too
            monkeypatch.delenv("GAITMAP_RESULTS_CONFIG")
            (run,) = unfinished_of(path.parents[1])
            recover_run(run.run_id, path.parents[1])
        else:
            check_recovered(path.parents[1], challenge)
    else:
        assert json.loads((path / "metadata.json").read_text())["runtime"] == challenge.runtime_


def test_custom_metadata_that_cannot_be_stored_is_kept_as_its_repr(tmp_path):
    """A second mistake does not cost what the first one kept."""
    with pytest.raises(InvalidOptionError):
        save_run(Timed().run(1), "shin", custom_metadata={"a": {1, 2}, "b": 1}, path=tmp_path, debug_run="yes")
    (run,) = unfinished_of(tmp_path)
    path = recover_run(run.run_id, tmp_path)
    assert json.loads((path / "custom_metadata.json").read_text()) == {"a": "{1, 2}", "b": 1}


def test_a_block_keeps_what_it_knows(tmp_path):
    """A challenge that loses its version while it runs is refused at the end of its run; the rest is kept."""

    class Vanishing(Timed):
        def run(self, optimizer: Any) -> Any:
            super().run(optimizer)
            self.VERSION = None
            return self

    challenge = Vanishing()
    options = {"path": tmp_path, "use_git": False, "custom_metadata": CUSTOM}
    with pytest.raises(InvalidChallengeError), recorded_run("shin", **options):
        challenge.run("tuned")
    (run,) = unfinished_of(tmp_path)
    metadata = json.loads((recover_run(run.run_id, tmp_path, challenge_version="2.0.0") / "metadata.json").read_text())
    assert metadata["runtime"] == challenge.runtime_
    assert metadata["block_id"]
    assert metadata["challenge_version"] == "2.0.0"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can be forked and killed")
def test_a_save_that_is_killed_while_it_looks_around(tmp_path, monkeypatch):
    """Names, times and custom metadata are in the journal as soon as the results are."""
    challenge = Timed().run("tuned")
    monkeypatch.setattr(module, "collect_provenance", lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
    run_in_child(lambda _: save_run(challenge, "shin", custom_metadata=CUSTOM, path=tmp_path, use_git=False))
    (run,) = unfinished_of(tmp_path)
    path = recover_run(run.run_id, tmp_path)
    metadata = json.loads((path / "metadata.json").read_text())
    assert metadata["run_start_datetime_utc"] == challenge.run_start_datetime_utc_timestamp_
    assert metadata["runtime"] == challenge.runtime_
    assert json.loads((path / "custom_metadata.json").read_text()) == CUSTOM


class Untimed(ExampleChallenge):
    """Does not measure its time."""

    def run(self, optimizer: Any = None) -> Untimed:
        """Take a moment."""
        time.sleep(0.01)
        self.result_ = 1
        return self


def test_times_that_the_challenge_did_not_measure_are_kept(tmp_path):
    """When it was seen running, in a block or outside, is known to `save_run`, and after a refused one, too."""
    first, second = Untimed().run(), Untimed()
    with recorded_run("block", path=tmp_path, use_git=False):
        second.run()
        saved = [save_run(each, "e", custom_metadata={}, path=tmp_path, use_git=False) for each in (first, second)]
        for each in (first, second):
            with pytest.raises(InvalidNameError):
                save_run(each, "a/b", custom_metadata={}, path=tmp_path, use_git=False)
    refused = [recover_run(run.run_id, tmp_path, entry_name="e") for run in unfinished_of(tmp_path)]
    for metadata in map(load_run_metadata, [*saved, *refused]):
        assert (metadata["timing_source"], metadata["runtime"] >= 0.01) == ("observed", True)
    assert len(refused) == 2
