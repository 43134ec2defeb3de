"""Align the scores of several runs unit by unit, and leave out runs that do not fit."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gaitmap_results.comparing.choosing import LeftOut, grouped
from gaitmap_results.exceptions import InvalidOptionError, NotComparableError
from gaitmap_results.reading.index import RunSummary
from gaitmap_results.reading.scores import unit_index
from gaitmap_results.typed_results.scores import FOLD_UNITS, Scores

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MatchedScores", "ScoredRun", "match_scores"]

_MAX_SHOWN: Final = 5

Unit = tuple[Any, ...]
Values = dict[Unit, float]


class ScoredRun(NamedTuple):
    """A run with the name under which it is compared, and its scores."""

    entry: str
    run: RunSummary
    scores: Scores

    def __str__(self) -> str:
        return f"{self.entry} ({self.run.folder})"


@dataclass(frozen=True, eq=False)
class MatchedScores:
    """One score of every entry, for the same units.

    Attributes
    ----------
    table
        One row for each unit, one column for each entry.
    runs
        The runs of each entry that were used.
    notes
        What a reader has to know about the entries whose scores are means of several runs.
    fold_ratios
        ``None`` if units are independent.
        If they are folds, test size divided by training size for each; empty if unknown.
    averaged_over
        The levels, such as trials, over which each participant's scores were averaged.
    """

    table: pd.DataFrame
    runs: dict[str, list[RunSummary]]
    notes: dict[str, str]
    fold_ratios: list[float] | None
    averaged_over: tuple[str, ...]


def match_scores(runs: Sequence[ScoredRun], score: str, left_out: list[LeftOut]) -> MatchedScores:
    """Return one score of all runs that have it for the same units; add the other runs to ``left_out``.

    Raises
    ------
    InvalidOptionError
        If no run has the score.
    NotComparableError
        If the units of the runs are of different kinds.
    """
    import pandas as pd

    names = list(dict.fromkeys(name for each in runs for name in each.scores.directions))
    if score not in names:
        raise InvalidOptionError(f"No run has a score {score!r}. The scores are: {', '.join(names)}.")
    found: list[tuple[ScoredRun, Values]] = []
    for given, each in zip(runs, _independent(runs), strict=True):
        values = _repeated(given.scores) or _values(each.scores, score)
        if isinstance(values, str):
            left_out.append(LeftOut(each.run.path, values))
        else:
            found.append((each, values))
    levels = _common_levels([each for each, _ in found])
    units = list(dict.fromkeys(unit for _, values in found for unit in values))
    used: list[tuple[ScoredRun, Values]] = []
    for each, values in found:
        lacking = [unit for unit in units if unit not in values]
        if lacking:
            reason = f"it has no scores for {_listed(lacking)}, which other runs have{_twin(lacking, values)}"
            left_out.append(LeftOut(each.run.path, reason))
        else:
            used.append((each, values))
    of_entry = grouped((each.entry, values) for each, values in used)
    columns = {name: [_mean(values, unit) for unit in units] for name, values in of_entry.items()}
    folders = {each.run.folder for each, _ in used}
    before = {each.scores.units for each in runs if each.run.folder in folders}
    return MatchedScores(
        table=pd.DataFrame(columns, index=unit_index(levels, units), dtype=float),
        runs=grouped((each.entry, each.run) for each, _ in used),
        notes={name: _spread_note(name, values) for name, values in of_entry.items() if len(values) > 1},
        fold_ratios=_fold_ratios([each.scores for each, _ in used]) if levels == FOLD_UNITS else None,
        averaged_over=before.pop()[len(levels) :] if len(before) == 1 else (),
    )


def _independent(runs: Sequence[ScoredRun]) -> list[ScoredRun]:
    """Return scores with one row for each participant, since trials of one person are not independent."""
    people = {each.scores.units: levels for each in runs if (levels := each.scores.participant_levels) is not None}
    return [
        each._replace(scores=each.scores.averaged(people[each.scores.units])) if each.scores.units in people else each
        for each in runs
    ]


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


def _twin(missing: Sequence[Unit], values: Values) -> str:
    """Return a remark if a unit is missing only because it is a number in one run and a text in another."""
    texts = {tuple(map(str, unit)) for unit in values}
    twin = next((unit for unit in missing if tuple(map(str, unit)) in texts), None)
    return "" if twin is None else f" ({_listed([twin])} is a number in one of them and a text in the other)"


def _listed(units: Sequence[Unit]) -> str:
    shown = ", ".join(" ".join(map(str, unit)) or "the whole run" for unit in units[:_MAX_SHOWN])
    return f"{shown} and {len(units) - _MAX_SHOWN} more" if len(units) > _MAX_SHOWN else shown


def _common_levels(runs: Sequence[ScoredRun]) -> tuple[str, ...]:
    groups = grouped((", ".join(each.scores.units) or "whole runs", str(each)) for each in runs)
    if len(groups) > 1:
        reasons = [f"units are {levels}: {', '.join(who)}" for levels, who in groups.items()]
        shown = "".join(f"\n  {reason}" for reason in reasons)
        raise NotComparableError(f"The scores of these runs are for different units:{shown}", reasons=reasons)
    return runs[0].scores.units if runs else ()


def _mean(runs: Sequence[Values], unit: Unit) -> float:
    return math.fsum(values[unit] for values in runs) / len(runs)


def _spread_note(name: str, runs: Sequence[Values]) -> str:
    spread = statistics.stdev(statistics.fmean(values.values()) for values in runs)
    return f"{name}: mean of {len(runs)} runs, SD between them {spread:.3g}"


def _fold_ratios(scores: Sequence[Scores]) -> list[float]:
    """Return test size divided by training size; empty if unknown or different between runs."""
    folds = {each.folds for each in scores}
    sizes = next(iter(folds)) if len(folds) == 1 else ()
    return [each.n_test / each.n_train for each in sizes] if all(each.n_train for each in sizes) else []
