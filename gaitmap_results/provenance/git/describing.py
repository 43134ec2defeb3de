"""Describes a commit by its tags, and remembers that for as long as no tag changes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from gaitmap_results.provenance.git.processes import GitProcesses
from gaitmap_results.store import settled_file as _settled_file

__all__ = ["Description"]

_Signature: TypeAlias = tuple[tuple[str, tuple[int, ...]], ...]

_MOST_TAGS = 500
_known: dict[tuple[str, str], tuple[_Signature, str]] = {}


class Description:
    """What ``git describe --tags --always`` says of a commit, asked for now and answered later.

    Parameters
    ----------
    processes
        Where git is started, unless the answer is known.
    base_dir
        The top folder of the work tree.
    commit
        The commit; ``None`` is the one that is checked out, of which nothing is remembered.
    """

    def __init__(self, processes: GitProcesses, base_dir: Path, commit: str | None = None) -> None:
        self._processes = processes
        self._key = (str(base_dir), commit or "")
        # Before git looks at the tags, so that one that comes meanwhile is noticed the next time.
        self._signature = None if commit is None else _signature_of_tags(base_dir / ".git")
        known = _known.get(self._key)
        self._text = known[1] if known is not None and known[0] == self._signature else None
        if self._text is None:
            self._number = processes.start(base_dir, "describe", "--tags", "--always", *filter(None, [commit]))

    def text(self) -> str | None:
        """Return the description, or ``None`` if git has none."""
        if self._text is not None:
            return self._text
        output = self._processes.answer_or_none(self._number)
        if not output:
            return None
        text = output.strip().decode("utf-8", "backslashreplace")
        if self._signature is not None:
            if len(_known) >= _MOST_TAGS:
                _known.clear()
            _known[self._key] = (self._signature, text)
        return text


def _signature_of_tags(git_folder: Path) -> _Signature | None:
    """Return what changes whenever a tag does, or ``None`` where that cannot be told from the files."""
    if any(os.path.lexists(git_folder / name) for name in ("reftable", "commondir")):
        return None
    try:
        found = list(_files_of_tags(git_folder))
    except OSError:
        return None
    if len(found) > _MOST_TAGS or not all(_settled_file.is_settled(status) for _, status in found):
        return None
    return tuple((path, _settled_file.signature(status)) for path, status in found)


def _files_of_tags(git_folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    packed = git_folder / "packed-refs"
    if packed.exists():
        yield str(packed), packed.stat()
    folders = [str(git_folder / "refs" / "tags")]
    for folder in folders:
        yield folder, os.stat(folder)
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    yield entry.path, entry.stat()
