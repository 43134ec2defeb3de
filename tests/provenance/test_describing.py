"""The description of a commit, which is remembered as long as no tag changes."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from git_repository import GitRepository

from gaitmap_results.provenance.git import describing
from gaitmap_results.provenance.git.describing import Description
from gaitmap_results.provenance.git.processes import GitProcesses


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepository:
    """Give a repository with two commits, in which everything has been as it is for long."""
    monkeypatch.setattr(
        "gaitmap_results.store.settled_file.time", SimpleNamespace(time_ns=lambda: time.time_ns() + 10_000_000_000)
    )
    repository = GitRepository(tmp_path / "repository")
    repository.commit("first")
    repository.commit("second")
    return repository


def described(repository: GitRepository, commit: str) -> tuple[str | None, int]:
    """Return the description, and how many processes of git it took."""
    with GitProcesses(60.0) as processes:
        text = Description(processes, repository.path, commit).text()
        return text, len(processes._started)


def tag_in_a_folder(repository: GitRepository) -> None:
    """Add a tag with a folder in its name."""
    repository.git("tag", "release/1.0")


def another_tag_in_a_folder(repository: GitRepository) -> None:
    """Add a tag beside another one."""
    repository.git("tag", "release/1.1", "HEAD~1")
    described(repository, repository.git("rev-parse", "HEAD"))
    repository.git("tag", "release/1.2")


def moved_tag(repository: GitRepository) -> None:
    """Move a tag."""
    repository.git("tag", "v1", "HEAD~1")
    described(repository, repository.git("rev-parse", "HEAD"))
    repository.git("tag", "--force", "v1", "HEAD")


def deleted_tag(repository: GitRepository) -> None:
    """Delete a tag."""
    repository.git("tag", "v1")
    described(repository, repository.git("rev-parse", "HEAD"))
    repository.git("tag", "--delete", "v1")


def packed_tags(repository: GitRepository) -> None:
    """Add a tag and pack all of them."""
    repository.git("tag", "v1")
    repository.git("pack-refs", "--all")


CHANGES = [tag_in_a_folder, another_tag_in_a_folder, moved_tag, deleted_tag, packed_tags]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_of_the_tags_is_seen(repository: GitRepository, change: object) -> None:
    """Whatever becomes of the tags, the description is the one that git gives now."""
    commit = repository.git("rev-parse", "HEAD")
    first, n_processes = described(repository, commit)
    assert (first, n_processes) == (repository.git("describe", "--tags", "--always"), 1)
    assert described(repository, commit) == (first, 0)
    change(repository)
    assert described(repository, commit)[0] == repository.git("describe", "--tags", "--always")
    assert described(repository, repository.git("rev-parse", "HEAD~1"))[0] == repository.git(
        "describe", "--tags", "--always", "HEAD~1"
    )


def test_tags_that_were_just_changed(repository: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within one tick of the file system's clock two changes look alike, hence nothing is remembered then."""
    monkeypatch.setattr("gaitmap_results.store.settled_file.time", time)
    commit = repository.git("rev-parse", "HEAD")
    assert described(repository, commit) == described(repository, commit)
    assert described(repository, commit)[1] == 1


def test_a_linked_work_tree(repository: GitRepository, tmp_path: Path) -> None:
    """Where the tags lie elsewhere, nothing is remembered."""
    repository.git("worktree", "add", "--quiet", tmp_path / "linked")
    linked = GitRepository(tmp_path / "linked", init=False)
    commit = linked.git("rev-parse", "HEAD")
    described(linked, commit)
    repository.git("tag", "v3")
    assert described(linked, commit) == ("v3", 1)


def test_not_too_much_is_remembered(repository: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that records for weeks does not fill the memory with commits."""
    monkeypatch.setattr(describing, "_MOST_TAGS", 3)
    monkeypatch.setattr(describing, "_known", {("elsewhere", str(number)): ((), "v0") for number in range(3)})
    described(repository, repository.git("rev-parse", "HEAD"))
    assert len(describing._known) == 1
