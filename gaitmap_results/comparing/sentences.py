"""Describe in sentences what a comparison shows, and what it cannot show."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from gaitmap_results.comparing.sign_flips import MAX_EXACT, smallest_p
from gaitmap_results.comparing.verdicts import MIN_UNITS
from gaitmap_results.showing.text import counted

if TYPE_CHECKING:
    from gaitmap_results.comparing.comparison import EntryComparison

__all__ = ["number", "p_value", "power", "sentences", "units"]

_MAX_SENTENCES: Final = 12


def number(value: float, *, signed: bool = False, digits: int = 3) -> str:
    """Format a number for people, with a true minus sign; a dash if it is unknown."""
    if not math.isfinite(value):
        return "\N{EN DASH}"
    return f"{value:{'+' if signed else ''}.{digits}g}".replace("-", "\N{MINUS SIGN}")


def p_value(value: float) -> str:
    """Format a p-value for people, never with an exponent."""
    return f"{value:.2g}" if value >= 0.0001 or value == 0 else f"{value:.5f}" if value >= 0.00001 else "< 0.00001"


def units(comparison: EntryComparison) -> str:
    """Return the number of units with the levels that name them."""
    levels = ", ".join(str(name) for name in comparison.scores.index.names if name)
    kind = comparison.kind_of_unit
    return comparison.counted_units if levels in ("", "unit", kind) else f"{comparison.counted_units} ({levels})"


def sentences(comparison: EntryComparison) -> Iterator[str]:
    """Yield the verdicts in words, beginning with what was shown."""
    if comparison.direction is None:
        yield (
            f"Nothing was tested: the records do not say whether less or more {comparison.score} is better. Name it "
            "with --direction."
        )
        return
    rows = sorted(comparison.table.itertuples(), key=lambda row: not row.verdict.startswith(("better", "worse")))
    tested = [row for row in rows if not row.verdict.startswith("not tested")]
    for row in tested[:_MAX_SENTENCES]:
        yield _sentence(row if comparison.baseline is not None else _better_first(row), comparison.alpha)
    if len(tested) > _MAX_SENTENCES:
        yield f"The table below has {counted(len(tested) - _MAX_SENTENCES, 'more comparison')}."
    if len(tested) < len(rows):
        reason = next(row.verdict for row in rows if row not in tested)
        untested = len(rows) - len(tested)
        yield f"{counted(untested, 'comparison')} {'was' if untested == 1 else 'were'} {reason}."


def _better_first(row: Any) -> Any:
    """Turn a row around if its entry is worse, so that a sentence is about the better one."""
    if not row.verdict.startswith("worse"):
        return row
    return row._replace(
        entry=row.baseline,
        baseline=row.entry,
        verdict=row.verdict.replace("worse", "better", 1),
        better=row.worse,
        worse=row.better,
        difference=0 - row.difference,
        low=0 - row.high,
        high=0 - row.low,
    )


def _sentence(row: Any, alpha: float) -> str:
    verdict, _, rest = row.verdict.partition(",")
    said = {
        "better": f"{row.entry} is better than {row.baseline}",
        "worse": f"{row.entry} is worse than {row.baseline}",
        "no relevant difference": f"There is no relevant difference between {row.entry} and {row.baseline}",
    }.get(verdict, f"{row.entry} and {row.baseline} are not shown to differ")
    interval = f"{100 * (1 - alpha):g} % interval {number(row.low)} to {number(row.high)}"
    counts = f"better for {row.better}, worse for {row.worse}, tied for {row.tied}"
    note = f"; {row.note}" if row.note else ""
    difference = number(row.difference, signed=True)
    said = f"{said},{rest}" if rest else said
    return f"{said}: {difference} on average ({interval}; {counts}; {_equals(row.p_holm)}{note})."


def _equals(p: float) -> str:
    shown = p_value(p)
    return f"p {shown}" if shown.startswith("<") else f"p = {shown}"


def power(comparison: EntryComparison) -> str:
    """Return what this number of units can and cannot decide."""
    n_units, alpha = len(comparison.scores), comparison.alpha
    if comparison.direction is None:
        return ""
    if comparison.units_are_folds:
        return "Folds share most of their training data, so that their tests are approximate."
    if n_units < MIN_UNITS:
        enough = next((n for n in range(MIN_UNITS, MAX_EXACT + 1) if smallest_p(n) <= alpha), None)
        more = "" if enough is None else f" With {enough} {comparison.kind_of_unit}s one comparison can be decided."
        return (
            f"{units(comparison)} cannot decide which entry is better: even if one were better for each of them, p "
            f"could not be less than {smallest_p(n_units):.4g}. The scores are drawn for a look, not for a claim.{more}"
        )
    most = math.floor(alpha / smallest_p(n_units))
    n_rows = len(comparison.table)
    decided = f"up to {counted(most, 'comparison')} can be decided at {alpha:g}."
    if n_rows > most:
        decided += (
            f" Here there are {n_rows}, so that none is. Fix a baseline before you look, or compare fewer entries."
        )
    return f"With {units(comparison)} the smallest p is {p_value(smallest_p(n_units))}: {decided}"
