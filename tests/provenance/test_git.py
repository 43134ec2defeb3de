"""What is read about a git repository, for every state that a repository can be in."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from git_repository import GitRepository, git_environment
from hypothesis import assume, given
from hypothesis import strategies as st
from processes import python_environment
from run_folders import as_ordinary_user

from gaitmap_results.exceptions import InvalidOptionError
from gaitmap_results.provenance.git import (
    GitState,
    GitUnreadableError,
    PendingStatus,
    check_git_dirty_ignore,
    uncounted_paths,
)
from gaitmap_results.provenance.git import read_git_state as read_checked
from gaitmap_results.provenance.git.commit import CommitFacts
from gaitmap_results.provenance.git.remote import without_secrets

ON_POSIX = pytest.mark.skipif(os.name == "nt", reason="needs the file names and the processes of POSIX")
CHANGES = ("staged", "unstaged", "untracked", "conflicted", "submodules", "hidden")
UUID = "0f6c5a3e-1111-4222-8333-444455556666"
RUN = "challenges.Stride/1.0.0/entry/20260329_123005"


@pytest.fixture(autouse=True)
def _git_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the reading see what the repositories of these tests were made with, and nothing of this machine."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name, value in git_environment(tmp_path / "any").items():
        if name.startswith("GIT_"):
            monkeypatch.setenv(name, value)


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    """Give a repository with one commit."""
    repository = GitRepository(tmp_path / "repository")
    repository.write("code.py", "print(1)\n")
    repository.write("data/old.csv", "1,2,3\n" * 20)
    repository.commit()
    return repository


def read_git_state(folder: Path, *, ignore: Sequence[str | Path] = (), **options: Any) -> GitState:
    """Read the state of a repository, with an ignore list as a user writes it."""
    return read_checked(folder, ignore=check_git_dirty_ignore(ignore), **options)


def reread_git_state(state: GitState, *, ignore: Sequence[str | Path] = (), **options: Any) -> GitState:
    """Read the state again, with an ignore list as a user writes it."""
    with PendingStatus(state.base_dir, first=state) as pending:
        return pending.finish(ignore=check_git_dirty_ignore(ignore), **options)


def changes(state: GitState) -> dict[str, tuple[str, ...]]:
    """Return the changed paths that count, without the empty fields."""
    return {name: getattr(state, name) for name in CHANGES if getattr(state, name)}


def facts(state: GitState) -> CommitFacts:
    """Return the facts about the commit, which were asked for."""
    assert state.facts is not None
    return state.facts


# The states of a work tree


def test_clean(repository: GitRepository) -> None:
    """A work tree that equals its commit is clean, and commit and branch are those that git names."""
    state = read_git_state(repository.path)
    assert state.commit == repository.git("rev-parse", "HEAD")
    assert (state.branch, state.dirty, changes(state)) == ("main", False, {})
    assert state.base_dir == Path(os.path.realpath(repository.path))
    assert (state.shallow, facts(state).remote, state.hidden, state.caller_tracked) == (False, None, (), None)


def test_unstaged(repository: GitRepository) -> None:
    """A changed and a deleted tracked file are both dirty."""
    repository.write("code.py", "print(2)\n")
    (repository.path / "data/old.csv").unlink()
    state = read_git_state(repository.path)
    assert state.dirty
    assert changes(state) == {"unstaged": ("code.py", "data/old.csv")}


@pytest.mark.parametrize("change", ["modify", "add", "delete"])
def test_staged_only(repository: GitRepository, change: str) -> None:
    """A change that is only in the index is dirty; gaitmap_challenges called it clean."""
    name = "new.py" if change == "add" else "code.py"
    if change == "delete":
        (repository.path / name).unlink()
    else:
        repository.write(name, "print(2)\n")
    repository.git("add", "--all")
    state = read_git_state(repository.path)
    assert state.dirty
    assert changes(state) == {"staged": (name,)}


def test_staged_and_changed_again(repository: GitRepository) -> None:
    """A file that changed again after it was staged is listed under both."""
    repository.write("code.py", "print(2)\n")
    repository.git("add", "--all")
    repository.write("code.py", "print(3)\n")
    assert changes(read_git_state(repository.path)) == {"staged": ("code.py",), "unstaged": ("code.py",)}


@pytest.mark.parametrize("setting", ["true", "false", "copies"])
def test_staged_rename(repository: GitRepository, setting: str) -> None:
    """A staged rename shows the old and the new path, whatever the user has set about renames."""
    repository.git("config", "status.renames", setting)
    repository.git("mv", "code.py", "renamed.py")
    state = read_git_state(repository.path)
    assert state.dirty
    assert changes(state) == {"staged": ("code.py", "renamed.py")}


def test_untracked(repository: GitRepository) -> None:
    """Untracked files are dirty, a folder of them is one path, and what .gitignore names is not seen."""
    repository.write(".gitignore", "*.log\n")
    repository.commit()
    repository.write("new/a.py", "")
    repository.write("new/deep/b.py", "")
    repository.write("c.py", "")
    repository.write("run.log", "")
    state = read_git_state(repository.path)
    assert state.dirty
    assert changes(state) == {"untracked": ("c.py", "new/")}


def test_conflict(repository: GitRepository) -> None:
    """A merge that stopped at a conflict is dirty and lists the conflicted path."""
    repository.git("checkout", "-q", "-b", "other")
    repository.write("code.py", "print('other')\n")
    repository.commit()
    repository.git("checkout", "-q", "main")
    repository.write("code.py", "print('main')\n")
    repository.commit()
    repository.git("merge", "other", check=False)
    state = read_git_state(repository.path)
    assert state.dirty
    assert changes(state) == {"conflicted": ("code.py",)}


def test_no_commit(tmp_path: Path) -> None:
    """A repository without any commit has no commit to name and is dirty, even with nothing in it."""
    repository = GitRepository(tmp_path / "new")
    state = read_git_state(repository.path)
    assert (state.commit, state.branch, facts(state).describe, state.dirty) == (None, "main", None, True)
    repository.write("code.py", "")
    repository.git("add", "code.py")
    assert changes(read_git_state(repository.path)) == {"staged": ("code.py",)}
    assert read_git_state(repository.path, ignore=["code.py"]).dirty


def test_linked_worktree(repository: GitRepository, tmp_path: Path) -> None:
    """A linked work tree is read for itself: folder, branch, changes; without a branch there is none to name."""
    repository.git("worktree", "add", "-q", "-b", "side", tmp_path / "linked")
    linked = GitRepository(tmp_path / "linked", init=False)
    linked.write("code.py", "print(2)\n")
    state = read_git_state(linked.path)
    assert (state.base_dir, state.branch) == (Path(os.path.realpath(linked.path)), "side")
    assert changes(state) == {"unstaged": ("code.py",)}
    repository.git("checkout", "-q", "--detach")
    state = read_git_state(repository.path)
    assert (state.branch, state.commit, state.dirty) == (None, repository.git("rev-parse", "HEAD"), False)


def test_folder_below_the_top(repository: GitRepository) -> None:
    """From a folder inside, the whole work tree is seen and paths start at its top."""
    repository.write("code.py", "print(2)\n")
    repository.write("data/new.csv", "")
    state = read_git_state(repository.path / "data", ignore=["data"], caller_file=repository.path / "code.py")
    assert (state.unstaged, state.untracked, state.ignored) == (("code.py",), (), ("data/new.csv",))
    assert state.caller_tracked is True


def test_through_a_link(repository: GitRepository, tmp_path: Path) -> None:
    """A work tree that is entered through a link is the same work tree."""
    link = tmp_path / "link"
    link.symlink_to(repository.path, target_is_directory=True)
    repository.write(f"results/{RUN}/metadata.json", "")
    state = read_git_state(link, results_folder=link / "results", caller_file=link / "code.py", ignore=[link / "data"])
    assert state == read_git_state(
        repository.path, results_folder=repository.path / "results", caller_file=repository.path / "code.py"
    )
    assert (state.dirty, state.caller_tracked) == (False, True)


def test_shallow_and_described(repository: GitRepository, tmp_path: Path) -> None:
    """A clone with a cut-off history says so, and a tag names the commit."""
    repository.git("tag", "v1.0")
    repository.write("code.py", "print(2)\n")
    repository.commit()
    described = facts(read_git_state(repository.path)).describe
    assert described is not None
    assert described.startswith("v1.0-1-g")
    repository.git("clone", "-q", "--depth=1", repository.path.as_uri(), tmp_path / "shallow")
    assert read_git_state(tmp_path / "shallow").shallow is True


def test_show_untracked_files_no(repository: GitRepository) -> None:
    """The setting status.showUntrackedFiles=no does not hide an untracked file."""
    repository.git("config", "status.showUntrackedFiles", "no")
    repository.write("new.py", "")
    assert changes(read_git_state(repository.path)) == {"untracked": ("new.py",)}


def test_index_lock_is_no_obstacle(repository: GitRepository) -> None:
    """A lock that another git holds, or left behind, neither stops the reading nor is touched by it."""
    lock = repository.write(".git/index.lock", "")
    repository.write("code.py", "print(2)\n")
    assert changes(read_git_state(repository.path)) == {"unstaged": ("code.py",)}
    assert lock.exists()


def test_reading_changes_nothing(repository: GitRepository) -> None:
    """Reading leaves every file of the repository as it was, the index included."""
    os.utime(repository.path / "code.py", (1, 1))  # git would now like to refresh its index
    before = {path: path.read_bytes() for path in repository.path.rglob("*") if path.is_file()}
    read_git_state(repository.path)
    assert {path: path.read_bytes() for path in repository.path.rglob("*") if path.is_file()} == before


def test_no_file_system_monitor_is_run(repository: GitRepository, tmp_path: Path) -> None:
    """A hook that watches the file system is not run."""
    hook = tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\ntouch '{tmp_path}/was-run'\n")
    hook.chmod(0o755)
    repository.git("config", "core.fsmonitor", str(hook))
    read_git_state(repository.path)
    assert not (tmp_path / "was-run").exists()


# Submodules


@pytest.fixture
def with_submodule(repository: GitRepository, tmp_path: Path) -> tuple[GitRepository, GitRepository]:
    """Give a repository that has a submodule, and that submodule."""
    GitRepository(tmp_path / "library").write("lib.py", "1\n")
    GitRepository(tmp_path / "library", init=False).commit()
    repository.git("submodule", "--quiet", "add", tmp_path / "library", "sub")
    repository.commit()
    return repository, GitRepository(repository.path / "sub", init=False)


def test_staged_submodule(with_submodule: tuple[GitRepository, GitRepository]) -> None:
    """Another commit of a submodule that is staged shows among the staged paths and the submodules."""
    repository, submodule = with_submodule
    submodule.write("lib.py", "2\n")
    submodule.commit()
    repository.git("add", "sub")
    assert changes(read_git_state(repository.path)) == {"staged": ("sub",), "submodules": ("sub",)}


def test_results_in_a_submodule(with_submodule: tuple[GitRepository, GitRepository]) -> None:
    """A results folder in a submodule does not count, but what changed beside it and a new commit do."""
    repository, submodule = with_submodule
    submodule.write(f"out/results/{RUN}/metadata.json", "")
    results = submodule.path / "out/results"
    state = read_git_state(repository.path, results_folder=results)
    assert (state.dirty, state.ignored) == (False, ("sub/out/",))
    submodule.write("out/code.py", "")
    assert read_git_state(repository.path, results_folder=results).submodules == ("sub/out/code.py",)
    submodule.commit()
    assert read_git_state(repository.path, results_folder=results).submodules == ("sub",)


def test_file_of_a_submodule_is_tracked(with_submodule: tuple[GitRepository, GitRepository]) -> None:
    """A caller in a submodule is tracked, because the commit says which commit of the submodule belongs to it."""
    repository, submodule = with_submodule
    submodule.write("new.py", "")
    assert read_git_state(repository.path, caller_file=submodule.path / "lib.py").caller_tracked is True
    assert read_git_state(repository.path, caller_file=submodule.path / "new.py").caller_tracked is False


# Names


@ON_POSIX
@pytest.mark.parametrize("state_of_file", ["untracked", "staged", "unstaged"])
def test_odd_names(repository: GitRepository, state_of_file: str) -> None:
    """Names with spaces, quotes, newlines and bytes that are no UTF-8 are found, also what comes after them."""
    names = [b" a b ", b'"quoted"', b"'single'", b"two\nlines", b"tab\t", "grün".encode(), b"\xff\xfe.py", b"zz -> y"]
    odd_files = [repository.path / os.fsdecode(name) for name in names]
    for file in odd_files:
        file.write_text("1")
    if state_of_file != "untracked":
        repository.git("add", "--all")
    if state_of_file == "unstaged":
        repository.commit()
        for file in odd_files:
            file.write_text("other")
    state = read_git_state(repository.path)
    assert changes(state) == {state_of_file: tuple(sorted(name.decode("utf-8", "backslashreplace") for name in names))}
    json.dumps(state.untracked).encode("utf-8")  # no lone surrogates, which could not be stored
    assert not read_git_state(repository.path, ignore=[os.fsdecode(name) for name in names]).dirty


@ON_POSIX
@pytest.mark.parametrize("name", ["with space", "quo'te\"", "two\nlines", "$HOME", "grün", "\udcff"])
def test_odd_place(tmp_path: Path, name: str) -> None:
    """A repository in a folder with an odd name is read like any other."""
    repository = GitRepository(tmp_path / name / "repository")
    caller = repository.write("code.py", "")
    repository.commit()
    repository.write(f"out/results/{RUN}/metadata.json", "")
    results = repository.path / "out/results"
    state = read_git_state(repository.path, caller_file=caller, results_folder=results)
    assert (state.base_dir, state.caller_tracked, state.dirty) == (Path(os.path.realpath(repository.path)), True, False)


# The ignore list and the results folder


@pytest.mark.parametrize("entry", ["data", "data/", "./data", "data//", "absolute", "absolute string", "Path"])
def test_spellings_of_an_entry(repository: GitRepository, entry: str) -> None:
    """Every way to write a folder in the repository means that folder."""
    repository.write("data/old.csv", "changed")
    spellings: dict[str, str | Path] = {
        "absolute": repository.path / "data",
        "absolute string": f"{repository.path}/data/",
        "Path": Path("data"),
    }
    state = read_git_state(repository.path, ignore=[spellings.get(entry, entry)])
    assert (state.dirty, state.ignored, state.unmatched_ignores) == (False, ("data/old.csv",), ())


def test_unmatched_entries(repository: GitRepository) -> None:
    """An entry that names nothing is reported; one that names an unchanged or a deleted file is not."""
    (repository.path / "data/old.csv").unlink()
    outside = repository.path.parent / "no such folder"
    ignore = ["code.py", "data/old.csv", "typo", "CODE.PY/x", "*.pkl", outside]
    state = read_git_state(repository.path, ignore=ignore)
    assert state.unmatched_ignores == ("typo", "CODE.PY/x", str(outside))
    assert not state.dirty


def test_a_file_that_is_called_like_a_pattern(repository: GitRepository) -> None:
    """An entry with wildcards names what it matches, and the file that is really called so."""
    for name in ("a.csv", "b.csv", "[a].csv"):
        repository.write(name, "")
    state = read_git_state(repository.path, ignore=["[a].csv"])
    assert (state.untracked, state.ignored) == (("b.csv",), ("[a].csv", "a.csv"))


def test_entry_through_a_link_matches_nothing(repository: GitRepository) -> None:
    """An entry that leads through a link is reported, because git never names a file by such a way."""
    (repository.path / "link").symlink_to("data", target_is_directory=True)
    repository.commit()
    repository.write("data/old.csv", "changed")
    state = read_git_state(repository.path, ignore=["link/old.csv"])
    assert (state.dirty, state.unmatched_ignores) == (True, ("link/old.csv",))


def test_entry_inside_an_untracked_folder(repository: GitRepository) -> None:
    """Git shows an untracked folder as one path; an entry inside it takes out only what is in the entry."""
    repository.write("out/results/deep/run.json", "")
    repository.write("out/results/table.csv", "")
    state = read_git_state(repository.path, ignore=["out/results"])
    assert (state.dirty, state.ignored) == (False, ("out/",))
    repository.write("out/code/a.py", "")
    repository.write("out/code/b.py", "")
    repository.write("out/results.py", "")
    state = read_git_state(repository.path, ignore=["out/results"])
    assert (state.untracked, state.ignored) == (("out/code/", "out/results.py"), ("out/results/",))


@ON_POSIX
def test_folder_that_looks_like_a_pattern(repository: GitRepository) -> None:
    """A folder whose name means something else to git's commands is still taken by its name."""
    repository.write(":(x)out/results/run.json", "")
    repository.write(":(x)out/code.py", "")
    state = read_git_state(repository.path, ignore=[":(x)out/results"])
    assert (state.untracked, state.ignored) == ((":(x)out/code.py",), (":(x)out/results/",))


