"""The list of tracked files that is read from the index is the one that git gives."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from git_repository import GitRepository, git_environment
from hypothesis import given
from hypothesis import strategies as st

from gaitmap_results.provenance.git import index_file
from gaitmap_results.provenance.git.index_file import list_tracked

ON_POSIX = pytest.mark.skipif(os.name == "nt", reason="needs the file names of POSIX")


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    """Give a repository with one commit."""
    repository = GitRepository(tmp_path / "repository")
    for number in range(9):  # names of every length, as entries are filled up to a multiple of eight
        repository.write(f"code{'x' * number}.py", "print(1)\n")
    repository.write("data/old.csv", "1,2,3\n")
    repository.commit()
    return repository


def listed_by_git(repository: GitRepository) -> bytes:
    """Return what git itself says, as the whole reading asks for it."""
    command = ["git", "ls-files", "-z", "-v", "--full-name", "--recurse-submodules", "--", ":(top)"]
    environment = git_environment(repository.path)
    return subprocess.run(command, cwd=repository.path, env=environment, capture_output=True, check=True).stdout


def conflict(repository: GitRepository) -> None:
    """Merge two changes of one line."""
    repository.git("checkout", "-q", "-b", "other")
    repository.write("code.py", "print(2)\n")
    repository.commit()
    repository.git("checkout", "-q", "main")
    repository.write("code.py", "print(3)\n")
    repository.commit()
    repository.git("merge", "-q", "other", check=False)


def intend_to_add(repository: GitRepository) -> None:
    """Announce a file without adding it."""
    repository.write("later.py", "")
    repository.git("add", "--intent-to-add", "later.py")


def empty(repository: GitRepository) -> None:
    """Stop tracking everything."""
    repository.git("rm", "-rq", "--cached", ".")


STATES = {
    "a commit": lambda repository: None,
    "staged": lambda repository: repository.git("mv", "code.py", "new.py"),
    "assume-unchanged": lambda repository: repository.git("update-index", "--assume-unchanged", "code.py"),
    "skip-worktree": lambda repository: repository.git("update-index", "--skip-worktree", "code.py", "codex.py"),
    "both": lambda repository: repository.git("update-index", "--skip-worktree", "--assume-unchanged", "code.py"),
    "a conflict": conflict,
    "intent to add": intend_to_add,
    "untracked cache": lambda repository: repository.git("update-index", "--force-untracked-cache"),
    "nothing tracked": empty,
    "a resolved conflict": lambda repository: (conflict(repository), repository.git("add", "code.py")),
}


@pytest.mark.parametrize("change", STATES.values(), ids=STATES)
def test_it_is_what_git_says(repository: GitRepository, change: object) -> None:
    """Names and letters are those of `git ls-files -v`, whatever is marked or in conflict."""
    change(repository)
    assert list_tracked(repository.path / ".git" / "index") == listed_by_git(repository)


def submodule(repository: GitRepository) -> None:
    """Add a submodule."""
    other = GitRepository(repository.path.parent / "other")
    other.write("lib.py", "")
    other.commit()
    repository.git("submodule", "--quiet", "add", str(other.path), "sub")


UNUSUAL = {
    "a submodule": submodule,
    "version 4": lambda repository: repository.git("update-index", "--index-version", "4"),
    "a split index": lambda repository: repository.git("update-index", "--split-index"),
    "a sparse index": lambda repository: (
        repository.git("config", "index.sparse", "true"),
        repository.git("sparse-checkout", "set", "--cone", "--sparse-index", "nothing"),
    ),
}


@pytest.mark.parametrize("change", UNUSUAL.values(), ids=UNUSUAL)
def test_an_unusual_index_is_left_to_git(repository: GitRepository, change: object) -> None:
    """Submodules, and indexes of which the list is not in one file, are not read here."""
    change(repository)
    assert list_tracked(repository.path / ".git" / "index") is None


def test_a_large_index_is_left_to_git(repository: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a large repository a process of git is faster."""
    monkeypatch.setattr(index_file, "_MAX_BYTES", 100)
    assert list_tracked(repository.path / ".git" / "index") is None


def test_hashes_of_another_length(tmp_path: Path) -> None:
    """A repository with SHA-256 has longer entries; they are not taken for others."""
    path = tmp_path / "repository"
    path.mkdir()
    repository = GitRepository(path, init=False)
    repository.git("init", "--quiet", "--object-format=sha256")
    for number in range(9):
        repository.write(f"code{'x' * number}.py", "print(1)\n")
    repository.commit()
    assert list_tracked(path / ".git" / "index") is None
    assert listed_by_git(repository).count(b"\0") == 9


def test_no_index(tmp_path: Path) -> None:
    """A repository to which nothing was ever added has no index, and tracks nothing."""
    repository = GitRepository(tmp_path / "repository")
    assert list_tracked(repository.path / ".git" / "index") == listed_by_git(repository) == b""


@ON_POSIX
@given(
    names=st.sets(
        st.binary(min_size=1, max_size=30).filter(
            lambda name: not {0, ord("/")} & set(name) and name.lower() not in (b".", b"..", b".git")
        ),
        max_size=6,
    )
)
def test_names_of_any_bytes(tmp_path_factory: pytest.TempPathFactory, names: set[bytes]) -> None:
    """A name is the bytes that it is, line breaks and bytes that are no text included."""
    repository = GitRepository(tmp_path_factory.mktemp("names") / "repository")
    lines = b"".join(b"100644 e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\t%s\0" % name for name in names)
    subprocess.run(
        ["git", "update-index", "-z", "--add", "--index-info"],
        cwd=repository.path,
        env=git_environment(repository.path),
        input=lines,
        check=True,
        capture_output=True,
    )
    assert list_tracked(repository.path / ".git" / "index") == listed_by_git(repository)


@given(data=st.data())
def test_a_damaged_index_is_left_to_git(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """An index that was cut off or is no index never raises, and never gives half a list."""
    folder = tmp_path_factory.mktemp("damaged")
    repository = GitRepository(folder / "repository")
    repository.write("code.py", "")
    repository.commit()
    index = repository.path / ".git" / "index"
    content = index.read_bytes()
    length = data.draw(st.integers(0, len(content) - 1))
    index.write_bytes(content[:length])
    assert list_tracked(index) is None
