"""Whatever is read from the files of a repository is what git itself would have said; in doubt git is asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import git_repository
import pytest
from git_repository import GitRepository
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gaitmap_results.provenance.git import GitState, GitUnreadableError, read_git_state
from gaitmap_results.provenance.git.plain import PlainRepository, find_plain_repository
from gaitmap_results.provenance.git.processes import GitProcesses

ON_POSIX = pytest.mark.skipif(os.name == "nt", reason="needs the file names, links and permissions of POSIX")
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
CONFIG = b"[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n"


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    """Give a repository with one commit, a remote and a branch that follows it."""
    repository = GitRepository(tmp_path / "repository")
    repository.write("code.py", "print(1)\n")
    repository.write("folder/inner/data.csv", "1,2,3\n")
    repository.commit()
    repository.git("remote", "add", "origin", "https://example.org/group/repository.git")
    repository.git("config", "branch.main.remote", "origin")
    repository.git("config", "branch.main.merge", "refs/heads/main")
    return repository


def asked(folder: Path) -> PlainRepository | None:
    """Return what git answers, or None if it refuses."""
    with GitProcesses(60.0) as processes:
        try:
            place = processes.start(folder, "rev-parse", "--is-shallow-repository", "--show-toplevel")
            shallow, _, top = processes.answer(place)[0].partition(b"\n")
        except GitUnreadableError:
            return None
        pattern = r"^(remote\..*\.url|branch\..*\.remote)$"
        answer = processes.answer_or_none(processes.start(folder, "config", "-z", "--get-regexp", pattern))
        listing = ("ls-files", "-z", "-v", "--full-name", "--recurse-submodules", "--", ":(top)")
        tracked = processes.answer_or_none(processes.start(folder, *listing))
    base_dir = Path(os.path.realpath(os.fsdecode(top.removesuffix(b"\n"))))
    return PlainRepository(base_dir, shallow == b"true", answer or b"", tracked)


def git_folder(folder: Path, ceiling: Path | None = None) -> bytes:
    """Return which ``.git`` folder git uses in a folder."""
    with GitProcesses(60.0, ceiling=ceiling) as processes:
        return processes.answer(processes.start(folder, "rev-parse", "--absolute-git-dir"))[0]


def state_or_error(folder: Path) -> GitState | str:
    """Return the state of a repository, or the code of the error."""
    try:
        return read_git_state(folder)
    except GitUnreadableError as error:
        return error.code


def said_by_git(found: PlainRepository, folder: Path) -> bool:
    """Return whether git says what was found, after it was made sure that otherwise it says nothing at all."""
    answer = asked(folder)
    if answer is None:
        # The status fails then as well, hence nothing that was found is ever used.
        assert isinstance(state_or_error(folder), str)
        return False
    assert replace(found, tracked=None) == replace(answer, tracked=None)
    assert found.tracked in (None, answer.tracked)
    return True


def agreed(folder: Path) -> PlainRepository | None:
    """Return what was found without git, after git has said the same."""
    found = find_plain_repository(folder)
    if found is None:
        return None
    state = state_or_error(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gaitmap_results.provenance.git.state.find_plain_repository", lambda _: None)
        assert state_or_error(folder) == state
    if said_by_git(found, folder):
        assert git_folder(found.base_dir, found.base_dir.parent) == git_folder(folder)
    return found


# Repositories that are read


@pytest.mark.parametrize("way", ["direct", "link", "dots", "relative"])
def test_found_from_everywhere(repository: GitRepository, tmp_path: Path, way: str) -> None:
    """From the top folder and from one below, over any way, it is the repository that git finds."""
    start = {
        "direct": repository.path,
        "link": tmp_path / "link",
        "dots": repository.path / "folder" / "..",
        "relative": Path("repository"),  # each test starts in tmp_path
    }[way]
    if way == "link":
        start.symlink_to(repository.path, target_is_directory=True)
    remote = b"remote.origin.url\nhttps://example.org/group/repository.git\0branch.main.remote\norigin\0"
    expected = PlainRepository(Path(os.path.realpath(repository.path)), False, remote, asked(repository.path).tracked)
    assert [agreed(start / below) for below in (".", "folder", "folder/inner")] == [expected] * 3


def _unborn(repository: GitRepository) -> Path:
    return GitRepository(repository.path.parent / "new").path


def _detached(repository: GitRepository) -> Path:
    repository.git("checkout", "-q", "--detach")
    return repository.path


def _clone(repository: GitRepository) -> Path:
    repository.git("clone", "-q", repository.path, repository.path.parent / "clone")
    return repository.path.parent / "clone"


def _shallow_clone(repository: GitRepository) -> Path:
    repository.commit("second")
    repository.git("clone", "-q", "--depth=1", repository.path.as_uri(), repository.path.parent / "shallow")
    return repository.path.parent / "shallow"


def _packed(repository: GitRepository) -> Path:
    repository.git("gc", "-q")
    return repository.path


def _main_work_tree(repository: GitRepository) -> Path:
    repository.git("worktree", "add", "-q", "-b", "side", repository.path.parent / "linked")
    return repository.path


def _nested(repository: GitRepository) -> Path:
    nested = GitRepository(repository.path / "folder" / "nested")
    nested.commit()
    return nested.write("deep/file", "").parent


def _around_a_submodule(repository: GitRepository) -> Path:
    library = GitRepository(repository.path.parent / "library")
    library.write("lib.py", "1\n")
    library.commit()
    repository.git("submodule", "--quiet", "add", library.path, "sub")
    repository.write("sub/lib.py", "2\n")
    return repository.path


def _changed(repository: GitRepository) -> Path:
    repository.write("code.py", "print(2)\n")
    repository.git("add", "code.py")
    repository.write("code.py", "print(3)\n")
    repository.write("new/file.py", "")
    repository.write("results/run.json", "")
    return repository.path


@pytest.mark.parametrize(
    "build",
    [_unborn, _detached, _clone, _shallow_clone, _packed, _main_work_tree, _nested, _around_a_submodule, _changed],
)
def test_plain(repository: GitRepository, build: Callable[[GitRepository], Path]) -> None:
    """What makes a repository no less plain does not lead to git, and the answer is that of git."""
    assert agreed(build(repository)) is not None


@ON_POSIX
@pytest.mark.parametrize("name", ["with space", "quo'te\"", "two\nlines", "end\n", "grün", "\udcff", "[a]*", "-x"])
def test_odd_place(tmp_path: Path, name: str) -> None:
    """The name of the folder does not matter."""
    repository = GitRepository(tmp_path / name / name)
    repository.commit()
    assert agreed(repository.path) is not None


# Repositories that are left to git


def _linked_work_tree(repository: GitRepository) -> Path:
    _main_work_tree(repository)
    return repository.path.parent / "linked"


def _submodule(repository: GitRepository) -> Path:
    return _around_a_submodule(repository) / "sub"


def _separate_git_dir(repository: GitRepository) -> Path:
    repository.git("init", "-q", "--separate-git-dir", repository.path.parent / "elsewhere")
    return repository.path


def _bare(repository: GitRepository) -> Path:
    repository.git("init", "-q", "--bare", repository.path.parent / "bare")
    return repository.path.parent / "bare"


def _bare_in_a_work_tree(repository: GitRepository) -> Path:
    repository.git("init", "-q", "--bare", repository.path / "folder/bare")
    return repository.path / "folder/bare"


def _inside_a_bare_one(repository: GitRepository) -> Path:
    return _bare_in_a_work_tree(repository) / "hooks"


def _inside_git(repository: GitRepository) -> Path:
    return repository.path / ".git"


def _deep_inside_git(repository: GitRepository) -> Path:
    return repository.path / ".git/refs/heads"


def _git_inside_git(repository: GitRepository) -> Path:
    return GitRepository(repository.path / ".git").path


def _below_git(repository: GitRepository) -> Path:
    return GitRepository(repository.path / ".git/work/tree").path


def _git_folder_empty(repository: GitRepository) -> Path:
    (repository.path / "folder/.git").mkdir()
    return repository.path / "folder/inner"


def _git_folder_invalid(repository: GitRepository) -> Path:
    for name in ("objects", "refs"):
        (repository.path / "folder/.git" / name).mkdir(parents=True)
    repository.write("folder/.git/HEAD", "nonsense\n")
    repository.write("folder/.git/config", CONFIG.decode())
    return repository.path / "folder"


def _git_file_empty(repository: GitRepository) -> Path:
    repository.write("folder/.git", "")
    return repository.path / "folder"


def _git_link(repository: GitRepository) -> Path:
    (repository.path / ".git").rename(repository.path.parent / "elsewhere")
    (repository.path / ".git").symlink_to(repository.path.parent / "elsewhere", target_is_directory=True)
    return repository.path


def _git_broken_link(repository: GitRepository) -> Path:
    (repository.path / "folder/.git").symlink_to(repository.path / "missing")
    return repository.path / "folder"


def _linked_parts(repository: GitRepository) -> Path:
    for name in ("objects", "refs"):
        (repository.path / ".git" / name).rename(repository.path.parent / name)
        (repository.path / ".git" / name).symlink_to(repository.path.parent / name, target_is_directory=True)
    return repository.path


def _without(name: str) -> Callable[[GitRepository], Path]:
    def build(repository: GitRepository) -> Path:
        place = repository.path / ".git" / name
        place.rename(repository.path.parent / "moved")
        return repository.path

    return build


def _head_as_link(repository: GitRepository) -> Path:
    (repository.path / ".git/HEAD").unlink()
    (repository.path / ".git/HEAD").symlink_to("refs/heads/main")
    return repository.path


def _head_of_other_kind(repository: GitRepository) -> Path:
    repository.write(".git/HEAD", "ref:   refs/heads/main\n")
    return repository.path


def _common_dir(repository: GitRepository) -> Path:
    other = GitRepository(repository.path.parent / "other")
    other.git("remote", "add", "origin", "https://example.org/other")
    other.commit()
    repository.write(".git/commondir", f"{other.path / '.git'}\n")
    return repository.path


def _work_tree_config(repository: GitRepository) -> Path:
    repository.git("config", "extensions.worktreeConfig", "true")
    repository.git("config", "--worktree", "remote.more.url", "https://example.org/more")
    return repository.path


def _core_worktree(repository: GitRepository) -> Path:
    (repository.path.parent / "tree").mkdir()
    repository.git("config", "core.worktree", repository.path.parent / "tree")
    return repository.path


def _include(repository: GitRepository) -> Path:
    repository.write(".git/more", '[remote "origin"]\n\turl = first\n')
    repository.git("config", "include.path", "more")
    return repository.path


def _include_if(repository: GitRepository) -> Path:
    repository.write(".git/more", '[remote "more"]\n\turl = first\n')
    repository.git("config", "includeIf.onbranch:main.path", "more")
    return repository.path


def _created(*options: str) -> Callable[[GitRepository], Path]:
    def build(repository: GitRepository) -> Path:
        path = repository.path.parent / "created"
        repository.git("init", "-q", *options, path, check=False)
        if not (path / ".git").exists():
            pytest.skip(f"this git has no {options}")
        return path

    return build


def _shallow(content: str | None) -> Callable[[GitRepository], Path]:
    def build(repository: GitRepository) -> Path:
        if content is None:
            (repository.path / ".git/shallow").mkdir()
        else:
            repository.write(".git/shallow", content)
        return repository.path

    return build


def _missing(repository: GitRepository) -> Path:
    return repository.path / "missing"


def _file(repository: GitRepository) -> Path:
    return repository.path / "code.py"


def _no_repository(repository: GitRepository) -> Path:
    return repository.path.parent


def _huge_config(repository: GitRepository) -> Path:
    with (repository.path / ".git/config").open("ab") as file:
        file.write(b"[large]\n" + b"\tkey = value\n" * 100_000)
    return repository.path


LEFT_TO_GIT = {
    "linked work tree": _linked_work_tree,
    "submodule": _submodule,
    "separate git dir": _separate_git_dir,
    "bare": _bare,
    "bare in a work tree": _bare_in_a_work_tree,
    "inside a bare one": _inside_a_bare_one,
    "inside .git": _inside_git,
    "deep inside .git": _deep_inside_git,
    ".git inside .git": _git_inside_git,
    "below .git": _below_git,
    "empty .git folder": _git_folder_empty,
    "invalid .git folder": _git_folder_invalid,
    "empty .git file": _git_file_empty,
    "no objects": _without("objects"),
    "no refs": _without("refs"),
    "no HEAD": _without("HEAD"),
    "no config": _without("config"),
    "HEAD with more spaces": _head_of_other_kind,
    "common folder": _common_dir,
    "config of the work tree": _work_tree_config,
    "core.worktree": _core_worktree,
    "include": _include,
    "includeIf": _include_if,
    "sha256": _created("--object-format=sha256"),
    "reftable": _created("--ref-format=reftable"),
    "shallow without commit": _shallow(""),
    "shallow with nonsense": _shallow("nonsense\n"),
    "shallow folder": _shallow(None),
    "missing": _missing,
    "file": _file,
    "no repository": _no_repository,
    "huge config": _huge_config,
}
LEFT_TO_GIT_ON_POSIX = {
    ".git link": _git_link,
    "broken .git link": _git_broken_link,
    "linked parts": _linked_parts,
    "HEAD as a link": _head_as_link,
}


@pytest.mark.parametrize("situation", LEFT_TO_GIT)
def test_left_to_git(repository: GitRepository, situation: str) -> None:
    """A repository of another kind, and what is none, is left to git, and the state is what it was without all this."""
    assert agreed(LEFT_TO_GIT[situation](repository)) is None


@ON_POSIX
@pytest.mark.parametrize("situation", LEFT_TO_GIT_ON_POSIX)
def test_links_left_to_git(repository: GitRepository, situation: str) -> None:
    """A repository whose parts are links is left to git."""
    assert agreed(LEFT_TO_GIT_ON_POSIX[situation](repository)) is None


@ON_POSIX
@pytest.mark.parametrize("name", ["HEAD", "config"])
def test_pipes_are_not_opened(repository: GitRepository, name: str) -> None:
    """A pipe in the place of a file is not waited for."""
    (repository.path / ".git" / name).unlink()
    os.mkfifo(repository.path / ".git" / name)
    assert find_plain_repository(repository.path) is None


@ON_POSIX
def test_separator_in_the_path(tmp_path: Path) -> None:
    """A folder whose path cannot be given to git as a ceiling is left to git."""
    repository = GitRepository(tmp_path / "a:b" / "repository")
    assert agreed(repository.path) is None


@ON_POSIX
def test_letters_of_either_case(repository: GitRepository) -> None:
    """Where the file system may know a folder under several spellings, git says which one is right."""
    (repository.path / ".GIT").mkdir(exist_ok=True)
    assert agreed(repository.path) is None


# The environment


@ON_POSIX
@pytest.mark.parametrize("form", ["{}", "{}/", ":{}", "{}:", "missing:{}", "/./{}", "//{}"])
def test_ceiling(repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """Folders in which git must not look, in any spelling, are respected, and others are no obstacle."""
    top = repository.path
    (tmp_path / "link").symlink_to(top, target_is_directory=True)
    starts = (top, top / "folder", top / "folder/inner")
    for ceiling in (*starts, tmp_path / "link", top / "missing", top.parent, Path(top.anchor), top / "folder/inner/x"):
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", form.replace(":", os.pathsep).format(ceiling))
        for start in starts:
            found = find_plain_repository(start)
            assert found is None or found == asked(start)
            in_between = top in (real := ceiling.resolve(), *real.parents) and real in start.parents
            assert (found is None) is in_between


def test_variables_of_a_hook(repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that a git hook leaves behind neither redirect nor prevent the reading."""
    other = GitRepository(tmp_path / "other")
    before = agreed(repository.path)
    for name, value in {
        "GIT_DIR": other.path / ".git",
        "GIT_WORK_TREE": other.path,
        "GIT_INDEX_FILE": tmp_path / "no-index",
        "GIT_COMMON_DIR": other.path / ".git",
        "GIT_OBJECT_DIRECTORY": tmp_path / "missing",
        "GIT_SHALLOW_FILE": tmp_path / "shallow",
        "GIT_CONFIG": other.path / ".git/config",
    }.items():
        monkeypatch.setenv(name, str(value))
    assert before is not None
    assert agreed(repository.path) == before


