"""Publishing and deleting unfinished runs, as functions and on the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from faults import run_in_child
from stores import TwoFiles, check_complete, leftovers_of, record, runs_of, unfinished_of

from gaitmap_results import (
    discard_run,
    load_run_custom_metadata,
    load_run_metadata,
    recorded_run,
    recover_run,
    unfinished_runs,
)
from gaitmap_results.cli import main
from gaitmap_results.exceptions import (
    InvalidNameError,
    InvalidOptionError,
    RecorderStateError,
    ResultsFolderError,
    RunNotFoundError,
    SaveError,
)
from gaitmap_results.unfinished.listing import find_unfinished_run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can be forked and killed")


def killed(store: Path, *, after: str = "s", **options) -> str:
    """Record a run in a process that is killed when it has come that far; return the run's identifier."""
    known = {run.run_id for run in unfinished_of(store)} if store.exists() else set()

    def die(tell):
        def stop(letter):
            if letter == after:
                os.kill(os.getpid(), signal.SIGKILL)

        record(store, stop, **options)

    run_in_child(die)
    (new,) = {run.run_id for run in unfinished_of(store)} - known
    return new


def change_journal(store: Path, run_id: str, **changes) -> None:
    """Change what a journal says; ``None`` takes a key out."""
    file = store / ".unfinished" / run_id / "journal.json"
    content = {**json.loads(file.read_text()), **changes}
    file.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def test_a_recovered_run_says_that_it_is_one(tmp_path):
    """It is a debug run with the reason, the evidence, and all that was known; the folder has the debug prefix."""
    run_id = killed(tmp_path, debug_run=False, debug_folder_prefix="debug_")
    path = recover_run(run_id, tmp_path)
    assert path.name.startswith("debug_")
    metadata = check_complete(path)
    assert metadata["is_debug_run"] is True
    (reason,) = metadata["debug_reasons"]
    assert reason["code"] == "recovered"
    assert reason["detail"]["status"] == "lost"
    assert reason["detail"]["certainty"] == "certain"
    assert metadata["run_id"] == run_id
    assert load_run_custom_metadata(path) == {"note": "kept"}


def test_what_is_missing_in_the_custom_metadata_is_still_named(tmp_path):
    """A NaN that the program had warned about is null in the recovered run, too, and its place is listed."""
    path = recover_run(killed(tmp_path, custom_metadata={"f1": float("nan")}), tmp_path)
    assert load_run_custom_metadata(path) == {"f1": None}
    errors = json.loads((path / "metadata.json").read_text())["collection_errors"]
    assert ["custom_metadata['f1']" in each["error"] for each in errors if each["what"] == "custom_metadata"] == [True]


def test_reasons_that_were_known_at_the_start_are_kept(tmp_path):
    """Why the run would have been a debug run anyway is still told."""
    path = recover_run(killed(tmp_path), tmp_path)
    codes = [reason["code"] for reason in json.loads((path / "metadata.json").read_text())["debug_reasons"]]
    assert codes == ["debug_run.default", "recovered"]


def test_the_start_of_an_identifier_is_enough(tmp_path):
    """As with commits, the first characters name a run where no other one has them."""
    first, second = killed(tmp_path), killed(tmp_path)
    n_same = next(n for n in range(36) if first[n] != second[n])
    with pytest.raises(RunNotFoundError):
        recover_run("", tmp_path)
    if n_same:
        with pytest.raises(RunNotFoundError, match="2 unfinished runs"):
            recover_run(first[:n_same], tmp_path)
    recover_run(first[: n_same + 1].upper(), tmp_path)
    assert [run.run_id for run in unfinished_of(tmp_path)] == [second]


