"""Lays the repr of a pipeline out in lines, one parameter a line where it is long."""

from __future__ import annotations

__all__ = ["repr_lines"]

_OPENING = "([{"
_CLOSING = ")]}"
_INDENT = "  "


def repr_lines(text: str, width: int, indent: str = "") -> list[str]:
    r"""Return a repr in lines of at most ``width`` characters, as far as its commas and brackets allow.

    Examples
    --------
    >>> from gaitmap_results.showing.repr_lines import repr_lines
    >>> print("\n".join(repr_lines("Shin(axis='z', filter=Butterworth(order=4, cutoff=20.0))", 30)))
    Shin(
      axis='z',
      filter=Butterworth(
        order=4,
        cutoff=20.0,
      ),
    )
    """
    text = " ".join(text.split())
    start, parts, end = _taken_apart(text)
    if len(indent) + len(text) <= width or not parts:
        return [indent + text]
    lines = [indent + start]
    for part in parts:
        *first, last = repr_lines(part, width - 1, indent + _INDENT)
        lines += [*first, f"{last},"]
    return [*lines, indent + end]


def _taken_apart(text: str) -> tuple[str, list[str], str]:
    """Return what stands up to the first bracket, the parts between the commas in it, and what follows it."""
    depth, quote, opened = 0, "", -1
    parts: list[str] = []
    begin = 0
    position = 0
    while position < len(text):
        letter = text[position]
        if quote:
            if letter == "\\":
                position += 1
            elif letter == quote:
                quote = ""
        elif letter in "'\"":
            quote = letter
        elif letter in _OPENING:
            depth += 1
            if depth == 1 and opened < 0:
                opened = position
                begin = position + 1
        elif letter in _CLOSING:
            depth -= 1
            if depth == 0 and opened >= 0:
                parts.append(text[begin:position])
                return text[: opened + 1], [part.strip() for part in parts if part.strip()], text[position:]
        elif letter == "," and depth == 1:
            parts.append(text[begin:position])
            begin = position + 1
        position += 1
    return text, [], ""
