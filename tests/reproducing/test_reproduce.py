"""Running a recorded run again: from its commit, in an environment made from its record, in temporary folders."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import pytest
from studies import Study, environment_with_package, make_study

from gaitmap_results import reproduce_run
from gaitmap_results.store.json_files import read_json

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed"),
]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study whose official run was recorded in an environment of its own."""
    folder = tmp_path_factory.mktemp("reproduced")
    python = environment_with_package(folder)
    if python is None:
        pytest.skip("the package registry cannot be reached")
    study = make_study(folder, python)
    run = study.record("entries.py")
    assert not read_json(run / "metadata.json")["is_debug_run"]
    return study


@pytest.fixture
def run(study: Study, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The first run of the study; the test starts in the repository, with an empty folder for what is temporary."""
    monkeypatch.chdir(study.path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    temporary = Path(tempfile.mkdtemp(dir=study.path.parent))
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return next(path.parent for path in study.results.glob("*/*/scaled/*/metadata.json"))


def test_a_run_comes_out_again_in_a_fresh_environment(study, run):
    """The numbers are the same, the verdict lies beside the run, and nothing else of the user's was touched."""
    before = study.state()
    found = reproduce_run(run)
    assert (found.verdict, found.worst, found.reasons) == ("bitwise", [], [])
    assert study.state() == before
    assert list(Path(tempfile.gettempdir()).iterdir()) == []
    folder = study.results / ".attestations" / read_json(run / "metadata.json")["run_id"]
    assert found.attestation == folder / "reproduction.json"
    lock = (folder / "pylock.toml").read_text(encoding="utf-8")
    assert 'lock-version = "1.0"' in lock
    assert 'name = "gaitmap_results"' in lock
    assert str(study.path.parent) not in lock
    assert found.to_dict() == json.loads(json.dumps(found.to_dict()))
