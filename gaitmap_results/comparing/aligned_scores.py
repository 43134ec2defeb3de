"""Align the scores of several runs unit by unit, and leave out runs that do not fit."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gaitmap_results._pandas import require_pandas
from gaitmap_results.comparing.choosing import LeftOut
from gaitmap_results.exceptions import InvalidOptionError, NotComparableError
from gaitmap_results.reading.index import RunSummary
from gaitmap_results.reading.scores import unit_index
from gaitmap_results.typed_results.scores import FOLD_UNITS, Scores

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MatchedScores", "match_scores"]

_MAX_SHOWN: Final = 5

Values = dict[tuple[Any, ...], float]
Runs = Mapping[str, list[RunSummary]]


@dataclass(frozen=True, eq=False)
class MatchedScores:
    """One score of every entry, for the same units.

    Attributes
    ----------
    table
        One row for each unit, one column for each entry.
    runs
        The runs of each entry that were used.
    spreads
        For each entry the standard deviation between the means of its runs; ``None`` for a single run.
    fold_ratios
        ``None`` if units are independent.
        If they are folds, test size divided by training size for each; empty if unknown.
    averaged_over
        The levels, such as trials, over which each participant's scores were averaged.
    """

    table: pd.DataFrame
    runs: dict[str, list[RunSummary]]
    spreads: dict[str, float | None]
    fold_ratios: list[float] | None
    averaged_over: tuple[str, ...] = ()


def match_scores(runs: Runs, scores: Mapping[str, Scores], score: str, left_out: list[LeftOut]) -> MatchedScores:
    """Return one score of all runs that have it for the same units; add the other runs to ``left_out``.

    Raises
    ------
    InvalidOptionError
        If no run has the score.
    NotComparableError
        If the units of the runs are of different kinds.
    """
    if not any(score in each.directions for each in scores.values()):
        names = list(dict.fromkeys(name for each in scores.values() for name in each.directions))
        raise InvalidOptionError(f"No run has a score {score!r}. The scores are: {', '.join(names)}.")
    values: dict[str, Values] = {}
    independent = _independent(scores)
    for run in (run for of_entry in runs.values() for run in of_entry):
        problem = _repeated(scores[run.folder])
        found = problem or _values(independent[run.folder], score)
        if isinstance(found, str):
            left_out.append(LeftOut(run.path, found))
        else:
            values[run.folder] = found
    kept = {folder: independent[folder] for folder in values}
    levels = _common_levels(runs, kept)
    units = list(dict.fromkeys(unit for each in values.values() for unit in each))
    for run in (run for of_entry in runs.values() for run in of_entry):
        missing = [unit for unit in units if unit not in values.get(run.folder, units)]
        if missing:
            reason = (
                f"it has no scores for {_listed(missing)}, which other runs have{_twin(missing, values[run.folder])}"
            )
            left_out.append(LeftOut(run.path, reason))
            del values[run.folder], kept[run.folder]
    used = {name: [run for run in of_entry if run.folder in values] for name, of_entry in runs.items()}
    used = {name: of_entry for name, of_entry in used.items() if of_entry}
    pd = require_pandas("Comparing entries")
    columns = {name: _mean([values[run.folder] for run in of_entry], units) for name, of_entry in used.items()}
    table = pd.DataFrame(columns, index=unit_index(levels, units), dtype=float)
    spreads = {name: _spread([values[run.folder] for run in of_entry]) for name, of_entry in used.items()}
    fold_ratios = _fold_ratios(list(kept.values())) if levels == FOLD_UNITS else None
    before = {scores[folder].units for folder in kept}
    averaged_over = next(iter(before))[len(levels) :] if len(before) == 1 else ()
    return MatchedScores(table, used, spreads, fold_ratios, averaged_over)


def _independent(scores: Mapping[str, Scores]) -> dict[str, Scores]:
    """Return scores with one row for each participant, since trials of one person are not independent."""
    people = {each.units: levels for each in scores.values() if (levels := each.participant_levels) is not None}
    return {
        folder: each.averaged(people[each.units]) if each.units in people else each for folder, each in scores.items()
    }


def _repeated(scores: Scores) -> str | None:
    repeated = [unit for unit, count in Counter(row.unit for row in scores.rows).items() if count > 1]
    return f"several rows of its scores have the same unit: {_listed(repeated)}" if repeated else None


def _values(scores: Scores, name: str) -> Values | str:
    """Return a number for each unit, or the reason why some unit has none."""
    if name not in scores.directions:
        return f"it has no score {name}"
    values = {row.unit: row.scores[name] for row in scores.rows}
    missing = [unit for unit, value in values.items() if value is None]
    if missing:
        return f"its {name} is missing for {_listed(missing)}"
    return {unit: value for unit, value in values.items() if value is not None}


def _twin(missing: Sequence[tuple[Any, ...]], values: Values) -> str:
    """Return a remark if a unit is missing only because it is a number in one run and a text in another."""
    texts = {tuple(map(str, unit)) for unit in values}
    twin = next((unit for unit in missing if tuple(map(str, unit)) in texts), None)
    return "" if twin is None else f" ({_listed([twin])} is a number in one of them and a text in the other)"


def _listed(units: Sequence[tuple[Any, ...]]) -> str:
    shown = ", ".join(" ".join(map(str, unit)) or "the whole run" for unit in units[:_MAX_SHOWN])
    return f"{shown} and {len(units) - _MAX_SHOWN} more" if len(units) > _MAX_SHOWN else shown


def _common_levels(runs: Runs, kept: Mapping[str, Scores]) -> tuple[str, ...]:
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, of_entry in runs.items():
        for run in of_entry:
            if run.folder in kept:
                groups.setdefault(kept[run.folder].units, []).append(f"{name} ({run.folder})")
    if len(groups) > 1:
        reasons = [f"units are {', '.join(levels) or 'whole runs'}: {', '.join(who)}" for levels, who in groups.items()]
        shown = "".join(f"\n  {reason}" for reason in reasons)
        raise NotComparableError(f"The scores of these runs are for different units:{shown}", reasons=reasons)
    return next(iter(groups), ())


def _mean(runs: Sequence[Values], units: Sequence[tuple[Any, ...]]) -> list[float]:
    return [math.fsum(values[unit] for values in runs) / len(runs) for unit in units]


def _spread(runs: Sequence[Values]) -> float | None:
    return statistics.stdev(statistics.fmean(values.values()) for values in runs) if len(runs) > 1 else None


def _fold_ratios(scores: Sequence[Scores]) -> list[float]:
    """Return test size divided by training size; empty if unknown or different between runs."""
    folds = {each.folds for each in scores}
    sizes = next(iter(folds)) if len(folds) == 1 else ()
    return [each.n_test / each.n_train for each in sizes] if all(each.n_train for each in sizes) else []
