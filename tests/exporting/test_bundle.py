"""Runs as an archive: it holds them as they are, describes them, and refuses what must not be in it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from command import in_process
from exported_runs import COMMIT, add_manifest, write_whole_run
from run_folders import CHALLENGE, PUBLISHED, START, needs_published

from gaitmap_results import get_all_result_paths, recorded_run, verify_run, withdraw_run, write_bundle
from gaitmap_results.exceptions import (
    CorruptRunError,
    InvalidOptionError,
    PrivateContentError,
    ResultsFolderError,
    RunNotFoundError,
    SkippedFileWarning,
)
from gaitmap_results.exporting.mlflow_content import mlflow_run
from gaitmap_results.exporting.runs_to_export import find_runs

AUTHOR = "Ada Lovelace <https://orcid.org/0000-0002-1825-0097>; FAU <https://www.fau.eu>"
HOW = {"license": "CC-BY-4.0", "authors": AUTHOR}
PEOPLE = {
    "code_authors": [
        "Ada Lovelace",
        "Grace van der Hopper",
        "See source for authors",
        {"name": "Kate", "orcid": ""},
        "Gait people",
    ],
    "references": ["doi:10.1186/s12984-021-00883-7", "https://arxiv.org/abs/1711.02508", "TODO: CITATION"],
    "short_description": "Shin's algorithm",
}


def bundle(results, target=None, **options):
    """Bundle runs, and return the archive."""
    return write_bundle(results, target or results.parent / f"{results.name}.zip", **{**HOW, **options})


def graph_of(archive):
    """Return the entities of an archive by their ids."""
    with zipfile.ZipFile(archive) as opened:
        entities = json.loads(opened.read("ro-crate-metadata.json"))["@graph"]
    assert len({entity["@id"] for entity in entities}) == len(entities)
    return {entity["@id"]: entity for entity in entities}


def listed(value):
    """Return the values of a property, however many there are."""
    return value if isinstance(value, list) else [value]


def actions_of(graph):
    """Return the runs that an archive tells of, in its order."""
    return [graph[each["@id"]] for each in listed(graph["./"]["mentions"])]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a results folder with runs of every kind, the archive of it, and what the archive says."""
    results = tmp_path_factory.mktemp("made") / "results"
    write_whole_run(results, custom=PEOPLE)
    reasons = [{"code": "git.dirty", "message": "", "detail": {}}]
    later = {"start": START + timedelta(minutes=1), "is_debug_run": True, "debug_reasons": reasons}
    withdrawn = write_whole_run(results, ["grp", "ü b"], name="_20260329_123105", git_dirty=True, **later)
    withdraw_run(withdrawn, "the sensor was upside down")
    with pytest.raises(ZeroDivisionError), recorded_run("broken", path=results, use_git=False):
        _ = 1 / 0
    archive = bundle(results, unfinished=True, allow_private=True, publisher="Zenodo <https://zenodo.org>")
    return results, archive, graph_of(archive)


