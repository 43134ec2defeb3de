"""The words: no phrase that reads as translated is in a message, a docstring, a comment or a page."""

from __future__ import annotations

import re

import pytest
from documents import TOP

#: What nobody would say to a colleague, and what to write instead.
REFUSED = {
    r"\b(?:is|are|was|were|be) meant\b": "say what it is",
    r"\b(?:is|are|was|were|be|been|not) earned\b": "say what it takes",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\bfor ever\b": "indefinitely",
    r"\btake note that\b": "leave it out",
    r"\bwhat there (?:is|are|was|were)\b": "name it",
    r"\bit is asked whether\b": "say who asks what",
    r"\bwhose setting counts\b": "which setting counts",
    r"\bcommit does not hold\b": "uncommitted",
    r"(?<!one )(?<!most )(?<!some )(?<!all )(?<!none )(?<!both )(?<!each )\bof which\b(?! there)": "two sentences",
    r"(?<!there )\b(?:is|are|was|were) no (?!longer\b|more\b|less\b|better\b|worse\b|other\b|different\b)": "is not a",
    r"\b(?:he|him|himself|his)\b": "they, their",
}
FILES = [
    *(TOP / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted((TOP / "docs").rglob("*.md")),
    *sorted((TOP / "gaitmap_results").rglob("*.py")),
    *sorted((TOP / "gaitmap_results").rglob("*.html")),
]


def found_in(text):
    """Return each refused phrase of a text, with its line and what to write instead; lines may be broken within."""
    # A comment or a broken string goes on after its mark.
    plain = re.sub(r'[ \t]*(?:" *)?\n[ \t]*(?:#:? *|f?")?', "\n", text)
    found = (
        (match, instead)
        for phrase, instead in REFUSED.items()
        for match in re.finditer(phrase.replace(" ", r"\s"), plain, re.IGNORECASE)
    )
    return sorted(f"line {plain.count(chr(10), 0, m.start()) + 1}: {m[0]!r}, better: {instead}" for m, instead in found)


def test_no_phrase_reads_as_translated():
    """Messages, docstrings, comments and pages are written as a colleague would say it."""
    wrong = [
        f"{file.relative_to(TOP).as_posix()}, {phrase}"
        for file in FILES
        for phrase in found_in(file.read_text(encoding="utf-8"))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "None of the 6 runs is meant.",
        "and it was earned",
        "Mend the file",
        "a pipe would wait\n    # for ever",
        'f"It waits for "\n        "ever."',
        "Take note that it ended.",
        "What there is, is in results.",
        "a file that is no\nnumber",
        "if he asks",
    ],
)
def test_a_translated_phrase_is_noticed(text):
    """A phrase is found in any case, and over the end of a line."""
    assert len(found_in(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "There is no run.",
        "It is no longer there.",
        "The header says this.",
        "amend the commit",
        "two files, one of which",
    ],
)
def test_a_plain_phrase_is_not_refused(text):
    """What resembles a refused phrase passes."""
    assert found_in(text) == []
