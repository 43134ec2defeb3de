"""Read the scores from ``get_scores`` of a challenge, or from its cross-validation results."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from gaitmap_results.store.json_values import safe_repr
from gaitmap_results.store.safe_text import safe_text
from gaitmap_results.store.score_directions import DIRECTIONS, direction_problems
from gaitmap_results.typed_results.scores import FOLD_UNITS, FoldSize, ScoreRow, Scores

__all__ = ["collect_scores"]

# The prefixes of scores in the results of a cross-validation, in order of preference.
_PREFIXES: Final = ("test__agg__", "test_")
_NOT_FOR_A_FOLD: Final = ("test__single__", "test_single_")

Note = Callable[[str], None]


def collect_scores(challenge: Any, note: Note) -> Scores | None:
    """Get the scores of a challenge.

    Parameters
    ----------
    challenge
        A challenge after its run: with a method ``get_scores``, or results of a cross-validation in ``cv_results_``.
    note
        Called with each problem that costs only some of the scores.

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
    tolerances = _declared_tolerances(getattr(challenge, "TOLERANCES", None), directions, note)
    return Scores(scores.units, directions, rows, scores.folds, tolerances)


def _declared_tolerances(declared: Any, names: Iterable[str], note: Note) -> dict[str, float]:
    if declared is None:
        return {}
    good = {
        name: float(each)
        for name, each in (declared.items() if isinstance(declared, Mapping) else ())
        if name in names and isinstance(each, (int, float)) and 0 <= each < math.inf
    }
    if not isinstance(declared, Mapping) or len(good) < len(declared):
        note(
            f"TOLERANCES is {safe_repr(declared)}; it takes a number for each score that needs one of its own, such as "
            "{'f1_score': 1e-3}."
        )
    return good


def _declared_directions(declared: Any, note: Note) -> dict[str, str | None]:
    if declared is None:
        return {}
    for problem in direction_problems(declared):
        note(problem)
    if not isinstance(declared, Mapping):
        return {}
    return {str(name): each if each in DIRECTIONS else None for name, each in declared.items()}


def _note_repeated_units(scores: Scores, note: Note) -> None:
    repeated = [unit for unit, count in Counter(row.unit for row in scores.rows).items() if count > 1]
    if repeated:
        shown = ", ".join(" ".join(map(str, unit)) for unit in repeated[:5])
        note(
            f"Several rows of scores have the same unit ({shown}). Entries are compared by units that occur once; "
            "average over what repeats, such as trials."
        )


# The results of get_scores


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
    columns = {name: dict(_numbered(values.items())) for name, values in by_unit.items()}
    units = list(dict.fromkeys(chain.from_iterable(columns.values())))
    cells = [(name, [values.get(unit) for unit in units]) for name, values in columns.items()]
    levels = _common_levels(by_unit.values())
    parts = [tuple(map(_joined, unit)) if len(levels) > 1 else (_joined(unit),) for unit, _ in units]
    return _table(levels, parts, cells, note)


def _numbered(values: Iterable[tuple[Any, Any]]) -> Iterator[tuple[tuple[Any, int], Any]]:
    """Yield values by their unit and its number among equal ones, since a Series may repeat a unit."""
    seen: Counter[Any] = Counter()
    for unit, value in values:
        yield (unit, seen[unit]), value
        seen[unit] += 1


def _common_levels(columns: Iterable[Any]) -> tuple[str, ...]:
    """Return the names of the index levels, if all scores are Series with the same ones."""
    found = {tuple(each.index.names) if _is_series(each) else (None,) for each in columns}
    names = found.pop() if len(found) == 1 else (None,)
    return _level_names(names)


def _level_names(names: Sequence[Any]) -> tuple[str, ...]:
    return _distinct([str(name) if name is not None else "unit" for name in names])


def _is_series(value: Any) -> bool:
    return hasattr(value, "items") and hasattr(value, "index")


def _joined(unit: Any) -> Any:
    return "/".join(map(str, unit)) if isinstance(unit, tuple) else unit


def _from_table(table: Any, note: Note) -> Scores:
    names = _level_names(table.index.names)
    levels = [map(_joined, table.index.get_level_values(number).tolist()) for number in range(len(names))]
    units = list(zip(*levels, strict=True))
    cells = [(name, table.iloc[:, number].tolist()) for number, name in enumerate(table.columns)]
    return _table(names, units, cells, note)


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{name}_{number}" if name in names[:number] else name for number, name in enumerate(names))


def _table(
    levels: tuple[str, ...], units: Sequence[tuple[Any, ...]], cells: Iterable[tuple[Any, list[Any]]], note: Note
) -> Scores:
    """Return the scores of units; leave out columns that hold anything but numbers."""
    columns: dict[str, list[float | None]] = {}
    for name, values in cells:
        if not isinstance(name, str) or name in columns:
            note(f"A score is called {safe_repr(name)}, which is not text or stands there twice; it is left out.")
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
    """Return a finite number, or ``None``."""
    if value is None or type(value).__name__ == "NAType":
        return None
    value = _plain(value)
    if isinstance(value, (bool, str, bytes)) or not hasattr(value, "__float__"):
        raise TypeError(f"{safe_repr(value)} is not a number")
    number = float(value)
    return number if math.isfinite(number) else None


def _label(value: Any) -> Any:
    """Return a unit's label as a JSON value."""
    value = _plain(value)
    if value is None or isinstance(value, bool) or (isinstance(value, int) and -(2**63) <= value < 2**64):
        return value
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return safe_text(str(value))


def _plain(value: Any) -> Any:
    """Return a NumPy scalar as a Python number."""
    return value.item() if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0 else value


# The results of a cross-validation, as tpcp and scikit-learn return them


def _from_cross_validation(results: Any) -> Scores | None:
    """Return the test scores of each fold; ``None`` if there are none."""
    if not hasattr(results, "items"):
        return None
    columns: dict[str, list[float | None]] = {}
    for key, values in results.items():
        if not isinstance(key, str) or not key.startswith("test_") or key.startswith(_NOT_FOR_A_FOLD):
            continue
        name = next(key[len(prefix) :] for prefix in _PREFIXES if key.startswith(prefix))
        try:
            column = [_number(value) for value in values]
        except (TypeError, ValueError, OverflowError):  # labels, lists, or anything else that a scorer returns
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
