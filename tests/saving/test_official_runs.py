"""When a run is official: earned in real repositories, in every state that a repository can be in."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest
from challenges import ExampleChallenge
from git_repository import GitRepository
from processes import python_environment, run_python

from gaitmap_results.exceptions import (
    CreatedFilesWarning,
    DebugRunWarning,
    GaitmapResultsWarning,
    IncompleteProvenanceWarning,
    InvalidCustomMetadataError,
    InvalidOptionError,
    UnmatchedIgnoreWarning,
)

ON_POSIX = pytest.mark.skipif(os.name == "nt", reason="needs the file names and modes of POSIX")

# What a researcher's file looks like; it lies in the repository, so that it is the caller that is stored.
ENTRY = """
from challenges import ExampleChallenge
from gaitmap_results import current_recorder, record_run, recorded_run, save_run


def by_hand(during=int, **options):
    challenge = ExampleChallenge().run(during)
    return save_run(challenge, "entry", **{"custom_metadata": {}, **options})


def block(during=int, after=int, **options):
    with recorded_run("entry", **options) as r:
        ExampleChallenge().run(during)
        after()
    return r.path_


def decorated(during=int, **options):
    @record_run("entry", **options)
    def run_it():
        ExampleChallenge().run(during)
        return current_recorder()

    return run_it().path_


def enter(**options):
    recorder = recorded_run("entry", **options)
    return recorder.__enter__()
"""
WAYS = ("by_hand", "block", "decorated")


class Project:
    """A repository with an entry of the user's, and a results folder beside it."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str = "entry.py") -> None:
        self.repository = GitRepository(tmp_path / "project")
        self.path = self.repository.path
        self.results = tmp_path / "results"
        self.entry = self.repository.write(entry, ENTRY)
        self.repository.write("algorithm.py", "STEP = 1\n")
        self.commit = self.repository.commit()
        monkeypatch.chdir(self.path)

    def function(self, name: str) -> Callable[..., Any]:
        """Return a function of the entry, as if the file had been run; nothing is written beside it."""
        namespace: dict[str, Any] = {"__name__": "entry", "__file__": str(self.entry)}
        exec(compile(ENTRY, str(self.entry), "exec"), namespace)
        return namespace[name]

    def save(self, way: str = "block", **options: Any) -> dict[str, Any]:
        """Save an official run in one of the three ways, and return its record."""
        path = self.function(way)(**{"path": self.results, "debug_run": False, **options})
        return read(path)

    def save_quietly(self, way: str = "block", **options: Any) -> tuple[dict[str, Any], list[Warning]]:
        """Save as :meth:`save` does, and return the record and the warnings."""
        with warnings.catch_warnings(record=True) as shown:
            warnings.simplefilter("always")
            metadata = self.save(way, **options)
        return metadata, [warning.message for warning in shown if isinstance(warning.message, Warning)]


def read(path: Path) -> dict[str, Any]:
    """Return the record of a run folder, whose name must agree with it."""
    metadata: dict[str, Any] = json.loads((path / "metadata.json").read_text(encoding="utf-8"))
    assert path.name.startswith("_") is metadata["is_debug_run"]
    return metadata


def codes(metadata: dict[str, Any]) -> list[str]:
    """Return why a run is a debug run."""
    return [reason["code"] for reason in metadata["debug_reasons"]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Give a clean repository, which is the working directory."""
    return Project(tmp_path, monkeypatch)


# Earned


@pytest.mark.parametrize("way", WAYS)
def test_a_clean_repository_earns_an_official_run(project: Project, way: str) -> None:
    """Asked for and clean: official, without any warning, with the commit and the caller."""
    metadata = project.save(way)
    assert metadata["is_debug_run"] is False
    assert metadata["debug_reasons"] == []
    assert metadata["git_dirty"] is False
    assert metadata["git_commit_hash"] == project.commit
    assert metadata["git_base_dir"] == str(project.path)
    assert metadata["git_dirty_ignore"] == []
    assert metadata["caller_file_path"] == str(project.entry)
    git = metadata["git"]
    assert (git["branch"], git["caller_tracked"], git["changed_during_run"]) == ("main", True, False)
    assert git["start"] == git["end"] == {"commit": project.commit, "dirty": False}
    assert metadata["collection_errors"] == []


@pytest.mark.parametrize("way", WAYS)
def test_the_commit_is_described_by_its_tag(project: Project, way: str) -> None:
    """The record has the words of `git describe --tags --always` for the commit of the start."""
    assert project.commit.startswith(project.save(way)["git"]["describe"])
    project.repository.git("tag", "v1.0")
    assert project.save(way)["git"]["describe"] == "v1.0"


def test_another_commit_at_the_end_is_not_the_one_described(project: Project) -> None:
    """After a commit during the run the description is still that of the code that ran."""
    project.repository.git("tag", "v1.0")

    def commit() -> None:
        project.repository.git("commit", "--quiet", "--allow-empty", "--message", "later")
        project.repository.git("tag", "v2.0")

    metadata, _ = project.save_quietly(during=commit)
    assert metadata["git_commit_hash"] == project.commit
    assert metadata["git"]["describe"] == "v1.0"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("asked", [None, True])
def test_a_run_that_nobody_asked_to_be_official_is_debug(project: Project, way: str, asked: bool | None) -> None:
    """A clean repository alone does not make a run official."""
    metadata = project.save(way, debug_run=asked)
    assert codes(metadata) == ["debug_run.default" if asked is None else "debug_run.argument"]
    assert metadata["git_dirty"] is False


def test_the_repository_is_the_one_of_the_working_directory(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a folder below, the same repository is found; GIT_DIR of another one changes nothing."""
    other = GitRepository(tmp_path / "other")
    other.write("x", "x")
    other.commit()
    (project.path / "deep" / "below").mkdir(parents=True)
    monkeypatch.chdir(project.path / "deep" / "below")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.path))
    metadata = project.save()
    assert (metadata["git_base_dir"], metadata["git_commit_hash"]) == (str(project.path), project.commit)


