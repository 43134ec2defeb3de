"""Sum up the scores of each entry: their number, mean, standard deviation and t interval."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from gaitmap_results._pandas import require_pandas
from gaitmap_results.comparing.paired_statistics import mean_interval
from gaitmap_results.typed_results.scores import mean_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MEANS", "means_of"]

#: The columns of the table of means.
MEANS: Final = ("entry", "n", "mean", "sd", "low", "high")


def means_of(scores: pd.DataFrame, *, direction: str | None, alpha: float, folds: bool) -> pd.DataFrame:
    """Return a row for each entry, the best mean first; if the direction is unknown, the smallest first.

    Parameters
    ----------
    scores
        One row for each unit, one column for each entry.
    direction
        Whether to ``"minimize"`` or ``"maximize"`` the score.
    alpha
        The intervals cover ``1 - alpha``.
    folds
        Whether the units are folds: they share training data, so that their mean has no t interval.
    """
    pd = require_pandas("Comparing entries")
    rows = []
    for name in scores:
        values: Any = scores[name].to_numpy()
        spread = float(values.std(ddof=1)) if len(values) > 1 else math.nan
        interval = (math.nan, math.nan) if folds or len(values) < 2 else mean_interval(values, alpha)
        rows.append((name, len(values), mean_of(values.tolist()), spread, *interval))
    table = pd.DataFrame(rows, columns=list(MEANS))
    return table.sort_values("mean", ascending=direction != "maximize", kind="stable", ignore_index=True)
