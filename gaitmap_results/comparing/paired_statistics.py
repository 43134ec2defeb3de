"""Compare entries pairwise by the scores of the same units."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Sequence
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any, Final

from gaitmap_results._extras import require, require_pandas
from gaitmap_results.comparing.verdicts import Test, notes_about, verdict_on
from gaitmap_results.exceptions import InvalidOptionError
from gaitmap_results.store.score_directions import DIRECTIONS
from gaitmap_results.typed_results.scores import FOLD_UNITS, ScoreRow, Scores

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "check_test", "compare_paired", "compare_scores", "holm", "mean_interval"]

#: The columns of the table of comparisons.
COLUMNS: Final = (
    *("entry", "baseline", "n", "better", "worse", "tied", "difference", "low", "high"),
    *("d_z", "p", "p_holm", "verdict", "note"),
)
_WHAT: Final = "Comparing entries"
_LARGEST: Final = 1e150


def compare_scores(
    scores: pd.DataFrame,
    *,
    baseline: Hashable | None = None,
    direction: str,
    smallest_effect: float | None = None,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Compare entries pairwise by the scores of the same participants.

    Parameters
    ----------
    scores
        One row for each unit (mostly a participant) and one column for each entry.
        Units must be independent: average over trials first.
        If the only index level is called ``fold``, the scores are those of the folds of a cross-validation.
    baseline
        The entry that all others are compared with, fixed before you looked at the scores.
        Without it, all pairs are compared, and the tests are adjusted for all of them.
    direction
        Whether to ``"minimize"`` or ``"maximize"`` the score.
    smallest_effect
        The smallest difference that matters, in the unit of the score.
    alpha
        The level of the tests; the intervals cover ``1 - alpha``.

    Returns
    -------
    table
        One row for each comparison.
        ``entry`` and ``baseline`` are compared, ``n`` is the number of units.
        ``better``, ``worse`` and ``tied`` count the units where the entry is better, worse or equal.
        ``difference`` is the mean of entry minus baseline, ``low`` and ``high`` are its t interval.
        ``d_z`` is the mean divided by the standard deviation of the differences.
        ``p`` comes from a two-sided sign-flip test of the mean, ``p_holm`` is adjusted by Holm's method.
        The test is exact up to 20 units; beyond, it uses 99,999 random flips with a fixed seed.
        ``verdict`` says in words what is shown, ``note`` adds what a reader has to know.
        For folds, which share training data, interval and ``p`` come from the corrected resampled t test
        (Nadeau and Bengio 2003).

    Raises
    ------
    MissingExtraError
        If pandas or SciPy is not installed.
    InvalidOptionError
        If a score is missing or not a number, or a unit or entry occurs twice.
        Also if there are fewer than two entries, or an option makes no sense.

    Examples
    --------
    >>> import pandas as pd
    >>> from gaitmap_results import compare_scores
    >>> old, new = [4.0, 5.0, 6.0, 5.0, 4.0, 6.0], [3.0, 4.5, 5.0, 4.0, 3.5, 5.0]
    >>> scores = pd.DataFrame({"old": old, "new": new})
    >>> table = compare_scores(scores, baseline="old", direction="minimize")
    >>> table[["entry", "better", "p", "verdict"]].to_dict("records")
    [{'entry': 'new', 'better': 6, 'p': 0.03125, 'verdict': 'better'}]
    """
    test = check_test(direction, smallest_effect, alpha)
    import pandas as pd

    if not isinstance(scores, pd.DataFrame):
        raise InvalidOptionError(
            f"scores is {type(scores).__name__}; it takes a DataFrame with one row a unit and one column an entry."
        )
    values = _checked_values(scores)
    names = list(scores.columns)
    if baseline is not None and baseline not in names:
        raise InvalidOptionError(f"The baseline {baseline!r} is none of the entries: {', '.join(map(str, names))}.")
    folds = tuple(scores.index.names) == FOLD_UNITS
    return compare_paired(values, names, test, baseline=baseline, fold_ratios=() if folds else None)


