"""The demo: real recordings are fetched once, and four entries are recorded and compared on them."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest
from challenges import stored_entries
from documents import TOP, Page
from git_repository import GitRepository
from processes import run_python

from gaitmap_results import verify_run
from gaitmap_results.config import LocalConfig, find_cache_folder, set_config
from gaitmap_results.demo.data import ARCHIVE, RECORDINGS, RecordingsError, fetch_recordings
from gaitmap_results.exceptions import GaitmapResultsError

# Some of these tests wait for a download, or for mobgap to be imported and run.
pytestmark = [
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        find_spec("mobgap") is None or find_spec("pip") is None,
        reason="needs the extra 'demo', which the tox environment `integrations` installs",
    ),
]
# All that the demo says on its error stream where everything goes well.
OWN_LINES = (
    "Results folder: ",
    "Unpacking the recordings",
    "Loading mobgap",
    "Running 4 entries",
    "Ran entry ",
    "Writing the",
)
NOWHERE = "http://127.0.0.1:9/simple"
COMMAND = (sys.executable, "-c", "from gaitmap_results.cli import main; main(prog_name='gaitmap-results')")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Return the real source archive of mobgap, downloaded by pip without our code."""
    folder = tmp_path_factory.mktemp("archive")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", "mobgap", "-d", str(folder)]
    pip = subprocess.run([*command, "mobgap==1.2.0"], capture_output=True, text=True, check=False)
    if pip.returncode != 0:
        pytest.skip(f"the package registry cannot be reached: {pip.stderr.strip().splitlines()[-1:]}")
    return folder / ARCHIVE


@pytest.fixture
def cache(archive, tmp_path):
    """Return a cache folder that has nothing but the archive."""
    folder = tmp_path / "cache"
    folder.mkdir()
    shutil.copy(archive, folder)
    return folder


@pytest.fixture
def no_registry(monkeypatch):
    """Point pip at an address where nobody listens."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", NOWHERE)


def state(folder):
    """Return every file of a folder with its checksum."""
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file()
    }


# Fetching


def test_recordings_are_downloaded_and_checked(archive, tmp_path):
    """The first call downloads with pip, says so, and leaves nothing but the recordings in the cache."""
    said = []
    folder = fetch_recordings(tmp_path / "new" / "cache", report=said.append)
    assert state(folder) == RECORDINGS
    assert list(folder.parent.iterdir()) == [folder]
    assert said[0] == f"Downloading {ARCHIVE} with pip"


def test_archive_in_the_cache_replaces_the_download(cache, no_registry):
    """An archive in the cache is enough without a network, and then its recordings, which need no word."""
    assert state(fetch_recordings(str(cache))) == RECORDINGS
    (cache / ARCHIVE).unlink()
    said = []
    assert state(fetch_recordings(cache, report=said.append)) == RECORDINGS
    assert said == []


@pytest.mark.parametrize("damage", ["changed", "truncated", "missing"])
def test_damaged_recordings_are_fetched_again(cache, no_registry, damage):
    """A file in the cache that fails its checksum is named, and all recordings are replaced by sound ones."""
    folder = fetch_recordings(cache)
    file = folder / "HA" / "002" / "data.mat"
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-1] + (b"?" if damage == "changed" else b""))
    said = []
    fetch_recordings(cache, report=said.append)
    assert "HA/002/data.mat is damaged or missing" in said[0]
    assert state(folder) == RECORDINGS
    assert sorted(path.name for path in cache.iterdir()) == sorted([folder.name, ARCHIVE])


def test_damaged_recordings_without_network_are_an_error_and_stay(cache, no_registry):
    """Damaged recordings are never used, and nothing is deleted before there is a replacement."""
    folder = fetch_recordings(cache)
    (cache / ARCHIVE).unlink()
    (folder / "MS" / "001" / "test_list.json").write_text("{}")
    before = state(cache)
    with pytest.raises(RecordingsError, match="could not be downloaded"):
        fetch_recordings(cache)
    assert state(cache) == before


def test_unreachable_registry_says_what_where_and_how_to_retry(tmp_path, no_registry):
    """The error names what was attempted, the index, what pip said, how to retry, and the way without a network."""
    with pytest.raises(RecordingsError) as caught:
        fetch_recordings(tmp_path / "cache")
    message = str(caught.value)
    assert isinstance(caught.value, GaitmapResultsError)
    for part in (ARCHIVE, NOWHERE, str(tmp_path / "cache"), "Retry", "ERROR", "Connection", "pip download"):
        assert part.lower() in message.lower()
    assert list((tmp_path / "cache").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(RecordingsError, match="--cache"):
        fetch_recordings(tmp_path / "file" / "cache")


def test_wrong_archive_in_the_cache_is_refused(tmp_path, no_registry):
    """An archive with another checksum is named and not unpacked."""
    (tmp_path / ARCHIVE).write_bytes(b"something else")
    with pytest.raises(RecordingsError, match="SHA-256") as caught:
        fetch_recordings(tmp_path)
    assert str(tmp_path / ARCHIVE) in str(caught.value)
    assert list(tmp_path.iterdir()) == [tmp_path / ARCHIVE]


def test_wrong_archive_of_a_registry_is_refused_before_it_can_run_code(tmp_path, no_registry, monkeypatch):
    """A registry that hands out another archive under the same name cannot run code of its own here."""
    marker = tmp_path / "code_of_the_archive_ran"
    source = tmp_path / "source" / "mobgap-1.2.0"
    source.mkdir(parents=True)
    (source / "setup.py").write_text(f"open({str(marker)!r}, 'w').close()\n")
    page = tmp_path / "index" / "simple" / "mobgap"
    page.mkdir(parents=True)
    with tarfile.open(page / ARCHIVE, "w:gz") as tar:
        tar.add(source, arcname=source.name)
    (page / "index.html").write_text(f'<!DOCTYPE html><a href="{ARCHIVE}">{ARCHIVE}</a>')

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path / "index"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
        try:
            with pytest.raises(RecordingsError, match="DO NOT MATCH THE HASHES"):
                fetch_recordings(tmp_path / "cache")
        finally:
            server.shutdown()
            thread.join()
    assert not marker.exists()
    assert list((tmp_path / "cache").iterdir()) == []


def test_two_processes_can_fetch_at_the_same_time(cache, no_registry):
    """Several first calls at once all end with the same sound recordings."""
    program = "import sys; from gaitmap_results.demo.data import fetch_recordings; print(fetch_recordings(sys.argv[1]))"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(cache)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]
    ended = [(*process.communicate(), process.returncode) for process in started]
    assert {(out.strip(), code) for out, _, code in ended} == {(str(fetch_recordings(cache)), 0)}, ended
    assert len(list(cache.iterdir())) == 2


def test_cache_is_where_the_config_says(tmp_path):
    """The cache_dir of the config counts more than the place of the operating system."""
    set_config(LocalConfig(cache_dir=tmp_path / "mine"))
    assert find_cache_folder() == tmp_path / "mine"


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="these systems have another place for caches")
@pytest.mark.parametrize("relative", [True, False])
def test_cache_is_where_the_operating_system_says(tmp_path, monkeypatch, relative):
    """Without a config, XDG_CACHE_HOME counts unless it is relative, and then ~/.cache."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "caches" if relative else str(tmp_path / "caches"))
    assert find_cache_folder() == tmp_path / (".cache" if relative else "caches") / "gaitmap_results"


