"""Running a recorded run again: from its commit, in an environment made from its record, in temporary folders."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from studies import Study, environment_with_package, make_study, seal, takes_minutes

from gaitmap_results import reproduce_run
from gaitmap_results.store.json_files import read_json

SLOW = """
import os, time
from pathlib import Path
from gaitmap_results import record_run
from steps import CountSteps

@record_run(debug_run=False, path="../results")
def slow():
    if "FAST" not in os.environ:
        Path({marker!r}).write_text(str(os.getpid()))
        time.sleep(600)
    CountSteps().run(lambda person: 1)

if __name__ == "__main__":
    slow()
"""

pytestmark = [
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


def _wait_for(file: Path) -> None:
    deadline = time.monotonic() + 500
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < deadline, "the recorded code did not start"
        time.sleep(0.05)


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


@takes_minutes
def test_other_code_differs_with_score_participant_and_by_how_much(study, run):
    """What came out otherwise is named: which score, for whom most, from what to what; and the exit code says so."""
    other = study.path.parent / "other"
    shutil.copytree(run.parents[3], other)
    (copied,) = other.glob("*/*/scaled/*")
    for name, text, changed in (("results/steps.json", "15.8", "15.7"), ("scores.json", "5.8", "5.7")):
        (copied / name).write_text((copied / name).read_text().replace(text, changed))
    seal(copied)
    found = reproduce_run(copied, environment="current")
    assert found.verdict == "differs"
    assert read_json(found.attestation)["predicate"]["result"] == "FAILED"
    assert [(each["file"], each["column"], each["row"]) for each in found.worst] == [
        ("scores.json", "error", "P02"),
        ("results/steps.json", "P02", ""),
    ]
    (score,) = found.scores
    assert (score["name"], score["worst_unit"], round(score["worst_difference"], 9)) == ("error", ["P02"], 0.1)
    assert "worst: P02 (+0.1)" in str(found)
    assert reproduce_run(copied, environment="current", rtol=0.1).verdict == "within tolerance"
    shutil.rmtree(other)


def test_ctrl_c_leaves_nothing_behind(study, run, tmp_path):
    """A real SIGINT while the recorded code runs ends that, too, and removes work trees and temporary folders."""
    study.repository.write("slow.py", SLOW.format(marker=str(tmp_path / "started")))
    study.repository.commit()
    slow = study.record("slow.py", FAST="1")
    before = study.state()
    command = [sys.executable, "-c", "from gaitmap_results.cli import main; main()", "reproduce", str(slow)]
    process = subprocess.Popen(
        [*command, "--yes", "--environment", "current"], cwd=study.path, env={**os.environ}, start_new_session=True
    )
    _wait_for(tmp_path / "started")
    child = int((tmp_path / "started").read_text())
    process.send_signal(signal.SIGINT)
    assert process.wait(500) == 130  # 1 would say that the numbers differ
    assert study.state() == before
    assert list(Path(tempfile.gettempdir()).iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
