"""Turn a figure into a small SVG with the page's colours and a title for each point."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Final

from gaitmap_results.comparing.plots import ACCENT, MUTED, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["drawn"]

_SETTINGS: Final[Any] = {
    "svg.fonttype": "none",  # text stays text, which can be searched and read aloud
    "svg.hashsalt": "gaitmap_results",  # the same figure gives the same bytes
    "font.size": 11,
    "font.family": "sans-serif",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
_COLOURS: Final = {"#000000": "currentColor", ACCENT: "var(--accent)", MUTED: "var(--muted)"}
_POINT: Final = re.compile(r'<use xlink:href="#(?P<shape>\w+)" (?P<at>x="[^"]*" y="[^"]*") style="(?P<style>[^"]*)"/>')


def drawn(draw: Callable[[Axes], Any], n_rows: int, *, label: str, titles: Sequence[Sequence[str]]) -> str:
    """Draw a figure and return it as SVG.

    Parameters
    ----------
    draw
        Draws on the axes that it is given.
    n_rows
        How many rows it draws.
    label
        What the figure shows, for those who cannot see it.
    titles
        The titles of the points of each row, shown when pointed at.
    """
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    with mpl.rc_context(_SETTINGS):
        ax = new_axes(n_rows)
        figure: Any = ax.figure
        try:
            draw(ax)
            file = io.StringIO()
            metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
            figure.savefig(file, format="svg", metadata=metadata)
        finally:
            plt.close(figure)
    text = file.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    for row, of_row in enumerate(titles):
        for kind in ("units", "difference"):
            text = _titled(text, f"{kind}-{row}", of_row)
    text = re.sub(r"<[^>]*>", lambda tag: re.sub(r"(-?\d+\.\d)\d+", r"\1", tag[0]), text)
    text = re.sub(r' ?font-family: [^;"]*;?|(?<=<g) id="[^"]*"| transform="rotate\(-0 [^"]*"', "", text)
    for colour, variable in _COLOURS.items():
        text = text.replace(colour, variable)
    text = re.sub(r"\n\s*", "\n", text)
    size = re.search(r'viewBox="([^"]+)"', text)
    start = f'<svg class="figure" viewBox="{size[1] if size else ""}" role="img" aria-label="{escape(label)}"'
    return re.sub(r"<svg[^>]*>", f'{start} xmlns:xlink="http://www.w3.org/1999/xlink">', text, count=1).strip()


def _titled(text: str, name: str, titles: Sequence[str]) -> str:
    """Add a title to each point of a group; move their common attributes to the group."""
    found = re.search(rf'<g id="{name}">.*?\n  ?  </g>\n', text, re.DOTALL)
    if found is None:
        return text
    waiting = iter(titles)

    def titled(point: re.Match[str]) -> str:
        return f'<use href="#{point["shape"]}" {point["at"]}><title>{escape(next(waiting, ""))}</title></use>'

    first = _POINT.search(found[0])
    if first is None:
        return text
    start = f'<g id="{name}">'
    group = _POINT.sub(titled, found[0]).replace(start, f'<g style="{first["style"]}">', 1)
    return text[: found.start()] + group + text[found.end() :]