# The whole demo, as a user starts it


def run_demo(folder, *arguments, **variables):
    """Run the command in a folder and return the finished process."""
    return subprocess.run(
        [*COMMAND, "demo", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture(scope="module")
def first_run(archive, tmp_path_factory):
    """Run the demo once in a folder that is in no repository, with the archive at hand and no network."""
    home = tmp_path_factory.mktemp("home")
    cache = home / "caches" / "gaitmap_results"
    cache.mkdir(parents=True)
    shutil.copy(archive, cache)
    return home, run_demo(home, XDG_CACHE_HOME=str(home / "caches"), PIP_INDEX_URL=NOWHERE, PYTHONIOENCODING="utf-8")


def test_demo_shows_the_four_entries(first_run):
    """The table has the known scores of the four algorithms and fits into 80 columns."""
    _, process = first_run
    assert process.returncode == 0, process.stderr
    lines = process.stdout.splitlines()
    scores = {line.split()[0]: line.split()[1:5] for line in lines if line.split()[5:6] and " ms " in line}
    assert scores == {
        "shin_improved": ["0.890", "0.776", "0.827", "0.831"],
        "hklee_improved": ["0.930", "0.792", "0.839", "0.854"],
        "ionescu": ["0.814", "0.733", "0.815", "0.787"],
        "shin_improved_tuned": ["0.861", "0.776", "0.827", "0.821"],
    }
    table = [line for line in lines if "─" in line or " ms " in line]
    assert max(map(len, table)) <= 80
    assert "Debug (all): git.not_a_repository" in process.stdout
    # Into a pipe go no colours, bars and warnings of libraries.
    assert "\x1b" not in process.stdout + process.stderr
    assert [line for line in process.stderr.splitlines() if not line.startswith(OWN_LINES)] == []


def test_demo_ends_with_the_comparison_and_its_page(first_run):
    """The demo says what three participants decide, that debug runs are compared, and where the page about it is."""
    home, process = first_run
    said = " ".join(process.stdout.split())
    assert "6 comparisons were not tested: with 3 units the smallest p is 0.25." in said
    assert "3 participants cannot decide which entry is better" in said
    assert "Debug runs are compared here, too" in said
    page = home / "gaitmap_results_demo" / "demo_report.html"
    assert f"  {page}\n" in process.stdout
    assert page.read_text(encoding="utf-8").count("<title>HA 00") == 8


def test_demo_runs_are_complete_run_folders(first_run):
    """What is printed as stored is there: metadata, scores that give the table, and a manifest that holds."""
    home, process = first_run
    stored = home / "gaitmap_results_demo" / "gaitmap_results.demo.challenge.InitialContactChallenge" / "1.0.0"
    assert f"Stored in {stored}" in process.stdout
    runs = sorted(stored.glob("*/*"))
    assert [f"  {run.relative_to(stored)}" in process.stdout for run in runs] == [True] * 4
    assert not list((home / "gaitmap_results_demo" / ".unfinished").glob("*"))
    for run in runs:
        metadata = json.loads((run / "metadata.json").read_text(encoding="utf-8"))
        known = metadata["entry_name"], metadata["dataset_name"], metadata["timing_source"]
        assert known == (run.parent.name, "GenericMobilisedDataset", "challenge")
        assert metadata["system_info"]["packages_info"]["mobgap"] == "1.2.0"
        assert metadata["caller"]["file"].endswith("entries.py")
        evaluation = json.loads((run / "results" / "evaluation.json").read_text(encoding="utf-8"))
        held_out = [trials[0][:2] for trials in evaluation["folds"]["test__data_labels"]]
        assert held_out == [["HA", "001"], ["HA", "002"], ["MS", "001"]]
        assert json.loads((run / "custom_metadata.json").read_text(encoding="utf-8"))["citation"]
        assert verify_run(run).is_intact
    tuned = json.loads((stored / "shin_improved_tuned" / runs[-1].name / "results" / "evaluation.json").read_text())
    assert [fold["best_params"]["algo__axis"] for fold in tuned["optimization"]] == ["is", "norm", "norm"]


def test_demo_in_a_clean_repository_is_official(first_run, tmp_path):
    """In a repository without changes the runs are official, into a named folder, offline, and as JSON if asked."""
    home, _ = first_run
    (tmp_path / "study.txt").write_text("mine")
    GitRepository(tmp_path).commit()
    (home / "caches" / "gaitmap_results" / ARCHIVE).unlink(missing_ok=True)
    process = run_demo(tmp_path, "my results", "--json", XDG_CACHE_HOME=str(home / "caches"), PIP_INDEX_URL=NOWHERE)
    assert process.returncode == 0, process.stderr
    assert [line for line in process.stderr.splitlines() if not line.startswith(OWN_LINES)] == []
    runs = json.loads(process.stdout)
    assert [run["entry_name"] for run in runs] == ["shin_improved", "hklee_improved", "ionescu", "shin_improved_tuned"]
    assert [round(run["mean_f1_score"], 3) for run in runs] == [0.831, 0.854, 0.787, 0.821]
    for run in runs:
        assert (run["is_debug_run"], run["debug_reasons"], run["caller_tracked"]) == (False, [], False)
        assert Path(run["path"]).parents[3] == tmp_path / "my results"
        assert not Path(run["path"]).name.startswith("_")
    # A file of its own would make the next official run a debug run.
    assert not subprocess.run(
        ["git", "status", "--porcelain", "--", "*.html"], cwd=tmp_path, check=True, capture_output=True
    ).stdout
    assert (home / "caches" / "gaitmap_results" / "demo_report.html").is_file()


def test_demo_without_network_explains_itself(tmp_path, no_registry):
    """A first run that cannot reach the registry ends with exit code 1 and the explanation, without a traceback."""
    process = run_demo(tmp_path, "--cache", tmp_path / "cache")
    assert process.returncode == 1
    assert process.stdout == ""
    assert "Error: The recordings could not be downloaded." in process.stderr
    assert NOWHERE in process.stderr
    assert "Traceback" not in process.stderr
    assert not list(tmp_path.glob("gaitmap_results_demo/*"))


def test_the_page_about_evaluations_of_mobgap_is_carried_out(cache, tmp_path):
    """Every line of the how-to runs on real recordings, and the tables that are loaded are those of mobgap."""
    record, load, raw, finished = Page.read(TOP / "docs" / "how_to" / "mobgap.md").fragments("python")
    before = """
import sys
from pathlib import Path
from gaitmap_results.demo.challenge import lab_dataset
dataset = lab_dataset(Path(sys.argv[1]))
"""
    after_loading = """
evaluation = challenge.evaluation_
assert results["aggregated_results"].equals(evaluation.get_aggregated_results_as_df())
assert results["single_results"].equals(evaluation.get_single_results_as_df())
"""
    (tmp_path / "page.py").write_text(f"{before}\n{record}\n{load}\n{after_loading}\n{raw}\n{finished}")
    run_python("page.py", fetch_recordings(cache), cwd=tmp_path)
    assert stored_entries(tmp_path / "results") == ["shin_improved", "shin_improved"]
