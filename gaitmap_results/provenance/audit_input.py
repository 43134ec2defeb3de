"""Define the input of an audit of the loaded code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gaitmap_results.user_code.caller import Caller
from gaitmap_results.user_code.entry import Entry

__all__ = ["CodeQuestion"]


class CodeQuestion(NamedTuple):
    """The input of an audit of the loaded code.

    Attributes
    ----------
    base_dir, commit
        The repository of the working directory and the commit that is stored; None if there is none.
    ignore
        The validated entries of ``git_dirty_ignore``.
    caller, entry
        The code that asked for the record, and the decorated function, if there is one.
    editables
        The folders of editable installs, by package name.
    """

    base_dir: Path | None
    commit: str | None
    ignore: Sequence[str]
    caller: Caller | None
    entry: Entry | None
    editables: Mapping[str, Path]
