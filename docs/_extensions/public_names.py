"""Groups the public names by what they are for, so that the reference is complete without a list kept by hand."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from sphinx.application import Sphinx

# Title -> the modules whose names it has. A public name from any other module comes under the last title.
_GROUPS = {
    "Record runs": ("recorder", "recording", "observing", "saving"),
    "Write a challenge": ("challenge", "cross_validation", "mobgap_evaluation"),
    "Find and read runs": ("loading", "selecting", "index", "table", "verifying", "criteria", "renaming"),
    "Unfinished runs": ("unfinished", "recovering", "judging", "rescued"),
    "Config": ("config",),
    "Errors and warnings": ("exceptions",),
    "More": (),
}


def groups(package: str, names: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Return the groups that have any of the names, in their order."""
    found: dict[str, list[str]] = {title: [] for title in _GROUPS}
    for name in sorted(set(names), key=str.lower):
        if not name.startswith("__"):
            found[_title(package, name)].append(name)
    return [(title, members) for title, members in found.items() if members]


def _title(package: str, name: str) -> str:
    module = getattr(getattr(importlib.import_module(package), name), "__module__", package)
    parts = module.removeprefix(f"{package}.").split(".")
    known = (title for title, modules in _GROUPS.items() if parts[0] in modules)
    return next(known, list(_GROUPS)[-1])


def setup(app: Sphinx) -> dict[str, bool]:
    """Let the templates of autosummary call :func:`groups`."""
    app.config.autosummary_context = {"groups": groups}
    return {"parallel_read_safe": True, "parallel_write_safe": True}