@pytest.mark.parametrize("direction", ["into", "out of"])
def test_rename_between_ignored_and_code(repository: GitRepository, direction: str) -> None:
    """A file moved from an ignored folder into the code, or out of the code, is a change of the code."""
    old, new = ("data/old.csv", "now_code.py") if direction == "out of" else ("code.py", "data/code.py")
    repository.git("mv", old, new)
    state = read_git_state(repository.path, ignore=["data"])
    counted = new if direction == "out of" else old
    assert state.dirty
    assert changes(state) == {"staged": (counted,)}


@pytest.mark.parametrize(
    "entry", ["", ".", "./", "/", "./.", "..", "../x", "a/../b", "a/..", "a\0b", "!*.csv", "!a", 1, None, b"a", ["a"]]
)
def test_refused_entries(entry: object) -> None:
    """Entries that would ignore everything, leave the repository or are no path are refused, with a reason."""
    with pytest.raises(InvalidOptionError, match="git_dirty_ignore is refused"):
        check_git_dirty_ignore(["results", entry])  # type: ignore[list-item]


@pytest.mark.parametrize("entries", ["results", b"results", Path("results"), None, 3])
def test_refused_lists(entries: object) -> None:
    """A single path in place of a list is refused, since a string would be taken apart into letters."""
    with pytest.raises(InvalidOptionError, match="must be a list"):
        check_git_dirty_ignore(entries)  # type: ignore[arg-type]


