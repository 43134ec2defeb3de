"""Looks at what a recorder wrote: which of the facts about a run can be found in there."""

from __future__ import annotations

import os
import platform
import re
import socket
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from recorded_content import CONTENT, N_BYTES, NUMBERS, PARAMETERS
from surroundings import run_git

from gaitmap_results.provenance import machine as _system

__all__ = ["Stored", "commit_edit", "look", "make_dirty"]

# What is written into a tracked file before the run that is looked at.
_EDIT = "EDITED_BUT_NOT_COMMITTED = 731"
_DIRTY = re.compile(r"dirty\W{1,6}(?:value\W{1,6})?true", re.IGNORECASE)
_SQLITE = b"SQLite format 3\0"


@dataclass(frozen=True)
class Stored:
    """What was found of one run.

    Attributes
    ----------
    commit, packages, machine, caller
        Words for the table; a dash for nothing.
    anew
        Whether a second run of the process stored another commit that was made in between.
    changes
        What it says about the edit that was not committed: the lines, that there is one, or nothing.
    missing
        What of the file and the numbers could not be found; they are what every recorder was given.
    """

    commit: str
    changes: str
    packages: str
    machine: str
    caller: str
    anew: str
    missing: tuple[str, ...]

    @property
    def has_provenance(self) -> bool:
        """Say whether anything was stored that the user did not hand over."""
        return any(fact != "-" for fact in self.facts())

    def facts(self) -> tuple[str, ...]:
        """Return the words for the table."""
        return self.commit, self.changes, self.packages, self.machine, self.caller, self.anew


def make_dirty(repository: Path) -> None:
    """Edit a tracked file without committing it."""
    edited = min(repository.glob("part_*/*.py"))
    with edited.open("a", encoding="utf-8") as file:
        file.write(_EDIT + "\n")


def commit_edit(repository: Path) -> None:
    """Commit that edit, and nothing of what a recorder may have put into the repository."""
    run_git(repository, "commit", "--quiet", "--message", "the edit", "--", "part_000")


def look(folders: Iterable[Path], repository: Path) -> Stored:
    """Look through everything that a recorder wrote for a run before and a run after the edit was committed.

    Parameters
    ----------
    folders
        Where it wrote outside of the repository.
    repository
        Where it ran; what is there beside the first commit was written by the recorder, too.
    """
    written = [*_files(folders), *_added_files(repository)]
    text = "\n".join([*map(_text, written), *_new_commits(repository)])
    commit, later = (run_git(repository, "rev-parse", name).strip() for name in ("HEAD~1", "HEAD"))
    missing = [name for name, value in {**PARAMETERS, **NUMBERS}.items() if str(value) not in text]
    if not any(file.stat().st_size == N_BYTES and file.read_bytes() == CONTENT for file in written):
        missing.append("the result file")
    return Stored(
        commit="yes" if commit in text else "-",
        changes="their lines" if _EDIT in text else "that there are some" if _DIRTY.search(text) else "-",
        packages=_packages(text),
        machine=_machine(text),
        caller="yes" if "gait_entry.py" in text else "-",
        anew="yes" if later in text else "-",
        missing=tuple(missing),
    )


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        # A link counts for the file that it leads to only where that is the recorder's, too.
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())


def _added_files(repository: Path) -> Iterator[Path]:
    for name in run_git(repository, "ls-files", "-z", "--others").split("\0"):
        # The file that the experiment itself put there is not what the recorder wrote.
        if name and name != "result.bin":
            yield repository / name


def _new_commits(repository: Path) -> Iterator[str]:
    """Yield commits that are on no branch, with their changes; DVC keeps experiments in such."""
    yield run_git(repository, "log", "--all", "--not", "--branches", "--format=raw", "--patch", "--text")


def _text(file: Path) -> str:
    content = file.read_bytes()
    if content == CONTENT:
        return ""  # random bytes may look like anything
    if not content.startswith(_SQLITE):
        return content.decode("utf-8", "replace")
    database = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)
    try:
        return "\n".join(database.iterdump())
    finally:
        database.close()


def _packages(text: str) -> str:
    installed = {each.metadata["Name"]: each.version for each in distributions()}
    found = 0
    for name, version in installed.items():
        spelling = re.sub(r"[-_.]+", "[-_.]+", name)
        found += bool(re.search(rf"(?<![\w-]){spelling}\W{{1,6}}{re.escape(version)}", text, re.IGNORECASE))
    return f"{found} of {len(installed)}" if found else "-"


def _machine(text: str) -> str:
    facts = {
        "processor": (_system.cpu_info() or {}).get("brand_raw") or platform.processor(),
        "system": platform.release(),
        "Python": platform.python_version(),
    }
    found = [word for word, fact in facts.items() if fact and re.search(rf"(?<!\w){re.escape(fact)}(?!\w)", text)]
    # A short name or number is found only beside the word for it.
    beside = {
        "host": rf"(?:host|node)\w*\W{{1,6}}{re.escape(socket.gethostname())}\b",
        "cores": rf"(?:cpu|core)\w*\W{{1,6}}(?:count\W{{1,6}})?{os.cpu_count()}\b",
    }
    found += [word for word, pattern in beside.items() if re.search(pattern, text, re.IGNORECASE)]
    return ", ".join(found) or "-"
