"""Check for each file whether a repository holds it with its current content."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from gaitmap_results.provenance.git.changes import parse_status, shown
from gaitmap_results.provenance.git.processes import GitProcesses, GitUnreadableError
from gaitmap_results.provenance.git.remote import remote_settings, remote_url, start_settings
from gaitmap_results.provenance.git.repository_files import work_tree_around

__all__ = ["FileInRepository", "track_files"]


class FileInRepository(NamedTuple):
    """What a repository says about a file in its working tree.

    Attributes
    ----------
    file
        The file, as it was given.
    state
        ``unchanged``: the commit holds the file with this content.
        ``modified``: the commit holds it with another content.
        ``untracked``: it is not in the commit.
        ``ignored``: it is not in the commit, and a ``.gitignore`` or another list of git names it.
        ``unknown``: git could not say; see ``problem``.
    base_dir
        The top folder of the working tree, with symbolic links resolved.
    commit
        The commit that the file was compared with; ``None`` if there is none yet, or git could not say.
    remote
        The URL of the remote, without user, password, query and fragment; ``None`` if the commit was given.
    problem
        Why git could not say.
    """

    file: str
    state: str
    base_dir: Path
    commit: str | None
    remote: str | None
    problem: str | None = None


def track_files(
    files: Iterable[Path], *, commits: Mapping[Path, str] | None = None, timeout: float = 30.0
) -> list[FileInRepository]:
    """Return what the repositories say about files, without the files that are in no repository.

    File contents are compared with the commit, so index flags (``assume-unchanged``) and staged changes do not matter.
    A file of a submodule belongs to the submodule's repository.
    A link stands for its target.

    Parameters
    ----------
    files
        The files, as absolute paths.
    commits
        The commit to compare with, by working tree (links resolved); by default the one that is checked out.
    timeout
        Seconds for git's answers.

    Raises
    ------
    GitUnreadableError
        If git is not installed.
    """
    by_top: dict[Path, list[tuple[Path, bytes]]] = {}
    for file in dict.fromkeys(files):
        real = Path(os.path.realpath(file))
        top = work_tree_around(real.parent)
        if top is not None:
            inside = os.fsencode(os.path.relpath(real, top).replace(os.sep, "/"))
            by_top.setdefault(top, []).append((file, inside))
    if not by_top:
        return []
    with GitProcesses(timeout) as processes:
        asked = [
            _Asked(processes, top, inside, None if commits is None else commits.get(top))
            for top, inside in by_top.items()
        ]
        return [found for each in asked for found in each.answer()]


class _Asked:
    """The pending answers of one repository."""

    def __init__(
        self, processes: GitProcesses, top: Path, inside: list[tuple[Path, bytes]], commit: str | None
    ) -> None:
        self._processes = processes
        self._top = top
        self._inside = inside
        self._commit = commit
        self._there = [path for file, path in inside if file.is_file()]
        if commit is None:
            # Restricted to a path that never matches: only the commit and the branch are needed.
            options = ("--porcelain=v2", "-z", "--branch", "--no-ahead-behind", "--", ":(literal).git")
            self._head = self._start("status", *options)
            self._settings = start_settings(processes, top)
        self._tree = self._start("ls-tree", "-r", "-z", "--full-tree", commit or "HEAD")
        self._hashes = self._start("hash-object", "--stdin-paths", paths=[_quoted(path) for path in self._there])

    def _start(self, *arguments: str, paths: Iterable[bytes] = ()) -> int:
        with tempfile.TemporaryFile() as stdin:
            stdin.writelines(paths)
            stdin.seek(0)
            # If .git is not a repository, git must not answer for one around it.
            return self._processes.start(self._top, *arguments, ceiling=self._top.parent, stdin=stdin)

    def answer(self) -> Iterator[FileInRepository]:
        """Wait for git and yield its answer for each file."""
        try:
            commit, remote = (self._commit, None) if self._commit is not None else self._what_is_checked_out()
            states = list(self._states(commit))
        except GitUnreadableError as error:
            for file, _ in self._inside:
                yield FileInRepository(str(file), "unknown", self._top, self._commit, None, error.message)
            return
        for (file, _), state in zip(self._inside, states, strict=True):
            yield FileInRepository(str(file), state, self._top, commit, remote)

    def _what_is_checked_out(self) -> tuple[str | None, str | None]:
        """Return the commit and the remote."""
        head, _ = parse_status(*self._processes.answer(self._head))
        branch = None if head.branch is None else shown(head.branch)
        settings = remote_settings(self._processes.answer_or_none(self._settings))
        return None if head.commit is None else head.commit.decode(), remote_url(settings, branch)

    def _states(self, commit: str | None) -> Iterator[str]:
        tree = b"" if commit is None else self._processes.answer(self._tree)[0]
        committed = {path: held for held, path in re.findall(rb"(?:\A|(?<=\0))[0-7]+ blob ([0-9a-f]+)\t([^\0]+)", tree)}
        here = dict(zip(self._there, self._processes.answer(self._hashes)[0].split(), strict=True))
        missing = [path for _, path in self._inside if path not in committed]
        ignored = self._ignored(missing) if missing else set()
        for _, path in self._inside:
            if path in committed:
                yield "unchanged" if here.get(path) == committed[path] else "modified"
            else:
                yield "ignored" if path in ignored else "untracked"

    def _ignored(self, paths: list[bytes]) -> set[bytes]:
        asked = self._start("check-ignore", "-z", "--stdin", paths=[path + b"\0" for path in paths])
        return set((self._processes.answer_or_none(asked) or b"").split(b"\0"))  # git fails if none is ignored


def _quoted(path: bytes) -> bytes:
    """Return a path as a line of git's input, with quotes and line breaks escaped."""
    for plain, escaped in ((b"\\", b"\\\\"), (b'"', b'\\"'), (b"\n", b"\\n")):
        path = path.replace(plain, escaped)
    return b'"' + path + b'"\n'
