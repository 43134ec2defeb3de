"""Changes that git does not tell by itself: marks, submodules of every kind, replaced objects, broken links."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from git_repository import GitRepository, git_environment

from gaitmap_results.provenance.git import GitState, GitUnreadableError, PendingStatus, read_git_state
from gaitmap_results.provenance.git.processes import GitProcesses
from gaitmap_results.provenance.git.repository_files import RepositoryFiles

FIELDS = ("staged", "unstaged", "untracked", "conflicted", "submodules", "hidden")
ON_POSIX = pytest.mark.skipif(os.name == "nt", reason="needs links and modes of POSIX")


@pytest.fixture(autouse=True)
def _git_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let git see nothing of this machine."""
    for name, value in git_environment(tmp_path / "any").items():
        if name.startswith("GIT_"):
            monkeypatch.setenv(name, value)


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    """Give a repository with one commit."""
    repository = GitRepository(tmp_path / "repository")
    repository.write("code.py", "1\n")
    repository.write("data/old.csv", "1\n")
    repository.commit()
    return repository


@pytest.fixture
def nested(repository: GitRepository, tmp_path: Path) -> GitRepository:
    """Give a repository with a submodule `middle` that has a submodule `inner`, all of it clean."""
    inner = GitRepository(tmp_path / "inner")
    inner.write("code.py", "1\n")
    inner.commit()
    middle = GitRepository(tmp_path / "middle")
    middle.git("submodule", "--quiet", "add", inner.path, "inner")
    middle.commit()
    repository.git("submodule", "--quiet", "add", middle.path, "middle")
    repository.git("submodule", "--quiet", "update", "--init", "--recursive")
    repository.commit()
    assert changes(read_git_state(repository.path)) == {}
    return repository


def reread_git_state(state: GitState) -> GitState:
    """Read the state again at the end of a run."""
    with PendingStatus(state.base_dir, first=state) as pending:
        return pending.finish()


def changes(state: GitState) -> dict[str, tuple[str, ...]]:
    """Return the changed paths that count, without the empty fields."""
    found = {name: getattr(state, name) for name in FIELDS if getattr(state, name)}
    assert state.dirty is bool(found)
    return found


# Marks


