"""Translate the patterns of .gitignore into regular expressions."""

from __future__ import annotations

import re

__all__ = ["compile_pattern", "is_pattern", "matches_everything"]

# Typical names in a study; a pattern that matches all of them would ignore everything.
_USUAL_PATHS = ("algorithm.py", "README.md", "Makefile", "src/package/module.py", "data/table_1.csv", "notebook.ipynb")
_TOKEN = re.compile(
    r"(?P<all>/\*\*/)|(?P<end>/\*\*\Z)|(?P<star>\*+)|(?P<one>\?)"
    r"|\[(?P<negated>[!^]?)(?P<members>\]?(?:\[:\w+:\]|\\.|[^\]\\])*)\]|\\?(?P<plain>.)",
    re.DOTALL,
)
_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "digit": "0-9",
    "xdigit": "0-9A-Fa-f",
    "lower": "a-z",
    "upper": "A-Z",
    "space": r"\s",
}
_MEANINGS = {"all": "/(?:.*/)?", "end": "/.*", "star": "[^/]*", "one": "[^/]"}


def is_pattern(entry: str) -> bool:
    """Return whether an entry contains a wildcard."""
    return any(character in entry for character in "*?[")


def compile_pattern(pattern: str) -> re.Pattern[str]:
    r"""Compile a pattern to match the paths that it covers: files, and folders with a trailing ``/``.

    The rules are those of gitignore(5): a pattern without a leading or inner ``/`` matches at any depth.
    A trailing ``/`` matches folders only; ``*`` and ``?`` match no ``/``; ``**`` matches any number of folders.

    Examples
    --------
    >>> from gaitmap_results.provenance.git.patterns import compile_pattern
    >>> [bool(compile_pattern("slurm-*.out").match(path)) for path in ("slurm-1.out", "jobs/slurm-1.out", "slurm.py")]
    [True, True, False]
    """
    body = pattern.strip("/")
    anchored = pattern.startswith("/") or "/" in body
    start = "" if anchored else "(?:.*/)?"
    body = re.sub(r"\*\*/(?:\*\*/)+", "**/", body)
    if body.startswith("**/"):
        start, body = "(?:.*/)?", body[3:]
    inside = "/.*" if pattern.endswith("/") else "(?:/.*)?"
    return re.compile(f"{start}{_TOKEN.sub(_translated, body)}{inside}\\Z", re.DOTALL)


def _translated(token: re.Match[str]) -> str:
    if token["plain"] is not None:
        return re.escape(token["plain"])
    if token["members"] is None:
        return _MEANINGS[str(token.lastgroup)]
    members = re.sub(r"\[:(\w+):\]", lambda name: _CLASSES.get(name[1], name[0]), token["members"]).replace("[", r"\[")
    members = f"\\{members}" if members.startswith(("]", "^")) else members
    return f"(?!/)[{'^' if token['negated'] else ''}{members}]"


def matches_everything(pattern: str) -> bool:
    """Return whether a pattern matches every file of a typical study."""
    compiled = compile_pattern(pattern)
    return all(compiled.match(path) for path in _USUAL_PATHS)
