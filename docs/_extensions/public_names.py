"""Decides what the reference shows: all public names, in groups, without what only the package itself calls.

The groups are made from ``__all__``, so that the reference is complete without a list kept by hand.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from sphinx.application import Sphinx

# Title -> the folders, or modules of the package's root, whose names it has. Any other name comes under the last title.
_GROUPS = {
    "Record runs": ("recording", "saving"),
    "Write a challenge": ("challenge", "cross_validation", "mobgap_evaluation"),
    "Find and read runs": ("reading",),
    "Run suites": ("suites",),
    "Compare runs": ("comparing",),
    "Unfinished runs": ("unfinished",),
    "Config": ("config",),
    "Errors and warnings": ("exceptions",),
    "More": (),
}
# How the package tells a recorder what it observes. No user calls these.
_NOT_FOR_USERS = {
    f"{owner}.{name}"
    for owner in ("InsideBlock", "Recorder")
    for name in ("challenge_failed", "challenge_finished", "challenge_starts", "challenge_was_saved", "offer")
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


def _skip(_app: Sphinx, _kind: str, _name: str, item: object, skip: bool, _options: object) -> bool | None:
    return True if getattr(item, "__qualname__", "") in _NOT_FOR_USERS else (skip or None)


def _signature(
    _app: Sphinx, kind: str, _name: str, item: object, _options: object, signature: str | None, _returned: object
) -> tuple[str, None] | None:
    """Leave out how an object is made where its docstring explains no parameters: users are given such objects."""
    explained = "\n    Parameters\n" in (item.__doc__ or "")
    return ("", None) if kind == "class" and signature and not explained else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Let the templates of autosummary call :func:`groups`, and leave out what no user calls."""
    app.config.autosummary_context = {"groups": groups}
    app.connect("autodoc-skip-member", _skip)
    app.connect("autodoc-process-signature", _signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