@pytest.mark.parametrize(
    "variables",
    [
        {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "remote.more.url", "GIT_CONFIG_VALUE_0": "more"},
        {"GIT_CONFIG_PARAMETERS": "'remote.more.url'='more'"},
        {"GIT_DISCOVERY_ACROSS_FILESYSTEM": "1"},
    ],
)
def test_settings_in_the_environment(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    """Settings that come from the environment are left to git."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert agreed(repository.path) is None


GLOBAL = {
    "[user]\n\tname = Somebody\n[init]\n\tdefaultBranch = main\n": True,
    # Whose value these are is decided by the file of the repository alone.
    "[core]\n\tworktree = /\n\tbare = true\n[extensions]\n\tworktreeConfig = true\n": True,
    "": True,
    '[remote "more"]\n\turl = https://example.org/more\n': False,
    '[REMOTE "origin"]\n\turl = https://example.org/more\n': False,
    "[Remote.more]\n\turl = https://example.org/more\n": False,
    '[user] name = x\n \t[branch "main"] remote = more\n': False,
    "[include]\n\tpath = more\n": False,
    '[includeIf "gitdir:**"]\n\tpath = more\n': False,
}


@ON_POSIX
@pytest.mark.parametrize("kind", ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "HOME", ".config", "XDG_CONFIG_HOME"])
def test_settings_of_the_user(
    repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A remote, or one of a branch, among the settings of the user or the machine is left to git; others are not."""
    places = {"HOME": "home/.gitconfig", ".config": "home/.config/git/config", "XDG_CONFIG_HOME": "xdg/git/config"}
    file = tmp_path / places.get(kind, "config")
    if kind.startswith("GIT"):
        monkeypatch.setenv(kind, str(file))
        monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1" if kind == "GIT_CONFIG_GLOBAL" else "0")
    else:
        monkeypatch.delenv("GIT_CONFIG_GLOBAL")
        monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        if kind == "XDG_CONFIG_HOME":
            monkeypatch.setenv(kind, str(tmp_path / "xdg"))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.symlink_to("real")  # as people have it who collect such files
    file.with_name("more").write_text('[remote "more"]\n\turl = included\n')
    for text, is_plain in GLOBAL.items():
        file.with_name("real").write_text(text)
        found = find_plain_repository(repository.path)
        assert (found is not None) is is_plain
        answer = asked(repository.path)
        assert found is None or found == answer
        # Where git was asked in vain, there would be nothing to guard against.
        assert is_plain or answer is None or b"more" in answer.settings


@pytest.mark.parametrize(
    ("value", "is_plain"), [("", True), (os.devnull, True), ("missing", False), ("absolute", True), ("folder", False)]
)
def test_places_of_the_user(
    repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, is_plain: bool
) -> None:
    """A file of the user that is empty or missing counts for nothing; one with a relative path is git's to find."""
    places = {"absolute": str(tmp_path / "missing"), "folder": str(tmp_path)}
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", places.get(value, value))
    assert (agreed(repository.path) is not None) is is_plain


# The file of settings


ORIGIN = b'[remote "origin"]\n\turl = https://example.org/x\n'
USUAL_CONFIGS = [
    CONFIG + b"",
    CONFIG + ORIGIN,
    CONFIG + ORIGIN.replace(b"\n", b"\r\n"),
    CONFIG + ORIGIN.rstrip(b"\n"),
    CONFIG + ORIGIN.rstrip(b"\n") + b" \t \r",
    CONFIG + b"\r\n \t\n" + ORIGIN.replace(b"\t", b"   "),
    CONFIG + b'[REMOTE "Origin"]\nURL=a\nuRl =b\nurl= a\n',
    CONFIG + b'[remote "a"]\nurl = 1\n[remote "b"]\nurl = 2\n[remote "a"]\nurl = 3\n[branch "x"]\nremote = a\n',
    CONFIG
    + b'[remote ""]\nurl = a  b   c\n[remote "a.b.c"]\nurl = x\n[remote]\nurl = y\nx.url = z\n'.replace(b"x.url", b"x"),
    CONFIG + b'[remote "o"]\nurl = \xff\xc3\xbc\n[user]\nname = J\xc3\xb6rg\n',
    CONFIG + b'[remote "[x] = y"]\nurl = [core]\n[branch "feature/a b"]\nremote = .\nmerge = refs/heads/x\n',
    CONFIG + b'[remote "o"]\nurl = =x=\nfetch = +refs/heads/*:refs/remotes/o/*\npushurl = y\nurl2 = z\n',
    CONFIG + b"[core]\n\tbare = false\n\trepositoryformatversion = 0\n",
    b"\n" * 1000 + CONFIG + ORIGIN * 1000,
]
UNUSUAL_CONFIGS = [
    b"",
    b"[core]\n\tbare = false\n" + ORIGIN,
    b"\xef\xbb\xbf" + CONFIG + ORIGIN,
    CONFIG + b'[remote "o"]\nurl = "x"\n',
    CONFIG + b'[remote "o"]\nurl = x # y\n',
    CONFIG + b'[remote "o"]\nurl = x;y\n',
    CONFIG + b"# comment\n" + ORIGIN,
    CONFIG + b'[remote "o"]\nurl = a\\\nb\n',
    CONFIG + b'[remote "o"]\nurl = a\\tb\n',
    CONFIG + b'[remote "o"]\nurl = a\tb\n',
    CONFIG + b'[remote "o"]\nurl = a\rb\n',
    CONFIG + b'[remote "o"]\nurl = a\x0b\n',
    CONFIG + b'[remote "o"]\nurl = a\x0c\n',
    CONFIG + b'[remote "o"]\nurl = a\0b\n',
    CONFIG + b'[remote "o"]\x0b\nurl = a\n',
    CONFIG + b'[remote "o"]\nurl\n',
    CONFIG + b'[remote "o"]\nurl =\n',
    CONFIG + b'[remote "o"] url = x\n',
    CONFIG + b'[remote "o\\"p"]\nurl = x\n',
    CONFIG + b'[remote "o\tp"]\nurl = x\n',
    CONFIG + b'[remote "\xff"]\nurl = x\n',
    CONFIG + b'[remote  "o"]\nurl = x\n',
    CONFIG + b"[remote.Origin]\nurl = x\n",
    CONFIG + b'[remote "o"\nurl = x\n',
    CONFIG + b"[remote 'o']\nurl = x\n",
    CONFIG + b'[remote "o"]\n1url = x\n',
    CONFIG + b'[remote "o"]\nu_rl = x\n',
    CONFIG + b"[]\nurl = x\n",
    b"url = x\n" + CONFIG,
    CONFIG + b"[core]\nbare = true\n",
    CONFIG + b"[core]\nbare = yes\n",
    CONFIG + b"[CORE]\nBare = 1\n",
    CONFIG + b"[core]\nbare\n",
    CONFIG + b"[core]\nbare = true\nbare = false\n",
    CONFIG + b"[core]\nbare = nonsense\n",
    CONFIG + b"[core]\nrepositoryformatversion = 1\n",
    CONFIG + b"[core]\nrepositoryformatversion = 99\n",
    CONFIG + b"[core]\nrepositoryFormatVersion = x\n",
    CONFIG + b"[core]\nworkTree = ..\n",
    CONFIG + b"[extensions]\nunknown = x\n",
    CONFIG + b"[extensions]\nobjectFormat = sha256\n",
    CONFIG + b"[include]\npath = x\n",
    CONFIG + b'[includeIf "gitdir:x"]\npath = x\n',
]


@pytest.mark.parametrize("config", USUAL_CONFIGS)
def test_usual_config(repository: GitRepository, config: bytes) -> None:
    """Settings as git writes them, with the usual liberties, are read as git reads them."""
    (repository.path / ".git/config").write_bytes(config)
    assert agreed(repository.path) is not None


@pytest.mark.parametrize("config", UNUSUAL_CONFIGS)
def test_unusual_config(repository: GitRepository, config: bytes) -> None:
    """Settings in any other form are left to git."""
    (repository.path / ".git/config").write_bytes(config)
    assert agreed(repository.path) is None


TRICKY = [
    *(b'"', b"\\", b"#", b";", b"\r", b"\r\n", b"\t", b"\n", b"\\\n", b" ", b"\0", b"\x0b", b"\x0c", b"\x7f", b"\x85"),
    *(b"\xa0", b"\xff", b"\xef\xbb\xbf", b"=", b"[", b"]", b".", b"[core]", b'[remote "x"]', b"[remote.X]", b"url"),
    *(b" = ", b"-", b"_", b"1", b"bare", b"\xc3\xbc", b"remote.", b'"]', b"  ", b"\n\n"),
]
SECTIONS = [b'[remote "origin"]', b'[REMOTE "A.b"]', b"[remote]", b'[branch "main"]', b'  [Branch "a b"]', b"[user]"]
SETTINGS = [
    *(b"\turl = https://example.org/x", b"\tURL=a  b", b"url = \xc3\xbc", b"\tremote = origin", b"\tremote=.", b""),
    *(b"\turl = y \t", b"\tpushurl = z", b"\tfetch = +a/*:b/*", b"url =x", b"remote= y"),
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sections=st.lists(
        st.tuples(st.sampled_from(SECTIONS), st.lists(st.sampled_from(SETTINGS), min_size=1, max_size=3)), min_size=1
    ),
    ends=st.sampled_from([b"\n", b"\r\n"]),
    changes=st.lists(st.tuples(st.integers(0, 200), st.sampled_from(TRICKY)), max_size=2),
)
def test_any_config(
    repository: GitRepository,
    sections: list[tuple[bytes, list[bytes]]],
    ends: bytes,
    changes: list[tuple[int, bytes]],
) -> None:
    """Whatever a file of settings looks like, it is read as git reads it, or left to git."""
    config = CONFIG + b"".join(line + ends for header, lines in sections for line in (header, *lines))
    for distance, piece in changes:
        place = max(0, len(config) - distance)
        config = config[:place] + piece + config[place:]
    (repository.path / ".git/config").write_bytes(config)
    found = find_plain_repository(repository.path)
    if found is not None:
        said_by_git(found, repository.path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    head=st.lists(st.sampled_from([b"ref:", b" ", b"refs/heads/main", b"\n", b"refs/", b"a" * 40, b"g"]), max_size=5)
)
def test_any_head(repository: GitRepository, head: list[bytes]) -> None:
    """Whatever stands in HEAD, a repository is one if git takes it for one."""
    (repository.path / ".git/HEAD").write_bytes(b"".join(head))
    found = find_plain_repository(repository.path)
    assert found is None or said_by_git(found, repository.path)


NESTED: dict[str, Callable[[Path, Path], object]] = {
    "repository": lambda model, folder: shutil.copytree(model, folder / ".git"),
    "bare": lambda model, folder: shutil.copytree(model, folder, dirs_exist_ok=True),
    "no HEAD": lambda model, folder: shutil.copytree(model, folder / ".git", ignore=lambda *_: ["HEAD"]),
    "no refs": lambda model, folder: shutil.copytree(model, folder / ".git", ignore=lambda *_: ["refs"]),
    "only HEAD": lambda model, folder: shutil.copy(model / "HEAD", folder),
    "empty folder": lambda _, folder: (folder / ".git").mkdir(),
    "nonsense": lambda _, folder: (folder / ".git").write_text("nonsense"),
    "elsewhere": lambda model, folder: (folder / ".git").write_text(f"gitdir: {model}\n"),
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(levels=st.lists(st.sampled_from(["", *NESTED]), min_size=1, max_size=3))
def test_any_nesting(repository: GitRepository, tmp_path: Path, levels: list[str]) -> None:
    """Whatever lies in the folders above, of repositories and of what only looks like one, it is git's choice."""
    shutil.rmtree(tmp_path / "top", ignore_errors=True)
    folder = tmp_path
    for name, kind in zip(("top", "middle", "inner"), levels, strict=False):
        folder = folder / name
        folder.mkdir()
        if kind:
            NESTED[kind](repository.path / ".git", folder)
    found = find_plain_repository(folder)
    if found is not None:
        assert said_by_git(found, folder)


# Permissions and mounts


def _run_script(prefix: list[str], script: str, *arguments: Path) -> str:
    code = (
        f"import sys\nsys.path.insert(0, {str(Path(git_repository.__file__).parent)!r})\nfrom pathlib import Path\n"
        + script
    )
    command = [*prefix, sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _limited() -> list[str]:
    """Return what runs a program that permissions hold for, although root runs the tests."""
    if not IS_ROOT:
        return []
    limits = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"]
    if shutil.which("setpriv") is None or subprocess.run([*limits, "true"], check=False).returncode:
        pytest.skip("root cannot give up its rights here")
    return limits


@ON_POSIX
def test_without_permission(repository: GitRepository, tmp_path: Path) -> None:
    """A folder or file that may not be read, or not be entered, changes nothing: the same state or the same error."""
    # What git passes over makes it go on to this one.
    GitRepository(tmp_path).git("commit", "--quiet", "--allow-empty", "--message", "around")
    script = (
        "from test_plain_repository import agreed\n"
        "top = Path(sys.argv[1])\n"
        "for name in ('folder', 'folder/inner', '.git', '.git/objects', '.git/refs', "
        "'.git/config', '.git/HEAD', '.'):\n"
        "    before = (top / name).stat().st_mode\n"
        "    for mode in (0o000, 0o100, 0o400, 0o500):\n"
        "        (top / name).chmod(mode)\n"
        "        try:\n"
        "            found = [agreed(top / start) is not None for start in ('.', 'folder', 'folder/inner')]\n"
        "        finally:\n"
        "            (top / name).chmod(before)\n"
        "        print(name, oct(mode), *found)\n"
    )
    lines = _run_script(_limited(), script, repository.path).splitlines()
    assert "folder 0o0 True False False" in lines
    assert ".git 0o0 False False False" in lines
    assert "folder/inner 0o500 True True True" in lines


@ON_POSIX
def test_mount_in_the_work_tree(repository: GitRepository) -> None:
    """From a file system that is mounted in the work tree git does not look further up, and no one else does."""
    prefix = ["unshare", "--mount", *([] if IS_ROOT else ["--map-root-user"]), "--", "sh", "-c"]
    mount = f"mount -t tmpfs none '{repository.path}/folder' && mkdir '{repository.path}/folder/inner'"
    if shutil.which("unshare") is None or subprocess.run([*prefix, mount], capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    script = (
        "from test_plain_repository import agreed\n"
        "print([agreed(Path(folder)) is not None for folder in sys.argv[1:]])\n"
    )
    folders = (repository.path, repository.path / "folder", repository.path / "folder/inner")
    assert _run_script([*prefix, f'{mount} && exec "$0" "$@"'], script, *folders) == "[True, False, False]"


@ON_POSIX
@pytest.mark.parametrize("place", [".", ".git"])
@pytest.mark.parametrize("trusted", [False, True])
def test_foreign_owner(
    repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, trusted: bool
) -> None:
    """A repository of another user is unknown, unless it is trusted, and then nothing is different about it."""
    if IS_ROOT:
        monkeypatch.delenv("SUDO_UID", raising=False)
        os.chown(repository.path / place, 65534, 65534)
    else:
        monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    if trusted:
        (tmp_path / "trusting").write_text(f"[safe]\n\tdirectory = {repository.path}\n")
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "trusting"))
    agreed(repository.path / "folder")
    state = state_or_error(repository.path)
    assert isinstance(state, GitState) if trusted else state == "git.unavailable"
