"""Find the repositories of a record on this machine, and check out their commits in separate working trees."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gaitmap_results.provenance.git.processes import GitProcesses, GitUnreadableError
from gaitmap_results.reproducing.record import RecordedRepository
from gaitmap_results.store.files import expanded

__all__ = ["LocalRepository", "WorkTrees", "ask_git", "find_repository", "has_commit", "top_of"]

_QUICKLY_S: Final = 60.0
_CHECKOUT_S: Final = 3600.0
_SUBMODULE: Final = re.compile(r"160000 commit ([0-9a-f]+)\t([^\0]+)")


@dataclass(frozen=True)
class LocalRepository:
    """A repository of a record, and its place on this machine.

    Attributes
    ----------
    recorded
        The repository as recorded.
    top
        The top folder of its working tree here.
    """

    recorded: RecordedRepository
    top: Path

    @property
    def commit(self) -> str:
        """The commit to check out."""
        return str(self.recorded.commit)


def ask_git(folder: Path, *arguments: str, timeout: float = _QUICKLY_S) -> str | None:
    """Return the output of a git command; ``None`` if it fails."""
    try:
        with GitProcesses(timeout) as processes:
            return os.fsdecode(processes.answer(processes.start(folder, *arguments))[0]).strip("\n")
    except (GitUnreadableError, OSError):
        return None


def top_of(folder: Path) -> Path | None:
    """Return the top folder of the working tree that contains a folder."""
    found = ask_git(folder, "rev-parse", "--show-toplevel") if folder.is_dir() else None
    return Path(found) if found else None


def has_commit(top: Path, commit: str) -> bool:
    """Say whether a repository holds a commit."""
    return ask_git(top, "cat-file", "-e", f"{commit}^{{commit}}") is not None


def find_repository(recorded: RecordedRepository, places: Iterable[Path]) -> LocalRepository | None:
    """Return the first repository with the recorded commit: at its recorded path, or at one of ``places``."""
    if recorded.commit is None or not re.fullmatch(r"[0-9a-f]{7,64}", recorded.commit):
        return None
    own = [] if recorded.path is None else [expanded(recorded.path)]
    for place in [*(each for each in own if each.is_absolute()), *places]:
        top = top_of(place)
        if top is not None and has_commit(top, recorded.commit):
            return LocalRepository(recorded, top)
    return None


@dataclass
class WorkTrees:
    """Working trees in a temporary folder, with the same relative paths as the repositories.

    Attributes
    ----------
    folder
        Their folder.
    made
        The working trees so far, each with its repository.
    """

    folder: Path
    made: dict[Path, Path] = field(default_factory=dict)

    def place(self, repositories: Iterable[LocalRepository]) -> dict[LocalRepository, Path]:
        """Return where each repository will be checked out; relative paths between them stay the same."""
        tops = {each: os.path.realpath(each.top) for each in repositories}
        try:
            common = os.path.commonpath(list(tops.values()))
        except ValueError:  # on different drives
            return {each: self.folder / str(number) / each.top.name for number, each in enumerate(tops)}
        above = Path(common).parent if common in tops.values() else common
        return {each: self.folder / os.path.relpath(top, above) for each, top in tops.items()}

    def make(self, top: Path, commit: str, target: Path) -> None:
        """Check out a commit with all submodules; the user's working tree, branches and index stay unchanged.

        Raises
        ------
        GitUnreadableError
            If git fails, or a submodule is missing.
        """
        if target in self.made:
            return
        self.made[target] = top
        target.parent.mkdir(parents=True, exist_ok=True)
        with GitProcesses(_CHECKOUT_S) as processes:
            processes.answer(processes.start(top, "worktree", "add", "--detach", "--force", str(target), commit))
        for path, inner in _submodules(top, commit):
            source = _submodule_source(top, path, inner)
            if source is None:
                raise GitUnreadableError(
                    "git.unavailable",
                    f"The submodule {path} of {top} does not contain the commit {inner}. "
                    f"Run `git submodule update --init --recursive` there.",
                )
            self.make(source, inner, target / path)

    def remove(self) -> None:
        """Remove every working tree from its repository, even an incomplete one."""
        for target, top in reversed(self.made.items()):
            ask_git(top, "worktree", "remove", "--force", "--force", str(target))
            _forget(top, target)
        self.made.clear()


def _submodules(top: Path, commit: str) -> Iterator[tuple[str, str]]:
    for line in (ask_git(top, "ls-tree", "-r", "-z", "--full-tree", commit) or "").split("\0"):
        if (found := _SUBMODULE.match(line)) is not None:
            yield found[2], found[1]


def _submodule_source(top: Path, path: str, commit: str) -> Path | None:
    """Return a repository from which git can check out a commit of a submodule."""
    common = ask_git(top, "rev-parse", "--git-common-dir")
    kept = [] if common is None else [Path(top, common, "modules", path)]
    for place in [top / path, *kept]:
        if (os.path.lexists(place / ".git") or (place / "HEAD").is_file()) and has_commit(place, commit):
            return place
    return None


def _forget(top: Path, target: Path) -> None:
    """Delete the remains of an interrupted working tree, but no working tree of the user."""
    shutil.rmtree(target, ignore_errors=True)
    common = ask_git(top, "rev-parse", "--git-common-dir")
    if common is None:
        return
    worktrees = Path(top, common, "worktrees")
    wanted = os.path.realpath(target / ".git")
    for entry in worktrees.iterdir() if worktrees.is_dir() else ():
        with contextlib.suppress(OSError):
            if os.path.realpath((entry / "gitdir").read_text(encoding="utf-8").strip()) == wanted:
                shutil.rmtree(entry, ignore_errors=True)
    with contextlib.suppress(OSError):
        worktrees.rmdir()  # git also removes it with the last one
