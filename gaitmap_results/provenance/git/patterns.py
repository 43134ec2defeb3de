"""Translate the patterns of .gitignore into regular expressions."""

from __future__ import annotations

import re

__all__ = ["compile_pattern", "is_pattern", "matches_everything"]

# Typical names in a study; a pattern that matches all of them would ignore everything.
_USUAL_PATHS = ("algorithm.py", "README.md", "Makefile", "src/package/module.py", "data/table_1.csv", "notebook.ipynb")
_PART = re.compile(
    r"(?P<all>/\*\*/)|(?P<end>/\*\*\Z)|(?P<star>\*+)|(?P<one>\?)|\\(?P<escaped>.)|(?P<plain>.)", re.DOTALL
)
_CLASS = re.compile(r"\[(?P<negated>[!^]?)(?P<members>\]?(?:\[:\w+:\]|\\.|[^\]\\])*)\]", re.DOTALL)
_NAMED_CLASSES = {
    "[:alnum:]": "a-zA-Z0-9",
    "[:alpha:]": "a-zA-Z",
    "[:digit:]": "0-9",
    "[:lower:]": "a-z",
    "[:upper:]": "A-Z",
    "[:space:]": r"\s",
    "[:xdigit:]": "0-9a-fA-F",
}


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
    return re.compile(f"{start}{_translated(body)}{inside}\\Z", re.DOTALL)


def _translated(body: str) -> str:
    parts = []
    at = 0
    while at < len(body):
        found = _CLASS.match(body, at)
        if found:
            parts.append(_class(found["negated"] != "", found["members"]))
        else:
            found = _PART.match(body, at) or re.compile(r"\\").match(body, at)
            parts.append(_part(found.groupdict() if found else {}))
        at = found.end() if found else at + 1
    return "".join(parts)


def _part(found: dict[str, str | None]) -> str:
    if found.get("all"):
        return "/(?:.*/)?"
    if found.get("end"):
        return "/.*"
    if found.get("star"):
        return "[^/]*"
    if found.get("one"):
        return "[^/]"
    return re.escape(found.get("escaped") or found.get("plain") or "\\")


def _class(negated: bool, members: str) -> str:
    for name, characters in _NAMED_CLASSES.items():
        members = members.replace(name, characters)
    members = members.replace("[", r"\[")
    if members.startswith("]"):
        members = rf"\{members}"
    if members.startswith("^"):
        members = rf"\{members}"
    return f"(?!/)[{'^' if negated else ''}{members}]"


def matches_everything(pattern: str) -> bool:
    """Return whether a pattern matches every file of a typical study."""
    compiled = compile_pattern(pattern)
    return all(compiled.match(path) for path in _USUAL_PATHS)
