"""A results folder that somebody else has written into: nothing outside of it is touched, and nothing crashes."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from faults import run_in_child
from git_repository import GitRepository
from stores import TwoFiles, check_complete, record, runs_of, unfinished_of

from gaitmap_results import (
    discard_run,
    get_all_result_paths,
    get_metadata_as_df,
    record_run,
    recorded_run,
    recover_run,
    unfinished_runs,
    verify_run,
    withdraw_run,
)
from gaitmap_results.exceptions import (
    CorruptRunError,
    GaitmapResultsError,
    ResultsFolderError,
    RunNotFoundError,
    SkippedRunWarning,
)
from gaitmap_results.store.json_files import MAX_JSON_BYTES
from gaitmap_results.store.manifest import parse_manifest
from gaitmap_results.unfinished.listing import list_unfinished

ON_POSIX = pytest.mark.skipif(os.name == "nt", reason="needs links, pipes and permissions as POSIX has them")


@pytest.fixture
def outside(tmp_path) -> Path:
    """Make a folder with a file that nobody may touch or read into a run."""
    folder = tmp_path / "outside"
    (folder / "results").mkdir(parents=True)
    (folder / "results" / "result.json").write_text("private")
    (folder / "journal.json").write_text(json.dumps({"status": "failed", "entry_name": "private"}))
    return folder


@pytest.fixture
def store(tmp_path) -> Path:
    """Make a store with one good run and one good unfinished run."""
    folder = tmp_path / "store"
    record(folder)
    with pytest.raises(ZeroDivisionError), recorded_run("good", path=folder, use_git=False):
        1 / 0  # noqa: B018
    return folder


def unfinished_folder(store: Path, **journal: Any) -> Path:
    """Make the folder of an unfinished run with complete core results, and a journal that says what is given."""
    folder = store / ".unfinished" / str(uuid4())
    (folder / "results" / "again").mkdir(parents=True)
    for name in ("result.json", "again/result.json"):
        (folder / "results" / name).write_text(json.dumps({"value": 1, "result": 42}))
    content = {
        "run_id": folder.name,
        "status": "failed",
        "core_results": "complete",
        "entry_name": "entry",
        "challenge_name": "stores.TwoFiles",
        "challenge_version": "1.0.0",
        "started_utc": 1_760_000_000,
        **journal,
    }
    (folder / "journal.json").write_text(json.dumps(content))
    return folder


def untouched(folder: Path) -> Iterator[tuple[Path, object]]:
    """Yield every file of a folder with its content, to compare before and after."""
    return iter([(path, path.read_bytes() if path.is_file() else None) for path in sorted(folder.rglob("*"))])


@ON_POSIX
def test_links_in_the_folder_of_unfinished_runs(store, outside):
    """A link is skipped and named, whatever it leads to; nothing behind it is read, published or deleted."""
    run_id = str(uuid4())
    before = list(untouched(outside))
    (store / ".unfinished" / run_id).symlink_to(outside)
    (store / ".unfinished" / f"{uuid4()}.journal.json").symlink_to(outside / "journal.json")
    with pytest.warns(SkippedRunWarning, match="symbolic link"):
        listed = unfinished_runs(store)
    assert [run.entry_name for run in listed] == ["good"]
    for function in (recover_run, discard_run):
        with pytest.raises(LookupError):
            function(run_id, store)
    assert list(untouched(outside)) == before


@ON_POSIX
def test_a_link_in_the_place_of_the_folder_of_unfinished_runs(store, outside):
    """Nothing is listed that lies somewhere else."""
    shutil.rmtree(store / ".unfinished")
    (outside / str(uuid4())).mkdir()
    (store / ".unfinished").symlink_to(outside)
    runs, skipped = list_unfinished(store)
    assert runs == []
    assert "symbolic link" in skipped[0]


@ON_POSIX
@pytest.mark.parametrize("linked", [".attestations", ".attestations/{run_id}"])
def test_links_in_the_place_of_attestations(linked, store, outside):
    """A link in the place of a run's attestations withdraws nothing, and nothing is written where it leads to."""
    (run,) = runs_of(store)
    run_id = json.loads((run / "metadata.json").read_text())["run_id"]
    (outside / run_id).mkdir()
    for folder in (outside, outside / run_id):
        (folder / "withdrawn.json").write_text(json.dumps({"reason": "private"}))
    link = store / linked.format(run_id=run_id)
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(outside, target_is_directory=True)
    before = list(untouched(outside))
    table = get_metadata_as_df(get_all_result_paths("stores.TwoFiles", store))
    assert table["withdrawn"].isna().all()
    with pytest.raises(ResultsFolderError, match="is a link"):
        withdraw_run(run, "the sensor was upside down")
    assert list(untouched(outside)) == before


