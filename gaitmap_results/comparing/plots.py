"""Draw the scores of all participants, and the differences between entries."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from gaitmap_results.comparing.paired import mean_interval
from gaitmap_results.exceptions import MissingExtraError
from gaitmap_results.showing.text import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gaitmap_results.comparing.comparison import EntryComparison

__all__ = [
    "ACCENT",
    "MUTED",
    "best_first",
    "is_cut",
    "limits_of",
    "new_axes",
    "plot_differences",
    "plot_scores",
    "require_matplotlib",
]

#: The colours of what is drawn.
ACCENT: Final = "#1f77b4"
MUTED: Final = "#808080"

_ROW_HEIGHT: Final = 0.6  # inches
_BELOW: Final = 0.27
_MAX_NAME: Final = 58
_WIDTH: Final = 5.2
_MARGIN: Final = 0.75


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
        An interval ends where scores end, see the notes.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.

    Notes
    -----
    A t interval knows nothing of limits.
    Where no score is negative and less is better, it is cut at 0; where all scores lie between 0 and 1 and more is
    better, at 0 and 1.

    Examples
    --------
    >>> from gaitmap_results import compare_entries, plot_scores
    >>> ax = plot_scores(compare_entries(StrideTime, "results"))
    >>> ax.figure.savefig("scores.pdf")
    """
    names = best_first(comparison)
    ax = new_axes(len(names)) if ax is None else ax
    low_limit, high_limit = limits_of(comparison)
    for row, name in enumerate(names):
        values = comparison.scores[name].to_numpy()
        # Units that have the same score stay visible.
        points = ax.scatter(values, _spread_out(values, row), s=24, color=ACCENT, alpha=0.7, linewidths=0, zorder=3)
        points.set_gid(f"units-{row}")
        points.set_clip_on(False)
        mean = float(values.mean())
        if not comparison.units_are_folds and len(values) > 1:
            low, high = mean_interval(values, comparison.alpha)
            ends = [max(low, low_limit), min(high, high_limit)]
            # Below the points, which would hide behind it.
            ax.plot(ends, [row + _BELOW, row + _BELOW], color="black", linewidth=1.4)
        ax.plot([mean, mean], [row + _BELOW - 0.11, row + _BELOW + 0.11], color="black", linewidth=2)
    _finish(ax, [str(name) for name in names], one_line(comparison.score))
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
        A band marks what is smaller than the smallest effect, where one was given.

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
    ax = new_axes(len(table)) if ax is None else ax
    if comparison.smallest_effect is not None:
        ax.axvspan(-comparison.smallest_effect, comparison.smallest_effect, color=MUTED, alpha=0.2, linewidth=0)
    ax.axvline(0, color=MUTED, linewidth=1)
    names = []
    for row, each in enumerate(table.itertuples()):
        if math.isfinite(each.low):
            ax.plot([each.low, each.high], [row, row], color=ACCENT, linewidth=2)
        ax.scatter([each.difference], [row], s=26, color=ACCENT, linewidths=0, zorder=3).set_gid(f"difference-{row}")
        names.append(f"{each.entry} \N{MINUS SIGN} {each.baseline}")
    better = "less is better" if comparison.direction == "minimize" else "more is better"
    _finish(ax, names, f"difference in {one_line(comparison.score)}\n({better})")
    return ax


def require_matplotlib() -> None:
    """Raise ``MissingExtraError`` if matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401, ICN001
    except ImportError as error:
        raise MissingExtraError(
            f'Drawing needs matplotlib, which cannot be imported ({error}). Install the extra "report":\n'
            '  pip install "gaitmap_results[report]"',
            extra="report",
        ) from error


def new_axes(n_rows: int) -> Axes:
    """Return the axes of a new figure with room for so many rows."""
    require_matplotlib()
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=(_WIDTH, _ROW_HEIGHT * n_rows + _MARGIN), layout="constrained")
    ax: Axes = axes
    return ax


def is_cut(comparison: EntryComparison) -> bool:
    """Say whether the interval of any entry goes beyond where scores end."""
    low_limit, high_limit = limits_of(comparison)
    intervals = [mean_interval(comparison.scores[name], comparison.alpha) for name in comparison.scores]
    return any(low < low_limit or high > high_limit for low, high in intervals)


def limits_of(comparison: EntryComparison) -> tuple[float, float]:
    """Return where scores end, as far as the scores themselves tell."""
    values = comparison.scores.to_numpy()
    if comparison.direction == "minimize" and values.min() >= 0:
        return 0.0, math.inf
    if comparison.direction == "maximize" and values.min() >= 0 and values.max() <= 1:
        return 0.0, 1.0
    return -math.inf, math.inf


def best_first(comparison: EntryComparison) -> list[Any]:
    """Return the entries in the order of their means; where it is not known what is better, the smallest first."""
    means = comparison.scores.mean()
    return list(means.sort_values(ascending=comparison.direction != "maximize", kind="stable").index)


def _spread_out(values: Any, row: int) -> list[float]:
    """Return a height for each value, so that those that are nearly the same do not hide each other."""
    width = float(values.max() - values.min()) / 40 or 1.0
    heights, last, step = [row + 0.0] * len(values), -math.inf, 0
    for place in values.argsort(kind="stable"):
        step = step + 1 if values[place] - last < width else 0
        heights[place] = row + (0, 0.1, -0.1, 0.17, -0.17)[step % 5]
        last = values[place]
    return heights


def _finish(ax: Axes, names: list[str], label: str) -> None:
    """Write the name of each row above it: beside it, there would be no room for long ones."""
    for row, name in enumerate(names):
        shown = one_line(name)
        text = ax.text(
            *(0, row - 0.27, shown if len(shown) <= _MAX_NAME else f"{shown[: _MAX_NAME - 1]}\N{HORIZONTAL ELLIPSIS}"),
            transform=ax.get_yaxis_transform(),
            va="bottom",
            parse_math=False,
        )
        text.set_in_layout(False)  # a long name must not make the axes narrow
    ax.set_ylim(len(names) - 0.5, -0.85)
    ax.set_yticks([])
    ax.set_xlabel(label, parse_math=False)
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)
