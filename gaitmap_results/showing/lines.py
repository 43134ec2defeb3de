"""Format the facts about a run as labelled lines, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from gaitmap_results.showing.facts import Fact
from gaitmap_results.showing.text import one_line

__all__ = ["fact_lines"]

_MAX_TEXT: Final = 2000  # characters
# Other facts are shown completely.
_MAX_LINES: Final = {"Files": 8, "Not known": 6, "About": 12, "Scores": 12}


def fact_lines(facts: Iterable[Fact]) -> Iterator[tuple[str, list[str]]]:
    """Yield the label and the lines of each fact; cut long lists and say how many lines are missing."""
    for fact in facts:
        most = _MAX_LINES.get(fact.label, len(fact.lines))
        lines = [_shortened(one_line(line)) for line in fact.lines[:most]]
        rest = len(fact.lines) - most
        yield fact.label, [*lines, *([f"… {rest} more; --json prints all"] if rest > 0 else [])]


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]} …"
