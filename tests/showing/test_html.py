"""What a notebook shows of a recorder and of a run: what was stored, where, and whether it is official or why not."""

from __future__ import annotations

import json
import pickle
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from challenges import ExampleChallenge
from git_repository import GitRepository

from gaitmap_results import LoadedRun, load_run, recorded_run
from gaitmap_results.showing.html import run_html


def text_of(html: str) -> str:
    """Return the text of HTML, and check that every tag is closed where it should be."""
    return " ".join(" ".join(ET.fromstring(f"<html>{html}</html>").itertext()).split())


def record(path: Path, entry: Any = "entry", **options: Any) -> Any:
    """Record a run and return its recorder."""
    with recorded_run(entry, path=path, **options) as recorder:
        ExampleChallenge().run(3)
    return recorder


def test_debug_run(tmp_path):
    """A debug run says so, why, and where it is stored."""
    recorder = record(tmp_path, ("group", "entry"), use_git=False, custom_metadata={"note": "first try"})

    shown = text_of(recorder._repr_html_())

    assert shown.startswith("group/entry debug Challenge challenges.ExampleChallenge 1.0.0 Stored in")
    assert recorder.metadata_["debug_reasons"][0]["message"] in shown
    assert str(recorder.path_) in shown
    assert "debug, because" in shown
    assert "note: first try" in shown
    assert "results/result.json" in shown
    assert "no commit is known" in shown


def test_official_run(tmp_path, monkeypatch):
    """An official run says so, and names its commit; nothing is given as a reason against it."""
    repository = GitRepository(tmp_path / "project")
    commit = repository.commit()
    monkeypatch.chdir(repository.path)
    recorder = record(tmp_path / "results", debug_run=False)

    for shown in (recorder, load_run(ExampleChallenge, recorder.path_)):
        text = text_of(shown._repr_html_())
        assert text.startswith("entry official")
        assert "because" not in text
        assert f"commit {commit} on main, clean" in text
        assert str(recorder.path_) in text


def test_states_of_a_recorder(tmp_path):
    """A recorder without a run says what became of it."""
    recorder = recorded_run("entry", path=tmp_path, use_git=False)
    assert "new" in text_of(recorder._repr_html_())
    with pytest.raises(ZeroDivisionError), recorder:
        assert "running" in text_of(recorder._repr_html_())
        _ = 1 / 0
    assert "failed No run was published." in text_of(recorder._repr_html_())


def test_several_runs_of_a_block(tmp_path):
    """The last run is shown, the others are named."""
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        ExampleChallenge(1).run(1)
        ExampleChallenge(2).run(2)

    shown = text_of(recorder._repr_html_())
    assert "Other runs of this block" in shown
    assert all(str(path) in shown for path in recorder.paths_)


def test_everything_is_escaped(tmp_path):
    """No text of the user's, of his code or of the file becomes HTML."""
    evil = "<script>alert('x')</script>&amp;\"</div>"
    recorder = record(tmp_path, "a & b", use_git=False, custom_metadata={"note": evil, "a<b": [evil]})
    metadata = json.loads((recorder.path_ / "metadata.json").read_text())
    texts = {key: evil for key, value in metadata.items() if isinstance(value, str)}
    hostile = {
        **metadata,
        **texts,
        "entry_name": [evil, evil],
        "debug_reasons": [{"code": evil, "message": evil}],
        "collection_errors": [{"what": evil, "error": evil}],
        "git": {"branch": evil},
        "caller": {"kind": evil, "function": evil},
        "dataset_columns": [evil],
    }

    html = recorder._repr_html_() + run_html(hostile, {evil: evil}, Path("results") / evil)

    assert "<script" not in html
    assert evil in text_of(html)


@pytest.mark.parametrize(
    "metadata",
    [{}, None, [], {"git": 1, "caller": [], "debug_reasons": {}, "parameters": 3, "runtime": "x", "repr_pipeline": 5}],
)
def test_any_record_can_be_shown(metadata):
    """A record of another version, or one that is damaged, is shown as far as it can be read."""
    assert "debug" in text_of(LoadedRun(metadata, None, None)._repr_html_())


def test_long_texts_are_cut():
    """A pipeline of a million characters does not fill the page."""
    html = run_html({"repr_pipeline": "x" * 10**6}, {str(number): number for number in range(10**4)}, None)
    assert len(html) < 20_000


def test_a_loaded_run_is_still_a_tuple_of_three(tmp_path):
    """The path comes beside the tuple, which unpacks, compares and pickles as before."""
    path = record(tmp_path, use_git=False).path_
    run = load_run(ExampleChallenge, path)

    metadata, results, custom_metadata = run
    assert run == (metadata, results, custom_metadata)
    copy = pickle.loads(pickle.dumps(run))
    assert (copy, copy.path) == (run, path)
    assert LoadedRun(metadata, results, custom_metadata).path is None