def test_the_required_properties_are_there(made):
    """What RO-Crate 1.1 and Process Run Crate 0.5 require and recommend is there, for every entity of each kind."""
    _, _, graph = made
    assert graph["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    assert graph["ro-crate-metadata.json"]["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    root = graph["./"]
    assert graph[root["conformsTo"]["@id"]]["version"] == "0.5"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", root["datePublished"])
    assert root["name"]
    assert root["description"]
    for key, kind in (("license", "CreativeWork"), ("author", "Person"), ("publisher", "Organization")):
        assert graph[root[key]["@id"]]["@type"] == kind
    for action in actions_of(graph):
        assert action["@type"] == "CreateAction"
        instrument = graph[action["instrument"]["@id"]]
        assert instrument["@type"] == "SoftwareApplication"
        assert instrument["name"]
        assert instrument["softwareVersion"]
        assert graph[action["agent"]["@id"]]["name"] == "Ada Lovelace"
        assert action["name"]
        assert action["description"]
        for time in (action["startTime"], action["endTime"]):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", time)
    # Every file hangs below the root, and nothing is a list of one.
    reached = {"./"}
    for key in [each["@id"] for each in root["hasPart"]]:
        reached |= {key, *(each["@id"] for each in listed(graph[key].get("hasPart", [])))}
    assert {key for key, entity in graph.items() if entity["@type"] in ("File", "Dataset")} == reached
    assert not any(isinstance(value, list) and len(value) < 2 for entity in graph.values() for value in entity.values())


def test_a_run_is_an_action(made):
    """A published run is a completed action with its id, times, code by remote and commit, and its folder as result."""
    results, _, graph = made
    run = next(results.glob("*/*/shin/*"))
    metadata = json.loads((run / "metadata.json").read_text())
    action = next(each for each in actions_of(graph) if metadata["run_id"] in each["@id"])
    assert (action["startTime"], action["endTime"]) == ("2026-03-29T12:30:05+00:00", "2026-03-29T14:30:17+02:00")
    assert action["actionStatus"] == "http://schema.org/CompletedActionStatus"
    assert "official" in action["description"]
    instrument = graph[action["instrument"]["@id"]]
    assert instrument["@id"].startswith("https://example.org/lab/study#")
    assert (instrument["softwareVersion"], instrument["codeRepository"]) == (COMMIT, metadata["git"]["remote"])
    assert "as committed" in instrument["description"]
    result = graph[action["result"]["@id"]]
    assert result["@id"] == f"{CHALLENGE}/1.0.0/shin/{run.name}/"
    assert result["description"] == "Shin's algorithm"
    debug = next(each for each in actions_of(graph) if "grp/" in each["name"])
    assert "debug (git.dirty)" in debug["description"]
    assert "Withdrawn: the sensor was upside down" in debug["description"]
    assert "uncommitted changes" in graph[debug["instrument"]["@id"]]["description"]


def test_a_failed_run_is_a_failed_action(made):
    """With `unfinished`, a run that failed is told with its error; nothing of it is in the archive."""
    _, archive, graph = made
    failed = next(each for each in actions_of(graph) if "broken" in each["name"])
    assert failed["actionStatus"] == "http://schema.org/FailedActionStatus"
    assert failed["error"].startswith("ZeroDivisionError")
    assert "result" not in failed
    assert not any(".unfinished" in name for name in zipfile.ZipFile(archive).namelist())


def test_software_is_told_with_versions(made):
    """Python and packages carry versions; a package that did not come from an index is not looked for on one."""
    _, _, graph = made
    requirements = [each for entity in graph.values() for each in listed(entity.get("softwareRequirements", []))]
    software = {graph[each["@id"]]["name"]: graph[each["@id"]] for each in requirements if isinstance(each, dict)}
    assert software["numpy"]["softwareVersion"] == "2.0.1"
    assert software["numpy"]["url"] == "https://pypi.org/project/numpy/2.0.1/"
    assert software["Python"]["softwareVersion"] == "3.12.1"
    assert f"lab_filters==0.3.0 (commit {'a' * 40})" in requirements


def test_people_and_references_come_from_custom_metadata(made):
    """Names become people, DOIs and URLs works; what is neither stays the words that it is."""
    _, _, graph = made
    run = next(each for key, each in graph.items() if "/shin/" in key and each["@type"] == "Dataset")
    people = [graph[each["@id"]]["name"] if isinstance(each, dict) else each for each in run["contributor"]]
    assert people == ["Ada Lovelace", "Grace van der Hopper", "Kate", "See source for authors", "Gait people"]
    assert run["contributor"][0]["@id"] == "https://orcid.org/0000-0002-1825-0097"
    works = [each["@id"] if isinstance(each, dict) else each for each in run["citation"]]
    assert works == ["https://doi.org/10.1186/s12984-021-00883-7", "https://arxiv.org/abs/1711.02508", "TODO: CITATION"]
    assert not any(entity["@type"] == "Person" and entity["name"].startswith("See") for entity in graph.values())


def test_an_unpacked_archive_is_the_results_folder(made, tmp_path):
    """Every byte is there in its place, checksums fit, manifests hold, runs are found, and what was withdrawn is."""
    results, archive, graph = made
    if shutil.which("unzip") and shutil.which("sha256sum"):
        subprocess.run(["unzip", "-q", archive, "-d", tmp_path / "a"], check=True)
        subprocess.run(["sha256sum", "-c", "--quiet", "--strict", "SHA256SUMS"], cwd=tmp_path / "a", check=True)
        run = next((tmp_path / "a").glob("*/*/shin/*"))
        subprocess.run(["sha256sum", "-c", "--quiet", "--strict", "MANIFEST.sha256"], cwd=run, check=True)
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        opened.extractall(tmp_path / "b")
    kept = {path.relative_to(results).as_posix() for path in results.rglob("*") if path.is_file()}
    kept = {name for name in kept if not name.startswith(".unfinished")}
    unpacked = {path.relative_to(tmp_path / "b").as_posix() for path in (tmp_path / "b").rglob("*") if path.is_file()}
    assert unpacked == kept | {"ro-crate-metadata.json", "SHA256SUMS"}
    assert all((results / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in kept)
    files = {entity["@id"]: entity for entity in graph.values() if "sha256" in entity}
    assert len(files) == len(kept)
    assert all(int(entity["contentSize"]) > 0 and len(entity["sha256"]) == 64 for entity in files.values())
    found = get_all_result_paths(CHALLENGE, tmp_path / "b")
    assert set(found) == {("shin",), ("grp", "ü b")}
    assert all(verify_run(path).is_intact for paths in found.values() for path in paths)
    assert "upside down" in in_process("list", tmp_path / "b", "--json").out


def test_the_same_runs_give_the_same_bytes(made, tmp_path):
    """Neither the moment, nor times of files, nor the place change the archive; nothing is written into runs."""
    results, _, _ = made
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*")}
    copy = tmp_path / "elsewhere" / "results"
    shutil.copytree(results, copy, ignore=shutil.ignore_patterns(".unfinished"))
    for path in copy.rglob("*"):
        os.utime(path, (0, 0))
    first = bundle(results, tmp_path / "1.zip", allow_private=True)
    second = bundle(copy, tmp_path / "2.zip", allow_private=True)
    runs = [path for paths in get_all_result_paths(CHALLENGE, copy).values() for path in paths]
    third = write_bundle(runs[::-1], tmp_path / "3.zip", **HOW, allow_private=True)
    assert first.read_bytes() == second.read_bytes() == third.read_bytes()
    assert {path: path.stat().st_mtime_ns for path in results.rglob("*")} == before
    with pytest.raises(InvalidOptionError, match="run folder"):
        bundle(results, next(results.glob("*/*/shin/*")) / "results" / "x.zip")


@pytest.fixture
def results(tmp_path):
    """Return a results folder with one run."""
    write_whole_run(tmp_path / "results")
    return tmp_path / "results"


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"license": ""}, "SPDX"),
        ({"license": "see README"}, "SPDX"),
        ({"license": None}, "SPDX"),
        ({"authors": []}, "No author"),
        ({"authors": None}, "No author is given"),
        ({"authors": [5]}, "cannot be understood"),
        ({"authors": " "}, "cannot be understood"),
        ({"authors": "Ada <0000-0002-1825-0098>"}, "contains a typo"),
        ({"authors": "Ada <ada@example.org>"}, "neither an ORCID nor a URL"),
        ({"publisher": "<https://zenodo.org>"}, "publisher"),
    ],
)
def test_what_a_person_must_say_is_checked(results, how, said):
    """Licence, author and publisher are asked for, never made up, and told before anything is read."""
    with pytest.raises(InvalidOptionError, match=said):
        bundle(results, **how)
    assert [path.name for path in results.parent.iterdir()] == ["results"]


