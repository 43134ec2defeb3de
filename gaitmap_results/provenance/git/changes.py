"""Ask git for the changes of one working tree, and parse its answer."""

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
        How it differs; ``"hidden"`` is a path whose changes git is set not to report.
    path
        Relative to the top folder of the outermost working tree; a folder without tracked files ends with ``/``.
    submodule
        The submodule that holds it, with a trailing ``/``; empty if none.
    """

    kind: Kind
    path: bytes
    submodule: bytes = b""

    @property
    def field(self) -> str:
        """The kind under which the change is reported: changes inside of a submodule count as ``submodules``."""
        return "submodules" if self.submodule and self.kind != "hidden" else self.kind

    def inside(self, submodule: bytes) -> Change:
        """Return this change of a submodule as a change of the enclosing working tree."""
        return replace(self, path=submodule + self.path, submodule=submodule + self.submodule)


def shown(path: bytes) -> str:
    """Return a path as it is shown and stored."""
    return path.decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class Head:
    """The checked-out commit and branch, and whether the branch is where its upstream is."""

    commit: bytes | None
    branch: bytes | None
    is_at_upstream: bool


def start_status(processes: GitProcesses, folder: Path, *, ceiling: Path | None = None) -> int:
    """Start the command that reports every change except those inside of submodules."""
    return processes.start(
        folder,
        *("status", "--porcelain=v2", "-z", "--branch", "--no-ahead-behind"),
        # With old and new path reported separately, code moved out of an ignored folder counts as new code.
        "--no-renames",
        # The user's settings or .gitmodules would hide changes. A submodule at another commit is still reported.
        # Changes inside of submodules are asked there, because git would apply the submodule's settings.
        *("--untracked-files=normal", "--ignore-submodules=dirty"),
        ceiling=ceiling,
    )


def parse_status(output: bytes, messages: bytes = b"") -> tuple[Head, list[Change]]:
    """Parse the output of ``git status --porcelain=v2 -z --branch --no-renames``.

    The format is described in the section "Porcelain Format Version 2" of the manual of git-status.
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
    head = Head(
        None if commit == b"(initial)" else commit,
        None if branch == b"(detached)" else branch,
        about.get(b"branch.ab") == b"+0 -0",
    )
    return head, changes


def closed_folders(messages: bytes) -> list[bytes]:
    """Return the folders that git could not open: their content is unknown, so they are not clean."""
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
