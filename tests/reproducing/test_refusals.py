"""What stands in the way of running a run again is told before anything runs."""

from __future__ import annotations

import json
import platform
import re
import shutil
from pathlib import Path

import pytest
from challenges import ExampleChallenge
from click.testing import CliRunner
from git_repository import GitRepository
from studies import ENTRIES, STEPS, seal

from gaitmap_results import recorded_run, reproduce_run
from gaitmap_results.cli import main
from gaitmap_results.exceptions import InvalidOptionError, NotReproducibleError
from gaitmap_results.reproducing import reproduction
from gaitmap_results.reproducing.pythons import find_python


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[GitRepository, Path]:
    """A repository, and a run whose record says that it was official; its record is changed by the tests."""
    folder = tmp_path_factory.mktemp("refused")
    repository = GitRepository(folder / "study")
    repository.write("steps.py", STEPS)
    repository.write("entries.py", ENTRIES)
    commit = repository.commit()
    with recorded_run("scaled", path=folder / "results", use_git=False) as recorder:
        ExampleChallenge().run(1)
    change = {
        "is_debug_run": False,
        "debug_reasons": [],
        "git_commit_hash": commit,
        "git_dirty": False,
        "git_base_dir": str(repository.path),
        "git": {"pushed": True},
        "caller": {"kind": "file"},
        "command": ["entries.py"],
        "orig_argv": ["python", "entries.py"],
        "cwd": ".",
        "entry": {
            "file": "entries.py",
            "module": None,
            "kind": "function",
            "name": "scaled",
            "arguments": {"factor": 2},
        },
        "code": {"repositories": [], "vouched": [], "import_folders": ["."]},
    }
    rewrite(recorder.path_, change)
    return repository, recorder.path_


def rewrite(run: Path, change: dict) -> None:
    """Change what a record says."""
    file = run / "metadata.json"
    metadata = json.loads(file.read_text(encoding="utf-8"))
    system = {**metadata["system_info"], **change.pop("system_info", {})}
    file.write_text(json.dumps({**metadata, **change, "system_info": system}), encoding="utf-8")
    seal(run)


@pytest.fixture
def run(recorded, monkeypatch):
    """The run, as it was before the test, from within its repository; the index is not asked."""
    repository, path = recorded
    before = (path / "metadata.json").read_bytes()
    monkeypatch.chdir(repository.path)
    monkeypatch.setattr(reproduction, "check_packages", lambda *_: None)
    monkeypatch.setattr(reproduction, "run_again", lambda *_: pytest.fail("recorded code ran"))
    yield path
    (path / "metadata.json").write_bytes(before)
    seal(path)


NOT_REPRODUCIBLE = {
    "no commit": ({"git_commit_hash": None}, "names no commit"),
    "another commit": ({"git_commit_hash": "0" * 40}, "The commit 0000000000 of the repository .* is not here"),
    "an option for git": ({"git_commit_hash": "--output=x"}, "is not here"),
    "notebook": ({"entry": None, "caller": {"kind": "notebook"}}, "typed into a notebook"),
    "-c": ({"entry": None, "orig_argv": ["python", "-c", "x"]}, "given with -c"),
    "stdin": ({"entry": None, "orig_argv": ["python", "-"]}, "standard input"),
    "no command": ({"entry": None, "orig_argv": None, "command": None}, "which command started it"),
    "worker": ({"entry": None, "orig_argv": ["python", "-m", "joblib.externals.loky.x"]}, "worker process"),
    "an inner function and -c": (
        {"entry": {"file": "a.py", "name": "a.<locals>.b", "arguments": {}}, "orig_argv": ["python", "-c", "x"]},
        "given with -c",
    ),
    "redacted command": ({"orig_argv": ["python", "entries.py", "--token", "<redacted>"]}, "secret .* command"),
    "redacted argument": (
        {"entry": {"file": "entries.py", "name": "scaled", "arguments": {"key": "<redacted>"}}},
        "secret .* arguments",
    ),
    "another repository": (
        {"code": {"repositories": [{"role": "editable", "package": "lib", "path": "/gone/lib", "commit": "1" * 40}]}},
        "The commit 1111111111 of the repository /gone/lib .package lib. is not here",
    ),
    "a vouched file": ({"code": {"vouched": [{"path": "settings.py", "sha256": "0" * 64}]}}, "settings.py.*vouched"),
    "Python": ({"system_info": {"python_version": "2.9.1 (main)"}}, "Python 2.9.1 .*is not installed"),
    "unknown Python": ({"system_info": {"python_version": None}}, "does not name the version of Python"),
    "packages": ({"system_info": {"packages_info": None}}, "does not name the packages"),
}


