"""Turn what a challenge says about its scores into rows, and rows into the JSON of scores.json."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

from gaitmap_results.store.json_files import read_json
from gaitmap_results.store.json_values import safe_repr, safe_text
from gaitmap_results.store.layout import SCORES_FILE

__all__ = ["DIRECTIONS", "FOLD_UNITS", "PARTICIPANT_COLUMNS", "FoldSize", "ScoreRow", "Scores", "collect_scores"]

#: What SCORES may say of a score.
DIRECTIONS: Final = ("minimize", "maximize")
#: The units of scores that are known for each fold only.
FOLD_UNITS: Final = ("fold",)
#: Columns of a data set that name its participants; the first one that is there counts.
PARTICIPANT_COLUMNS: Final = ("participant", "participant_id", "subject", "patient", "patient_id")

_SCHEMA_VERSION: Final = 1
# A name starts with one of these in the results of a cross-validation, in this order; what is single is no number.
_PREFIXES: Final = ("test__agg__", "test_")
_NOT_FOR_A_FOLD: Final = ("test__single__", "test_single_")

Note = Callable[[str], None]


@dataclass(frozen=True)
class ScoreRow:
    """The scores of one unit; ``None`` is unknown."""

    unit: tuple[Any, ...]
    fold: int | None
    scores: dict[str, float | None]


@dataclass(frozen=True)
class FoldSize:
    """How many data points one fold was tested on and trained with."""

    fold: int
    n_test: int
    n_train: int


@dataclass(frozen=True)
class Scores:
    """The scores of one run.

    Attributes
    ----------
    units
        The names of the levels that tell units apart, such as ``("participant",)``.
    directions
        For each score whether less or more is better; ``None`` is unknown.
        The main score comes first.
    rows
        One for each unit.
    folds
        The sizes of the folds, where scores are known for each fold only and the data labels tell.
    """

    units: tuple[str, ...]
    directions: dict[str, str | None]
    rows: tuple[ScoreRow, ...]
    folds: tuple[FoldSize, ...] = ()

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
        return math.fsum(known) / len(known) if known and len(known) == len(values) else None

    def means(self) -> dict[str, float | None]:
        """Return the mean of each score over all units."""
        return {name: self.mean(name) for name in self.directions}

    def lines(self) -> tuple[str, ...]:
        """Return a line for each score: its mean, and from where to where it goes."""
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
        units = f"{len(self.rows)} units ({', '.join(self.units)})"
        return f"{said}: {known}{min(values):.4g} to {max(values):.4g} in {units}{missing}"

    @classmethod
    def stored_in(cls, folder: Path) -> Scores | None:
        """Return the scores in the scores.json of a run folder; ``None`` where none can be read."""
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
        }

    @classmethod
    def from_json(cls, content: Any) -> Scores:
        """Return the scores that a scores.json holds.

        Raises
        ------
        ValueError
            If it is no such file, or one of a later version.
        """
        try:
            version = content["schema_version"]
            if version != _SCHEMA_VERSION:
                raise ValueError(f"its schema_version is {version!r}; this version of gaitmap_results knows 1")
            names, levels = content["directions"], content["units"]
            rows = tuple(
                ScoreRow(tuple(row["unit"]), row["fold"], {name: _stored(row["scores"].get(name)) for name in names})
                for row in content["rows"]
            )
            folds = tuple(FoldSize(each["fold"], each["n_test"], each["n_train"]) for each in content.get("folds", ()))
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"it does not have the form of scores: {type(error).__name__}: {error}") from error
        if any(len(row.unit) != len(levels) for row in rows):
            raise ValueError("a unit does not have one value for each of `units`")
        directions = {name: each if each in DIRECTIONS else None for name, each in names.items()}
        return cls(tuple(levels), directions, rows, folds)


def _stored(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"the score {value!r} is no number")
    return float(value)


def collect_scores(challenge: Any, note: Note) -> Scores | None:
    """Ask a challenge for its scores.

    Parameters
    ----------
    challenge
        A challenge after its run: with a method ``get_scores``, or results of a cross-validation in ``cv_results_``.
    note
        Called with each thing that is wrong with them and costs a part of them only.

    Returns
    -------
    scores
        ``None`` if the challenge has none.

    Raises
    ------
    TypeError
        If ``get_scores`` returned something else than scores.
    Exception
        Whatever ``get_scores`` raises.
    """
    declared = _declared_directions(getattr(challenge, "SCORES", None), note)
    get_scores = getattr(challenge, "get_scores", None)
    given = get_scores() if callable(get_scores) else None
    if given is None:
        scores = _from_cross_validation(getattr(challenge, "cv_results_", None))
    else:
        scores = _from_returned(given, note)
    if scores is None or not scores.rows or not scores.directions:
        if declared or scores is not None:
            note("There are no scores to store; get_scores() gives one number for each unit and score.")
        return None
    missing = [name for name in declared if name not in scores.directions]
    if missing:
        note(f"SCORES names {', '.join(missing)}, which is not among the scores: {', '.join(scores.directions)}.")
    _note_repeated_units(scores, note)
    # The main score is the one that SCORES names first.
    order = [*(name for name in declared if name in scores.directions), *scores.directions]
    directions = {name: declared.get(name) for name in dict.fromkeys(order)}
    rows = tuple(
        ScoreRow(row.unit, row.fold, {name: row.scores.get(name) for name in directions}) for row in scores.rows
    )
    return Scores(scores.units, directions, rows, scores.folds)


def _declared_directions(declared: Any, note: Note) -> dict[str, str | None]:
    if declared is None:
        return {}
    if not isinstance(declared, Mapping):
        note(f"SCORES is {safe_repr(declared)}; it takes a dictionary such as {{'f1_score': 'maximize'}}.")
        return {}
    for name, direction in declared.items():
        if direction not in DIRECTIONS:
            note(f"SCORES says {direction!r} of {name}; it takes 'minimize' or 'maximize'.")
    return {str(name): each if each in DIRECTIONS else None for name, each in declared.items()}


def _note_repeated_units(scores: Scores, note: Note) -> None:
    repeated = [unit for unit, count in Counter(row.unit for row in scores.rows).items() if count > 1]
    if repeated:
        shown = ", ".join(" ".join(map(str, unit)) for unit in repeated[:5])
        note(
            f"Several rows of scores have the same unit ({shown}). Entries are compared by units that occur once; "
            "average over what repeats, such as trials."
        )


# What get_scores returned


def _from_returned(given: Any, note: Note) -> Scores:
    if hasattr(given, "columns") and hasattr(given, "index"):
        return _from_table(given, note)
    if not isinstance(given, Mapping):
        raise TypeError(
            f"get_scores() returned {safe_repr(given)}; it takes a DataFrame with one row a unit, {{score: number}}, "
            "or {score: {unit: number}}."
        )
    by_unit = {name: value for name, value in given.items() if isinstance(value, Mapping) or _is_series(value)}
    if not by_unit:
        return _table((), [()], [(name, [value]) for name, value in given.items()], note)
    if len(by_unit) < len(given):
        raise TypeError("get_scores() returned numbers beside {unit: number}; give all scores for the same units.")
    columns = {name: dict(values.items()) for name, values in by_unit.items()}
    units = list(dict.fromkeys(chain.from_iterable(columns.values())))
    cells = [(name, [values.get(unit) for unit in units]) for name, values in columns.items()]
    return _table(("unit",), [(_joined(unit),) for unit in units], cells, note)


def _is_series(value: Any) -> bool:
    return hasattr(value, "items") and hasattr(value, "index")


def _joined(unit: Any) -> Any:
    return "/".join(map(str, unit)) if isinstance(unit, tuple) else unit


def _from_table(table: Any, note: Note) -> Scores:
    names = _distinct([str(name) if name is not None else "unit" for name in table.index.names])
    levels = [map(_joined, table.index.get_level_values(number).tolist()) for number in range(len(names))]
    units = list(zip(*levels, strict=True))
    cells = [(name, table.iloc[:, number].tolist()) for number, name in enumerate(table.columns)]
    return _table(names, units, cells, note)


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{name}_{number}" if name in names[:number] else name for number, name in enumerate(names))


def _table(
    levels: tuple[str, ...], units: Sequence[tuple[Any, ...]], cells: Iterable[tuple[Any, list[Any]]], note: Note
) -> Scores:
    """Return the scores of units; a column that holds something else than numbers is left out."""
    columns: dict[str, list[float | None]] = {}
    for name, values in cells:
        if not isinstance(name, str) or name in columns:
            note(f"A score is called {safe_repr(name)}, which is no text or stands there twice; it is left out.")
            continue
        try:
            columns[safe_text(name)] = [_number(value) for value in values]
        except (TypeError, ValueError, OverflowError) as error:
            note(f"The score {name!r} is left out: {error}.")
    labels = [tuple(_label(part) for part in unit) for unit in units]
    rows = tuple(
        ScoreRow(unit, _fold(levels, unit), {name: column[number] for name, column in columns.items()})
        for number, unit in enumerate(labels)
    )
    return Scores(tuple(map(safe_text, levels)), dict.fromkeys(columns), rows)


def _fold(levels: tuple[str, ...], unit: tuple[Any, ...]) -> int | None:
    return unit[0] if levels == FOLD_UNITS and isinstance(unit[0], int) else None


def _number(value: Any) -> float | None:
    """Return a finite number, or ``None`` where there is none."""
    if value is None or type(value).__name__ == "NAType":
        return None
    value = _plain(value)
    if isinstance(value, (bool, str, bytes)) or not hasattr(value, "__float__"):
        raise TypeError(f"{safe_repr(value)} is no number")
    number = float(value)
    return number if math.isfinite(number) else None


def _label(value: Any) -> Any:
    """Return a unit's label as JSON can hold it."""
    value = _plain(value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return safe_text(str(value))


def _plain(value: Any) -> Any:
    """Return the Python number that a NumPy scalar is."""
    return value.item() if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0 else value


# The results of a cross-validation, as tpcp and scikit-learn return them


def _from_cross_validation(results: Any) -> Scores | None:
    """Return the numbers that each fold was tested with; ``None`` where there is none."""
    if not hasattr(results, "items"):
        return None
    columns: dict[str, list[float | None]] = {}
    for key, values in results.items():
        if not isinstance(key, str) or not key.startswith("test_") or key.startswith(_NOT_FOR_A_FOLD):
            continue
        name = next(key[len(prefix) :] for prefix in _PREFIXES if key.startswith(prefix))
        try:
            column = [_number(value) for value in values]
        except (TypeError, ValueError, OverflowError):  # labels, lists, whatever else a scorer returns
            continue
        if not columns or len(column) == len(next(iter(columns.values()))):
            columns[name] = column
    if not columns:
        return None
    n_folds = len(next(iter(columns.values())))
    rows = tuple(ScoreRow((n,), n, {name: column[n] for name, column in columns.items()}) for n in range(n_folds))
    return Scores(FOLD_UNITS, dict.fromkeys(columns), rows, _fold_sizes(results, n_folds))


def _fold_sizes(results: Any, n_folds: int) -> tuple[FoldSize, ...]:
    found = {key: list(values) for key, values in results.items() if str(key).endswith("data_labels")}
    test, train = (
        next((found[key] for key in (f"{part}__data_labels", f"{part}_data_labels") if key in found), [])
        for part in ("test", "train")
    )
    if len(test) != n_folds or len(train) != n_folds or not all(hasattr(each, "__len__") for each in [*test, *train]):
        return ()
    return tuple(FoldSize(n, len(test[n]), len(train[n])) for n in range(n_folds))
