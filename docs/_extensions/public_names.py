"""Decide what the reference shows: all public names, in groups, without what only the package itself calls.

The groups are made from ``__all__``, so that the reference is complete without a list kept by hand.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterable

from sphinx.application import Sphinx

from gaitmap_results import recorded_run

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


def _explain_options(_app: Sphinx, _kind: str, _name: str, _item: object, _options: object, lines: list[str]) -> None:
    """Where options are handed on to ``recorded_run``, explain each of them there, too."""
    if "**options" not in lines:
        return
    text = inspect.getdoc(recorded_run) or ""
    section = text.partition("Parameters\n----------\n")[2].partition("\n\nReturns")[0]
    explained = re.split(r"\n(?=\S)", section)
    place = lines.index("**options")
    own = {line for line in lines[:place] if line and not line.startswith(" ")}
    end = next(n for n in range(place + 1, len(lines)) if not lines[n].startswith(" "))
    others = [each for each in explained if each.partition("\n")[0] not in own]
    lines[place:end] = [line for each in others for line in each.splitlines()]


def setup(app: Sphinx) -> dict[str, bool]:
    """Let the templates of autosummary call :func:`groups`, and leave out what no user calls."""
    app.config.autosummary_context = {"groups": groups}
    app.connect("autodoc-skip-member", _skip)
    app.connect("autodoc-process-signature", _signature)
    app.connect("autodoc-process-docstring", _explain_options, priority=400)  # before numpydoc reads it
    return {"parallel_read_safe": True, "parallel_write_safe": True}
