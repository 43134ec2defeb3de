"""Finds the changed paths of a work tree."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gaitmap_results.provenance.git.processes import GitProcesses

__all__ = ["Change", "Head", "Kind", "parse_status", "shown_changes", "start_status"]

Kind = Literal["staged", "unstaged", "untracked", "conflicted", "submodules", "inside a submodule"]


@dataclass(frozen=True)
class Change:
    """A path that differs from the commit.

    ``"inside a submodule"`` is a submodule at the right commit whose own files have changed.
    """

    kind: Kind
    path: bytes


@dataclass(frozen=True)
class Head:
    """Where the work tree is at."""

    commit: bytes | None
    branch: bytes | None


def start_status(processes: GitProcesses, folder: Path) -> int:
    """Start the one command that sees every change."""
    return processes.start(
        folder,
        *("status", "--porcelain=v2", "-z", "--branch", "--no-ahead-behind"),
        # A renamed file is then its old and its new path, so that code moved out of an ignored folder is new code.
        "--no-renames",
        # These are git's defaults, but settings of the user or in .gitmodules would hide changes.
        *("--untracked-files=normal", "--ignore-submodules=none"),
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
    # git goes on when it may not look into a folder. What is in there is unknown, hence not clean.
    closed = re.findall(rb"^warning: could not open directory '(.*)': ", messages, re.MULTILINE)
    changes += [Change("untracked", path) for path in closed]
    commit, branch = about[b"branch.oid"], about[b"branch.head"]
    return Head(None if commit == b"(initial)" else commit, None if branch == b"(detached)" else branch), changes


def _tracked(fields: bytes) -> Iterator[Change]:
    states, submodule, *_, path = fields.split(b" ", 7)
    in_index, in_work_tree = states[:1] != b".", states[1:] != b"."
    if in_index:
        yield Change("staged", path)
    if submodule[:1] == b"S":
        same_commit = not in_index and submodule[1:2] == b"." and states[1:] == b"M"
        yield Change("inside a submodule" if same_commit else "submodules", path)
    elif in_work_tree:
        yield Change("unstaged", path)


def shown_changes(
    processes: GitProcesses, base_dir: Path, changes: Iterable[Change], entries: Iterable[bytes]
) -> Iterator[Change]:
    """Yield the changes in such detail that each path lies either wholly inside or wholly outside of the entries.

    git lists a folder without tracked files as one path, and a submodule too, whatever has changed in there.
    """
    for change in changes:
        inside = [entry for entry in entries if entry.startswith(change.path.rstrip(b"/") + b"/")]
        if change.kind == "inside a submodule":
            yield from _inside_submodule(processes, base_dir, change.path, inside)
        elif change.kind == "untracked" and inside:
            yield from _inside_folder(processes, base_dir, change.path, inside)
        else:
            yield change


def _inside_folder(processes: GitProcesses, base_dir: Path, folder: bytes, entries: list[bytes]) -> Iterator[Change]:
    options = ("--literal-pathspecs", "ls-files", "-z", "--others", "--exclude-standard")
    output, _ = processes.answer(processes.start(base_dir, *options, "--", os.fsdecode(folder)))
    for path in dict.fromkeys(_shortened(path, entries) for path in output.split(b"\0") if path):
        yield Change("untracked", path)


def _shortened(path: bytes, entries: list[bytes]) -> bytes:
    """Return the outermost folder of an untracked file that no entry lies in, as git itself would list it."""
    parts = path.split(b"/")
    for length in range(1, len(parts)):
        folder = b"/".join(parts[:length]) + b"/"
        if not any(entry.startswith(folder) for entry in entries):
            return folder
    return path


def _inside_submodule(processes: GitProcesses, base_dir: Path, path: bytes, entries: list[bytes]) -> Iterator[Change]:
    if not entries:
        yield Change("submodules", path)
        return
    folder = base_dir / os.fsdecode(path)
    _, changes = parse_status(*processes.answer(start_status(processes, folder)))
    inner = [entry[len(path) + 1 :] for entry in entries]
    for change in shown_changes(processes, folder, changes, inner):
        yield Change("submodules", path + b"/" + change.path)
