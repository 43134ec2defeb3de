"""Hold the scores of a run, and convert them to scores.json and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from gaitmap_results.store.json_files import read_json
from gaitmap_results.store.json_values import safe_repr
from gaitmap_results.store.layout import SCORES_FILE
from gaitmap_results.store.score_directions import DIRECTIONS

__all__ = ["FOLD_UNITS", "PARTICIPANT_COLUMNS", "FoldSize", "ScoreRow", "Scores", "mean_of", "units_in_words"]

#: The units of scores that are known only for each fold.
FOLD_UNITS: Final = ("fold",)
#: Columns of a data set that name its participants; the first one found is used.
PARTICIPANT_COLUMNS: Final = ("participant", "participant_id", "subject", "patient", "patient_id")

# Levels whose name is the noun for a unit.
_NOUNS: Final = (("unit",), ("participant",), ("subject",), ("patient",), ("recording",), ("trial",), FOLD_UNITS)

_SCHEMA_VERSION: Final = 1
_MAX_COUNT: Final = 2**63
_MAX_SHOWN: Final = 200  # bytes
_LABELS: Final = frozenset({str, int, float, bool, type(None)})


class ScoreRow(NamedTuple):
    """The scores of one unit; ``None`` is unknown."""

    unit: tuple[Any, ...]
    fold: int | None
    scores: dict[str, float | None]


@dataclass(frozen=True)
class FoldSize:
    """The number of data points that a fold was tested on and trained with."""

    fold: int
    n_test: int
    n_train: int


@dataclass(frozen=True)
class Scores:
    """The scores of one run.

    Attributes
    ----------
    units
        The names of the levels that identify units, such as ``("participant",)``.
    directions
        Whether less or more is better, for each score; ``None`` is unknown.
        The main score comes first.
    rows
        One for each unit.
    folds
        The sizes of the folds, if the units are folds and there are data labels.
    tolerances
        How far a reproduction may be off in some scores, relative to the largest magnitude of the score.
    """

    units: tuple[str, ...]
    directions: dict[str, str | None]
    rows: tuple[ScoreRow, ...]
    folds: tuple[FoldSize, ...] = ()
    tolerances: Mapping[str, float] = field(default_factory=dict)

    @property
    def main_score(self) -> str | None:
        """The first score with a direction, else the only score there is."""
        directed = [name for name, direction in self.directions.items() if direction is not None]
        names = directed or (list(self.directions) if len(self.directions) == 1 else [])
        return names[0] if names else None

    def mean(self, name: str) -> float | None:
        """Return the mean of one score over all units; ``None`` if that of any unit is unknown."""
        values = [row.scores.get(name) for row in self.rows]
        known = [value for value in values if value is not None]
        return mean_of(known) if known and len(known) == len(values) else None

    def means(self) -> dict[str, float | None]:
        """Return the mean of each score over all units."""
        return {name: self.mean(name) for name in self.directions}

    @property
    def participant_levels(self) -> tuple[str, ...] | None:
        """The levels down to the participant, if there are units below the participant."""
        place = next((self.units.index(name) for name in PARTICIPANT_COLUMNS if name in self.units), len(self.units))
        people = {row.unit[: place + 1] for row in self.rows}
        return self.units[: place + 1] if len(people) < len({row.unit for row in self.rows}) else None

    def averaged(self, levels: tuple[str, ...]) -> Scores:
        """Return the scores averaged over all deeper levels; a mean is unknown if any of its values is."""
        groups: dict[tuple[Any, ...], list[ScoreRow]] = {}
        for row in self.rows:
            groups.setdefault(row.unit[: len(levels)], []).append(row)
        parts = {unit: Scores(levels, self.directions, tuple(rows)) for unit, rows in groups.items()}
        rows = tuple(ScoreRow(unit, part.rows[0].fold, part.means()) for unit, part in parts.items())
        return Scores(levels, self.directions, rows)

    def lines(self) -> tuple[str, ...]:
        """Return a line for each score: its mean and its range."""
        return tuple(self._line(name) for name in self.directions)

    def _line(self, name: str) -> str:
        direction = self.directions[name]
        said = f"{name} ({direction})" if direction else name
        values = [value for row in self.rows if (value := row.scores.get(name)) is not None]
        if not values:
            return f"{said}: unknown"
        if not self.units:
            return f"{said}: {values[0]:.4g}"
        missing = f", unknown for {len(self.rows) - len(values)}" if len(values) < len(self.rows) else ""
        mean = self.mean(name)
        known = "" if mean is None else f"mean {mean:.4g}, "
        units = units_in_words(len(self.rows), self.units)
        return f"{said}: {known}{min(values):.4g} to {max(values):.4g} in {units}{missing}"

    @classmethod
    def stored_in(cls, folder: Path) -> Scores | None:
        """Return the scores in scores.json of a run folder; ``None`` if none can be read."""
        try:
            return cls.from_json(read_json(folder / SCORES_FILE))
        except (OSError, ValueError):
            return None

    def to_json(self) -> dict[str, Any]:
        """Return the content of scores.json."""
        rows = [{"unit": list(row.unit), "fold": row.fold, "scores": row.scores} for row in self.rows]
        folds = [{"fold": each.fold, "n_test": each.n_test, "n_train": each.n_train} for each in self.folds]
        return {
            "schema_version": _SCHEMA_VERSION,
            "units": list(self.units),
            "directions": self.directions,
            "rows": rows,
            **({"folds": folds} if folds else {}),
            **({"tolerances": dict(self.tolerances)} if self.tolerances else {}),
        }

    @classmethod
    def from_json(cls, content: Any) -> Scores:
        """Build the scores from the content of scores.json.

        Raises
        ------
        ValueError
            If the content is not valid, or comes from a later version.
        """
        try:
            version = content["schema_version"]
            if version != _SCHEMA_VERSION:
                raise ValueError(f"its schema_version is {version!r}; this version of gaitmap_results knows 1")
            levels = tuple(_of_kind(level, str) for level in _of_kind(content["units"], list))
            given: dict[str, Any] = _of_kind(content["directions"], dict)
            rows = tuple(_row(row, len(levels), given) for row in _of_kind(content["rows"], list))
            tolerances = {name: _tolerance(each) for name, each in content.get("tolerances", {}).items()}
            folds = tuple(map(_fold_size, _of_kind(content.get("folds", []), list)))
        except (AttributeError, KeyError, OverflowError, TypeError) as error:
            raise ValueError(f"it does not have the form of scores: {type(error).__name__}: {error}") from error
        if len(set(levels)) < len(levels):
            raise ValueError("two of `units` have the same name")
        directions = {name: each if each in DIRECTIONS else None for name, each in given.items()}
        return cls(levels, directions, rows, folds, tolerances)


def mean_of(values: Sequence[float]) -> float:
    """Return the mean of finite numbers, even if their sum exceeds the range of floats."""
    try:
        return math.fsum(values) / len(values)
    except OverflowError:
        return math.fsum(value / len(values) for value in values)


def units_in_words(number: int, levels: Sequence[str]) -> str:
    """Return a number of units with what they are, as far as the names of their levels tell.

    Examples
    --------
    >>> from gaitmap_results.typed_results.scores import units_in_words
    >>> [units_in_words(3, levels) for levels in (["unit"], ["participant"], ["participant", "trial"])]
    ['3 units', '3 participants', '3 units (participant, trial)']
    """
    several = "" if number == 1 else "s"
    if tuple(levels) in _NOUNS:
        return f"{number} {levels[0]}{several}"
    return f"{number} unit{several} ({', '.join(levels)})"


def _row(row: Any, n_levels: int, names: Iterable[str]) -> ScoreRow:
    unit, fold, scores = _of_kind(row["unit"], list), row["fold"], row["scores"]
    if not _LABELS.issuperset(map(type, unit)):
        raise TypeError(f"the unit {safe_repr(unit, _MAX_SHOWN)} has a part that is not a single value")
    if len(unit) != n_levels:
        raise ValueError("a unit does not have one value for each of `units`")
    return ScoreRow(
        tuple(unit), None if fold is None else _count(fold), {name: _score(scores.get(name)) for name in names}
    )


def _fold_size(stored: Any) -> FoldSize:
    return FoldSize(_count(stored["fold"]), _count(stored["n_test"]), _count(stored["n_train"]))


def _tolerance(value: Any) -> float:
    number = _score(value)
    if number is None or number < 0:
        raise TypeError(f"the tolerance {safe_repr(value, _MAX_SHOWN)} is not a number")
    return number


def _of_kind(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{safe_repr(value, _MAX_SHOWN)} stands where something else is expected")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < _MAX_COUNT:
        raise TypeError(f"{safe_repr(value, _MAX_SHOWN)} is not the number of a fold, or of data points")
    return value


def _score(value: Any) -> float | None:
    if value is None or (type(value) is float and math.isfinite(value)):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"the score {safe_repr(value, _MAX_SHOWN)} is not a number")
    number = float(value)
    return number if math.isfinite(number) else None
