"""The journal: real ones keep to the schema, and what is damaged or of another version is read all the same."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import jsonschema
import pytest
from challenges import ExampleChallenge
from documents import TOP
from faults import run_in_child
from git_repository import GitRepository
from hypothesis import given
from hypothesis import strategies as st
from processes import python_environment
from stores import TwoFiles, record

from gaitmap_results import recorded_run, recover_run
from gaitmap_results.exceptions import CoreResultsError, SaveError
from gaitmap_results.store import files, staging
from gaitmap_results.store.journal import JOURNAL_SCHEMA_VERSION, Journal, JournalContent, read_journal

FILE = TOP / "docs" / "reference" / "journal.schema.json"
SCHEMA = json.loads(FILE.read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator
KEYS = [each.name for each in dataclasses.fields(JournalContent)]


def closed(schema):
    """Return a schema that allows only the keys it names."""
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    return inner | ({"additionalProperties": False} if "properties" in schema else {})


CHECK = VALIDATOR(closed(SCHEMA), format_checker=VALIDATOR.FORMAT_CHECKER)


def checked(file: Path) -> dict[str, object]:
    """Check a journal as a program would that has nothing but the schema; return it."""
    content = json.loads(file.read_text(encoding="utf-8"))
    assert [f"{'.'.join(map(str, each.path))}: {each.message}" for each in CHECK.iter_errors(content)] == []
    assert JournalContent.from_json(content).to_json() == content
    return content


def only_journal(store: Path) -> dict[str, object]:
    """Return what the one journal of a store says, wherever it lies, once it is checked."""
    (file,) = [*store.glob(".unfinished/*/journal.json"), *store.glob(".unfinished/*.journal.json")]
    return checked(file)


class FaultyChallenge(ExampleChallenge):
    """Cannot save its results."""

    def save_core_results(self, folder_path):
        """Fail, as a full disk does not."""
        raise ZeroDivisionError("no strides")


# The schema


def test_the_schema_names_every_key_and_its_meaning():
    """The schema and what is written have the same keys, and each has a description."""
    VALIDATOR.check_schema(SCHEMA)
    written = JournalContent().to_json()
    assert list(SCHEMA["properties"]) == list(written) == SCHEMA["required"]
    assert all(each["description"] for each in SCHEMA["properties"].values())
    assert SCHEMA["properties"]["schema_version"]["const"] == JOURNAL_SCHEMA_VERSION


# Real journals


def test_the_journal_of_a_running_run(tmp_path):
    """What is on the disk while the block is open keeps to the schema, before and after the challenge has finished."""
    with recorded_run(("a", "b"), path=tmp_path, use_git=False, custom_metadata={"sensor": "wrist"}):
        before = only_journal(tmp_path)
        ExampleChallenge().run(1)
        after = only_journal(tmp_path)
    assert (before["status"], before["core_results"], before["entry_name"]) == ("running", "none", ["a", "b"])
    assert before["custom_metadata"] == {"sensor": "wrist"}
    assert before["metadata"]["entry_name"] == ["a", "b"]
    assert before["metadata"]["block_id"] == before["block_id"]
    assert before["process"]["pid"] == os.getpid()
    assert (after["status"], after["core_results"], after["challenge_version"]) == ("running", "complete", "1.0.0")
    assert after["metadata"]["run_id"] == before["run_id"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("way", ["seen running", "given"])
def test_the_journal_of_a_run_that_was_killed_inside_of_run(way, tmp_path, monkeypatch):
    """It says commit, machine, packages and caller, and which challenge was under way."""
    repository = GitRepository(tmp_path / "repository")
    repository.write("code.py", "1")
    repository.commit()
    monkeypatch.chdir(repository.path)

    def killed(_):
        warnings.simplefilter("ignore")  # the test's own file is not in the repository
        challenge = ExampleChallenge()
        given = {"challenge": challenge} if way == "given" else {}
        with recorded_run("entry", path=tmp_path / "results", **given):
            challenge.run(lambda: os.kill(os.getpid(), signal.SIGKILL))

    run_in_child(killed)
    found = only_journal(tmp_path / "results")
    assert (found["challenge_name"], found["challenge_version"]) == ("challenges.ExampleChallenge", "1.0.0")
    metadata = found["metadata"]
    assert len(metadata["git_commit_hash"]) == 40
    assert metadata["git_dirty"] is False
    assert metadata["system_info"]["python_version"]
    assert metadata["system_info"]["packages_info"]["pytest"]
    assert metadata["caller_file_path"].endswith("test_journal.py")
    assert metadata["repr_challenge"] is None


@pytest.mark.parametrize("error", [ValueError("no data"), KeyboardInterrupt()], ids=["failed", "interrupted"])
def test_the_journal_of_a_run_that_raised(error, tmp_path):
    """It says how and when the block ended, with the text and the place of the error."""
    with pytest.raises(type(error)), recorded_run("entry", path=tmp_path, use_git=False):
        raise error
    found = only_journal(tmp_path)
    assert found["status"] == ("failed" if isinstance(error, ValueError) else "interrupted")
    assert found["error"]["type"] == type(error).__name__
    assert found["ended_utc"] >= found["started_utc"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_the_journal_of_a_terminated_run(tmp_path):
    """It names the signal."""
    script = (
        "import os, signal\n"
        "from gaitmap_results import recorded_run\n"
        "with recorded_run('entry', path='.', use_git=False, handle_signals=['SIGTERM']):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    signal.pause()\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=python_environment(), check=False)
    found = only_journal(tmp_path)
    assert (found["status"], found["signal"]) == ("terminated", "SIGTERM")


def test_the_journal_of_a_save_that_failed(tmp_path):
    """It keeps the error of the challenge's method."""
    with pytest.raises(CoreResultsError), recorded_run("entry", path=tmp_path, use_git=False):
        FaultyChallenge().run(1)
    found = only_journal(tmp_path)
    assert (found["status"], found["core_results"]) == ("save_failed", "partial")
    assert "no strides" in found["error"]["message"]


