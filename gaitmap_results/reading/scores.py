"""Load the scores of runs, or derive them from cross-validation results of gaitmap_challenges."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gaitmap_results._extras import require_pandas
from gaitmap_results.exceptions import CorruptRunError, RunNotFoundError
from gaitmap_results.reading import index
from gaitmap_results.reading.index import RunSummary, SkippedRun
from gaitmap_results.reading.run_files import load_run_file, read_run_json
from gaitmap_results.store.entry_names import entry_text
from gaitmap_results.store.json_files import parse_json
from gaitmap_results.store.json_values import safe_repr
from gaitmap_results.store.layout import RESULTS_DIR, SCORES_FILE
from gaitmap_results.typed_results.scores import FOLD_UNITS, PARTICIPANT_COLUMNS, FoldSize, ScoreRow, Scores, mean_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "count_participants",
    "known_scores",
    "load_scores",
    "read_cross_validation",
    "read_scores",
    "score_rows",
    "scores_table",
    "unit_index",
]

_SINGLE: Final = "test_single_"
_RUN: Final = ("entry_name", "challenge_name", "challenge_version", "kind", "run_id", "path")


def load_scores(path: str | Path) -> pd.DataFrame:
    """Return the scores of a run.

    Parameters
    ----------
    path
        The run folder.

    Returns
    -------
    scores
        One row for each unit, mostly a participant; the index levels are named after the unit.
        One column for each score, the main score first; NaN is unknown.
        ``scores.attrs["directions"]`` holds ``"minimize"`` or ``"maximize"`` for each score.
        For a run of gaitmap_challenges, scores are derived by averaging its ``test_single_…`` values.
        They are averaged for each participant, or for each fold if no column of the data set names participants.

    Raises
    ------
    MissingExtraError
        If pandas is not installed.
    RunNotFoundError
        If there is no run at ``path``, or it has no scores.
    CorruptRunError
        If its scores cannot be read.

    Examples
    --------
    >>> from gaitmap_results import get_all_result_paths, get_latest_result, load_scores
    >>> latest = get_latest_result(get_all_result_paths(StrideTime, "results"))
    >>> scores = load_scores(latest["as_published",])
    >>> scores["abs_error_s"].head(2).to_dict()
    {'P1': 0.055, 'P2': 0.051}
    >>> scores.attrs["directions"]
    {'abs_error_s': 'minimize'}
    """
    require_pandas("A table of scores")
    scores = read_scores(path)
    if scores is None:
        raise RunNotFoundError(
            f"The run in {path} has no {SCORES_FILE}. A challenge stores one if it has a method get_scores(), or the "
            "results of a cross-validation in cv_results_."
        )
    return scores_table(scores)


def scores_table(scores: Scores) -> pd.DataFrame:
    """Return scores as a table, as :func:`load_scores` describes it."""
    pd = require_pandas("A table of scores")
    names = list(scores.directions)
    values = [[math.nan if row.scores[name] is None else row.scores[name] for name in names] for row in scores.rows]
    index_of_units = unit_index(scores.units, [row.unit for row in scores.rows])
    table = pd.DataFrame(values, index=index_of_units, columns=names, dtype=float)
    table.attrs["directions"] = dict(scores.directions)
    return table


def unit_index(levels: Sequence[str], units: Sequence[tuple[Any, ...]]) -> pd.Index:
    """Return units as the index of a table."""
    pd = require_pandas("A table of scores")
    if not levels:
        return pd.RangeIndex(len(units))
    # Beside a label that is missing, or a fraction, pandas would turn integers into floats.
    columns = list(zip(*units, strict=True)) or [() for _ in levels]
    parts = [pd.Index(labels, dtype=None if len(set(map(type, labels))) == 1 else object) for labels in columns]
    return parts[0].rename(levels[0]) if len(levels) == 1 else pd.MultiIndex.from_arrays(parts, names=list(levels))


def read_scores(folder: str | Path) -> Scores | None:
    """Return the scores of a run; ``None`` if it has none.

    Raises
    ------
    RunNotFoundError
        If there is no run in ``folder``.
    CorruptRunError
        If its scores cannot be read.
    """
    absolute = os.path.abspath(folder)
    stored = _stored(absolute)
    return _derived(absolute) if stored is None else stored


def _stored(folder: str) -> Scores | None:
    if not os.path.lexists(os.path.join(folder, SCORES_FILE)):
        return None  # as most runs of some challenges; a list of 10,000 is a fifth faster
    return load_run_file(Path(folder), SCORES_FILE, lambda content: Scores.from_json(parse_json(content)))


def known_scores(folder: str | Path, *, derive: bool = True) -> Scores | None:
    """Return the scores of a run; ``None`` if they cannot be read, so that one run does not break a list.

    Parameters
    ----------
    folder
        The run folder.
    derive
        Whether to derive scores for records of gaitmap_challenges, which takes longer.
    """
    try:
        return read_scores(folder) if derive else _stored(os.path.abspath(folder))
    except (CorruptRunError, RunNotFoundError):
        return None


def _derived(folder: str) -> Scores | None:
    if not index.read_summary(folder).is_legacy:
        return None
    found = read_cross_validation(Path(folder))
    return None if found is None else _from_cross_validation(*found)


def read_cross_validation(folder: Path) -> tuple[dict[str, Any], list[str]] | None:
    """Return the columns of cv_results.json and those of the data set; ``None`` if there are no such files.

    Labels of data points are lists with one part for each column of the data set.

    Raises
    ------
    CorruptRunError
        If the files cannot be read.
    """
    names = [f"{RESULTS_DIR}/cv_{name}.json" for name in ("results", "metadata")]
    try:
        results, about = (read_run_json(folder, name) for name in names)
        levels = [str(name) for name in about["dataset_columns"]]
        columns = {name: list(folds.values()) for name, folds in results.items()}
        for name, folds in columns.items():
            if name.endswith("data_labels"):
                columns[name] = [[_parts(label, levels) for label in fold] for fold in folds]
    except RunNotFoundError:
        return None
    except CorruptRunError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptRunError(
            f"{folder / names[0]} does not hold the results of a cross-validation: {type(error).__name__}: {error}.",
            path=folder,
        ) from error
    return columns, levels


def count_participants(folder: Path) -> int | None:
    """Count the participants in the data labels of a cross-validation; ``None`` if that is not certain."""
    try:
        columns, levels = read_cross_validation(folder) or ({}, [])
    except CorruptRunError:
        return None
    place = _participant_place(levels)
    labels = [label for fold in columns.get("test_data_labels") or [] for label in fold]
    if place is None or not labels:
        return None
    # Ids may be unique only within a cohort, or a trial may precede the participant: then the count is uncertain.
    counts = {len({str(label[place]) for label in labels}), len({str(label[: place + 1]) for label in labels})}
    return counts.pop() if len(counts) == 1 else None


def _parts(label: Any, levels: list[str]) -> list[Any]:
    """Return the parts of a label; gaitmap_challenges split single labels into letters, "P10" into "P", "1", "0"."""
    parts = label if isinstance(label, list) else [label]
    if len(levels) == 1 and len(parts) != 1:
        parts = ["".join(map(str, parts))]
    if len(parts) != len(levels) or any(isinstance(part, (list, dict)) for part in parts):
        raise ValueError(f"the label {safe_repr(label, 200)} does not have one value for each of {', '.join(levels)}")
    return parts


def _participant_place(levels: list[str]) -> int | None:
    """Return the place in a label that names the participant."""
    return next((levels.index(name) for name in PARTICIPANT_COLUMNS if name in levels), None)


def _from_cross_validation(columns: Mapping[str, Any], levels: list[str]) -> Scores | None:
    labels = columns.get("test_data_labels") or []
    sizes = [len(fold) for fold in labels]
    # Keep what has a value for each data point; a scorer may also return other things.
    values = {
        name.removeprefix(_SINGLE): list(chain.from_iterable(folds))
        for name, folds in columns.items()
        if name.startswith(_SINGLE) and _fits(folds, sizes)
    }
    if not values:
        return None
    place = _participant_place(levels)
    points: dict[Any, list[tuple[int, int]]] = {}
    for number, (fold, label) in enumerate((fold, label) for fold, each in enumerate(labels) for label in each):
        points.setdefault(fold if place is None else label[place], []).append((number, fold))
    rows = []
    for unit, found in points.items():
        means = {name: _mean([column[number] for number, _ in found]) for name, column in values.items()}
        folds_of_unit = {fold for _, fold in found}
        rows.append(ScoreRow((unit,), folds_of_unit.pop() if len(folds_of_unit) == 1 else None, means))
    if place is not None:
        return Scores((levels[place],), dict.fromkeys(values), tuple(rows))
    train = columns.get("train_data_labels") or []
    known = len(train) == len(labels)
    folds = tuple(FoldSize(n, sizes[n], len(train[n])) for n in range(len(sizes))) if known else ()
    return Scores(FOLD_UNITS, dict.fromkeys(values), tuple(rows), folds)


def _fits(folds: Any, sizes: list[int]) -> bool:
    return [len(fold) if isinstance(fold, list) else None for fold in folds] == sizes and all(
        value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))
        for fold in folds
        for value in fold
    )


def _mean(values: list[Any]) -> float | None:
    """Return the mean; ``None`` if a value is missing, since leaving out failures would flatter the entry."""
    try:
        return mean_of(values) if None not in values and all(map(math.isfinite, values)) else None
    except OverflowError:  # an integer beyond the range of floats
        return None


class ScoreRows(NamedTuple):
    """A table of scores: its rows, its columns, and the runs left out, each with the reason."""

    rows: list[dict[str, Any]]
    columns: list[str]
    left_out: list[SkippedRun]


def score_rows(runs: Sequence[RunSummary], path_of: Callable[[RunSummary], str]) -> ScoreRows:
    """Return a row for each unit of each run.

    The columns name the run, then the unit, then the scores.
    A unit or score with the name of an earlier column becomes ``unit.{name}`` or ``score.{name}``.

    Parameters
    ----------
    runs
        The runs, in the order of the rows.
    path_of
        Returns the value of the column ``path``.
    """
    left_out: list[SkippedRun] = []
    found = [(run, scores) for run in runs if (scores := _scores_or_reason(run, left_out)) is not None]
    units = _columns("unit", (name for _, scores in found for name in scores.units), _RUN)
    taken = (*_RUN, *units.values())
    named = _columns("score", (name for _, scores in found for name in scores.directions), taken)
    rows = [row for run, scores in found for row in _rows(run, scores, path_of(run), units, named)]
    return ScoreRows(rows, [*taken, *named.values()], left_out)


def _scores_or_reason(run: RunSummary, left_out: list[SkippedRun]) -> Scores | None:
    try:
        scores = read_scores(run.folder)
    except (CorruptRunError, RunNotFoundError) as error:
        left_out.append(SkippedRun(run.folder, str(error)))
        return None
    if scores is None:
        left_out.append(SkippedRun(run.folder, "it has no scores"))
    return scores


def _columns(what: str, names: Iterable[str], taken: Sequence[str]) -> dict[str, str]:
    """Return a column for each name; a name that is taken gets the prefix ``what``."""
    columns: dict[str, str] = {}
    for name in dict.fromkeys(names):
        column = name
        while column in taken or column in columns.values():
            column = f"{what}.{column}"
        columns[name] = column
    return columns


def _rows(
    run: RunSummary, scores: Scores, path: str, units: Mapping[str, str], named: Mapping[str, str]
) -> Iterable[dict[str, Any]]:
    values = (entry_text(run.entry), run.challenge_name, run.challenge_version, run.kind, run.run_id, path)
    of_run = dict(zip(_RUN, values, strict=True))
    for row in scores.rows:
        of_unit = {units[name]: value for name, value in zip(scores.units, row.unit, strict=True)}
        yield {**of_run, **of_unit, **{named[name]: value for name, value in row.scores.items()}}