def test_a_run_is_named_as_in_other_commands(tmp_path):
    """Its folder, its entry or a part of it where no other run has it, challenge and entry, and `@latest` name it."""
    first, second = killed(tmp_path), killed(tmp_path)
    line = r"started \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S*, (lost|terminated), core results: complete"
    with pytest.raises(RunNotFoundError, match=rf"2 unfinished runs(?s:.)*{first}  {line}\n  {second}  {line}"):
        recover_run("entry", tmp_path)
    assert find_unfinished_run(tmp_path, "@latest").run.run_id == second
    folder = str(tmp_path / ".unfinished" / first)
    done = CliRunner().invoke(main, ["recover", folder])
    assert done.exit_code == 0, done.output
    (left,) = unfinished_of(tmp_path)
    for name in ("entr", f"{left.challenge_name} entry", f"{left.challenge_name[3:].upper()} ENT"):
        assert find_unfinished_run(tmp_path, name).run.run_id == second
    for name in ("shin entry", "", " "):
        with pytest.raises(RunNotFoundError):
            find_unfinished_run(tmp_path, name)
    recover_run("entry", tmp_path)
    assert unfinished_of(tmp_path) == []
    with pytest.raises(RunNotFoundError):
        recover_run("@latest", tmp_path)


@pytest.mark.parametrize("name", [".DS_Store", ".nfs000012", ".journal.json"])
def test_a_hidden_file_names_no_run(name, tmp_path):
    """A completed path of a file that a system keeps in `.unfinished` deletes nothing."""
    run_id = killed(tmp_path)
    (tmp_path / ".unfinished" / ".DS_Store").touch()
    for function in (recover_run, discard_run):
        with pytest.raises(RunNotFoundError, match="no unfinished run"):
            function(f"{tmp_path}/.unfinished/{name}", tmp_path)
    assert [run.run_id for run in unfinished_of(tmp_path)] == [run_id]


def test_the_whole_of_several_words_comes_before_challenge_and_entry(tmp_path):
    """Words that stand in the name of one entry name that one, though another fits as challenge and entry."""
    first, second = killed(tmp_path), killed(tmp_path)
    change_journal(tmp_path, first, entry_name="tuned two steps")
    change_journal(tmp_path, second, entry_name="steps")
    assert find_unfinished_run(tmp_path, "two steps").run.run_id == first


def test_a_recovery_that_is_repeated_has_one_reason(tmp_path):
    """What a first try wrote before it failed is not told twice."""
    run_id = killed(tmp_path)
    in_the_way = tmp_path / next(run.challenge_name for run in unfinished_of(tmp_path))
    in_the_way.write_text("no folder")
    with pytest.raises(SaveError):
        recover_run(run_id, tmp_path)
    in_the_way.unlink()
    codes = [reason["code"] for reason in load_run_metadata(recover_run(run_id, tmp_path))["debug_reasons"]]
    assert codes.count("recovered") == 1


@pytest.mark.parametrize("run_id", ["0" * 36, "../x", "*", "", " ", "x/../y"])
def test_a_run_that_is_not_there(run_id, tmp_path):
    """The error says how to list those that are."""
    record(tmp_path)
    for function in (recover_run, discard_run):
        with pytest.raises(RunNotFoundError, match="gaitmap-results unfinished"):
            function(run_id, tmp_path)
    assert len(runs_of(tmp_path)) == 1


def test_a_running_run_is_neither_recovered_nor_discarded(tmp_path):
    """What is still being recorded stays as it is."""
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        TwoFiles().run(42)
        (run,) = unfinished_of(tmp_path)
        for function in (recover_run, discard_run):
            with pytest.raises(RecorderStateError, match="still running"):
                function(run.run_id, tmp_path)
    assert runs_of(tmp_path) == [recorder.path_]


def test_a_run_whose_program_goes_on_can_be_recovered_on_request(tmp_path):
    """A notebook whose disk was full at the end of a block lives on; its run need not wait for its end."""
    run_id = killed(tmp_path)
    with recorded_run("other", path=tmp_path, use_git=False):
        alive = [run for run in unfinished_of(tmp_path) if run.run_id != run_id]
        process = json.loads((alive[0].path / "journal.json").read_text())["process"]
        TwoFiles().run(42)
    change_journal(tmp_path, run_id, process=process)
    with pytest.raises(RecorderStateError):
        recover_run(run_id, tmp_path)
    check_complete(recover_run(run_id, tmp_path, even_if_running=True))


def test_a_run_without_results_cannot_be_recovered(tmp_path):
    """Before a challenge has finished there is nothing to publish; the error says so, and nothing is deleted."""
    run_id = killed(tmp_path, after="r")
    with pytest.raises(SaveError, match="no challenge had finished") as caught:
        recover_run(run_id, tmp_path)
    assert caught.value.path.is_dir()
    assert [run.run_id for run in unfinished_of(tmp_path)] == [run_id]