@ON_POSIX
def test_links_inside_of_an_unfinished_run(store, outside):
    """A journal that is a link is not read; links among the results stay links, and the manifest leaves them out."""
    folder = unfinished_folder(store)
    (folder / "results" / "link").symlink_to(outside)
    linked = unfinished_folder(store)
    (linked / "journal.json").unlink()
    (linked / "journal.json").symlink_to(outside / "journal.json")
    before = list(untouched(outside))
    by_folder = {run.path: run for run in unfinished_of(store)}
    assert by_folder[linked].status == "unknown"
    assert "symbolic link" in by_folder[linked].evidence
    path = recover_run(folder.name, store)
    assert (path / "results" / "link").is_symlink()
    assert {name for name, _ in parse_manifest((path / "MANIFEST.sha256").read_bytes())} == {
        "custom_metadata.json",
        "metadata.json",
        "results/again/result.json",
        "results/result.json",
    }
    discard_run(linked.name, store)
    shutil.rmtree(path)
    assert list(untouched(outside)) == before


@ON_POSIX
def test_discarding_never_follows_a_link(store, outside):
    """The links of a run are deleted, and not what they lead to."""
    folder = unfinished_folder(store)
    shutil.rmtree(folder / "results")
    (folder / "results").symlink_to(outside)
    before = list(untouched(outside))
    discard_run(folder.name, store)
    assert list(untouched(outside)) == before


JOURNALS = {
    "empty": b"",
    "truncated": b'{"status": "runn',
    "a list": b"[1, 2]",
    "no JSON": b"\xff\xfe\x00",
    "deep": b"[" * 100_000,
    "deep objects": b'{"a":' * 50_000,
    "NaN": b'{"status": NaN, "started_utc": NaN, "entry_name": NaN}',
    "huge numbers": b'{"status": "running", "started_utc": 1e400, "process": {"pid": 1' + b"0" * 5000 + b"}}",
    "wrong types": b'{"status": 1, "process": [], "entry_name": {"a": 1}, "core_results": {}, "started_utc": "x",'
    b' "error": 3, "rescued_to": 5, "challenge_name": [], "metadata": [], "custom_metadata": 3}',
    "other types": b'{"status": "running", "process": {"pid": "1", "host": []}, "entry_name": ["a", 1],'
    b' "core_results": "complete", "started_utc": true, "error": {"message": 3}, "rescued_to": "\\u0000"}',
}


@pytest.mark.parametrize("content", JOURNALS.values(), ids=JOURNALS)
def test_journals_that_cannot_be_read(content, store):
    """The run is listed as unknown, the others as ever; it cannot be recovered by mistake, and can be discarded."""
    folder = store / ".unfinished" / str(uuid4())
    folder.mkdir()
    (folder / "journal.json").write_bytes(content)
    runs = {run.run_id: run for run in unfinished_of(store)}
    assert len(runs) == 2
    assert runs[folder.name].status == "unknown"
    with pytest.raises(GaitmapResultsError):
        recover_run(folder.name, store)
    discard_run(folder.name, store)
    assert [run.entry_name for run in unfinished_of(store)] == ["good"]


def test_a_journal_that_is_huge(store):
    """Gigabytes are not read into memory to find that they are no journal."""
    folder = store / ".unfinished" / str(uuid4())
    folder.mkdir()
    with (folder / "journal.json").open("wb") as file:
        file.truncate(MAX_JSON_BYTES + 1)
    (run,) = (run for run in unfinished_of(store) if run.run_id == folder.name)
    assert f"{MAX_JSON_BYTES + 1:,} bytes" in run.evidence