def compare_paired(
    values: Any,
    names: Sequence[Any],
    test: Test,
    *,
    baseline: Any = None,
    fold_ratios: Sequence[float] | None = None,
) -> pd.DataFrame:
    """Return the table of :func:`compare_scores` for an array (units by entries) without missing values.

    Parameters
    ----------
    fold_ratios
        ``None`` if units are independent.
        If they are folds, test size divided by training size for each; empty if unknown.
    """
    import numpy as np
    import pandas as pd

    from gaitmap_results.comparing.sign_flips import two_sided_p

    if np.abs(values).max() > _LARGEST:
        raise InvalidOptionError(f"There are scores beyond {_LARGEST:g}; their squares overflow.")
    pairs = _pairs(list(names), baseline)
    folds = fold_ratios is not None
    differences = np.column_stack([_difference(values[:, one], values[:, other]) for one, other in pairs])
    means, spreads, half_widths, p_values = _t_statistics(differences, test.alpha, fold_ratios)
    p_values = p_values if folds else two_sided_p(differences)
    rows = []
    for number, adjusted in enumerate(holm(p_values)):
        one, other = pairs[number]
        column, mean = differences[:, number].tolist(), float(means[number])
        interval = mean - float(half_widths[number]), mean + float(half_widths[number])
        verdict = verdict_on(test, mean, interval, adjusted, n_units=len(values), folds=folds)
        note = notes_about(test, column, folds=folds, n_comparisons=len(pairs))
        d_z = mean / float(spreads[number]) if spreads[number] > 0 else math.nan
        shown = (names[one], names[other], len(values), *_counts(column, test.direction), mean, *interval, d_z)
        rows.append((*shown, float(p_values[number]), adjusted, verdict, note))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def holm(p_values: Any) -> list[float]:
    """Adjust the p of several comparisons by Holm's method (1979), in the same order."""
    import numpy as np

    p_values = np.asarray(p_values)
    order = p_values.argsort(kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.maximum.accumulate(np.minimum(1.0, factors * p_values[order]))
    return adjusted.tolist()  # type: ignore[no-any-return]


def _counts(differences: Sequence[float], direction: str | None) -> tuple[int, int, int]:
    """Count the units for which the entry is better, worse, and neither."""
    more, less = sum(each > 0 for each in differences), sum(each < 0 for each in differences)
    better, worse = (more, less) if direction == "maximize" else (less, more)
    return better, worse, len(differences) - better - worse


def mean_interval(values: Any, alpha: float) -> tuple[float, float]:
    """Return the t interval of the mean of independent values; NaN for a single one."""
    means, _, half_widths, _ = _t_statistics(values[:, None], alpha, None)
    return float(means[0] - half_widths[0]), float(means[0] + half_widths[0])


def check_test(
    direction: Any, smallest_effect: Any, alpha: Any, *, directions: Sequence[str | None] = DIRECTIONS
) -> Test:
    """Return how to compare, after a check of the options and of what comparing needs.

    Raises
    ------
    InvalidOptionError
        If one of the options makes no sense.
    MissingExtraError
        If pandas or SciPy is not installed.
    """
    require_pandas(_WHAT)
    require("scipy.special", _WHAT, "analysis")
    if direction not in directions:
        raise InvalidOptionError(f"direction is {direction!r}; it takes 'minimize' or 'maximize'.")
    if not _is_number(alpha) or not 0 < alpha < 1:
        raise InvalidOptionError(f"alpha is {alpha!r}; it takes a number between 0 and 1, such as 0.05.")
    if smallest_effect is not None and not (_is_number(smallest_effect) and 0 < smallest_effect < math.inf):
        raise InvalidOptionError(
            f"smallest_effect is {smallest_effect!r}; it takes a positive number in the unit of the score."
        )
    return Test(direction, smallest_effect if smallest_effect is None else float(smallest_effect), float(alpha))


def _is_number(value: object) -> bool:
    return isinstance(value, (Real, Decimal)) and not isinstance(value, bool)


def _checked_values(scores: pd.DataFrame) -> Any:
    """Return the scores as an array, or raise what is wrong with them."""
    import numpy as np

    for what, axis in (("unit", scores.index), ("entry", scores.columns)):
        if axis.has_duplicates:
            raise InvalidOptionError(
                f"The {what} {_shown(axis[axis.duplicated()][0])} occurs twice. Each one must occur once."
            )
    n_units, n_entries = scores.shape
    if n_entries < 2 or n_units < 1:
        raise InvalidOptionError(
            f"There is nothing to compare: {n_entries} entries with {n_units} units. Give two or more entries, one "
            "column each, and at least one unit."
        )
    _refuse_trials(scores.index)
    for name in scores:
        wrong = [each for each in scores[name].tolist() if not _is_number(each) and not _is_missing(each)]
        if wrong:
            raise InvalidOptionError(f"The scores must be numbers: the entry {_shown(name)} has {wrong[0]!r}.")
    values = scores.to_numpy(dtype=float, na_value=math.nan)
    missing = ~np.isfinite(values)
    if missing.any():
        unit, entry = (int(places[0]) for places in missing.nonzero())
        raise InvalidOptionError(
            f"The entry {_shown(scores.columns[entry])} has no score for the unit {_shown(scores.index[unit])} "
            f"({int(missing.sum())} are missing in all). Leave the entry or the unit out; entries are compared by the "
            "same units."
        )
    return values


def _shown(label: Any) -> str:
    return repr(label.item() if hasattr(label, "item") else label)


def _is_missing(value: Any) -> bool:
    import pandas as pd

    return pd.api.types.is_scalar(value) and bool(pd.isna(value))


def _refuse_trials(units: pd.Index) -> None:
    """Refuse several rows of one participant, who would be counted several times."""
    rows = tuple(ScoreRow(unit if isinstance(unit, tuple) else (unit,), None, {}) for unit in units)
    levels = Scores(tuple(map(str, units.names)), {}, rows).participant_levels
    if levels is not None:
        raise InvalidOptionError(
            f"There are several rows for one {levels[-1]}, which are not independent. Average them first: "
            f"scores.groupby(level={list(levels)}).mean()."
        )


def _pairs(names: list[Any], baseline: Any) -> list[tuple[int, int]]:
    """Return the pairs to compare: all with the baseline, else each with those before it."""
    if baseline is None:
        return [(other, one) for one, other in itertools.combinations(range(len(names)), 2)]
    fixed = names.index(baseline)
    return [(number, fixed) for number in range(len(names)) if number != fixed]


def _difference(entry: Any, baseline: Any) -> Any:
    """Return the differences of the units, with rounding errors set to zero."""
    import numpy as np

    difference = entry - baseline
    rounding = 8 * np.finfo(float).eps * np.maximum(np.abs(entry), np.abs(baseline))
    rounding = np.maximum(rounding, 1e-12 * np.abs(difference).sum())
    return np.where(np.abs(difference) <= rounding, 0.0, difference)


def _t_statistics(differences: Any, alpha: float, fold_ratios: Sequence[float] | None) -> tuple[Any, Any, Any, Any]:
    """Return means, standard deviations, half widths of the intervals, and p by Student's t, for each column."""
    import numpy as np
    from scipy.special import stdtr, stdtrit

    n_units = len(differences)
    means = differences.mean(axis=0)
    if n_units < 2:
        unknown = np.full(len(means), math.nan)
        return means, unknown, unknown, np.ones(len(means))
    spreads = differences.std(axis=0, ddof=1)
    spreads = np.where(spreads <= 1e-12 * np.abs(means), 0.0, spreads)
    errors = spreads * math.sqrt(1 / n_units if fold_ratios is None else _fold_variance(n_units, fold_ratios))
    half_widths = float(stdtrit(n_units - 1, 1 - alpha / 2)) * errors
    with np.errstate(divide="ignore", invalid="ignore"):
        statistics = np.abs(means) / errors
    # Without spread there is either no difference, or the same one everywhere.
    statistics = np.where(errors > 0, statistics, np.where(means == 0, 0.0, math.inf))
    return means, spreads, half_widths, 2 * stdtr(n_units - 1, -statistics)


def _fold_variance(n_folds: int, ratios: Sequence[float]) -> float:
    """Return the factor for the variance over folds (Nadeau and Bengio, Machine Learning 52, 2003)."""
    ratio = math.fsum(ratios) / len(ratios) if ratios else 1 / (n_folds - 1)
    return 1 / n_folds + ratio
