"""Ask git for the changes of one work tree, and read its answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from gaitmap_results.provenance.git.processes import GitProcesses

__all__ = ["COUNTED_KINDS", "Change", "Head", "Kind", "closed_folders", "parse_status", "shown", "start_status"]

Kind = Literal["staged", "unstaged", "untracked", "conflicted", "submodules", "hidden"]
COUNTED_KINDS: tuple[Kind, ...] = ("staged", "unstaged", "untracked", "conflicted", "submodules", "hidden")


@dataclass(frozen=True)
class Change:
    """A path that differs from the commit.

    Attributes
    ----------
    kind
        In which way; ``"hidden"`` is a path whose changes git was told not to report.
    path
        Relative to the top folder of the outermost work tree; a folder without tracked files ends with ``/``.
    submodule
        The submodule that it lies in, with a ``/`` at its end; empty if it is in none.
    """

    kind: Kind
    path: bytes
    submodule: bytes = b""

    @property
    def field(self) -> str:
        """Under which name it is told: what changed inside of a submodule, under that of submodules."""
        return "submodules" if self.submodule and self.kind != "hidden" else self.kind

    def inside(self, submodule: bytes) -> Change:
        """Return this change of a submodule as one of the work tree that the submodule lies in."""
        return replace(self, path=submodule + self.path, submodule=submodule + self.submodule)


def shown(path: bytes) -> str:
    """Return a path as it is shown and stored."""
    return path.decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class Head:
    """Where the work tree is at."""

    commit: bytes | None
    branch: bytes | None


def start_status(processes: GitProcesses, folder: Path, *, ceiling: Path | None = None) -> int:
    """Start the one command that sees every change but those inside of submodules."""
    return processes.start(
        folder,
        *("status", "--porcelain=v2", "-z", "--branch", "--no-ahead-behind"),
        # A renamed file is then its old and its new path, so that code moved out of an ignored folder is new code.
        "--no-renames",
        # Settings of the user or in .gitmodules would hide changes. A submodule at another commit is still told; what
        # changed inside of it is asked there, because what git itself asks there follows the submodule's settings.
        *("--untracked-files=normal", "--ignore-submodules=dirty"),
        ceiling=ceiling,
    )


def parse_status(output: bytes, messages: bytes = b"") -> tuple[Head, list[Change]]:
    """Return what ``git status --porcelain=v2 -z --branch --no-renames`` says.

    The form of the lines is described in the section "Porcelain Format Version 2" of the manual of git-status.
    """
    about: dict[bytes, bytes] = {}
    changes: list[Change] = []
    for line in output.split(b"\0"):
        kind, _, rest = line.partition(b" ")
        if kind == b"#":
            name, _, about[name] = rest.partition(b" ")
        elif kind == b"1":
            changes += _tracked(rest)
        elif kind == b"u":
            changes.append(Change("conflicted", rest.split(b" ", 9)[9]))
        elif kind == b"?":
            changes.append(Change("untracked", rest))
    changes += [Change("untracked", path) for path in closed_folders(messages)]
    commit, branch = about[b"branch.oid"], about[b"branch.head"]
    return Head(None if commit == b"(initial)" else commit, None if branch == b"(detached)" else branch), changes


def closed_folders(messages: bytes) -> list[bytes]:
    """Return the folders that git may not look into: it goes on, but what is in there is unknown, hence not clean."""
    return re.findall(rb"^warning: could not open directory '(.*)': ", messages, re.MULTILINE)


def _tracked(fields: bytes) -> Iterator[Change]:
    states, submodule, *_, path = fields.split(b" ", 7)
    in_index, in_work_tree = states[:1] != b".", states[1:] != b"."
    if in_index:
        yield Change("staged", path)
    if submodule[:1] == b"S":
        yield Change("submodules", path)
    elif in_work_tree:
        yield Change("unstaged", path)