@ON_POSIX
def test_a_journal_that_is_no_file(store):
    """A pipe does not hold up the list for ever, and a folder is no journal."""
    for make in (os.mkfifo, os.mkdir):
        folder = store / ".unfinished" / str(uuid4())
        folder.mkdir()
        make(folder / "journal.json")
    assert [run.status for run in unfinished_of(store)].count("unknown") == 2


def test_what_is_no_run_is_named_and_skipped(store):
    """Files and folders that somebody has put there do not end the list, and are told."""
    (store / ".unfinished" / "notes.txt").write_text("x")
    (store / ".unfinished" / "copy of a run").mkdir()
    (store / ".unfinished" / str(uuid4())).write_text("a file")
    (store / ".unfinished" / ".DS_Store").write_text("x")
    runs, skipped = list_unfinished(store)
    assert [run.entry_name for run in runs] == ["good"]
    assert len(skipped) == 3
    assert all("not an unfinished run" in message for message in skipped)


@pytest.mark.parametrize(
    "names",
    [
        {"entry_name": "../../outside"},
        {"entry_name": ["..", "x"]},
        {"entry_name": "/etc"},
        {"challenge_name": "../x"},
        {"challenge_version": ".."},
        {"challenge_version": "a/../../b"},
        {"entry_name": ""},
        {"challenge_version": 1},
    ],
)
def test_names_in_a_journal_cannot_leave_the_store(names, store, tmp_path):
    """A run is never published outside of the results folder, whatever its journal, or its draft, says."""
    before = {path for path in tmp_path.rglob("*") if ".unfinished" not in path.parts}
    for journal in (names, {"metadata": {}}):
        folder = unfinished_folder(store, **journal)
        if journal is not names:
            (folder / "metadata.json").write_text(json.dumps({"run_id": folder.name, **names}))
        with pytest.raises(GaitmapResultsError):
            recover_run(folder.name, store)
        assert (folder / "results" / "result.json").exists()
    assert {path for path in tmp_path.rglob("*") if ".unfinished" not in path.parts} == before


def test_a_journal_cannot_make_foreign_files_a_result(store, outside, tmp_path, monkeypatch):
    """Only what a rescue of the very run can have written is taken from outside of the results folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for rescued_to in (str(outside), str(outside / "results"), "/", "relative", str(store)):
        folder = unfinished_folder(store, core_results="partial", status="rescued", rescued_to=rescued_to)
        (run,) = (run for run in unfinished_of(store) if run.path == folder)
        assert run.rescued_to is None
        with pytest.raises(GaitmapResultsError, match="only a part"):
            recover_run(folder.name, store)
        discard_run(folder.name, store)
    assert len(runs_of(store)) == 1


@ON_POSIX
def test_a_rescue_folder_of_another_user_is_not_looked_at(store, tmp_path, monkeypatch):
    """Anybody may write to the temporary directory; results come only from what this user has rescued."""
    if os.geteuid() != 0:
        pytest.skip("needs to give a folder to another user")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = unfinished_folder(store, core_results="partial", status="rescued")
    rescue = tmp_path / "gaitmap_results_rescue_x"
    shutil.copytree(folder, rescue / ".unfinished" / folder.name)
    journal = rescue / ".unfinished" / folder.name / "journal.json"
    journal.write_text(journal.read_text().replace("partial", "complete"))
    assert {run.rescued_to for run in unfinished_of(store)} == {None, journal.parent}
    os.chown(rescue, 65534, 65534)
    assert {run.rescued_to for run in unfinished_of(store)} == {None}


@ON_POSIX
def test_folders_without_permission():
    """What may not be read is listed as unknown, the rest is listed; where nothing can be listed, that is an error."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        store = Path(name, "store")
        Path(name).chmod(0o777)

        def as_nobody(tell):
            warnings.simplefilter("ignore")  # nobody may not read what there is to know about this machine
            record(store)
            shutil.rmtree(store)
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            record(store)
            open_run, closed_run = unfinished_folder(store), unfinished_folder(store)
            closed_file = unfinished_folder(store)
            closed_run.chmod(0)
            (closed_file / "journal.json").chmod(0)
            try:
                runs = {run.path: run for run in unfinished_of(store)}
                assert runs[open_run].status == "failed"
                for folder in (closed_run, closed_file):
                    assert runs[folder].status == "unknown"
                    assert "Permission denied" in runs[folder].evidence
                    with pytest.raises(GaitmapResultsError):
                        recover_run(folder.name, store)
                (store / ".unfinished").chmod(0)
                with pytest.raises(RunNotFoundError, match="cannot be read"):
                    list_unfinished(store)
                (store / ".unfinished").chmod(0o777)
            finally:
                closed_run.chmod(0o777)
            check_complete(recover_run(open_run.name, store))
            tell("k")

        assert run_in_child(as_nobody) == ("k", 0)