def test_recovering_with_less(tmp_path):
    """Without a draft of the record the run is published with what the journal knows, and says what is missing."""
    run_id = killed(tmp_path)
    change_journal(tmp_path, run_id, metadata=None, custom_metadata=None, debug_folder_prefix="../")
    path = recover_run(run_id, tmp_path)
    metadata = check_complete(path)
    assert path.name.startswith("_")
    normal = json.loads((record(tmp_path) / "metadata.json").read_text())
    assert set(metadata) == set(normal)
    assert metadata["repr_challenge"] is None
    assert metadata["run_start_datetime_utc"] > 1.7e9
    assert {error["what"] for error in metadata["collection_errors"]} == {"metadata", "custom_metadata"}
    assert load_run_custom_metadata(path) == {}


def test_names_that_the_journal_does_not_know(tmp_path):
    """They are asked for by their option, and checked as ever; known ones cannot be changed."""
    run_id = killed(tmp_path)
    change_journal(tmp_path, run_id, metadata=None, entry_name=None, challenge_name=None, challenge_version=None)
    names = {"entry_name": ("a", "b"), "challenge_name": "my.Challenge", "challenge_version": "2"}
    for missing in names:
        given = {key: value for key, value in names.items() if key != missing}
        with pytest.raises(InvalidOptionError, match=missing.replace("_", "-")):
            recover_run(run_id, tmp_path, **given)
    with pytest.raises(InvalidNameError):
        recover_run(run_id, tmp_path, **{**names, "entry_name": "../x"})
    path = recover_run(run_id, tmp_path, **names)
    assert path.parent == tmp_path / "my.Challenge" / "2" / "a" / "b"
    assert json.loads((path / "metadata.json").read_text())["entry_name"] == ["a", "b"]
    other = killed(tmp_path)
    with pytest.raises(InvalidOptionError, match=r"is '1\.0\.0', not '2'"):
        recover_run(other, tmp_path, challenge_version="2")
    recover_run(other, tmp_path, challenge_version="1.0.0")


def test_a_complete_folder_without_a_journal(tmp_path):
    """The manifest, written last, proves that a run is whole; one that is not whole is refused."""
    for damage in (None, "results/result.json"):
        store = tmp_path / str(damage is None)
        path = record(store)
        run_id = json.loads((path / "metadata.json").read_text())["run_id"]
        folder = store / ".unfinished" / run_id
        path.rename(folder)
        (folder / "journal.json").write_text('{"status": "runn')
        (run,) = unfinished_of(store)
        assert (run.status, run.core_results) == ("unknown", "unknown")
        if damage is None:
            check_complete(recover_run(run_id, store))
            assert leftovers_of(store) == []
        else:
            (folder / damage).unlink()
            with pytest.raises(SaveError, match="may have only a part"):
                recover_run(run_id, store)


def test_results_that_were_rescued(tmp_path, monkeypatch):
    """A run whose staging went to a rescue folder, killed there, is brought home by its identifier."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path / "temporary")
    store = tmp_path / "store"

    def die_rescued(tell):
        def stop(letter):
            if letter == "r":
                (store / ".unfinished").rename(store / "away")
                (store / ".unfinished").write_text("in the way")
            if letter == "s":
                os.kill(os.getpid(), signal.SIGKILL)

        record(store, stop)

    run_in_child(die_rescued)
    (store / ".unfinished").unlink()
    (store / "away").rename(store / ".unfinished")
    (run,) = unfinished_of(store)
    assert (run.status, run.core_results) == ("lost", "complete")
    assert run.rescued_to.parents[1].parent == tmp_path / "temporary"
    (run.rescued_to / "scores.json").write_text('{"schema_version": 1}')
    (run.rescued_to / "files").mkdir()
    (run.rescued_to / "files" / "log.txt").write_text("log")
    path = recover_run(run.run_id, store)
    assert check_complete(path)["repr_challenge"] == "TwoFiles(value=1)"
    assert json.loads((path / "scores.json").read_text()) == {"schema_version": 1}
    assert (path / "files" / "log.txt").read_text() == "log"
    assert load_run_custom_metadata(path) == {"note": "kept"}
    assert leftovers_of(store) == []
    assert run.rescued_to.is_dir()


class DiesWhenAsked(TwoFiles):
    """Is killed while it describes itself, right after its core results were rescued."""

    def __repr__(self):
        os.kill(os.getpid(), signal.SIGKILL)


def test_results_that_were_rescued_by_a_program_that_died_then(tmp_path, monkeypatch):
    """What is known of a run goes to the rescue folder with its core results, not later."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path / "temporary")
    store = tmp_path / "store"

    def die(tell):
        with recorded_run("entry", path=store, use_git=False):
            shutil.rmtree(store / ".unfinished")
            (store / ".unfinished").write_text("in the way")
            DiesWhenAsked().run(42)

    run_in_child(die)
    (rescue,) = (tmp_path / "temporary").iterdir()
    (run,) = unfinished_of(rescue)
    metadata = check_complete(recover_run(run.run_id, rescue))
    assert metadata["repr_challenge"] is None
    assert metadata["system_info"]["python_version"]
    assert metadata["challenge_name"].endswith("DiesWhenAsked")