def test_an_existing_archive_stays(results):
    """What is there already is not overwritten, and a folder without runs gives no archive."""
    archive = bundle(results)
    content = archive.read_bytes()
    with pytest.raises(InvalidOptionError, match="already exists"):
        bundle(results)
    assert archive.read_bytes() == content
    (results.parent / "empty").mkdir()
    with pytest.raises(RunNotFoundError, match="no run"):
        bundle(results.parent / "empty")
    with pytest.raises(RunNotFoundError, match="No run is named"):
        write_bundle([], results.parent / "x.zip", **HOW)
    with pytest.raises(RunNotFoundError, match="no folder"):
        bundle(results.parent / "gone")
    with pytest.raises(ResultsFolderError, match="cannot be written"):
        bundle(results, archive / "x.zip")


def test_damaged_runs_are_refused(results):
    """A run that is not as it was saved, or cannot be read, stops the bundle, and each is named."""
    changed, gone, unreadable = (write_whole_run(results, name) for name in ("changed", "gone", "unreadable"))
    (changed / "scores.json").write_text("{}")
    (gone / "results" / "scores.json").unlink()
    (unreadable / "metadata.json").write_text("{")
    with pytest.raises(CorruptRunError) as caught:
        bundle(results)
    for run, what in ((changed, "scores.json"), (gone, "results/scores.json"), (unreadable, "metadata.json")):
        assert re.search(rf"{re.escape(str(run))}: .*{what}", str(caught.value))
    intact = next(results.glob("*/*/shin/*"))
    assert len(actions_of(graph_of(bundle(intact, results.parent / "one.zip")))) == 1
    with pytest.raises(CorruptRunError, match="changed"):
        bundle(changed, results.parent / "two.zip")


