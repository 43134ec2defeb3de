"""What a pattern of git_dirty_ignore matches: the same as in .gitignore, for any pattern and any names."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from git_repository import GitRepository, git_environment
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from gaitmap_results.provenance.git.ignoring import IgnoreList, check_git_dirty_ignore
from gaitmap_results.provenance.git.patterns import compile_pattern, is_pattern

PIECES = ["a", "b", ".x", "*", "?", "[ab]", "[!a]", "[^b]", "[a-c]", "[]a]", "[[:alpha:]]", "\\*", "\\a"]
parts = st.lists(st.sampled_from(PIECES), min_size=1, max_size=3).map("".join).filter(lambda part: "**" not in part)
patterns = st.builds(
    lambda start, parts, end: start + "/".join(parts) + end,
    st.sampled_from(["", "/", "**/"]),
    st.lists(st.one_of(parts, parts, st.just("**")), min_size=1, max_size=3),
    st.sampled_from(["", "", "/", "/**"]),
)
paths = st.lists(st.sampled_from(["a", "b", "ab", "ba", ".x", "c", "*", "]", "a.x"]), min_size=1, max_size=3).map(
    "/".join
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> GitRepository:
    """Give a repository, which git needs to judge a name."""
    return GitRepository(tmp_path_factory.mktemp("patterns") / "repository")


@pytest.mark.skipif(os.name == "nt", reason="needs the file names of POSIX")
@settings(max_examples=200)
@example(pattern="a*b", names={"a/b", "ab", "aab/x"})
@example(pattern="/a?b", names={"a/b", "axb"})
@given(pattern=patterns, names=st.sets(paths, min_size=5, max_size=12))
def test_any_pattern_matches_what_gitignore_does(repository: GitRepository, pattern: str, names: set[str]) -> None:
    """For any pattern and any files, those are matched that git would ignore."""
    assume(is_pattern(pattern))
    repository.write(".gitignore", f"{pattern}\n")
    compiled = compile_pattern(pattern)
    assert {name for name in names if compiled.match(name)} == ignored_by_git(repository, names)


def ignored_by_git(repository: GitRepository, names: set[str]) -> set[str]:
    """Return the names that git ignores; they need not exist."""
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", "-z", "--stdin"],
        input="".join(f"{name}\0" for name in names).encode(),
        cwd=repository.path,
        env=git_environment(repository.path),
        capture_output=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return set(done.stdout.decode().split("\0")) - {""}


def test_folders_end_with_a_slash() -> None:
    """A folder that git lists as one path is matched as a whole, also by a pattern for folders only."""
    for pattern in ("log*", "log*/", "/log*", "log*/**"):
        assert compile_pattern(pattern).match("logs/")
    assert not compile_pattern("log*/").match("logs")
    assert compile_pattern("log*/").match("logs/today.txt")
    assert not compile_pattern("/log*").match("deep/logs/")


def test_an_absolute_pattern_of_the_repository(tmp_path: Path) -> None:
    """A pattern that begins with the folder of the repository, as scripts build them, matches there only."""
    base_dir = Path(os.path.realpath(tmp_path)) / "study"
    base_dir.mkdir()
    ignored = IgnoreList.of(check_git_dirty_ignore([f"{base_dir}/out/*.csv"]), base_dir)
    assert ignored.covers(b"out/table.csv")
    assert not ignored.covers(b"deep/out/table.csv")
    assert not ignored.covers(b"out/table.txt")


@pytest.mark.parametrize("place", ["literal", "pattern", "home", "inside", "link"])
def test_what_is_vouched_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Entries vouch for files of the repository, and absolute ones and those with ~ for files outside."""
    base_dir, shared = Path(os.path.realpath(tmp_path)) / "study", Path(os.path.realpath(tmp_path)) / "shared"
    for folder in (base_dir, shared / "deep"):
        folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    file = (base_dir if place == "inside" else shared / "deep") / "filters.py"
    file.write_text("")
    entry = {"literal": str(shared), "pattern": f"{shared}/d*/*.py", "home": "~/shared/deep", "inside": "filt*.py"}
    vouching = IgnoreList.of(check_git_dirty_ignore([entry.get(place, "link.py")]), base_dir)
    if place == "link":
        (base_dir / "link.py").symlink_to(file)
        assert vouching.vouches_for(base_dir / "link.py")
        assert not vouching.vouches_for(file)
        return
    assert vouching.vouches_for(file)
    assert not vouching.vouches_for(base_dir / "other.txt")
    assert not vouching.vouches_for(tmp_path / "filters.txt")