@pytest.mark.parametrize("name", ["../../outside/results/result.json", "/etc/passwd", "results/../../../x", ".."])
def test_a_manifest_that_names_what_is_outside(name, store, outside):
    """Neither verifying nor recovering reads what such a line names."""
    (path,) = runs_of(store)
    manifest = path / "MANIFEST.sha256"
    manifest.write_bytes(manifest.read_bytes() + f"{'0' * 64}  {name}\n".encode())
    with pytest.raises(CorruptRunError, match="not in the run folder"):
        verify_run(path)
    folder = unfinished_folder(store)
    (folder / "journal.json").unlink()
    (folder / "MANIFEST.sha256").write_bytes(manifest.read_bytes())
    with pytest.raises(GaitmapResultsError):
        recover_run(folder.name, store)


SECRET = "hunter2-s3cr3t-value"


def test_secrets_never_reach_the_disk(tmp_path, monkeypatch):
    """Remote URLs, arguments and variables with secrets are in no file: not of a run, a journal, or a recovered run."""
    repository = GitRepository(tmp_path / "repository")
    repository.write("code.py", "pass")
    repository.commit()
    url = f"https://user:{SECRET}@example.org/group/code.git"
    repository.git("remote", "add", "origin", url)
    repository.git("config", "remote.origin.pushurl", url)
    repository.git("config", "branch.main.remote", url)
    repository.git("config", "branch.main.merge", "refs/heads/main")
    repository.git("config", f"url.{url}.insteadOf", "short:")
    repository.git("config", "http.extraHeader", f"Authorization: Bearer {SECRET}")
    monkeypatch.chdir(repository.path)
    monkeypatch.setenv("MY_API_TOKEN", SECRET)
    monkeypatch.setattr("sys.argv", ["run.py", "--password", SECRET, f"--token={SECRET}", f"SECRET={SECRET}"])

    class Breaks(TwoFiles):
        def save_core_results(self, folder_path):
            raise ValueError(f"cannot reach {url}, secret={SECRET!r}")

    class Telling(TwoFiles):
        def __repr__(self):
            return f"Telling(url={url!r}, token={SECRET!r})"

    store = tmp_path / "store"

    def run(ending):
        warnings.simplefilter("ignore")
        with recorded_run("entry", path=store):
            Telling().run(lambda: 42)
            ending()

    def fail():
        raise RuntimeError(f"no access to {url} with token='{SECRET}'")

    def fail_before():
        with recorded_run("entry", path=store):
            fail()

    @record_run(path=store)
    def called(token, options):
        return Telling().run(lambda: 42)

    with warnings.catch_warnings():
        run(lambda: None)
        other = SECRET[::-1]  # not in a variable, so that only its name tells
        called(other, options={"clients": [{"db_password": other}], "fold": 2})
        for failing in (lambda: run(fail), fail_before):
            with pytest.raises(RuntimeError):
                failing()
        with pytest.raises(GaitmapResultsError) as raised, recorded_run("entry", path=store, use_git=False):
            Breaks().run(42)
        assert SECRET not in str(raised.value)
        if hasattr(os, "fork"):
            run_in_child(lambda tell: run(lambda: os.kill(os.getpid(), 9)))
            (lost,) = (each for each in unfinished_of(store) if each.status == "lost")
            assert SECRET not in (lost.path / "journal.json").read_text()
            recover_run(lost.run_id, store)
    files = [path for path in store.rglob("*") if path.is_file()]
    assert len([path for path in files if path.name == "metadata.json"]) >= 2
    assert len([path for path in files if path.name == "journal.json"]) == 2
    for path in files:
        assert all(secret.encode() not in path.read_bytes() for secret in (SECRET, other)), path