@pytest.mark.parametrize("mark", ["--assume-unchanged", "--skip-worktree"])
@pytest.mark.parametrize("content", ["edited", "gone", "as it was"])
def test_a_marked_file(repository: GitRepository, mark: str, content: str) -> None:
    """A file that git was told not to look at counts, whatever it holds, and if it is gone."""
    repository.git("update-index", mark, "code.py")
    if content == "gone":
        (repository.path / "code.py").unlink()
    elif content == "edited":
        repository.write("code.py", "2\n")
    assert changes(read_git_state(repository.path)) == {"hidden": ("code.py",)}
    state = read_git_state(repository.path, ignore=["code.py"])
    assert (state.dirty, state.ignored) == (False, ("code.py",))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the git commands that are started."""
    names: list[str] = []
    run = GitProcesses._run

    def noting(processes: GitProcesses, folder: Path, arguments: tuple[str, ...], *more: Any) -> Any:
        names.append(arguments[0])
        return run(processes, folder, arguments, *more)

    monkeypatch.setattr(GitProcesses, "_run", noting)
    return names


def age(repository: GitRepository) -> None:
    """Give the files of a repository an old time: within a few seconds, a second change might have the same time."""
    git_dir = repository.path / ".git"
    for file in (git_dir, *git_dir.rglob("*")):
        os.utime(file, (1_000_000_000, 1_000_000_000))


def test_git_is_asked_again_only_for_what_may_have_changed(repository: GitRepository, started: list[str]) -> None:
    """As long as the index, settings and tags are the same files, only the status is asked for; it is never kept."""
    repository.git("remote", "add", "origin", "https://example.org/old.git")
    for _ in range(2):
        assert changes(read_git_state(repository.path)) == {}
    assert started.count("status") == started.count("ls-files") == started.count("config") == 2  # too new to rely on
    age(repository)
    first = read_git_state(repository.path)
    reread_git_state(first)
    started.clear()
    last = reread_git_state(read_git_state(repository.path))
    assert set(started) == {"status", "describe", "rev-list"}  # at the start, HEAD may move
    assert started.count("describe") == 1
    repository.git("update-index", "--assume-unchanged", "code.py")
    assert changes(reread_git_state(last)) == {"hidden": ("code.py",)}
    repository.git("remote", "set-url", "origin", "https://example.org/new.git")
    again = reread_git_state(last).facts
    assert again is not None
    assert again.remote == "https://example.org/new.git"


def test_tags_in_one_file_or_in_tables(repository: GitRepository) -> None:
    """Where tags are not files of their own, what holds them tells that they changed."""
    repository.git("tag", "v1")
    repository.git("pack-refs", "--all")
    (repository.path / ".git" / "reftable").mkdir()
    age(repository)
    states = {RepositoryFiles.around(repository.path).tags}
    for name in ("packed-refs", "reftable"):
        os.utime(repository.path / ".git" / name, (1_000_000_001, 1_000_000_001))
        states.add(RepositoryFiles.around(repository.path).tags)
    assert None not in states
    assert len(states) == 3


@pytest.mark.parametrize("way", ["packed tags", "moved tag", "nested tag", "tag gone"])
def test_a_tag_that_comes_later(repository: GitRepository, way: str) -> None:
    """A tag that is added, moved or removed during a run describes the commit of the run."""
    repository.git("commit", "--quiet", "--allow-empty", "--message", "later")
    repository.git("tag", "area/old", "HEAD^")
    if way == "tag gone":
        repository.git("tag", "v1")
    age(repository)
    first = read_git_state(repository.path)
    before = reread_git_state(first).facts
    assert before is not None
    if way == "tag gone":
        repository.git("tag", "--delete", "v1")
    elif way == "moved tag":
        repository.git("tag", "--force", "area/old")
    else:
        repository.git("tag", "area/new" if way == "nested tag" else "v1")
        if way == "packed tags":
            repository.git("pack-refs", "--all")
    after = reread_git_state(first).facts
    assert after is not None
    expected = {"packed tags": "v1", "moved tag": "area/old", "nested tag": "area/new"}.get(way)
    assert after.describe != before.describe
    assert after.describe == expected if expected else str(after.describe).startswith("area/old-1-g")


def test_a_history_that_is_completed_later(repository: GitRepository, tmp_path: Path) -> None:
    """Whether the history is cut off is asked again once it was completed."""
    repository.git("commit", "--quiet", "--allow-empty", "--message", "later")
    repository.git("clone", "--quiet", "--depth", "1", repository.path.as_uri(), tmp_path / "clone")
    clone = GitRepository(tmp_path / "clone", init=False)
    age(clone)
    assert [read_git_state(clone.path).shallow for _ in range(2)] == [True, True]
    clone.git("fetch", "--quiet", "--unshallow")
    assert read_git_state(clone.path).shallow is False


def test_a_repository_inside_that_comes_later(repository: GitRepository) -> None:
    """A repository that is made in a folder of another one answers for that folder from then on."""
    age(repository)
    data = repository.path / "data"
    assert [read_git_state(data).base_dir for _ in range(2)] == [repository.path.resolve()] * 2
    GitRepository(data)
    assert read_git_state(data).base_dir == data.resolve()


@ON_POSIX
def test_a_marked_link(repository: GitRepository) -> None:
    """A link is a file like any other, also if it leads nowhere."""
    (repository.path / "link").symlink_to("nowhere")
    repository.commit()
    repository.git("update-index", "--skip-worktree", "link")
    assert changes(read_git_state(repository.path)) == {"hidden": ("link",)}


@ON_POSIX
def test_an_edit_that_keeps_size_and_time(repository: GitRepository) -> None:
    """Settings that let git compare fewer properties of a file do not hide an edit."""
    file = repository.path / "code.py"
    os.utime(file, (1_000_000_000, 1_000_000_000))
    repository.git("config", "core.trustCtime", "false")
    repository.git("config", "core.checkStat", "minimal")
    repository.git("update-index", "--refresh")
    time.sleep(1.1)  # git compares whole seconds of the time of the change
    file.write_text("2\n")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    assert repository.git("status", "--porcelain") == ""
    assert changes(read_git_state(repository.path)) == {"unstaged": ("code.py",)}


@pytest.mark.parametrize("mode", ["--cone", "--no-cone", "--sparse-index"])
def test_a_sparse_checkout_is_clean(repository: GitRepository, mode: str) -> None:
    """A sparse checkout marks what it leaves out, and nothing of that is hidden; what is there all the same counts."""
    repository.git("sparse-checkout", "set", mode, "data")
    if mode == "--no-cone":  # in the others the files at the top stay
        assert not (repository.path / "code.py").exists()
    repository.write("extra/more.csv", "1")
    repository.git("add", "--sparse", "extra")
    repository.git("commit", "--quiet", "--message", "more")
    repository.git("sparse-checkout", "reapply")
    assert not (repository.path / "extra").exists()
    assert changes(read_git_state(repository.path)) == {}
    repository.write("extra/more.csv", "2")
    assert "extra/more.csv" in str(changes(read_git_state(repository.path)))


# Submodules


CHANGES = ["edited", "staged", "untracked", "removed", "another commit"]
HIDING = [".gitmodules", "diff.ignoreSubmodules", "submodule.ignore", "status.showUntrackedFiles", "inactive"]


@pytest.mark.parametrize("place", ["middle", "middle/inner"])
@pytest.mark.parametrize(
    ("hiding", "change"),
    [*(("nothing", change) for change in CHANGES), *((hiding, change) for hiding in HIDING for change in CHANGES[::2])],
)
def test_a_change_in_a_submodule(nested: GitRepository, hiding: str, change: str, place: str) -> None:
    """Every change counts, in a submodule of any depth and whatever the settings of any level say."""
    levels = [GitRepository(nested.path / name, init=False) for name in ("", "middle", "middle/inner")]
    if hiding == ".gitmodules":
        for level, name in ((levels[1], "inner"), (levels[0], "middle")):
            level.git("config", "--file", ".gitmodules", f"submodule.{name}.ignore", "all")
            level.commit()
    for level in levels:
        if hiding == "diff.ignoreSubmodules":
            level.git("config", "diff.ignoreSubmodules", "all")
        elif hiding == "submodule.ignore":
            level.git("config", "submodule.middle.ignore", "all")
            level.git("config", "submodule.inner.ignore", "all")
        elif hiding == "status.showUntrackedFiles":
            level.git("config", "status.showUntrackedFiles", "no")
        elif hiding == "inactive":
            level.git("config", "submodule.active", "no such path")
    nested.git("commit", "--quiet", "--all", "--allow-empty", "--message", "settings")
    assert changes(read_git_state(nested.path)) == {}
    submodule = GitRepository(nested.path / place, init=False)
    file = ".gitmodules" if place == "middle" else "code.py"
    if change == "removed":
        (submodule.path / file).unlink()
    elif change == "another commit":
        submodule.git("commit", "--quiet", "--allow-empty", "--message", "other")
    else:
        file = "new.py" if change == "untracked" else file
        submodule.write(file, "# another\n")
        if change == "staged":
            submodule.git("add", "--all")
    named = place if change == "another commit" else f"{place}/{file}"
    assert changes(read_git_state(nested.path)) == {"submodules": (named,)}
    assert not read_git_state(nested.path, ignore=[place]).dirty


@pytest.mark.parametrize("mark", ["--assume-unchanged", "--skip-worktree"])
@pytest.mark.parametrize("place", ["middle", "middle/inner"])
def test_a_marked_submodule(nested: GitRepository, mark: str, place: str) -> None:
    """The mark of a submodule counts, and does not keep the changes in it from being seen."""
    outer, _, name = place.rpartition("/")
    GitRepository(nested.path / outer, init=False).git("update-index", mark, name)
    assert changes(read_git_state(nested.path)) == {"hidden": (place,)}
    (nested.path / place / "new.py").write_text("")
    assert changes(read_git_state(nested.path)) == {"hidden": (place,), "submodules": (f"{place}/new.py",)}


@pytest.mark.parametrize("place", ["middle", "middle/inner"])
@pytest.mark.parametrize("git_folder", ["none", "empty folder", "empty folder with a name"])
def test_a_submodule_with_files_and_no_repository(nested: GitRepository, place: str, git_folder: str) -> None:
    """Files that were copied into the folder of a submodule are no commit's; an empty folder is nothing."""
    GitRepository(nested.path / place, init=False).path.rename(nested.path.parent / "moved")
    folder = nested.path / place
    folder.mkdir()
    assert changes(read_git_state(nested.path)) == {}
    (folder / "below").mkdir()
    assert changes(read_git_state(nested.path)) == {}
    (folder / "below/algorithm.py").write_text("1")
    (folder / "code.py").write_text("1")
    if git_folder != "none":
        (folder / ".git").mkdir()
        if git_folder != "empty folder":
            (folder / ".git/refs").mkdir()
    named = changes(read_git_state(nested.path))["submodules"]
    assert all(path.startswith(place) for path in named)
    assert not read_git_state(nested.path, ignore=[place]).dirty
    assert read_git_state(nested.path, ignore=[f"{place}/below"]).dirty


