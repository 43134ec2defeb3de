"""Test by sign flips whether the mean of paired differences is zero."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["MAX_EXACT", "smallest_p", "two_sided_p"]

#: Up to so many units, all flips are counted; beyond, the number below is drawn.
MAX_EXACT: Final = 20

# Up to so many units, the sums of all comparisons fit into memory together, which is much faster for many of them.
_MAX_AT_ONCE: Final = 12
_N_DRAWN: Final = 99_999
_SEED: Final = 20_261_125  # any fixed number: the same scores give the same p
_CHUNK: Final = 10_000
# Smaller differences of sums, relative to the sum of magnitudes, are due to rounding.
_ROUNDING: Final = 1e-12


def smallest_p(n_units: int) -> float:
    """Return the smallest possible two-sided p, where only two of all flips are as extreme."""
    p = min(1.0, 2.0 ** (1 - n_units))
    return max(p, 1 / (_N_DRAWN + 1)) if n_units > MAX_EXACT else p


def two_sided_p(differences: Any) -> Any:
    """Return the two-sided p of the mean of each column of an array (units by comparisons).

    If the entries are equally good, each difference could as well have had the other sign.
    p is the fraction of all sign flips whose mean is at least as far from zero as the observed one.
    """
    import numpy as np

    totals = differences.sum(axis=0)
    limits = np.abs(totals) - _ROUNDING * np.abs(differences).sum(axis=0)
    if len(differences) <= _MAX_AT_ONCE:
        # Opposite flips have the same magnitude, so that half of them are enough.
        return (np.abs(differences[0] + _all_sums(differences[1:])) >= limits).mean(axis=0)
    if len(differences) <= MAX_EXACT:
        return np.array([_exact(column, limit) for column, limit in zip(differences.T, limits, strict=True)])
    return _drawn(differences, totals, limits)


def _exact(differences: Any, limit: float) -> float:
    """Return the fraction of flips whose sum is as far from zero, from sorted sums of each half of the units."""
    if limit <= 0:
        return 1.0
    import numpy as np

    middle = len(differences) // 2
    first, second = _all_sums(differences[:middle]), np.sort(_all_sums(differences[middle:]))
    above = len(second) - np.searchsorted(second, limit - first, side="left")
    below = np.searchsorted(second, -limit - first, side="right")
    extreme: Any = above + below
    return float(extreme.sum() / 2.0 ** len(differences))


def _all_sums(differences: Any) -> Any:
    """Return the sums of all flips, by adding and subtracting one difference after the other."""
    import numpy as np

    sums = np.zeros((1, *differences.shape[1:]))
    for each in differences:
        sums = np.concatenate([sums + each, sums - each])
    return sums


def _drawn(differences: Any, totals: Any, limits: Any) -> Any:
    """Estimate p from random flips, the same for all comparisons, plus the observed one."""
    import numpy as np

    random = np.random.default_rng(_SEED)
    n_units = len(differences)
    extreme = np.ones(len(totals))
    for start in range(0, _N_DRAWN, _CHUNK):
        size = min(_CHUNK, _N_DRAWN - start)
        bits = np.unpackbits(random.integers(0, 256, (size, (n_units + 7) // 8), dtype=np.uint8), axis=1)
        flipped = bits[:, :n_units].astype(float) @ differences
        extreme += (np.abs(totals - 2 * flipped) >= limits).sum(axis=0)
    return extreme / (_N_DRAWN + 1)