def test_a_detached_head_is_official(project: Project) -> None:
    """A commit without a branch is a commit."""
    project.repository.git("checkout", "--quiet", "--detach")
    metadata = project.save()
    assert (metadata["is_debug_run"], metadata["git"]["branch"]) == (False, None)


def test_a_linked_work_tree_is_official(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A work tree made by git worktree is a repository like any other."""
    project.repository.git("worktree", "add", "--quiet", "-b", "side", tmp_path / "linked")
    monkeypatch.chdir(tmp_path / "linked")
    project.entry = tmp_path / "linked" / "entry.py"
    metadata = project.save()
    assert (metadata["is_debug_run"], metadata["git"]["branch"]) == (False, "side")
    assert metadata["git_base_dir"] == str(tmp_path / "linked")


def test_ignored_files_do_not_count(project: Project) -> None:
    """What .gitignore names is none of the code's."""
    project.repository.write(".gitignore", "*.tmp\n")
    project.repository.commit()
    project.repository.write("x.tmp", "x")
    assert project.save()["is_debug_run"] is False


# Not earned: every dirty state


def _unstaged(repository: GitRepository) -> None:
    repository.write("algorithm.py", "STEP = 2\n")


def _staged(repository: GitRepository) -> None:
    repository.write("algorithm.py", "STEP = 2\n")
    repository.git("add", "algorithm.py")


def _staged_and_reverted_in_the_work_tree(repository: GitRepository) -> None:
    _staged(repository)
    repository.write("algorithm.py", "STEP = 1\n")


def _staged_new(repository: GitRepository) -> None:
    repository.write("new.py", "x")
    repository.git("add", "new.py")


def _intent_to_add(repository: GitRepository) -> None:
    repository.write("new.py", "x")
    repository.git("add", "--intent-to-add", "new.py")


def _renamed(repository: GitRepository) -> None:
    repository.git("mv", "algorithm.py", "renamed.py")


def _deleted(repository: GitRepository) -> None:
    (repository.path / "algorithm.py").unlink()


def _removed(repository: GitRepository) -> None:
    repository.git("rm", "--quiet", "--cached", "algorithm.py")


def _untracked(repository: GitRepository) -> None:
    repository.write("new folder/new.py", "x")


def _untracked_hidden_by_a_setting(repository: GitRepository) -> None:
    repository.git("config", "status.showUntrackedFiles", "no")
    repository.write("new.py", "x")


def _conflict(repository: GitRepository) -> None:
    repository.git("checkout", "--quiet", "-b", "side")
    repository.write("algorithm.py", "STEP = 2\n")
    repository.commit()
    repository.git("checkout", "--quiet", "main")
    repository.write("algorithm.py", "STEP = 3\n")
    repository.commit()
    repository.git("merge", "side", check=False)


def _with_submodule(repository: GitRepository) -> GitRepository:
    library = GitRepository(repository.path.parent / "library")
    library.write("library.py", "x")
    library.commit()
    repository.git("submodule", "--quiet", "add", library.path, "library")
    repository.commit()
    return GitRepository(repository.path / "library", init=False)


def _submodule_with_untracked(repository: GitRepository) -> None:
    _with_submodule(repository).write("new.py", "x")


def _submodule_edited(repository: GitRepository) -> None:
    _with_submodule(repository).write("library.py", "y")


def _submodule_at_another_commit(repository: GitRepository) -> None:
    submodule = _with_submodule(repository)
    submodule.write("library.py", "y")
    submodule.commit()


def _submodule_told_to_be_ignored(repository: GitRepository) -> None:
    submodule = _with_submodule(repository)
    repository.git("config", "-f", ".gitmodules", "submodule.library.ignore", "all")
    repository.commit()
    submodule.write("library.py", "y")


DIRTY: dict[str, tuple[Callable[[GitRepository], None], dict[str, list[str]]]] = {
    "unstaged": (_unstaged, {"unstaged": ["algorithm.py"]}),
    "staged only": (_staged, {"staged": ["algorithm.py"]}),
    "staged, then reverted": (
        _staged_and_reverted_in_the_work_tree,
        {"staged": ["algorithm.py"], "unstaged": ["algorithm.py"]},
    ),
    "staged new": (_staged_new, {"staged": ["new.py"]}),
    "intent to add": (_intent_to_add, {"unstaged": ["new.py"]}),
    "staged rename": (_renamed, {"staged": ["algorithm.py", "renamed.py"]}),
    "deleted": (_deleted, {"unstaged": ["algorithm.py"]}),
    "removed from the index": (_removed, {"staged": ["algorithm.py"], "untracked": ["algorithm.py"]}),
    "untracked": (_untracked, {"untracked": ["new folder/"]}),
    "untracked, hidden by a setting": (_untracked_hidden_by_a_setting, {"untracked": ["new.py"]}),
    "conflict": (_conflict, {"conflicted": ["algorithm.py"]}),
    "submodule with an untracked file": (_submodule_with_untracked, {"submodules": ["library/new.py"]}),
    "submodule edited": (_submodule_edited, {"submodules": ["library/library.py"]}),
    "submodule at another commit": (_submodule_at_another_commit, {"submodules": ["library"]}),
    "submodule told to be ignored": (_submodule_told_to_be_ignored, {"submodules": ["library/library.py"]}),
}
LISTS = ("staged", "unstaged", "untracked", "conflicted", "submodules")


@pytest.mark.parametrize("state", DIRTY)
def test_every_dirty_state_makes_a_debug_run(project: Project, state: str) -> None:
    """What git would not reproduce from the commit makes a debug run; the record names each path."""
    make, expected = DIRTY[state]
    make(project.repository)
    metadata, shown = project.save_quietly()
    assert codes(metadata) == ["git.dirty"]
    assert metadata["git_dirty"] is True
    assert {name: metadata["git"][name] for name in LISTS if metadata["git"][name]} == expected
    assert metadata["git_commit_hash"] == project.repository.git("rev-parse", "HEAD")
    assert metadata["git"]["changed_during_run"] is False
    assert sorted(metadata["debug_reasons"][0]["detail"]["paths"]) == sorted(
        {p for ps in expected.values() for p in ps}
    )
    assert [type(warning) for warning in shown] == [DebugRunWarning]
    assert "git.dirty" in str(shown[0])
    assert next(iter(expected.values()))[0] in str(shown[0])


@pytest.mark.parametrize("way", WAYS)
def test_a_dirty_state_is_seen_by_every_way_to_save(project: Project, way: str) -> None:
    """save_run, the block and the decorator store the same."""
    _staged(project.repository)
    metadata, shown = project.save_quietly(way)
    assert (codes(metadata), metadata["git_dirty"]) == (["git.dirty"], True)
    assert [type(warning) for warning in shown] == [DebugRunWarning]


@pytest.mark.parametrize("way", WAYS)
def test_a_dirty_state_of_a_run_that_is_debug_anyway_is_stored_without_a_warning(project: Project, way: str) -> None:
    """Who did not ask for an official run is not bothered, but every reason is stored."""
    _unstaged(project.repository)
    metadata = project.save(way, debug_run=None)
    assert codes(metadata) == ["debug_run.default", "git.dirty"]


@ON_POSIX
@pytest.mark.parametrize(
    "name",
    [
        b"with space.py",
        b'quo"te.py',
        b"apo'strophe.py",
        b"line\nbreak.py",
        b"back\\slash.py",
        b"\xff\xfe.py",
        "ü.py".encode(),
    ],
)
def test_file_names_of_every_kind_are_seen_and_stored(project: Project, name: bytes) -> None:
    """Names with spaces, quotes, line breaks or bytes that are no UTF-8 neither hide a change nor break the record."""
    (project.path / os.fsdecode(name)).write_text("x")
    metadata, _ = project.save_quietly()
    assert codes(metadata) == ["git.dirty"]
    assert metadata["git"]["untracked"] == [name.decode("utf-8", "backslashreplace")]


@ON_POSIX
def test_a_tracked_name_that_is_no_utf8_does_not_hide_a_later_change(project: Project) -> None:
    """A change that git lists after a strange name is still seen."""
    strange = project.path / os.fsdecode(b"a\xff.py")
    strange.write_text("1")
    project.repository.write("z.py", "1")
    project.repository.commit()
    strange.write_text("2")
    project.repository.write("z.py", "2")
    metadata, _ = project.save_quietly()
    assert metadata["git"]["unstaged"] == ["a\\xff.py", "z.py"]


# Unknown is not clean


@pytest.mark.parametrize("untracked", [False, True])
def test_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, untracked: bool) -> None:
    """A repository without any commit has nothing to reproduce the run from."""
    repository = GitRepository(tmp_path / "empty")
    monkeypatch.chdir(repository.path)
    if untracked:
        repository.write("new.py", "x")
    namespace: dict[str, Any] = {"__name__": "entry"}
    exec(compile(ENTRY, "<string>", "exec"), namespace)
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        metadata = read(namespace["block"](path=tmp_path / "results", debug_run=False))
    assert codes(metadata) == (["git.no_commit", "git.dirty"] if untracked else ["git.no_commit"])
    assert metadata["git_commit_hash"] is None
    assert metadata["git_dirty"] is True
    assert DebugRunWarning in [warning.category for warning in shown]