def test_a_submodule_that_was_never_initialised(nested: GitRepository, tmp_path: Path) -> None:
    """A clone without its submodules is clean: the code is not there."""
    nested.git("clone", "--quiet", nested.path, tmp_path / "clone")
    assert changes(read_git_state(tmp_path / "clone")) == {}
    shutil.rmtree(tmp_path / "clone/middle")
    assert changes(read_git_state(tmp_path / "clone")) == {"submodules": ("middle",)}


@pytest.mark.parametrize("place", ["", "middle", "middle/inner"])
def test_a_link_to_a_repository_that_is_not_there(nested: GitRepository, tmp_path: Path, place: str) -> None:
    """Where .git leads nowhere the state is unknown, and git's own words are told instead of `create one`."""
    folder = nested.path / place
    link = folder / ".git"
    if link.is_dir():
        link.rename(tmp_path / "git")
    link.write_text(f"gitdir: {tmp_path}/gone\n")
    with pytest.raises(GitUnreadableError) as caught:
        read_git_state(nested.path)
    assert caught.value.code == "git.unavailable"
    assert f"{tmp_path}/gone" in caught.value.message
    assert str(folder) in caught.value.message
    assert "git init" not in caught.value.message


@pytest.mark.parametrize(
    "damage", ["", "junk", "gitdir: \n", "a link to nowhere", "an empty folder", "no HEAD", "no objects"]
)
@pytest.mark.parametrize("place", ["", "scripts"])
def test_a_damaged_git(repository: GitRepository, tmp_path: Path, damage: str, place: str) -> None:
    """A damaged .git is named as a broken repository, and no reason to create another one."""
    git = repository.path / ".git"
    (repository.path / "scripts").mkdir()
    if damage in ("no HEAD", "no objects"):
        (git / damage.removeprefix("no ")).rename(tmp_path / "gone")
    else:
        git.rename(tmp_path / "gone")
        if damage == "a link to nowhere":
            git.symlink_to(tmp_path / "nowhere")
        elif damage == "an empty folder":
            git.mkdir()
        else:
            git.write_text(damage)
    with pytest.raises(GitUnreadableError) as caught:
        read_git_state(repository.path / place)
    assert caught.value.code == "git.unavailable"
    assert str(git) in caught.value.message
    assert "git init" not in caught.value.message


