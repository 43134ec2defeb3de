"""Let the project's own files count as identified, so that the tests mean the same while the project is being edited.

Without this, every official run of a test would become a debug run with the first uncommitted change of the project,
and where the project is no repository at all.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
#: A folder for PYTHONPATH: its ``sitecustomize`` does the same in a process that a test starts.
FOR_CHILDREN = Path(__file__).with_name("own_tree_in_children")


def take_for_identified(loaded_code: Any) -> None:
    """Leave the files of the project out of what the module ``loaded_code`` judges."""
    audit = loaded_code._Audit
    look_at = audit.look_at
    own = (str(PROJECT / "gaitmap_results"), str(PROJECT / "tests"))

    @functools.wraps(look_at)
    def without_own(self: Any, files: Any) -> None:
        look_at(self, {file: module for file, module in files.items() if not file.startswith(own)})

    audit.look_at = without_own
