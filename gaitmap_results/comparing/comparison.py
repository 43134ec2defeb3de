"""Hold the result of a comparison of entries, as tables, JSON and words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gaitmap_results.comparing.choosing import LeftOut
from gaitmap_results.comparing.paired_statistics import mean_interval
from gaitmap_results.showing.text import counted
from gaitmap_results.typed_results.scores import FOLD_UNITS, mean_of

if TYPE_CHECKING:
    import pandas as pd

    from gaitmap_results.reading.index import RunSummary

__all__ = ["EntryComparison"]


@dataclass(frozen=True, eq=False)
class EntryComparison:
    """The result of comparing entries.

    Attributes
    ----------
    table
        One row for each comparison, see :func:`gaitmap_results.compare_scores`.
    scores
        One row for each unit, mostly a participant, and one column for each entry.
    left_out
        The path and the reason for each run that was left out.
    challenge_name, challenge_version
        The challenge.
    score, direction
        The score that was compared, and whether to ``"minimize"`` or ``"maximize"`` it.
    baseline
        The entry that all others were compared with; ``None`` if all pairs were compared.
    smallest_effect, alpha
        As they were given.

    Examples
    --------
    >>> from gaitmap_results import compare_entries
    >>> comparison = compare_entries(StrideTime, "results", baseline="as_published")
    >>> comparison.scores.loc["P1"].to_dict()
    {'as_published': 0.055, 'recalibrated': 0.033}
    >>> comparison.left_out
    []
    """

    table: pd.DataFrame
    scores: pd.DataFrame
    left_out: list[LeftOut]
    challenge_name: str
    challenge_version: str
    score: str
    direction: str | None
    baseline: str | None
    smallest_effect: float | None
    alpha: float
    _runs: dict[str, list[RunSummary]]

    @property
    def paths(self) -> dict[str, list[Path]]:
        """The run folders of each entry."""
        return {name: [run.path for run in runs] for name, runs in self._runs.items()}

    @property
    def means(self) -> pd.DataFrame:
        """One row for each entry, the best first: ``n``, ``mean``, ``sd``, and the t interval ``low`` to ``high``.

        If the direction is unknown, the smallest mean comes first.
        Folds share training data, so that their means have no interval.
        """
        import pandas as pd

        rows = []
        for name in self.scores:
            values: Any = self.scores[name].to_numpy()
            spread = float(values.std(ddof=1)) if len(values) > 1 else math.nan
            interval = (math.nan, math.nan) if self.units_are_folds else mean_interval(values, self.alpha)
            rows.append((name, len(values), mean_of(values.tolist()), spread, *interval))
        table = pd.DataFrame(rows, columns=["entry", "n", "mean", "sd", "low", "high"])
        return table.sort_values("mean", ascending=self.direction != "maximize", kind="stable", ignore_index=True)

    @property
    def units_are_folds(self) -> bool:
        """Whether the units are folds of a cross-validation, since no other scores are known."""
        return tuple(self.scores.index.names) == FOLD_UNITS

    @property
    def has_debug_runs(self) -> bool:
        """Whether any of the runs is a debug run, which may not be published."""
        return any(run.is_debug_run for runs in self._runs.values() for run in runs)

    @property
    def kind_of_unit(self) -> str:
        """What a unit is, in one word."""
        if not any(self.scores.index.names):
            return "data set"
        return "fold" if self.units_are_folds else "participant"

    @property
    def counted_units(self) -> str:
        """The number of units in words, such as ``7 participants``."""
        return counted(len(self.scores), self.kind_of_unit)

    @property
    def scope(self) -> str:
        """A sentence that says what all claims are limited to."""
        which = "this" if len(self.scores) == 1 else "these"
        return f"This holds for {which} {self.counted_units}, and for the entries as they were tuned here."

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values; an unknown number is ``None``."""
        levels = [name for name in self.scores.index.names if name is not None]
        units = [
            list(unit) if isinstance(unit, tuple) else [unit][: len(levels)] for unit in self.scores.index.tolist()
        ]
        names = ("challenge_name", "challenge_version", "score", "direction", "baseline", "smallest_effect", "alpha")
        return {
            **{name: getattr(self, name) for name in (*names, "scope")},
            "runs": {name: [str(path) for path in paths] for name, paths in self.paths.items()},
            "units": [[_plain(part) for part in unit] for unit in units],
            "scores": {str(name): values for name, values in self.scores.to_dict("list").items()},
            "means": _rows(self.means),
            "table": _rows(self.table),
            "left_out": [{"path": str(path), "reason": reason} for path, reason in self.left_out],
        }

    def _repr_html_(self) -> str:
        from html import escape

        left_out = "".join(f"<li>{escape(str(path))}: {escape(reason)}</li>" for path, reason in self.left_out)
        return (
            f"<p><strong>{escape(self.score)}</strong>, to {escape(str(self.direction))}. {escape(self.scope)}</p>"
            f"{self.table.to_html(index=False, escape=True)}"
            f"{f'<p>Left out:</p><ul>{left_out}</ul>' if left_out else ''}"
        )


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows as JSON values."""
    return [{str(key): _plain(value) for key, value in row.items()} for row in table.to_dict("records")]


def _plain(value: Any) -> Any:
    """Return a table's cell as a Python value."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