STRANGE = [
    {"git": 5, "code": {"repositories": 5}, "system_info": [1], "caller": "x", "command": "x y"},
    {"git_dirty": "yes", "git_commit_hash": 7, "run_end_datetime": 5, "run_start_datetime": "2026-03-29T12:30:05"},
    {"system_info": {"packages_info": {"a": 1}, "packages_direct_url": {"a": 3}}, "code": [1], "recorder_version": 1},
    {"run_id": "../../x", "run_start_datetime_utc": None, "runtime": "x", "caller_file_path": "\ud800x"},
]


@pytest.mark.parametrize("changes", STRANGE)
def test_a_strange_record_is_described_as_far_as_it_goes(tmp_path, changes):
    """Values of other kinds than ours, from a stranger's program, end nothing; what they would say is left out."""
    custom = {"authors": [1, None, {"name": 5}, "A\ud800a Bb"], "references": {"a": 1}, "implementation_url": 7}
    run = write_whole_run(tmp_path / "results", custom=custom, **changes)
    (action,) = actions_of(graph_of(bundle(run, tmp_path / "x.zip")))
    assert action["name"]
    assert mlflow_run(find_runs([run])[0]).name == "shin"


def test_nothing_is_followed_out_of_the_results_folder(results, tmp_path):
    """What lies behind a link in `.attestations` is not handed on."""
    run_id = json.loads(next(results.glob("*/*/shin/*/metadata.json")).read_text())["run_id"]
    (tmp_path / "diary").mkdir()
    (tmp_path / "diary" / "today.txt").write_text("private")
    (results / ".attestations").mkdir()
    (results / ".attestations" / run_id).symlink_to(tmp_path / "diary")
    assert not any("today" in name for name in zipfile.ZipFile(bundle(results)).namelist())


