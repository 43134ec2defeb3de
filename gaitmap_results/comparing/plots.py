"""Draw the scores of all participants and the differences between entries, on axes or as a small SVG."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterable, Sequence
from html import escape
from os.path import commonprefix
from typing import TYPE_CHECKING, Any, Final

from gaitmap_results._extras import require
from gaitmap_results.showing.text import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gaitmap_results.comparing.comparison import EntryComparison

__all__ = ["drawn", "limits_of", "plot_differences", "plot_scores"]

# The colours of the plots.
_ACCENT: Final = "#1f77b4"
_MUTED: Final = "#808080"

_ROW_HEIGHT: Final = 0.6  # inches
_LEFT_OUT: Final = "\N{HORIZONTAL ELLIPSIS}"
# Where the interval of a row is drawn, and half the height of its mean: all points stay above both.
_BELOW: Final = 0.31
_HALF_BAR: Final = 0.08
# Characters that fit above a row even in a wide font.
_MAX_NAME: Final = 44
_WIDTH: Final = 5.2
_MARGIN: Final = 0.95

_SETTINGS: Final[Any] = {
    "svg.fonttype": "none",  # text stays text, which can be searched and read aloud
    "svg.hashsalt": "gaitmap_results",  # the same figure gives the same bytes
    "font.size": 11,
    "font.family": "sans-serif",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
_COLOURS: Final = {"#000000": "currentColor", _ACCENT: "var(--accent)", _MUTED: "var(--muted)"}
_POINT: Final = re.compile(r'<use xlink:href="#(?P<shape>\w+)" (?P<at>x="[^"]*" y="[^"]*") style="(?P<style>[^"]*)"/>')


def plot_scores(comparison: EntryComparison, ax: Axes | None = None) -> Axes:
    """Draw the score of every participant, one row for each entry, with the mean and its t interval.

    Parameters
    ----------
    comparison
        What :func:`gaitmap_results.compare_entries` or :func:`gaitmap_results.compare_runs` returned.
    ax
        The axes of matplotlib to draw on; without it, a new figure is made.

    Returns
    -------
    ax
        The axes.
        Rows are ordered by their mean, the best at the top.
        An interval is cut at the limits of the score, see the notes.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.

    Notes
    -----
    A t interval may exceed the limits of a score.
    It is cut at 0 if no score is negative and less is better.
    It is cut at 0 and 1 if all scores are between 0 and 1 and more is better.

    Examples
    --------
    >>> from gaitmap_results import compare_entries, plot_scores
    >>> ax = plot_scores(compare_entries(StrideTime, "results"))
    >>> ax.figure.savefig("scores.pdf")
    """
    means = list(comparison.means.itertuples())
    ax = _new_axes(len(means)) if ax is None else ax
    low_limit, high_limit = limits_of(comparison)
    for row, each in enumerate(means):
        values = comparison.scores[each.entry].to_numpy()
        # Spread out units with the same score, so that all stay visible.
        points = ax.scatter(values, _spread_out(values, row), s=24, color=_ACCENT, alpha=0.7, linewidths=0, zorder=3)
        points.set_gid(f"units-{row}")
        points.set_clip_on(False)
        if math.isfinite(each.low):
            ends = [max(each.low, low_limit), min(each.high, high_limit)]
            # Draw the interval below the points, not over them.
            ax.plot(ends, [row + _BELOW, row + _BELOW], color="black", linewidth=1.4)
        ends = [row + _BELOW - _HALF_BAR, row + _BELOW + _HALF_BAR]
        ax.plot([each.mean, each.mean], ends, color="black", linewidth=2)
    names = _shortened([each.entry for each in means], _MAX_NAME)
    _finish(ax, list(names.values()), _label(comparison, one_line(comparison.score)))
    return ax


def plot_differences(comparison: EntryComparison, ax: Axes | None = None) -> Axes:
    """Draw the mean difference of each comparison with its interval, in the unit of the score.

    Parameters
    ----------
    comparison
        What :func:`gaitmap_results.compare_entries` or :func:`gaitmap_results.compare_runs` returned.
    ax
        The axes of matplotlib to draw on; without it, a new figure is made.

    Returns
    -------
    ax
        The axes.
        A band marks differences smaller than the smallest effect, if one was given.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> from gaitmap_results import compare_entries, plot_differences
    >>> comparison = compare_entries(StrideTime, "results", baseline="as_published")
    >>> ax = plot_differences(comparison)
    >>> ax.figure.savefig("differences.pdf")
    """
    table = comparison.table
    ax = _new_axes(len(table)) if ax is None else ax
    if comparison.smallest_effect is not None:
        ax.axvspan(-comparison.smallest_effect, comparison.smallest_effect, color=_MUTED, alpha=0.2, linewidth=0)
    shown = _shortened(comparison.scores, _MAX_NAME // 2 - 1)
    names = []
    for row, each in enumerate(table.itertuples()):
        # One piece for each row, so that the line does not cross the names.
        ax.plot([0, 0], [row - 0.2, row + 0.3], color=_MUTED, linewidth=1)
        if math.isfinite(each.low):
            ax.plot([each.low, each.high], [row, row], color=_ACCENT, linewidth=2)
        ax.scatter([each.difference], [row], s=26, color=_ACCENT, linewidths=0, zorder=3).set_gid(f"difference-{row}")
        names.append(f"{shown[each.entry]} \N{MINUS SIGN} {shown[each.baseline]}")
    _finish(ax, names, _label(comparison, f"difference in {one_line(comparison.score)}"))
    return ax


def _new_axes(n_rows: int) -> Axes:
    """Return the axes of a new figure with space for so many rows."""
    plt = require("matplotlib.pyplot", "Drawing", "report")
    _, axes = plt.subplots(figsize=(_WIDTH, _ROW_HEIGHT * n_rows + _MARGIN), layout="constrained")
    ax: Axes = axes
    return ax


def limits_of(comparison: EntryComparison) -> tuple[float, float]:
    """Return the limits of the score, as inferred from the scores."""
    values = comparison.scores.to_numpy()
    if comparison.direction == "minimize" and values.min() >= 0:
        return 0.0, math.inf
    if comparison.direction == "maximize" and values.min() >= 0 and values.max() <= 1:
        return 0.0, 1.0
    return -math.inf, math.inf


def _label(comparison: EntryComparison, text: str) -> str:
    """Add to the label of an axis which way is better, if known."""
    better = {"minimize": "less is better", "maximize": "more is better"}.get(str(comparison.direction))
    return text if better is None else f"{text}\n({better})"


def _spread_out(values: Any, row: int) -> list[float]:
    """Return a height for each value, so that similar values do not hide each other."""
    width = float(values.max() - values.min()) / 40 or 1.0
    heights, last, step = [row + 0.0] * len(values), -math.inf, 0
    for place in values.argsort(kind="stable"):
        step = step + 1 if values[place] - last < width else 0
        heights[place] = row + (0, 0.08, -0.08, 0.15, -0.15)[step % 5]
        last = values[place]
    return heights


def _shortened(names: Iterable[Any], length: int) -> dict[Any, str]:
    """Return names of at most this length, without their common groups and then without their middle."""
    texts = {name: one_line(str(name)) for name in names}
    common = commonprefix(list(texts.values())).rpartition("/")[0]  # noqa: RUF071  # names, not paths
    if common and max(map(len, texts.values())) > length:
        texts = {name: f"{_LEFT_OUT}{text[len(common) :]}" for name, text in texts.items()}
    half = (length - 1) // 2
    return {
        name: text if len(text) <= length else f"{text[: length - 1 - half]}{_LEFT_OUT}{text[len(text) - half :]}"
        for name, text in texts.items()
    }


def _finish(ax: Axes, names: list[str], label: str) -> None:
    """Write the name of each row above it, since long names do not fit beside it."""
    for row, name in enumerate(names):
        place = ax.get_yaxis_transform()
        text = ax.text(0, row - 0.27, name, transform=place, va="bottom", parse_math=False)
        text.set_in_layout(False)  # a long name must not make the axes narrow
    ax.set_ylim(len(names) - 0.5, -0.65)
    ax.set_yticks([])
    ax.set_xlabel(label, parse_math=False)
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)


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
        ax = _new_axes(n_rows)
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
