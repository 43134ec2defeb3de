"""Which repository holds a file as it is, for files of several repositories at once."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from git_repository import GitRepository, git_environment

from gaitmap_results.provenance.git.tracking import FileInRepository, track_files

ON_POSIX = pytest.mark.skipif(os.name == "nt", reason="needs the file names and links of POSIX")


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
    repository.write("code.py", "print(1)\n")
    repository.write("package/inner.py", "print(1)\n")
    repository.write(".gitignore", "settings.py\n")
    repository.commit()
    return repository


def states(*files: Path, **options: object) -> dict[Path, str]:
    """Return the state of each file that is in a repository."""
    return {Path(each.file): each.state for each in track_files(files, **options)}  # type: ignore[arg-type]


def only(file: Path) -> FileInRepository:
    """Return the answer for one file."""
    (answer,) = track_files([file])
    return answer


def test_each_state(repository: GitRepository) -> None:
    """Each file has one of the four states, and the commit, the branch and the remote are named."""
    repository.git("config", "remote.origin.url", "https://user:secret@example.org/repo")
    repository.write("package/inner.py", "print(2)\n")
    repository.write("new.py", "")
    repository.write("settings.py", "")
    names = ["code.py", "package/inner.py", "new.py", "settings.py"]
    found = states(*(repository.path / name for name in names))
    assert list(found.values()) == ["unchanged", "modified", "untracked", "ignored"]
    answer = only(repository.path / "code.py")
    assert (answer.base_dir, answer.commit) == (repository.path, repository.git("rev-parse", "HEAD"))
    assert (answer.remote, answer.problem) == ("https://example.org/repo", None)


def test_a_staged_file_is_not_in_the_commit(repository: GitRepository) -> None:
    """What is only in the index is untracked or modified: nobody can fetch it."""
    files = [repository.write("new.py", ""), repository.write("code.py", "print(2)\n")]
    repository.git("add", "--all")
    assert list(states(*files).values()) == ["untracked", "modified"]


@pytest.mark.parametrize("mark", ["--assume-unchanged", "--skip-worktree"])
def test_a_mark_hides_nothing(repository: GitRepository, mark: str) -> None:
    """A changed file that git was told not to look at is modified."""
    repository.git("update-index", mark, "code.py")
    file = repository.write("code.py", "print(2)\n")
    assert states(file) == {file: "modified"}


def test_a_file_that_is_gone_is_modified(repository: GitRepository) -> None:
    """A file that was loaded and then removed is not what the commit holds, and does not stop the others' answers."""
    gone, other = repository.path / "code.py", repository.path / "package/inner.py"
    gone.unlink()
    assert states(gone, other) == {gone: "modified", other: "unchanged"}


def test_several_repositories_at_once(repository: GitRepository, tmp_path: Path) -> None:
    """Each repository answers for its own files, a submodule for its own; files in none are in no answer."""
    library = GitRepository(tmp_path / "library")
    library.write("lib.py", "1\n")
    commit = library.commit()
    repository.git("submodule", "--quiet", "add", library.path, "sub")
    repository.commit()
    inner = repository.path / "sub/lib.py"
    loose = tmp_path / "loose.py"
    loose.write_text("")
    files = [repository.path / "code.py", inner, library.path / "lib.py"]
    answers = track_files([*files, loose])
    assert [(Path(answer.file), answer.state) for answer in answers] == [(file, "unchanged") for file in files]
    assert [answer.base_dir for answer in answers] == [repository.path, repository.path / "sub", library.path]
    assert [answer.commit for answer in answers[1:]] == [commit, commit]
    assert track_files([loose]) == track_files([]) == []


def test_another_commit_to_compare_with(repository: GitRepository) -> None:
    """Files can be held against the commit of the start when another one is checked out at the end."""
    start = repository.git("rev-parse", "HEAD")
    file, other = repository.write("code.py", "print(2)\n"), repository.path / "package/inner.py"
    repository.commit()
    answers = track_files([file, other], commits={repository.path: start})
    assert [(answer.commit, answer.state) for answer in answers] == [(start, "modified"), (start, "unchanged")]


@ON_POSIX
def test_a_commit_that_is_given_is_not_asked_for(repository: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content is compared with a commit that is known by two commands: a short run waits for each one."""
    commits = {repository.path: repository.git("rev-parse", "HEAD")}
    git, log = repository.path.parent / "git", repository.path.parent / "log"
    git.write_text(f'#!/bin/sh\necho "$@" >>"{log}"\nexec git "$@"\n')
    git.chmod(0o755)
    monkeypatch.setenv("GIT_PYTHON_GIT_EXECUTABLE", str(git))
    (answer,) = track_files([repository.path / "code.py"], commits=commits)
    assert (answer.state, answer.commit) == ("unchanged", commits[repository.path])
    started = [re.findall(r"(?:-c \S+ )*(\S+)", line)[0] for line in log.read_text().splitlines()]
    assert sorted(started) == ["hash-object", "ls-tree"]


def test_a_replaced_commit_is_not_looked_at(repository: GitRepository) -> None:
    """`git replace` does not make another tree that of the commit."""
    old = repository.git("rev-parse", "HEAD")
    file = repository.write("code.py", "print(2)\n")
    repository.git("replace", old, repository.commit())
    repository.git("reset", "--quiet", "--soft", old)
    assert states(file) == {file: "modified"}


@ON_POSIX
def test_a_link_is_followed(repository: GitRepository, tmp_path: Path) -> None:
    """A link out of the repository is judged by the file behind it."""
    (tmp_path / "shared.py").write_text("")
    loose, known = repository.path / "loose.py", repository.path / "known.py"
    loose.symlink_to(tmp_path / "shared.py")
    known.symlink_to("code.py")
    repository.commit()
    assert states(loose, known) == {known: "unchanged"}


@ON_POSIX
def test_odd_names(repository: GitRepository) -> None:
    """Names with spaces, quotes, line breaks and bytes that are no UTF-8 are files like any other."""
    names = [b" a b ", b'"quoted"', b'"', b"two\nlines", b"tab\t", b"back\\slash", b"\xff\xfe.py", b"\\n"]
    files = [repository.path / os.fsdecode(name) for name in names]
    for number, file in enumerate(files):
        file.write_text(str(number))
    assert set(states(*files).values()) == {"untracked"}
    repository.commit()
    assert states(*files) == dict.fromkeys(files, "unchanged")


def test_line_ends_are_compared_as_git_does(repository: GitRepository) -> None:
    """A file that git stored with other line ends is unchanged."""
    repository.write(".gitattributes", "*.py text eol=crlf\n")
    file = repository.path / "crlf.py"
    file.write_bytes(b"1\r\n2\r\n")
    repository.commit()
    assert states(file) == {file: "unchanged"}


def test_no_commit(tmp_path: Path) -> None:
    """In a repository without any commit, no file is in one."""
    repository = GitRepository(tmp_path / "new")
    file = repository.write("code.py", "")
    answer = only(file)
    assert (answer.commit, answer.state, answer.problem) == (None, "untracked", None)


def test_a_repository_that_cannot_be_read(repository: GitRepository) -> None:
    """Where git cannot answer, the files are unknown, and the reason is told."""
    file = repository.path / "code.py"
    (repository.path / ".git/index").write_bytes(b"damaged")
    answer = only(file)
    assert answer.state == "unknown"
    assert answer.problem