# Objects


@pytest.mark.parametrize("what", ["commit", "file"])
def test_replaced_objects(repository: GitRepository, what: str) -> None:
    """What `git replace` puts in the place of an object is in no clone, hence a change."""
    old = repository.git("rev-parse", "HEAD" if what == "commit" else "HEAD:code.py")
    repository.write("code.py", "2\n")
    repository.git("add", "--all")
    if what == "commit":
        new = repository.git("commit-tree", repository.git("write-tree"), "-m", "other")
    else:
        new = repository.git("rev-parse", ":code.py")
    repository.git("replace", old, new)
    repository.git("reset", "--quiet", "--hard")
    assert (repository.path / "code.py").read_text() == "2\n"
    assert "code.py" in str(changes(read_git_state(repository.path)))


@ON_POSIX
def test_nothing_is_started_for_what_is_missing(repository: GitRepository, tmp_path: Path) -> None:
    """In a partial clone no remote is asked for a missing commit; what can be read is."""
    repository.git("tag", "v1")
    for _ in range(2):
        repository.git("commit", "--quiet", "--allow-empty", "--message", "more")
    missing = repository.git("rev-parse", "HEAD~1")
    settings = {
        "core.repositoryformatversion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.url": "ssh://git.invalid/study",
        "remote.origin.promisor": "true",
        "core.sshCommand": f"sh -c 'touch {tmp_path}/started; exit 1'",
        "core.fsmonitor": f"sh -c 'touch {tmp_path}/started'",
        "diff.external": f"sh -c 'touch {tmp_path}/started'",
        "core.pager": f"sh -c 'touch {tmp_path}/started'",
    }
    for name, value in settings.items():
        repository.git("config", name, value)
    hook = repository.write(".git/hooks/post-index-change", f"#!/bin/sh\ntouch {tmp_path}/started\n")
    hook.chmod(0o755)
    (repository.path / ".git/objects" / missing[:2] / missing[2:]).unlink()
    repository.write("code.py", "2\n")
    state = read_git_state(repository.path)
    assert changes(state) == {"unstaged": ("code.py",)}
    assert state.facts is not None
    assert state.facts.remote == "ssh://git.invalid/study"
    assert not (tmp_path / "started").exists()