@pytest.mark.parametrize("way", WAYS)
def test_not_a_repository(tmp_path: Path, project: Project, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """Outside of any repository everything about git is null, and the run debug."""
    (tmp_path / "nowhere").mkdir()
    monkeypatch.chdir(tmp_path / "nowhere")
    metadata, shown = project.save_quietly(way)
    assert codes(metadata) == ["git.not_a_repository"]
    assert [metadata[key] for key in ("git_dirty", "git_commit_hash", "git_base_dir")] == [None, None, None]
    assert metadata["git"]["problem"]["code"] == "git.not_a_repository"
    assert [type(warning) for warning in shown] == [DebugRunWarning]


def test_git_is_not_installed(project: Project, tmp_path: Path) -> None:
    """A machine without git can store a run; its state is unknown, which is not clean."""
    (tmp_path / "no programs").mkdir()
    script = project.repository.write(
        "main.py", f"{ENTRY}\nimport sys\nprint(block(path=sys.argv[1], debug_run=False))\n"
    )
    project.repository.commit()
    done = run_python(script, project.results, cwd=project.path, env={"PATH": str(tmp_path / "no programs")})
    metadata = read(Path(done.stdout.strip()))
    assert codes(metadata) == ["git.unavailable"]
    assert (metadata["git_dirty"], metadata["git_commit_hash"]) == (None, None)
    assert "DebugRunWarning" in done.stderr
    assert "git" in metadata["debug_reasons"][0]["message"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only the superuser can give files away")
def test_a_repository_of_somebody_else(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git refuses to look into a repository of somebody else, as one in an image, until it is told to trust it."""
    for folder, _, files in os.walk(project.path):
        for name in ["", *files]:
            os.chown(Path(folder, name), 12345, 12345)
    metadata, _ = project.save_quietly()
    assert codes(metadata) == ["git.unavailable"]
    assert metadata["git_dirty"] is None
    assert "safe.directory" in metadata["debug_reasons"][0]["message"]
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "safe.directory")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", os.path.realpath(project.path))
    assert codes(project.save()) == []


def test_git_is_not_asked(project: Project) -> None:
    """use_git=False opts out of the checks: official is possible on a dirty tree, and nothing about git is stored."""
    _unstaged(project.repository)
    metadata = project.save(use_git=False)
    assert metadata["is_debug_run"] is False
    keys = ("git", "git_dirty", "git_commit_hash", "git_base_dir", "git_dirty_ignore")
    assert {key: metadata[key] for key in keys} == dict.fromkeys(keys)


# Told while it can still be stopped


def test_the_warning_comes_on_entering(project: Project) -> None:
    """An official run that will not be earned is told before anything is computed, and not a second time."""
    _unstaged(project.repository)
    with pytest.warns(DebugRunWarning, match=r"will be a debug run(.|\n)*algorithm\.py") as caught:
        recorder = project.function("enter")(path=project.results, debug_run=False)
    assert caught[0].filename == str(project.entry)
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        project.function("by_hand")(path=project.results, debug_run=True)
        recorder.__exit__(None, None, None)
    assert shown == []


def test_a_warning_that_is_an_error_stops_the_run_before_it_began(project: Project) -> None:
    """With -W error a run that would be debug does not begin, and leaves nothing behind."""
    _unstaged(project.repository)
    began: list[bool] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DebugRunWarning):
            project.save(during=lambda: began.append(True))
    assert began == []
    assert not project.results.exists()


# Changed during the run


def _edit(project: Project) -> None:
    project.repository.write("algorithm.py", "STEP = 2\n")


def _commit(project: Project) -> None:
    project.repository.write("algorithm.py", "STEP = 2\n")
    project.repository.commit()


def _add_a_file(project: Project) -> None:
    project.repository.write("new.py", "x")


def _lose_the_repository(project: Project) -> None:
    shutil.rmtree(project.path / ".git")


@pytest.mark.parametrize("way", ["block", "decorated"])
@pytest.mark.parametrize("change", [_edit, _commit, _add_a_file])
def test_a_change_during_the_run_makes_it_debug(project: Project, way: str, change: Callable[[Project], None]) -> None:
    """A commit or an edit during the run: the commit may not be the code that ran; the one at the start is stored."""
    metadata, shown = project.save_quietly(way, during=lambda: change(project))
    assert codes(metadata) == ["git.changed_during_run"]
    assert metadata["git_commit_hash"] == metadata["git"]["start"]["commit"] == project.commit
    assert metadata["git_dirty"] is False
    assert metadata["git"]["changed_during_run"] is True
    end = metadata["git"]["end"]
    assert end["commit"] == project.repository.git("rev-parse", "HEAD")
    assert end["dirty"] is bool(project.repository.git("status", "--porcelain"))
    assert [type(warning) for warning in shown] == [DebugRunWarning]
    assert "git.changed_during_run" in str(shown[0])
    named = "new.py" if change is _add_a_file else "algorithm.py"
    assert metadata["debug_reasons"][0]["detail"] == {"paths": [named]}
    assert named in str(shown[0])
    assert metadata["git"]["created_during_run"] == []


def _commit_what_does_not_count(project: Project) -> None:
    project.repository.write("notes/today.txt", "2")
    project.repository.commit()


def _commit_nothing(project: Project) -> None:
    project.repository.commit("an empty commit")


def _commit_new_figures(project: Project) -> None:
    project.repository.write("figures/gait.svg", "<svg/>")
    project.repository.commit()


def _commit_another_run(project: Project) -> None:
    project.results = project.path / "stored"
    project.save()
    project.repository.commit()


@pytest.mark.parametrize(
    "change", [_commit_what_does_not_count, _commit_nothing, _commit_new_figures, _commit_another_run]
)
def test_a_commit_that_changes_no_code_is_no_change(project: Project, change: Callable[[Project], None]) -> None:
    """Results that are committed while a run goes on cost it nothing; the commit of its start is stored."""
    project.repository.write("notes/today.txt", "1")
    project.commit = project.repository.commit()
    metadata = project.save(during=lambda: change(project), git_dirty_ignore=["notes"])
    assert (codes(metadata), metadata["git_commit_hash"]) == ([], project.commit)
    git = metadata["git"]
    assert (git["changed_during_run"], git["end"]["commit"]) == (False, project.repository.git("rev-parse", "HEAD"))
    assert git["end"]["commit"] != project.commit


def test_a_commit_that_cannot_be_compared_is_a_change(project: Project) -> None:
    """Where git cannot say in what another commit differs, it may be the code."""

    def start_anew() -> None:
        shutil.rmtree(project.path / ".git")
        project.repository = GitRepository(project.path)
        project.repository.commit("another one")

    metadata, _ = project.save_quietly(during=start_anew)
    assert codes(metadata) == ["git.changed_during_run"]
    assert "another commit" in metadata["debug_reasons"][0]["message"]


# What a run leaves behind


@pytest.mark.parametrize("name", ["plot.png", "tables/all.csv", "deep/er/notes.txt"])
@pytest.mark.parametrize("way", ["block", "decorated"])
def test_untracked_output_costs_this_run_nothing(project: Project, way: str, name: str) -> None:
    """Files that a run creates are listed, with the advice to ignore them; the next run is a debug run."""
    create = lambda: bool(project.repository.write(name, "1"))  # noqa: E731
    metadata, shown = project.save_quietly(way, during=create)
    listed = f"{name.split('/')[0]}/" if "/" in name else name
    assert (codes(metadata), metadata["git"]["created_during_run"]) == ([], [listed])
    assert metadata["git"]["changed_during_run"] is False
    assert [type(warning) for warning in shown] == [CreatedFilesWarning]
    assert listed in str(shown[0])
    assert ".gitignore" in str(shown[0])
    metadata, _ = project.save_quietly(way, during=create)
    assert (codes(metadata), metadata["git"]["created_during_run"]) == (["git.dirty"], [])


def test_untracked_output_of_a_debug_run_is_listed_without_a_warning(project: Project) -> None:
    """Who asked for a debug run is not bothered."""
    metadata = project.save(debug_run=True, during=lambda: bool(project.repository.write("plot.png", "1")))
    assert metadata["git"]["created_during_run"] == ["plot.png"]


@pytest.mark.parametrize("suffix", [".py", ".pyx", ".so", ".pyd", ".ipynb", ".PY"])
def test_code_that_appears_during_the_run_is_a_change(project: Project, suffix: str) -> None:
    """Code may have been imported before it was committed; it is named, and what lies beside it is output."""

    def create() -> None:
        project.repository.write(f"new/code{suffix}", "1")
        project.repository.write("new/table.csv", "1")

    metadata, _ = project.save_quietly(during=create)
    assert codes(metadata) == ["git.changed_during_run"]
    assert metadata["debug_reasons"][0]["detail"] == {"paths": [f"new/code{suffix}"]}
    assert metadata["git"]["created_during_run"] == ["new/table.csv"]


def test_a_loaded_file_of_another_kind_is_code(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the process has loaded is code, whatever it is called."""

    def load() -> None:
        module = ModuleType("loaded_plugin")
        module.__file__ = str(project.repository.write("plugin.txt", "1"))
        monkeypatch.setitem(sys.modules, "loaded_plugin", module)

    metadata, _ = project.save_quietly(during=load)
    assert metadata["debug_reasons"][0]["detail"] == {"paths": ["plugin.txt"]}


# The log of the process


POSIX = pytest.mark.skipif(sys.platform == "win32", reason="there is no such shell")
OUTER = "import subprocess, sys; print(subprocess.run(sys.argv[1:], check=True, capture_output=True, text=True).stderr)"
PIPELINES = {
    "tee": '"$@" 2>&1 | tee {log}',
    "another program": '"$@" 2>&1 | cat > {log}',
    "a program that captures it": f'"$1" -c "{OUTER}" "$@" > {{log}}',
}
LOGGED = f"{ENTRY}\nimport sys\nprint('at work', flush=True)\nblock(path=sys.argv[1], debug_run=False)\n"


@pytest.mark.parametrize(
    ("stream", "log"),
    [
        ("stdout", "job.log"),
        ("stderr", "logs/deep/job.txt"),
        *(pytest.param(way, "job.log", marks=POSIX) for way in PIPELINES),
    ],
)
def test_the_log_of_the_process_does_not_count(project: Project, stream: str, log: str) -> None:
    """An untracked file that the process or its pipeline writes the output to is no change; another one is."""
    project.repository.write("main.py", LOGGED)
    project.repository.commit()

    def record() -> dict[str, Any]:
        command = [sys.executable, "main.py", str(project.results)]
        # In a session of its own, or other tests would see the pipeline in their group of processes.
        how: dict[str, Any] = {"cwd": project.path, "env": python_environment(), "check": True}
        how["start_new_session"] = True
        if stream in PIPELINES:
            line = PIPELINES[stream].format(log=log)
            subprocess.run(["/bin/sh", "-c", line, "sh", *command], stdout=subprocess.PIPE, **how)
        else:
            with project.repository.write(log, "").open("w") as file:
                subprocess.run(command, **{stream: file}, **how)
        return read(max(project.results.glob("challenges.*/*/*/*"), key=os.path.getmtime))

    metadata = record()
    assert (codes(metadata), metadata["git"]["ignored"]) == ([], [log if "/" not in log else "logs/"])
    beside = project.repository.write(f"{log}.old", "")
    metadata = record()
    assert metadata["git"]["untracked"] == [beside.relative_to(project.path).as_posix()]


def test_a_tracked_log_counts(project: Project) -> None:
    """A file that was committed is part of the code, also if the process prints into it."""
    project.repository.write("main.py", LOGGED)
    log = project.repository.write("job.log", "")
    project.repository.commit()
    with log.open("w") as file:
        file.write("first line\n")
        file.flush()
        command = [sys.executable, "main.py", str(project.results)]
        subprocess.run(command, cwd=project.path, env=python_environment(), stdout=file, check=True)
    (path,) = project.results.glob("challenges.*/*/*/*")
    assert codes(read(path)) == ["git.dirty"]


def test_logs_of_slurm_do_not_count_inside_of_a_job(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tasks of an array write beside each other; outside of a job such a file is a file like any other."""
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    for name in ("slurm-4711_3.out", "logs/slurm-4712.err"):
        project.repository.write(name, "")
    assert project.save()["is_debug_run"] is False
    project.repository.write("slurm-notes.txt", "")
    metadata, _ = project.save_quietly()
    assert metadata["git"]["untracked"] == ["slurm-notes.txt"]
    (project.path / "slurm-notes.txt").unlink()
    monkeypatch.delenv("SLURM_JOB_ID")
    metadata, _ = project.save_quietly()
    assert metadata["git"]["untracked"] == ["logs/", "slurm-4711_3.out"]


def test_a_repository_that_is_gone_after_the_run_is_unknown(project: Project) -> None:
    """If the state at the end cannot be read, the run is debug, and the start is stored."""
    metadata, shown = project.save_quietly(during=lambda: _lose_the_repository(project))
    assert codes(metadata) == ["git.unavailable"]
    assert metadata["git_commit_hash"] == project.commit
    assert metadata["git"]["changed_during_run"] is None
    assert {type(warning) for warning in shown} == {DebugRunWarning, IncompleteProvenanceWarning}


def test_git_that_is_gone_after_the_run_is_unknown(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """If git cannot even be started at the end, nobody knows whether anything changed, and the run is debug."""
    program = "GIT_PYTHON_GIT_EXECUTABLE"
    metadata, _ = project.save_quietly(during=lambda: bool(monkeypatch.setenv(program, "no-such-git")))
    assert codes(metadata) == ["git.unavailable"]
    assert (metadata["git"]["end"], metadata["git"]["changed_during_run"]) == (None, None)
    assert [error["what"] for error in metadata["collection_errors"]] == ["git at the end of the run"]


class _OfManyProcesses(ExampleChallenge):
    """Looks for processes of the program, and leaves a file beside the code, while it is asked for its results."""

    def save_core_results(self, folder_path: Path) -> None:
        self.processes = psutil.Process().children()
        Path("left_behind.txt").touch()
        super().save_core_results(folder_path)


def test_git_has_answered_before_a_challenge_is_asked_for_its_results(project: Project) -> None:
    """A challenge that waits for all processes finds only its own, and what it writes then is no change of the run."""
    challenge = _OfManyProcesses()
    challenge.result_ = 42  # of a run that was not seen
    others = psutil.Process().children()  # such as pools that earlier tests left behind
    recorder = project.function("enter")(path=project.results, debug_run=False, challenge=challenge)
    recorder.__exit__(None, None, None)
    assert [process for process in challenge.processes if process not in others] == []
    assert read(recorder.path_)["is_debug_run"] is False


@ON_POSIX
def test_a_working_directory_that_is_gone_after_the_run_costs_nothing(project: Project) -> None:
    """At the end git is asked in the top folder of the repository, wherever the program has gone meanwhile."""
    program = (
        "import os\n"
        "from challenges import ExampleChallenge\n"
        "from gaitmap_results import recorded_run\n"
        "os.mkdir('gone')\n"
        "os.chdir('gone')\n"
        f"with recorded_run('entry', path={str(project.results)!r}, debug_run=False):\n"
        "    ExampleChallenge().run(lambda: os.rmdir(os.getcwd()))\n"
    )
    project.repository.write("leaves.py", program)
    project.repository.commit()
    run_python("leaves.py", cwd=project.path)
    (path,) = project.results.glob("challenges.*/*/*/*")
    assert codes(read(path)) == []


def test_all_runs_of_a_block_have_the_answer_of_git(project: Project) -> None:
    """Git is asked once at the end of a block, and each of its runs says what it answered."""
    project.save(after=lambda: _finished())
    runs = [read(path) for path in project.results.glob("challenges.*/*/*/*")]
    assert [run["is_debug_run"] for run in runs] == [False, False]
    assert [run["git"]["end"]["commit"] for run in runs] == [project.commit] * 2


def test_a_change_of_what_is_ignored_does_not_count(project: Project) -> None:
    """What the ignore list names may change during the run."""
    notes = project.repository.write("notes.txt", "1")
    project.repository.commit()
    metadata = project.save(during=lambda: bool(notes.write_text("2")), git_dirty_ignore=["notes.txt"])
    assert metadata["is_debug_run"] is False


def test_all_reasons_are_named_at_once(project: Project) -> None:
    """Nobody mends one reason only to meet the next one: dirty, changed and invalid are all stored."""
    _unstaged(project.repository)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DebugRunWarning)
        recorder = project.function("enter")(path=project.results, debug_run=False)
    _commit(project)
    recorder.custom_metadata["bad"] = {1, 2}
    recorder.attach(_finished())
    with pytest.raises(InvalidCustomMetadataError) as raised:
        recorder.__exit__(None, None, None)
    assert codes(read(raised.value.path)) == ["git.dirty", "git.changed_during_run", "custom_metadata.invalid"]


def _finished() -> Any:
    from challenges import ExampleChallenge

    return ExampleChallenge().run(1)


def test_a_block_that_raised_after_the_challenge_is_debug(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    """The result is stored as a debug run with block.raised, and the user's error goes on as it is."""

    def fail() -> None:
        raise ZeroDivisionError("in the plot")

    with caplog.at_level(logging.WARNING), pytest.raises(ZeroDivisionError, match="in the plot"):
        project.save(after=fail)
    (path,) = project.results.glob("challenges.*/*/*/*")
    metadata = read(path)
    assert codes(metadata) == ["block.raised"]
    assert "in the plot" in metadata["debug_reasons"][0]["message"]
    assert "block.raised" in caplog.text


# The results folder


def test_results_inside_of_the_repository_do_not_count(project: Project) -> None:
    """Runs stored in the repository do not make the next run a debug run."""
    project.results = project.path / "output" / "results"
    for _ in range(3):
        assert project.save()["is_debug_run"] is False
    project.repository.write("output/other.py", "x")
    metadata, _ = project.save_quietly()
    assert metadata["git"]["untracked"] == ["output/other.py"]


def test_a_results_folder_that_is_a_link_out_of_the_repository_does_not_count(project: Project, tmp_path: Path) -> None:
    """A link to a larger disk is the results folder, not a change."""
    (tmp_path / "disk").mkdir()
    (project.path / "results").symlink_to(tmp_path / "disk", target_is_directory=True)
    project.results = project.path / "results"
    assert [project.save()["is_debug_run"] for _ in range(2)] == [False, False]


def test_a_results_folder_that_is_the_repository(project: Project) -> None:
    """Where results and code lie side by side, runs do not count, and all else does."""
    project.results = project.path
    assert [codes(project.save()) for _ in range(2)] == [[], []]
    project.repository.commit()
    assert codes(project.save()) == []
    _unstaged(project.repository)
    metadata, _ = project.save_quietly()
    assert (codes(metadata), metadata["git"]["unstaged"]) == (["git.dirty"], ["algorithm.py"])


def test_a_results_folder_around_the_repository_hides_nothing(project: Project, tmp_path: Path) -> None:
    """A results folder that holds the whole repository leaves its changes countable."""
    project.results = tmp_path
    _unstaged(project.repository)
    metadata, _ = project.save_quietly()
    assert codes(metadata) == ["git.dirty"]


def test_a_results_folder_with_the_callers_file_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A results folder that holds the code too cannot be left out of the check."""
    project = Project(tmp_path, monkeypatch, "experiment/entry.py")
    project.results = project.path / "experiment"
    assert project.save()["is_debug_run"] is False
    project.repository.git("clean", "-fdxq")
    project.repository.write("experiment/new.py", "x")
    metadata, _ = project.save_quietly()
    assert metadata["git"]["untracked"] == ["experiment/new.py"]


def test_the_unfinished_run_itself_does_not_count(project: Project) -> None:
    """A second block inside of the first sees no change in a repository that is the results folder."""
    project.results = project.path
    (project.path / "challenges.ExampleChallenge").mkdir()
    ignored = {"git_dirty_ignore": ["challenges.ExampleChallenge"]}
    seen: list[Any] = []
    project.save(during=lambda: seen.append(project.save(**ignored)), **ignored)
    assert seen[0]["is_debug_run"] is False


# The ignore list


@pytest.mark.parametrize("entry", ["docs", "docs/", "./docs", Path("docs"), "docs/notes.md"])
def test_what_the_ignore_list_names_does_not_count(project: Project, entry: Any) -> None:
    """A change in an ignored file or folder leaves the run official, and is stored as ignored."""
    project.repository.write("docs/notes.md", "1")
    project.repository.commit()
    project.repository.write("docs/notes.md", "2")
    metadata = project.save(git_dirty_ignore=[entry])
    assert metadata["is_debug_run"] is False
    assert metadata["git"]["ignored"] == ["docs/notes.md"]
    assert metadata["git_dirty_ignore"] == [Path(entry).as_posix()]
    assert metadata["git_dirty"] is False


def test_an_absolute_entry(project: Project, tmp_path: Path) -> None:
    """An absolute path may lie inside of the repository or outside; one that is not there is told."""
    project.repository.write("docs/notes.md", "1")
    (tmp_path / "shared").mkdir()
    options = {"git_dirty_ignore": [project.path / "docs", tmp_path / "shared"]}
    assert project.save(**options)["is_debug_run"] is False
    options["git_dirty_ignore"].append(tmp_path / "gone")
    _, shown = project.save_quietly(**options)
    assert [type(warning) for warning in shown] == [UnmatchedIgnoreWarning]


@pytest.mark.parametrize("pattern", ["*.out", "slurm-[0-9]*", "logs/**", "job?.out", "/job*", "l*s/"])
def test_a_pattern_names_what_gitignore_would(project: Project, pattern: str) -> None:
    """Patterns with wildcards match as in .gitignore, and need not match anything."""
    project.repository.write(".gitignore", pattern)
    for name in ("job1.out", "slurm-12.out", "logs/a/job2.out", "logs/b.out", "x/job3.out", "x/slurm-1.txt"):
        project.repository.write(name, "")
    left = project.repository.git("ls-files", "--others", "--exclude-standard").splitlines()
    (project.path / ".gitignore").unlink()
    metadata, _ = project.save_quietly(git_dirty_ignore=[pattern, "*.nothing", *left])
    assert (codes(metadata), metadata["git_dirty_ignore"][0]) == ([], pattern)
    if left:
        metadata, _ = project.save_quietly(git_dirty_ignore=[pattern])
        assert codes(metadata) == ["git.dirty"]


@pytest.mark.parametrize("pattern", ["*", "**", "/*", "**/*", "?*", "[!.]*", "***"])
def test_a_pattern_that_matches_everything_is_refused(project: Project, pattern: str) -> None:
    """No pattern makes every change count for nothing."""
    with pytest.raises(InvalidOptionError, match="every"):
        project.save(git_dirty_ignore=[pattern], during=lambda: pytest.fail("it ran"))


def test_an_ignored_name_is_no_prefix(project: Project) -> None:
    """Ignoring "doc" does not ignore "docs"."""
    project.repository.write("docs/notes.md", "1")
    metadata, shown = project.save_quietly(git_dirty_ignore=["doc"])
    assert codes(metadata) == ["git.dirty"]
    assert {type(warning) for warning in shown} == {DebugRunWarning, UnmatchedIgnoreWarning}


@pytest.mark.parametrize("way", WAYS)
def test_an_entry_that_matches_nothing_warns(project: Project, way: str) -> None:
    """A typing error in the ignore list is told, names the entry, and changes nothing else."""
    metadata, shown = project.save_quietly(way, git_dirty_ignore=["gaitmap_paper"])
    assert metadata["is_debug_run"] is False
    assert [type(warning) for warning in shown] == [UnmatchedIgnoreWarning]
    assert "gaitmap_paper" in str(shown[0])


@pytest.mark.parametrize("entry", ["", ".", "./", "/", "..", "docs/.."])
def test_an_entry_that_would_ignore_everything_is_refused_before_the_run(project: Project, entry: str) -> None:
    """No list makes every change count for nothing."""
    with pytest.raises(InvalidOptionError):
        project.save(git_dirty_ignore=[entry], during=lambda: pytest.fail("it ran"))


def test_the_list_of_the_repositorys_own_path_is_refused(project: Project) -> None:
    """The repository itself, named by its absolute path, is everything, too."""
    with pytest.raises(InvalidOptionError):
        project.save(git_dirty_ignore=[project.path], during=lambda: pytest.fail("it ran"))


# The caller


@pytest.mark.parametrize("way", WAYS)
def test_a_caller_outside_of_the_repository_makes_a_debug_run(project: Project, tmp_path: Path, way: str) -> None:
    """The commit says nothing about a file that is in no repository."""
    outside = tmp_path / "elsewhere" / "entry.py"
    outside.parent.mkdir()
    outside.write_text(ENTRY, encoding="utf-8")
    project.entry = outside
    metadata, shown = project.save_quietly(way)
    assert metadata["git"]["caller_tracked"] is False
    assert [reason["code"] for reason in metadata["debug_reasons"]] == ["code.unidentified"]
    assert str(outside) in str(shown[0])


def test_a_caller_that_git_ignores_makes_a_debug_run(project: Project) -> None:
    """A file that .gitignore hides makes nothing dirty, but is not in the commit either."""
    project.repository.write(".gitignore", "scratch/\n")
    project.repository.commit()
    project.entry = project.repository.write("scratch/entry.py", ENTRY)
    metadata, _ = project.save_quietly()
    assert metadata["git"]["caller_tracked"] is False
    (unidentified,) = metadata["code"]["unidentified"]
    assert unidentified["reason"] == "git ignores it"
    assert [reason["code"] for reason in metadata["debug_reasons"]] == ["code.unidentified"]


def test_the_remote_is_stored_without_its_credentials(project: Project) -> None:
    """Where the code can be found is stored, the password to it is not."""
    project.repository.git("remote", "add", "origin", "https://me:hunter2hunter2@example.org/group/project.git?t=1")
    metadata = project.save()
    assert metadata["git"]["remote"] == "https://example.org/group/project.git"
    assert "hunter2" not in json.dumps(metadata)


def test_warnings_are_all_of_our_own_classes(project: Project) -> None:
    """A program can filter the warnings of this package by one class."""
    _unstaged(project.repository)
    _, shown = project.save_quietly(git_dirty_ignore=["nothing"])
    assert shown
    assert all(isinstance(warning, GaitmapResultsWarning) for warning in shown)


@pytest.mark.parametrize("way", WAYS)
def test_system_info_has_its_order(project: Project, way: str) -> None:
    """Who reads or compares the file finds the versions of Python and of the packages first, as ever."""
    keys = list(project.save(way)["system_info"])
    assert keys[:3] == ["python_version", "python_implementation", "packages_info"]