@pytest.mark.parametrize(("change", "reason"), NOT_REPRODUCIBLE.values(), ids=NOT_REPRODUCIBLE)
def test_why_a_run_is_not_reproducible(run, change, reason):
    """Each reason has its sentence, and no code of the record runs."""
    rewrite(run, dict(change))
    found = reproduce_run(run)
    assert found.verdict == "not reproducible"
    assert len(found.reasons) == 1
    assert re.search(reason, found.reasons[0])
    result = CliRunner().invoke(main, ["reproduce", str(run), "--check"])
    assert result.exit_code == 2
    assert found.reasons[0] in result.stdout


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"is_debug_run": True, "debug_reasons": [{"code": "git.dirty", "message": ""}]}, "a debug run .git.dirty"),
        ({"git_dirty": True}, "uncommitted changes"),
    ],
)
def test_debug_and_dirty_runs_are_refused(run, change, reason):
    """Nobody can tell which code made them; the error names the reasons, at the command line with exit code 2."""
    rewrite(run, change)
    with pytest.raises(NotReproducibleError, match=reason) as error:
        reproduce_run(run)
    assert (len(error.value.reasons), error.value.path) == (1, run)
    for more in ([], ["--yes"], ["--check"]):
        assert CliRunner().invoke(main, ["reproduce", str(run), *more]).exit_code == 2


def test_a_run_that_was_changed_is_refused(run):
    """Numbers that are not what was published are held against nothing."""
    results = run / "results" / "result.json"
    before = results.read_bytes()
    results.write_text("{}")
    with pytest.raises(NotReproducibleError, match="not what was published"):
        reproduce_run(run)
    results.write_bytes(before)


def test_a_commit_on_no_remote_is_told_and_stands_in_no_way(run):
    """Who has the repository can run it again; others are warned."""
    rewrite(run, {"git": {"pushed": False}})
    result = CliRunner().invoke(main, ["reproduce", str(run), "--check", "--json"])
    said = json.loads(result.stdout)
    assert (result.exit_code, said["can_be_run_again"], said["problems"]) == (0, True, [])
    assert "not on any remote" in said["notes"][0]


def test_without_consent_nothing_runs(run):
    """Where nobody can be asked, the command ends with 2 and names the option."""
    result = CliRunner().invoke(main, ["reproduce", str(run)])
    assert result.exit_code == 2
    assert "--yes" in result.output


@pytest.mark.parametrize("options", [{"environment": "mine"}, {"rtol": -1}, {"rtol": float("nan")}, {"rtol": True}])
def test_options_that_make_no_sense_are_refused(run, options):
    """They are refused before anything is looked at."""
    with pytest.raises(InvalidOptionError):
        reproduce_run(run, **options)


def test_another_patch_release_of_python_is_told(run):
    """The numbers will tell whether it matters; that it stands in is said."""
    version = platform.python_version_tuple()
    rewrite(run, {"system_info": {"python_version": f"{version[0]}.{version[1]}.99"}})
    plan = reproduction.check_run(run)
    assert plan.problems == []
    assert "stands in for" in plan.notes[-1]
    assert find_python("2.9.1") is None


def test_the_refusal_of_a_debug_run_names_the_official_one(run):
    """Whoever named an entry whose latest run is a debug run learns which run to name."""
    official = json.loads((run / "metadata.json").read_text())["run_id"]
    debug = run.with_name("_29990101_000000")
    shutil.copytree(run, debug)
    rewrite(debug, {"is_debug_run": True, "debug_reasons": [{"code": "git.dirty", "message": ""}]})
    with pytest.raises(NotReproducibleError, match=official):
        reproduce_run(debug)