def test_the_journal_of_a_run_that_could_not_be_published(tmp_path, monkeypatch):
    """A run whose rename fails says that saving failed, and that its results are complete."""

    def refuse(*_, **__):
        raise PermissionError(13, "not today")

    monkeypatch.setattr(staging, "publish_folder", refuse)
    with pytest.raises(SaveError), recorded_run("entry", path=tmp_path, use_git=False):
        ExampleChallenge().run(1)
    found = only_journal(tmp_path)
    assert (found["status"], found["core_results"]) == ("save_failed", "complete")


def test_the_journal_of_a_run_that_was_being_published(tmp_path, monkeypatch):
    """While the folder is on its way to its place, the journal lies beside it."""
    seen = []
    rename = staging.publish_folder

    def look(*arguments, **options):
        (file,) = tmp_path.glob(".unfinished/*.journal.json")
        seen.append(checked(file))
        return rename(*arguments, **options)

    monkeypatch.setattr(staging, "publish_folder", look)
    record(tmp_path)
    assert (seen[0]["status"], seen[0]["core_results"]) == ("running", "complete")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_the_journal_of_a_run_that_is_being_recovered(tmp_path, monkeypatch):
    """A recovery that is cut off leaves a journal that keeps to the schema, with all that the run had stored."""

    def killed(_):
        with recorded_run("entry", path=tmp_path, use_git=False, custom_metadata={"note": "kept"}):
            TwoFiles(1).run(lambda: 1)
            os.kill(os.getpid(), signal.SIGKILL)

    run_in_child(killed)
    before = only_journal(tmp_path)

    def refuse(*_, **__):
        raise PermissionError(13, "not today")

    with monkeypatch.context() as patch:
        patch.setattr(staging, "publish_folder", refuse)
        with pytest.raises(SaveError):
            recover_run(before["run_id"], tmp_path)
    after = only_journal(tmp_path)
    assert after["metadata"] == before["metadata"]
    assert after["custom_metadata"] == {"note": "kept"}
    recover_run(before["run_id"], tmp_path)


# Reading


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*KEYS, "started_utc", "ended_utc", "updated_utc"]), ANY_JSON) | ANY_JSON)
def test_whatever_a_journal_holds_it_is_read(content):
    """No value of any kind in any key raises, and what was read is read again as the same."""
    found = JournalContent.from_json(content)
    assert JournalContent.from_json(found.to_json()) == found


def test_what_is_no_journal_is_refused(tmp_path):
    """A list, or text that is no JSON, is an error with a reason, never an empty journal."""
    file = tmp_path / "journal.json"
    for text in ("[]", "{", ""):
        file.write_text(text)
        with pytest.raises(ValueError, match=r"expected|end|EOF|input|Expecting"):
            read_journal(file)
    with pytest.raises(FileNotFoundError):
        read_journal(tmp_path / "missing.json")


# Writing


def test_secrets_of_an_error_are_not_written(tmp_path, monkeypatch):
    """The text of an error may hold a secret of the environment, whoever wrote it into the journal."""
    monkeypatch.setenv("DATABASE_PASSWORD", "hunter2hunter2")
    journal = Journal(tmp_path, JournalContent(status="running"))
    journal.write(error={"message": "cannot log in with hunter2hunter2"})
    assert "hunter2hunter2" not in journal.path.read_text()
    journal.change(error={"message": "nor hunter2hunter2"})
    assert "hunter2hunter2" not in str(journal.content)


def test_a_change_is_stored_by_the_next_write(tmp_path):
    """Facts that belong together reach the disk together."""
    journal = Journal(tmp_path, JournalContent(status="running"))
    journal.write()
    before = journal.path.read_bytes()
    journal.change(challenge_name="a.B")
    assert journal.path.read_bytes() == before
    journal.write(core_results="complete")
    content = read_journal(journal.path)
    assert (content.challenge_name, content.core_results) == ("a.B", "complete")


def test_a_journal_that_was_removed_stays_away(tmp_path):
    """A thread that is late must not bring back the journal of a published run."""
    journal = Journal(tmp_path, JournalContent(status="running"))
    journal.write()
    journal.remove()
    journal.write(status="failed")
    assert list(tmp_path.iterdir()) == []


def test_a_reader_sees_the_old_or_the_new_journal(tmp_path, monkeypatch):
    """A write that fails leaves what was there before."""
    journal = Journal(tmp_path / "run", JournalContent(status="running"))
    (tmp_path / "run").mkdir()
    journal.write()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_file", full)
    with pytest.raises(OSError, match="No space"):
        journal.write(status="failed")
    assert read_journal(journal.path).status == "running"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
