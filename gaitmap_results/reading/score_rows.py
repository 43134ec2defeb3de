"""Combine the scores of many runs into one table with a row for each unit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from gaitmap_results.exceptions import CorruptRunError, RunNotFoundError
from gaitmap_results.reading.index import RunSummary, SkippedRun
from gaitmap_results.reading.scores import read_scores
from gaitmap_results.store.entry_names import entry_text
from gaitmap_results.typed_results.scores import Scores

__all__ = ["ScoreRows", "score_rows"]

_RUN: Final = ("entry_name", "challenge_name", "challenge_version", "kind", "run_id", "path")


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
    found = [(run, scores) for run in runs if (scores := _scores(run, left_out)) is not None]
    units = _columns("unit", (name for _, scores in found for name in scores.units), _RUN)
    taken = (*_RUN, *units.values())
    named = _columns("score", (name for _, scores in found for name in scores.directions), taken)
    rows = [row for run, scores in found for row in _rows(run, scores, path_of(run), units, named)]
    return ScoreRows(rows, [*taken, *named.values()], left_out)


def _scores(run: RunSummary, left_out: list[SkippedRun]) -> Scores | None:
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
