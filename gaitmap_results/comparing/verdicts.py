"""Say in words what a comparison of two entries shows, and what a reader has to know about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gaitmap_results.comparing.sign_flips import smallest_p
from gaitmap_results.showing.text import counted

__all__ = ["MIN_UNITS", "Test", "notes_about", "verdict_on"]

#: With fewer units, no two-sided p can be 0.05 or less.
MIN_UNITS: Final = 6

_APPROXIMATE: Final = "approximate: corrected resampled t over folds (Nadeau and Bengio 2003)"


@dataclass(frozen=True)
class Test:
    """How entries are compared.

    Attributes
    ----------
    direction
        Whether to ``"minimize"`` or ``"maximize"`` the score; ``None`` if unknown.
    smallest_effect
        The smallest difference that matters, in the unit of the score.
    alpha
        The level of the tests; intervals cover ``1 - alpha``.
    """

    direction: str | None
    smallest_effect: float | None = None
    alpha: float = 0.05


def verdict_on(
    test: Test, difference: float, interval: tuple[float, float], p_holm: float, *, n_units: int, folds: bool
) -> str:
    """Return the verdict on one comparison.

    Parameters
    ----------
    test
        How entries are compared.
    difference
        The mean of entry minus baseline.
    interval
        Its interval.
    folds
        Whether the units are folds.
    """
    if n_units < MIN_UNITS:
        if folds:
            few = f"{counted(n_units, 'fold')} {'is' if n_units == 1 else 'are'} too few"
            return f"not tested: {few}, since folds share most of their training data"
        return f"not tested: with {counted(n_units, 'unit')} the smallest p is {smallest_p(n_units):.4g}"
    smallest_effect = test.smallest_effect
    is_small = smallest_effect is not None and -smallest_effect < interval[0] and interval[1] < smallest_effect
    if p_holm <= test.alpha:
        word = "better" if (difference > 0) == (test.direction == "maximize") else "worse"
        return f"{word}, but by less than the smallest effect" if is_small else word
    return "no relevant difference" if is_small else "not shown to differ"


def notes_about(test: Test, differences: Sequence[float], *, folds: bool, n_comparisons: int) -> str:
    """Return notes that a reader needs beside the verdict; empty if there are none."""
    n_units = len(differences)
    notes = []
    if folds:
        notes.append(_APPROXIMATE)
    elif n_units >= MIN_UNITS and smallest_p(n_units) * n_comparisons > test.alpha:
        notes.append(f"too many comparisons for {n_units} units")
    if n_units > 1 and _rests_on_one(differences):
        notes.append("rests on one fold" if folds else "rests on one participant")
    return "; ".join(notes)


def _rests_on_one(differences: Sequence[float]) -> bool:
    """Say whether leaving out one unit changes the sign of the mean or makes it zero."""
    total = sum(differences)
    rounding = 1e-12 * sum(map(abs, differences))
    if abs(total) <= rounding:
        return False
    sign = 1 if total > 0 else -1
    return any(sign * (total - each) <= rounding for each in differences)
