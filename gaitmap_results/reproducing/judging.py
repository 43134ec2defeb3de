"""Find the run that a reproduction made, and compare its numbers with the record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gaitmap_results.comparing.result_differences import ResultsDifference, compare_runs_by_numbers
from gaitmap_results.comparing.run_diff import RunDiff, diff_runs
from gaitmap_results.reading.index import RunSummary, StoreScan, by_start
from gaitmap_results.reproducing.planning import siblings
from gaitmap_results.reproducing.record import RecordedRun
from gaitmap_results.typed_results.scores import Scores

__all__ = ["Judgement", "find_new_run", "judge"]

_CAUSES: Final = ("challenge", "data", "parameters", "packages", "Python", "machine")


@dataclass(frozen=True)
class Judgement:
    """How well the numbers of two runs agree.

    Attributes
    ----------
    verdict
        ``bitwise``, ``equal but for measured times``, ``within tolerance`` or ``differs``.
    numbers
        The differences between the numbers, column by column.
    diff
        The other differences.
    """

    verdict: str
    numbers: ResultsDifference
    diff: RunDiff

    @property
    def scores(self) -> list[dict[str, Any]]:
        """The change of each score, with the participant for whom it changed most."""
        return self.diff.sections.get("scores", [])

    @property
    def causes(self) -> dict[str, list[dict[str, Any]]]:
        """The other differences that may be the cause."""
        return {name: found for name, found in self.diff.sections.items() if name in _CAUSES}


def judge(record: RecordedRun, new: Path, rtol: float) -> Judgement:
    """Compare the core results and scores of a new run with the record."""
    path = record.summary.path
    numbers = compare_runs_by_numbers(path, new)
    stored = Scores.stored_in(new) or Scores.stored_in(path)
    tolerances = {} if stored is None else stored.tolerances
    return Judgement(numbers.verdict(rtol, tolerances), numbers, diff_runs(path, new))


def find_new_run(record: RecordedRun, store: Path, *, alone: bool) -> RunSummary | None:
    """Return the run of the same challenge and entry; of several, the one at the same position.

    Parameters
    ----------
    store
        The results folder of the reproduction.
    alone
        Whether the entry was called alone.
    """
    summary = record.summary
    key = summary.challenge_name, summary.entry
    found = sorted((run for run in StoreScan(str(store)) if (run.challenge_name, run.entry) == key), key=by_start)
    if len(found) < 2 or alone:
        return found[0] if found else None
    before = [run.folder for run in siblings(record) if (run.challenge_name, run.entry) == key]
    return found[before.index(summary.folder) % len(found) if summary.folder in before else 0]