def test_entries_are_unified() -> None:
    """Entries are given back in one spelling, once each, in the given order."""
    assert check_git_dirty_ignore(["./b/", "a//c", Path("b"), "a/./c", " x"]) == ("b", "a/c", " x")
    assert check_git_dirty_ignore([]) == ()
    if os.name == "nt":
        assert check_git_dirty_ignore(["a\\b"]) == ("a/b",)


@pytest.mark.parametrize("place", ["root", "parent", "link to the root"])
def test_absolute_entries_around_are_refused(repository: GitRepository, tmp_path: Path, place: str) -> None:
    """An absolute entry that is the repository itself or contains it is refused: no change would count."""
    (tmp_path / "link").symlink_to(repository.path, target_is_directory=True)
    entry = {
        "root": repository.path,
        "parent": tmp_path,
        "link to the root": tmp_path / "link" / "data" / "..",
    }[place]
    with pytest.raises(InvalidOptionError):
        read_git_state(repository.path, ignore=[entry])


@pytest.mark.parametrize("results", ["results", "out/results", "data", "."])
def test_runs_do_not_count(repository: GitRepository, results: str) -> None:
    """Runs, finished or not, do not count, be they new, in an untracked folder, or tracked and changed or deleted."""
    names = [f"{RUN}/metadata.json", f"{RUN}/results/a.csv", f"{RUN}_1/MANIFEST.sha256"]
    names += [".unfinished/1/journal.json", f".attestations/{UUID}/statement.json"]
    options = {"results_folder": repository.path / results}
    run_files = [repository.write(f"{results}/{name}", "") for name in names]
    state = read_git_state(repository.path, **options)
    assert (state.dirty, state.unmatched_ignores) == (False, ())
    assert state.ignored
    repository.commit()
    run_files[0].write_text("changed")
    for file in run_files[2:]:
        shutil.rmtree(file.parent)
    assert not read_git_state(repository.path, **options).dirty
    repository.write("code.py", "print(2)\n")
    repository.write(f"{results}/{RUN}.py", "")
    counted = Path(results, f"{RUN}.py").as_posix()
    assert changes(read_git_state(repository.path, **options)) == {"unstaged": ("code.py",), "untracked": (counted,)}


