"""Measures ways of doing something in turn, and puts the comparison into tables."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = [
    "COLUMNS",
    "Plan",
    "Table",
    "added_row",
    "in_turn",
    "less_is_better",
    "missing_row",
    "more_is_better",
    "show_amount",
    "show_times",
]

COLUMNS = ("what", "takes", "beside", "which takes", "compared", "quartiles", "must be", "reached")


@dataclass(frozen=True)
class Plan:
    """Where and how much to measure.

    Attributes
    ----------
    folder
        An empty folder to work in; its disk is the one that is measured.
    is_quick
        Whether only to try that everything can be measured.
    """

    folder: Path
    is_quick: bool = False

    def size(self, full: int, quick: int) -> int:
        """Return how many of something to take."""
        return quick if self.is_quick else full


@dataclass(frozen=True)
class Table:
    """A table of the results page.

    Attributes
    ----------
    title
        What was measured.
    columns
        The headings.
    rows
        As many cells as there are headings.
    notes
        What has to be known to read it.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = field(default=())

    def markdown(self) -> str:
        """Return the table under a heading."""
        return "\n\n".join([f"### {self.title}", self.table(), *self.notes]) + "\n"

    def table(self) -> str:
        """Return the table alone."""
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def in_turn(
    ways: Mapping[str, Callable[[], float]], rounds: int, *, warm_up: int = 2, pause: Callable[[], None] | None = None
) -> dict[str, list[float]]:
    """Return what each way measured in each round.

    All ways take their turn in every round, so that a slow minute of the machine meets all of them, and another one
    begins each time, so that none always comes after the same other.

    Parameters
    ----------
    ways
        Each returns what it measured.
    rounds
        How many values to keep of each.
    warm_up
        How many rounds not to keep.
    pause
        Called before every turn.
    """
    measured: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for number in range(-warm_up, rounds):
        for place in range(len(names)):
            name = names[(number + place) % len(names)]
            if pause is not None:
                pause()
            value = ways[name]()
            if number >= 0:
                measured[name].append(value)
    return measured


def less_is_better(
    what: str, values: Sequence[float], beside: str, floor: Sequence[float], *, at_most: float
) -> list[str]:
    """Return the row of something that may take ``at_most`` times as long as something else."""
    ratios = _paired(values, floor)
    is_reached = statistics.median(ratios) <= at_most
    spread = [show_times(each) for each in _spread(ratios)]
    return _row(what, values, beside, floor, spread, [f"≤ {at_most:g} x", _verdict(is_reached)])


def more_is_better(
    what: str, values: Sequence[float], beside: str, slow: Sequence[float], *, at_least: float
) -> list[str]:
    """Return the row of something that has to be ``at_least`` times as fast as something else."""
    ratios = _paired(slow, values)
    is_reached = statistics.median(ratios) >= at_least
    limit = f"≥ {at_least:g} x faster" if at_least > 1 else "faster"
    spread = [show_times(each) for each in _spread(ratios)]
    return _row(what, values, beside, slow, spread, [limit, _verdict(is_reached)])


def added_row(
    what: str, values: Sequence[float], beside: str, floor: Sequence[float], *, at_most: float, unit: str = "s"
) -> list[str]:
    """Return the row of something that may take ``at_most`` more than something else, in seconds or bytes."""
    added = [value - least for value, least in zip(values, floor, strict=True)]
    is_reached = statistics.median(added) <= at_most
    spread = [_signed(each, unit) for each in _spread(added)]
    end = [f"≤ {_signed(at_most, unit)}", _verdict(is_reached)]
    return _row(what, values, beside, floor, spread, end, unit=unit)


def missing_row(what: str, reason: str) -> list[str]:
    """Return the row of something that cannot be measured here."""
    return [what, "-", "-", "-", "-", "-", "-", f"not measured: {reason}"]


def show_amount(value: float, unit: str = "s") -> str:
    """Return seconds or bytes as they are read best."""
    if unit == "B":
        return f"{value / 1e6:.1f} MB"
    return f"{value:.2f} s" if abs(value) >= 1 else f"{1e3 * value:.1f} ms"


def show_times(ratio: float) -> str:
    """Return a ratio with as many digits as mean something."""
    return f"{ratio:.0f} x" if abs(ratio) >= 20 else f"{ratio:.2f} x"


def _signed(value: float, unit: str) -> str:
    return ("+ " if value >= 0 else "- ") + show_amount(abs(value), unit)


def _paired(values: Sequence[float], floor: Sequence[float]) -> list[float]:
    # Two measurements of one round have the same moment of the machine in common.
    return [value / least for value, least in zip(values, floor, strict=True)]


def _spread(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def _verdict(is_reached: bool) -> str:
    return "yes" if is_reached else "**no**"


def _row(
    what: str,
    values: Sequence[float],
    beside: str,
    floor: Sequence[float],
    spread: Sequence[str],
    end: Sequence[str],
    *,
    unit: str = "s",
) -> list[str]:
    low, middle, high = spread
    if end[0].endswith("faster"):
        middle += " faster"
    return [
        what,
        show_amount(statistics.median(values), unit),
        beside,
        show_amount(statistics.median(floor), unit),
        middle,
        f"{low} … {high}",
        *end,
    ]