def test_a_run_that_changes_meanwhile_is_refused(results, tmp_path):
    """A file that is written to while it is copied is no longer what was checked: nothing is left behind."""
    run = next(results.glob("*/*/shin/*"))
    with pytest.raises(CorruptRunError, match="changed while"):
        bundle(results, tmp_path / "x.zip", on_file=lambda _: (run / "scores.json").write_text("{}"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results"]


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that opens and cannot be read")
def test_a_file_that_cannot_be_read_to_its_end_is_named(results, tmp_path):
    """An error of the disk while a file is copied is a CorruptRunError that names the file: nothing is left behind."""
    scores = next(results.glob("*/*/shin/*/scores.json"))

    def break_disk(_):
        scores.unlink(missing_ok=True)
        scores.symlink_to("/proc/self/mem")

    with pytest.raises(CorruptRunError, match=r"scores\.json cannot be read: Input/output error") as caught:
        bundle(results, tmp_path / "x.zip", on_file=break_disk)
    assert caught.value.path == scores.parent
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results"]


def test_copies_are_refused(results, tmp_path):
    """The same run named twice is in the archive once; a copy of it with the same id is refused."""
    run = next(results.glob("*/*/shin/*"))
    archive = write_bundle([run, results, run], tmp_path / "once.zip", **HOW)
    assert len(actions_of(graph_of(archive))) == 1
    shutil.copytree(results, tmp_path / "copy")
    with pytest.raises(InvalidOptionError, match="same place"):
        write_bundle([results, tmp_path / "copy"], tmp_path / "x.zip", **HOW)
    run.rename(run.with_name("20260101_000000"))
    with pytest.raises(InvalidOptionError, match="same id"):
        write_bundle([results, tmp_path / "copy"], tmp_path / "x.zip", **HOW)


def test_a_run_on_its_own_keeps_its_place(results, tmp_path):
    """A run that was moved out of its results folder lies in the archive where its record says."""
    run = next(results.glob("*/*/shin/*"))
    moved = shutil.move(run, tmp_path / "20260329_123005")
    graph = graph_of(bundle(tmp_path / moved, tmp_path / "x.zip"))
    assert f"{CHALLENGE}/1.0.0/shin/20260329_123005/" in graph


@pytest.mark.parametrize("change", [{"challenge_name": "../../up"}, {"entry_name": ["..", "shin"]}])
def test_a_record_cannot_lead_out_of_the_archive(results, tmp_path, change):
    """The names in a stranger's record become no path that leads elsewhere when the archive is unpacked."""
    run = next(results.glob("*/*/shin/*"))
    moved = tmp_path / "20260329_123005"
    shutil.move(run, moved)
    metadata = json.loads((moved / "metadata.json").read_text())
    (moved / "metadata.json").write_text(json.dumps({**metadata, **change}))
    add_manifest(moved)
    with pytest.raises(ValueError, match="cannot be the name of a folder"):
        bundle(moved, tmp_path / "x.zip")


@pytest.mark.skipif(os.name == "nt", reason="Windows refuses such names itself")
def test_links_are_left_out_and_told(results, tmp_path):
    """A link is no part of a manifest and does not get into the archive; names that `unzip` changes are refused."""
    run = next(results.glob("*/*/shin/*"))
    (run / "results" / "link").symlink_to("/etc/hostname")
    with pytest.warns(SkippedFileWarning, match="results/link"):
        archive = bundle(results)
    assert not any("link" in name for name in zipfile.ZipFile(archive).namelist())
    (run / "results" / "a\\b").write_text("1")
    add_manifest(run)
    with pytest.raises(InvalidOptionError, match="backslash"):
        bundle(results, tmp_path / "x.zip")


def test_the_command(made, tmp_path):
    """The command takes runs by path, id and entry, or a results folder, and says what is missing."""
    results, archive, _ = made
    how = ("--license", "CC-BY-4.0", "--author", AUTHOR, "--allow-private")
    done = in_process("bundle", results, tmp_path / "all.zip", *how, "--unfinished", "--publisher",
                      "Zenodo <https://zenodo.org>")  # fmt: skip
    assert (done.code, done.out) == (0, "")
    assert "all.zip" in done.err
    assert (tmp_path / "all.zip").read_bytes() == archive.read_bytes()
    done = in_process("bundle", "shin", "--results", results, tmp_path / "one.zip", *how)
    assert len(actions_of(graph_of(tmp_path / "one.zip"))) == 1
    assert in_process("bundle", results, tmp_path / "x.zip", *how[2:]).code == 2
    assert in_process("bundle", results, tmp_path / "x.zip", *how[:2]).code == 2
    done = in_process("bundle", "shin", "grp", *how)
    assert (done.code, ".zip" in done.err) == (2, True)
    assert in_process("bundle", results, tmp_path / "all.zip", *how).code == 1


@needs_published
def test_published_runs(tmp_path):
    """Runs of gaitmap_challenges go along, under a stable id; their paths on a cluster are private."""
    with pytest.raises(PrivateContentError, match="iwso021h") as caught:
        bundle(PUBLISHED, tmp_path / "x.zip")
    assert {each[1].partition(".")[0] for each in caught.value.findings} == {"config"}
    archive = bundle(PUBLISHED, tmp_path / "pub.zip", allow_private=True)
    graph = graph_of(archive)
    actions = actions_of(graph)
    assert len(actions) == 17
    assert all(graph[each["instrument"]["@id"]]["softwareVersion"].isalnum() for each in actions)
    assert all("+02:00" in each["endTime"] for each in actions)