@pytest.mark.parametrize("folder", ["unfinished", "attestations"])
def test_runs_of_another_results_folder_do_not_count(repository: GitRepository, folder: str) -> None:
    """Runs that were stored in another folder of the repository do not count, either; what lies beside them does."""
    repository.write(f"older/{RUN}/metadata.json", "")
    repository.write(f"older/.{folder}/{UUID}/journal.json", "")
    assert not read_git_state(repository.path).dirty
    repository.write("older/notes.txt", "")
    assert read_git_state(repository.path).untracked in (("older/",), ("older/notes.txt",))


@pytest.mark.parametrize(
    "name", ["study.v1/1.0/a/20260329_123005/x.py", "challenges/1.0/a/20260329_123005/metadata.json"]
)
def test_what_only_looks_like_a_run_counts(repository: GitRepository, name: str) -> None:
    """A folder with a time stamp is a run only below a challenge's, and if it holds the files of one."""
    repository.write(name, "")
    assert read_git_state(repository.path, results_folder=repository.path).dirty


def test_results_folder_that_does_not_exist_yet(repository: GitRepository) -> None:
    """A results folder that will be created later changes nothing and is not reported as unmatched."""
    state = read_git_state(repository.path, results_folder=repository.path / "later")
    assert (state.dirty, state.unmatched_ignores) == (False, ())


@pytest.mark.parametrize("results", [".", "..", "data", "package"])
def test_what_lies_beside_runs_counts(repository: GitRepository, results: str) -> None:
    """A results folder may hold code, too, wherever it lies: only runs are taken out."""
    repository.write(f"{results}/{RUN}/metadata.json", "")
    repository.write("package/new.py", "")
    assert read_git_state(repository.path, results_folder=repository.path / results).untracked in (
        ("package/new.py",),
        ("package/",),
    )


@pytest.mark.parametrize(
    "added",
    [
        "results/notes.txt",
        "results/challenges.Stride/notes.txt",
        "results/challenges.Stride/1.0.0/entry/notes.txt",
        "results/challenges.Stride/1.0.0/entry/20260329_123006/notes.txt",
        "results/challenges.Stride/1.0.0/other/notes.txt",
        "results/challenges.Stride/1.0.0/entry",
    ],
)
def test_what_comes_beside_known_runs_counts(repository: GitRepository, added: str) -> None:
    """Of a folder that held nothing but runs, what came since counts, wherever it lies and whatever it replaces."""
    entry = repository.write(f"results/{RUN}/metadata.json", "").parents[1]
    for folder in (entry, *list(entry.parents)[:3]):
        _set_back(folder)
    for _ in range(2):
        assert not read_git_state(repository.path).dirty
    if (repository.path / added).is_dir():
        shutil.rmtree(entry)
    repository.write(added, "")
    assert read_git_state(repository.path).dirty