def test_a_store_that_cannot_be_written(tmp_path):
    """Nothing is lost by trying; the error says where the results are."""
    run_id = killed(tmp_path)
    (tmp_path / "stores.TwoFiles").write_text("in the way")
    with pytest.raises(SaveError, match="Nothing of it is lost") as caught:
        recover_run(run_id, tmp_path)
    assert str(caught.value.path) in str(caught.value)
    (tmp_path / "stores.TwoFiles").unlink()
    check_complete(recover_run(run_id, tmp_path))


def test_discarding(tmp_path):
    """One run is deleted with all that belongs to it, and no other."""
    keep, delete = killed(tmp_path), killed(tmp_path)
    assert discard_run(delete, tmp_path) == tmp_path / ".unfinished" / delete
    assert [run.run_id for run in unfinished_of(tmp_path)] == [keep]
    assert [path.name for path in leftovers_of(tmp_path)] == [keep]
    check_complete(recover_run(keep, tmp_path))


def test_discarding_that_fails(tmp_path, monkeypatch):
    """What could not be deleted is told, and still listed."""
    run_id = killed(tmp_path)

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(ResultsFolderError, match="still listed"):
        discard_run(run_id, tmp_path)
    assert [run.run_id for run in unfinished_of(tmp_path)] == [run_id]


def command(*arguments: object, answer: str = ""):
    """Run a command, and answer its question."""
    return CliRunner().invoke(main, [str(each) for each in arguments], input=answer)


def test_the_commands(tmp_path):
    """List, recover and discard on the command line, for people and for programs."""
    assert "no unfinished runs" in command("unfinished", record(tmp_path).parents[3]).output
    first, second = killed(tmp_path), killed(tmp_path, after="r")
    shown = command("unfinished", tmp_path).stdout
    for part in (first, second, "lost (certain)", "core results: complete", f"recover {first} --results"):
        assert part in shown
    listed = json.loads(command("unfinished", tmp_path, "--json").stdout)
    assert [run["run_id"] for run in listed] == [first, second]
    assert {"run_id", "status", "certainty", "entry_name", "started", "path"} <= set(listed[0])
    (recovered,) = json.loads(command("recover", first[:8], "--results", tmp_path, "--json").stdout)
    assert recovered["run_id"] == first
    check_complete(Path(recovered["path"]))
    refused = command("recover", second, "--results", tmp_path)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "no challenge had finished" in refused.stderr


def test_discard_asks_first(tmp_path):
    """Without a yes nothing is deleted: not with a no, and not without an answer."""
    run_id = killed(tmp_path)
    for answer in ("n\n", ""):
        asked = command("discard", run_id, "--results", tmp_path, answer=answer)
        assert asked.exit_code == 1
        assert "cannot undo this" in asked.output
        assert len(unfinished_runs(tmp_path)) == 1
    done = command("discard", run_id, "--results", tmp_path, "--yes", "--json")
    assert [run["run_id"] for run in json.loads(done.stdout)] == [run_id]
    assert leftovers_of(tmp_path) == []
