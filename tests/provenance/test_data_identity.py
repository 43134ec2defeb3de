"""What identifies the data of a run: its index, and the content of the files that the challenge names."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from challenges import ExampleChallenge

from gaitmap_results import recorded_run
from gaitmap_results.config import LocalConfig, set_config
from gaitmap_results.provenance import data_identity
from gaitmap_results.provenance.data_identity import describe_files


@pytest.fixture(autouse=True)
def _own_cache(tmp_path):
    """Keep the hashes of a test in a folder of its own."""
    set_config(LocalConfig(cache_dir=tmp_path / "cache"))


class WithFiles(ExampleChallenge):
    """A challenge that names the folder of its recordings."""

    folder = Path("recordings")

    def data_files(self):
        """Return the folder."""
        return [self.folder]


def _recordings(folder: Path) -> Path:
    (folder / "deep").mkdir(parents=True)
    (folder / "b.csv").write_text("2", encoding="utf-8")
    (folder / "deep" / "a.csv").write_text("1", encoding="utf-8")
    return folder


def test_the_hash_is_that_of_what_sha256sum_writes(tmp_path):
    """Anybody can compute it without this package: sort the lines of sha256sum by name, and hash them."""
    _recordings(tmp_path / "data")
    lines = "".join(
        f"{hashlib.sha256(text).hexdigest()}  {name}\n" for name, text in (("b.csv", b"2"), ("deep/a.csv", b"1"))
    )
    found = describe_files(tmp_path / "data")
    assert found == {"count": 2, "bytes": 2, "sha256": hashlib.sha256(lines.encode()).hexdigest()}
    assert describe_files([tmp_path / "data" / "deep", str(tmp_path / "data" / "b.csv")]) == found


def test_names_contents_and_nothing_else_count(tmp_path):
    """Moving the data changes nothing; renaming a file or changing one byte does."""
    first = describe_files(_recordings(tmp_path / "one"))
    moved = _recordings(tmp_path / "two")
    assert describe_files(moved) == first
    (moved / "b.csv").rename(moved / "c.csv")
    renamed = describe_files(moved)
    (moved / "c.csv").write_text("3", encoding="utf-8")
    assert len({first["sha256"], renamed["sha256"], describe_files(moved)["sha256"]}) == 3


def test_a_file_that_has_not_changed_is_not_read_again(tmp_path, monkeypatch):
    """Terabytes of recordings are hashed once; size and time say whether again."""
    folder = _recordings(tmp_path / "data")
    first = describe_files(folder)
    read = []
    monkeypatch.setattr(data_identity, "hash_file", lambda file: read.append(file.name) or "0" * 64)
    assert (describe_files(folder), read) == (first, [])
    os.utime(folder / "b.csv", ns=(1, 1))
    describe_files(folder)
    assert read == ["b.csv"]


def test_the_record_says_what_the_challenge_names(tmp_path):
    """`data.files` is stored; a challenge that names neither a data set nor files has no `data`."""
    _recordings(Path("recordings"))
    for challenge in (WithFiles(), ExampleChallenge()):
        with recorded_run("entry", path=tmp_path / "results", use_git=False) as recorder:
            challenge.run(1)
        stored = json.loads((recorder.path_ / "metadata.json").read_text(encoding="utf-8"))["data"]
        expected = {"class": None, "n_datapoints": None, "index_sha256": None, "files": describe_files("recordings")}
        assert stored == (expected if challenge.__class__ is WithFiles else None)


def test_files_that_are_gone_cost_a_note_and_no_result(tmp_path):
    """The run is stored, and `collection_errors` names the file."""
    with pytest.warns(match="data files"), recorded_run("entry", path=tmp_path / "results", use_git=False) as recorder:
        WithFiles().run(1)
    assert recorder.metadata_["data"] is None
    assert any("recordings" in each["error"] for each in recorder.metadata_["collection_errors"])


def test_the_hash_of_the_index_is_that_of_its_csv(tmp_path):
    """Anybody can compute it with pandas."""
    pandas = pytest.importorskip("pandas")

    class Walks:
        index = pandas.DataFrame({"person": ["a", "ü,b"], "speed": [1.5, 2.0]})

    challenge = ExampleChallenge()
    challenge.dataset_ = Walks()
    with recorded_run("entry", path=tmp_path / "results", use_git=False) as recorder:
        challenge.run(1)
    data = recorder.metadata_["data"]
    csv = Walks.index.astype(str).to_csv(index=False, lineterminator="\n")
    assert (data["n_datapoints"], data["files"]) == (2, None)
    assert data["index_sha256"] == hashlib.sha256(csv.encode()).hexdigest()