def test_known_runs_are_not_looked_at_again(repository: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block looks through a store twice, and a loop again and again: only folders that changed since are read."""
    looked_at: list[str] = []
    start = uncounted_paths.run_folder_start
    monkeypatch.setattr(uncounted_paths, "run_folder_start", lambda name: looked_at.append(name) or start(name))
    entries = [
        repository.write(f"results/challenges.Stride/1.0.0/{entry}/20260329_12300{n}/metadata.json", "").parents[1]
        for n, entry in enumerate(["old", "new"])
    ]
    _set_back(entries[0])  # the other one may change again without another time
    assert not read_git_state(repository.path).dirty
    assert {"20260329_123000", "20260329_123001"} <= set(looked_at)
    looked_at.clear()
    assert not read_git_state(repository.path).dirty
    assert "20260329_123000" not in looked_at
    assert "20260329_123001" in looked_at


def _set_back(folder: Path) -> None:
    """Let a folder look as if it had not changed for a while."""
    before = time.time() - 60
    os.utime(folder, (before, before))


def test_results_folder_that_is_a_link(repository: GitRepository, tmp_path: Path) -> None:
    """A link in the repository to a results folder on another disk does not count as untracked code."""
    (tmp_path / "disk").mkdir()
    (repository.path / "results").symlink_to(tmp_path / "disk", target_is_directory=True)
    state = read_git_state(repository.path, results_folder=repository.path / "results")
    assert (state.dirty, state.ignored) == (False, ("results",))


names = st.text(st.characters(codec="utf-8", exclude_characters="/\0\\*?["), min_size=1, max_size=8)
# The letter in front keeps files and folders apart, and away from the names that mean something to git.
files = st.tuples(st.lists(names.map("d{}".format), max_size=2), names.map("f{}".format)).map(
    lambda parts: "/".join([*parts[0], parts[1]])
)


@ON_POSIX
@given(present=st.sets(files, min_size=1, max_size=6), tracked=st.booleans(), data=st.data())
def test_ignoring_hides_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, present: set[str], tracked: bool, data: st.DataObject
) -> None:
    """For any names and any ignore list a changed file counts exactly if no entry is it or a folder around it."""
    prefixes = sorted({"/".join(file.split("/")[:n]) for file in present for n in range(1, 4)})
    entries = data.draw(st.lists(st.sampled_from(prefixes), max_size=3))
    repository = GitRepository(tmp_path_factory.mktemp("any") / "repository")
    repository.commit()
    for file in present:
        repository.write(file, "1")
    if tracked:
        repository.git("add", "--all")
    state = read_git_state(repository.path, ignore=entries)

    def listed(file: str, paths: tuple[str, ...]) -> bool:
        return any(file == path or (path.endswith("/") and file.startswith(path)) for path in paths)

    counted = state.staged if tracked else state.untracked
    for file in present:
        hidden = any(file == entry or file.startswith(entry + "/") for entry in entries)
        assert (listed(file, counted), listed(file, state.ignored)) == (not hidden, hidden)
    assert all(any(listed(file, (path,)) for file in present) for path in counted + state.ignored)
    assert state.dirty == bool(counted)
    assert state.unmatched_ignores == ()


# The caller's file


def test_caller_tracked(repository: GitRepository, tmp_path: Path) -> None:
    """The caller's file is tracked if git lists exactly this file, whichever way leads to it."""
    repository.write("my tool.py", "")
    repository.commit()
    (tmp_path / "link.py").symlink_to(repository.path / "code.py")
    expected = {
        repository.path / "code.py": True,
        repository.path / "data" / ".." / "code.py": True,
        tmp_path / "link.py": True,
        repository.path / "my tool.py": True,
        repository.write("tool.py", ""): False,  # ends and begins like the name of a tracked file
        repository.write("my", ""): False,
        repository.path: False,
        tmp_path / "elsewhere.py": False,
    }
    found = {file: read_git_state(repository.path, caller_file=file).caller_tracked for file in expected}
    assert found == expected


# The remote


SECRET = "S3cr3t"
REMOTES = {
    f"https://user:{SECRET}@example.org/group/repo.git": "https://example.org/group/repo.git",
    f"https://{SECRET}@example.org:8443/repo": "https://example.org:8443/repo",
    f"https://example.org/repo?token={SECRET}#{SECRET}": "https://example.org/repo",
    f"https://example.org/repo#{SECRET}": "https://example.org/repo",
    f"https://example.org?token={SECRET}": "https://example.org",
    f"ssh://git:{SECRET}@example.org:22/repo": "ssh://example.org:22/repo",
    f"ssh://git:{SECRET}@[2001:db8::1]:22/repo": "ssh://[2001:db8::1]:22/repo",
    f"https://user:a/{SECRET}@example.org/repo": "https://",
    f"https://user:1/{SECRET}@example.org/repo": "https://",
    f"https://user:a#{SECRET}@example.org/repo": "https://",
    f"https://user:a?{SECRET}@example.org/repo": "https://",
    f"https://user:a@{SECRET}/b@example.org/repo": "https://",
    f"https://user:{SECRET}%40example.org/repo": "https://",
    f"https://user:a@{SECRET}@example.org/repo": "https://example.org/repo",
    f"ext::sh -c 'connect {SECRET}@example.org'": "ext::",
    f"codecommit::eu-central-1://{SECRET}@repo": "codecommit::",
    f"s3://KEY:{SECRET}/bucket": "s3://",
    f"user:{SECRET}@example.org:group/repo": "example.org:group/repo",
    f"https:/user:{SECRET}@example.org/repo": "example.org/repo",
    f"//user:{SECRET}@example.org/repo": "//example.org/repo",
    "git@example.org:group/repo.git": "example.org:group/repo.git",
    "https://example.org/@scope/repo": "https://example.org/@scope/repo",
    "/data/a@b/repo#1": "/data/a@b/repo#1",
    "../repo": "../repo",
    "C:\\data\\a@b": "C:\\data\\a@b",
}


@pytest.mark.parametrize("url", REMOTES)
def test_remote_without_secrets(repository: GitRepository, url: str) -> None:
    """The remote is named without user, password, query and fragment; in doubt nothing but its scheme is left."""
    repository.git("config", "remote.origin.url", url)
    state = read_git_state(repository.path)
    assert facts(state).remote == REMOTES[url]
    assert SECRET not in repr(state)


@given(
    scheme=st.sampled_from(["https", "ssh", "http", "git+ssh", "s3", "ext"]),
    around=st.tuples(*[st.text("abc/?#@:%[]\\ 1", max_size=4)] * 2),
    place=st.sampled_from(["{s}://u:{p}@h/r", "{s}://{p}@h/r", "{s}://h/r?t={p}", "{s}://h/r#{p}", "{s}::{p}"]),
)
def test_no_password_survives(scheme: str, around: tuple[str, str], place: str) -> None:
    """Whatever characters a password contains, none of it is left where git allows one."""
    url = place.format(s=scheme, p=f"{around[0]}{SECRET}{around[1]}")
    # In `https://a/b@host` the host is `a`, for git as well, so this is no place for a password.
    assume("://{p}@" not in place or "/" not in "".join(around))
    assert SECRET not in without_secrets(url)


def test_abbreviations_are_not_expanded(repository: GitRepository) -> None:
    """A secret that url.insteadOf would put into the remote stays out."""
    repository.git("config", f"url.https://user:{SECRET}@example.org/.insteadOf", "work:")
    repository.git("config", "remote.origin.url", "work:repo.git")
    assert facts(read_git_state(repository.path)).remote == "work:repo.git"


def test_which_remote(repository: GitRepository) -> None:
    """Without a remote called origin it is the one of the branch, or the only one; in doubt there is none."""
    repository.git("config", "remote.Lab.url", "https://lab.example.org/repo")
    assert facts(read_git_state(repository.path)).remote == "https://lab.example.org/repo"
    repository.git("config", "remote.fork.url", "https://fork.example.org/repo")
    assert facts(read_git_state(repository.path)).remote is None
    repository.git("config", "branch.main.remote", "fork")
    assert facts(read_git_state(repository.path)).remote == "https://fork.example.org/repo"
    repository.git("config", "remote.origin.url", "https://origin.example.org/repo")
    assert facts(read_git_state(repository.path)).remote == "https://origin.example.org/repo"


@pytest.mark.parametrize(
    "place",
    [
        *("branch of a remote", "ahead of it", "only a local branch", "no remote", "no commit"),
        *("upstream", "ahead of the upstream", "a local branch as upstream"),
    ],
)
def test_pushed(repository: GitRepository, tmp_path: Path, place: str) -> None:
    """A commit is pushed if a branch of a remote holds it, as far as this repository knows; nothing is fetched."""
    if place not in ("no remote", "no commit"):
        repository.git("init", "--quiet", "--bare", tmp_path / "remote")
        repository.git("remote", "add", "lab", tmp_path / "remote")
        repository.git("push", "--quiet", "lab", "main:other")
        repository.write("code.py", "print(2)\n")
        repository.commit()
    if place == "branch of a remote":
        repository.git("push", "--quiet", "lab", "main:other")
        (tmp_path / "remote").rename(tmp_path / "gone")
    elif place == "only a local branch":
        repository.git("branch", "lab/fake")
    elif place == "a local branch as upstream":
        repository.git("branch", "lab/fake")
        repository.git("branch", "--quiet", "--set-upstream-to", "lab/fake")
    elif place == "no commit":
        repository = GitRepository(tmp_path / "new")
    elif "upstream" in place:
        repository.git("push", "--quiet", "--set-upstream", "lab", "main")
        if place != "upstream":
            repository.git("commit", "--quiet", "--allow-empty", "--message", "later")
    expected = {"branch of a remote": True, "upstream": True, "no commit": None}.get(place, False)
    assert facts(read_git_state(repository.path)).pushed is expected


def test_the_facts_are_those_of_the_first_commit(repository: GitRepository) -> None:
    """At the end of a run the commit of its start is described, whatever is checked out then."""
    with PendingStatus(repository.path, facts=False) as pending:
        first = pending.finish()
    assert first.facts is None
    repository.git("tag", "v1")
    repository.git("commit", "--quiet", "--allow-empty", "--message", "later")
    assert facts(reread_git_state(first)).describe == "v1"


def test_a_commit_that_was_left_is_not_pushed(repository: GitRepository, tmp_path: Path) -> None:
    """At the end of a run it counts whether the commit of its start is pushed, not that of a branch reset meanwhile."""
    repository.git("init", "--quiet", "--bare", tmp_path / "remote")
    repository.git("remote", "add", "lab", tmp_path / "remote")
    repository.git("push", "--quiet", "--set-upstream", "lab", "main")
    repository.git("commit", "--quiet", "--allow-empty", "--message", "never pushed")
    first = read_git_state(repository.path)
    repository.git("reset", "--quiet", "--hard", "lab/main")
    assert facts(reread_git_state(first)).pushed is False


# What cannot be read


def unreadable(folder: Path, **options: float) -> GitUnreadableError:
    """Return the error of a reading that has to fail."""
    with pytest.raises(GitUnreadableError) as caught:
        read_git_state(folder, **options)  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize("place", ["plain folder", "missing", "file", "bare", "inside .git"])
def test_not_a_repository(repository: GitRepository, tmp_path: Path, place: str) -> None:
    """A folder without a work tree is no repository, and the message says what to do."""
    folder = {
        "plain folder": tmp_path,
        "missing": tmp_path / "missing",
        "file": repository.path / "code.py",
        "bare": tmp_path / "bare",
        "inside .git": repository.path / ".git",
    }[place]
    repository.git("init", "-q", "--bare", tmp_path / "bare")
    error = unreadable(folder)
    assert error.code == "git.not_a_repository"
    assert str(folder) in error.message
    assert "Start from" in error.message


def test_git_not_installed(repository: GitRepository, tmp_path: Path) -> None:
    """Without git the error says so, and the environment is as it was before."""
    (tmp_path / "empty").mkdir()
    code = (
        "import os\n"
        "from pathlib import Path\n"
        "from gaitmap_results.provenance.git import GitUnreadableError, read_git_state\n"
        "before = dict(os.environ)\n"
        "try:\n"
        f"    read_git_state(Path({str(repository.path)!r}))\n"
        "except GitUnreadableError as error:\n"
        "    print(error.code, error.message)\n"
        "assert dict(os.environ) == before\n"
    )
    environment = {**os.environ, "PATH": str(tmp_path / "empty")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("git.unavailable git was not found. Install git")
    assert done.stderr == ""


def test_a_git_in_the_working_directory_is_not_started(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program named git that lies in the working directory never runs, even if PATH names that directory by a dot."""
    fake = repository.write("git", "#!/bin/sh\ntouch was_started\n")
    fake.chmod(0o755)
    monkeypatch.chdir(repository.path)
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", os.environ["PATH"]]))
    assert read_git_state(repository.path).untracked == ("git",)
    assert not (repository.path / "was_started").exists()


def test_foreign_owner(repository: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository of another user is unknown, and the message holds the line that lets git trust it."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        monkeypatch.delenv("SUDO_UID", raising=False)
        for path in [repository.path, *repository.path.rglob("*")]:
            os.chown(path, 65534, 65534)
    else:
        monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    error = unreadable(repository.path)
    assert error.code == "git.unavailable"
    assert f"git config --global --add safe.directory {os.path.realpath(repository.path)}" in error.message


def broken_filter(repository: GitRepository, command: str) -> None:
    """Make git run a command to compare a file, as Git LFS does."""
    repository.write("large.bin", "1")
    repository.commit()
    repository.write(".gitattributes", "*.bin filter=large\n")
    repository.git("config", "filter.large.clean", command)
    repository.git("config", "filter.large.required", "true")
    repository.write("large.bin", "2")


@ON_POSIX
def test_failing_filter(repository: GitRepository) -> None:
    """When git fails because a filter such as Git LFS fails, the state is unknown and git's own words are shown."""
    broken_filter(repository, f"echo 'from https://user:{SECRET}@example.org/x?t={SECRET}' >&2; false")
    error = unreadable(repository.path)
    assert error.code == "git.unavailable"
    assert "filter" in error.message
    assert "https://example.org/x" in error.message
    assert SECRET not in error.message


@ON_POSIX
def test_timeout(repository: GitRepository, tmp_path: Path) -> None:
    """A git that hangs ends in an error after the time given, and nothing it had started goes on."""
    broken_filter(repository, f"echo $$ > '{tmp_path}/pid'; exec sleep 1000")
    for seconds in (1, 30):  # where the machine is so busy that git gets nowhere in the first one
        error = unreadable(repository.path, timeout=float(seconds))
        assert (error.code, f"within {seconds} s" in error.message) == ("git.unavailable", True)
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
            break
    sleeping = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 500
    while psutil.pid_exists(sleeping) and psutil.Process(sleeping).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_is_done_meanwhile_is_no_time_of_git(repository: GitRepository) -> None:
    """An answer that is there counts, also if the program itself was held up before it asked for it."""
    others = set(psutil.Process().children(recursive=True))  # such as pools that earlier tests left behind

    def git_works() -> bool:
        own = set(psutil.Process().children(recursive=True)) - others
        return any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in own)

    with PendingStatus(repository.path, timeout=0.5) as reading:
        begin = time.monotonic()
        while git_works() or time.monotonic() < begin + 0.6:
            time.sleep(0.01)
        assert reading.finish().dirty is False


def test_folder_without_permission(repository: GitRepository, tmp_path: Path) -> None:
    """A folder that git may not look into is dirty, because nobody knows what is in it; it can be ignored."""
    inner = GitRepository(tmp_path / "inner")
    inner.write("algorithm.py", "")
    inner.commit()
    repository.git("submodule", "add", "--quiet", str(inner.path), "sub")
    repository.commit()
    repository.write("closed/code.py", "")
    closed = [repository.path / "closed", repository.path / "sub"]
    script = (
        "import pathlib\n"
        "from gaitmap_results.provenance.git import read_git_state\n"
        "for ignore in [], ['*.log'], ['closed', 'sub']:\n"
        "    state = read_git_state(pathlib.Path.cwd(), ignore=ignore)\n"
        "    print(state.untracked, state.submodules, state.dirty)\n"
    )
    command = as_ordinary_user([sys.executable, "-c", script])
    try:
        for folder in closed:
            folder.chmod(0)
        done = subprocess.run(
            command, cwd=repository.path, env=python_environment(), capture_output=True, text=True, check=True
        )
    finally:
        for folder in closed:
            folder.chmod(0o700)
    assert done.stdout.splitlines() == [*["('closed/',) ('sub/',) True"] * 2, "() () False"]


def test_damaged_repository(repository: GitRepository) -> None:
    """A repository that git cannot make sense of is unknown, never clean."""
    (repository.path / ".git/index").write_bytes(b"damaged")
    assert unreadable(repository.path).code == "git.unavailable"


def test_error_pickles() -> None:
    """The error can be sent to another process."""
    error = pickle.loads(pickle.dumps(GitUnreadableError("git.unavailable", "why")))
    assert (error.code, error.message, str(error)) == ("git.unavailable", "why", "why")


# The environment


def test_git_dir_in_the_environment(repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that a git hook leaves behind do not redirect the reading to another repository."""
    other = GitRepository(tmp_path / "other")
    other.commit("elsewhere")
    caller = repository.path / "code.py"
    expected = read_git_state(repository.path, caller_file=caller)
    changes = {
        "GIT_DIR": other.path / ".git",
        "GIT_WORK_TREE": other.path,
        "GIT_COMMON_DIR": other.path / ".git",
        "GIT_INDEX_FILE": tmp_path / "no-index",
        "GIT_OBJECT_DIRECTORY": tmp_path,
        "GIT_CONFIG": tmp_path / "none",
        "GIT_PREFIX": "sub/",
        "GIT_ICASE_PATHSPECS": "1",
    }
    for name, value in changes.items():
        monkeypatch.setenv(name, str(value))
    before = dict(os.environ)
    assert read_git_state(repository.path, caller_file=caller) == expected
    assert replace(reread_git_state(expected), differences=None) == expected
    assert dict(os.environ) == before


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files by /proc")
def test_nothing_is_left_behind(repository: GitRepository, tmp_path: Path) -> None:
    """After a reading, a failed one too, there is no child process and no file open that was not there before."""
    read_git_state(repository.path)
    repository.write("out/x", "")

    def left() -> set[Any]:
        return {*psutil.Process().children(recursive=True), *Path("/proc/self/fd").iterdir()}

    before = left()
    for _ in range(3):
        state = read_git_state(repository.path, ignore=["out/y"], caller_file=repository.path / "code.py")
        reread_git_state(state)
        unreadable(tmp_path)
        unreadable(repository.path, timeout=0.0)
    assert left() - before == set()  # pools that earlier tests left behind may end meanwhile


# Two readings


@pytest.mark.parametrize("change", ["edit", "untracked", "stage", "commit", "nested"])
def test_change_between(repository: GitRepository, change: str) -> None:
    """A commit or an edit between two readings is seen, also a commit after which the work tree is clean again."""
    first = read_git_state(repository.path)
    if change == "nested":
        GitRepository(repository.path / "nested").commit()
    else:
        repository.write("new.py" if change == "untracked" else "code.py", "print(2)\n")
    if change == "stage":
        repository.git("add", "--all")
    if change == "commit":
        repository.commit()
    second = reread_git_state(first)
    assert second.differences
    named = {"untracked": "new.py", "nested": "nested/"}.get(change, "code.py")
    assert second.differences.changed == (named,)
    assert second.dirty is ("commit" not in change)
    assert second.commit == repository.git("rev-parse", "HEAD")
    assert facts(second).describe == facts(first).describe


def test_results_between(repository: GitRepository) -> None:
    """What a run writes into its results folder between two readings is no change."""
    options = {"results_folder": repository.path / "out/results"}
    first = read_git_state(repository.path, **options)
    repository.write(f"out/results/{RUN}/metadata.json", "")
    second = reread_git_state(first, **options)
    assert not second.differences
    assert (second.dirty, second.ignored) == (False, ("out/",))


@ON_POSIX
@pytest.mark.parametrize("tee_first", [False, True])
def test_a_folder_that_is_listed_in_another_way_between(repository: GitRepository, tee_first: bool) -> None:
    """Where a `tee` is seen at one reading only, a folder with runs of others is looked into then; it is the same."""
    repository.write(f"copied/{RUN}/metadata.json", "{}")
    repository.write("copied/notes.txt", "1")
    script = (
        "import contextlib, pathlib, subprocess\n"
        "from gaitmap_results.provenance.git import PendingStatus, read_git_state\n"
        "@contextlib.contextmanager\n"
        "def tee():\n"
        "    with subprocess.Popen(['tee', '.git/log'], stdin=-1, stdout=-1) as process:\n"
        "        process.stdin.write(b'x\\n'), process.stdin.flush(), process.stdout.readline()\n"
        "        yield\n"
        "        process.stdin.close()\n"
        f"with tee() if {tee_first} else contextlib.nullcontext():\n"
        "    first = read_git_state(pathlib.Path.cwd())\n"
        f"with contextlib.nullcontext() if {tee_first} else tee():\n"
        "    with PendingStatus(first.base_dir, first=first) as pending:\n"
        "        last = pending.finish()\n"
        "print(first.untracked, last.untracked, bool(last.differences), last.differences.created)\n"
    )
    seen = "('copied/notes.txt',) ('copied/',)" if tee_first else "('copied/',) ('copied/notes.txt',)"
    assert _printed_in_own_session(repository, script) == f"{seen} False ()\n"


@ON_POSIX
@pytest.mark.parametrize("is_of_the_pipeline", [True, False])
def test_only_the_tee_of_the_own_pipeline_writes_a_log(repository: GitRepository, is_of_the_pipeline: bool) -> None:
    """What a `tee` of somebody else's pipeline writes into the repository is a change like any other."""
    script = (
        "import pathlib, subprocess\n"
        "from gaitmap_results.provenance.git import read_git_state\n"
        "with subprocess.Popen(\n"
        f"    ['tee', 'notes.txt'], stdin=-1, stdout=-1, start_new_session={not is_of_the_pipeline}\n"
        ") as tee:\n"
        "    tee.stdin.write(b'x\\n'), tee.stdin.flush(), tee.stdout.readline()\n"
        "    print(read_git_state(pathlib.Path.cwd()).untracked)\n"
        "    tee.stdin.close()\n"
    )
    untracked = "()\n" if is_of_the_pipeline else "('notes.txt',)\n"
    assert _printed_in_own_session(repository, script) == untracked


def _printed_in_own_session(repository: GitRepository, script: str) -> str:
    """Return what a program prints in a session of its own: each `tee` in the group of a process may be its own."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=repository.path,
        env=python_environment(),
        capture_output=True,
        text=True,
        check=True,
        start_new_session=True,
    )
    return done.stdout


def test_repository_deleted_between(tmp_path: Path) -> None:
    """If the repository is gone, the one around it does not answer in its place."""
    GitRepository(tmp_path / "outer").commit()
    inner = GitRepository(tmp_path / "outer/inner")
    inner.commit()
    first = read_git_state(inner.path)
    (inner.path / ".git").rename(tmp_path / "gone")
    with pytest.raises(GitUnreadableError) as caught:
        reread_git_state(first)
    assert caught.value.code == "git.not_a_repository"
