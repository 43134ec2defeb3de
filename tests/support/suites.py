"""What tests of suites share: the module of entries with a store of its own, and what became of it."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path

from processes import python_environment

__all__ = ["ran", "runs_in", "suite_in"]


@contextmanager
def suite_in(folder, monkeypatch):
    """Yield the module of entries, whose store and log are in a folder, in every process that is started meanwhile."""
    monkeypatch.setenv("SUITE_STORE", str(folder / "store"))
    monkeypatch.setenv("SUITE_LOG", str(folder / "log"))
    monkeypatch.setenv("PYTHONPATH", python_environment()["PYTHONPATH"])
    sys.modules.pop("suite_entries", None)
    import suite_entries

    suite_entries.LOG.write_text("")
    try:
        yield suite_entries
    finally:
        sys.modules.pop("suite_entries", None)


def ran(suite):
    """Return what each challenge that ran has noted."""
    return sorted(suite.LOG.read_text().split())


def runs_in(store):
    """Return the run folders of a store."""
    return sorted(path.parent for path in Path(store).glob("*/*/**/metadata.json") if ".unfinished" not in path.parts)
