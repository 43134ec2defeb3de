"""Load the demo's runs from their folders, for the comparison."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gaitmap_results import load_run
from gaitmap_results.demo.challenge import InitialContactChallenge, scores_by_person

__all__ = ["ComparedRun", "read_run"]


@dataclass(frozen=True)
class ComparedRun:
    """One stored run of the demo.

    Attributes
    ----------
    f1_score
        The F1 score of each held-out participant.
    mean_f1_score
        Their mean.
    mean_timing_error
        Mean over the participants of the time between detected and reference initial contacts, in seconds.
    runtime
        The duration of the cross-validation, in seconds.
    caller_tracked
        Whether the code that ran is in the repository with the stored commit; ``None`` without a repository.
    """

    entry_name: str
    f1_score: dict[str, float]
    mean_f1_score: float
    mean_timing_error: float
    runtime: float
    is_debug_run: bool
    debug_reasons: list[dict[str, Any]]
    caller_tracked: bool | None
    path: Path


def read_run(path: Path) -> ComparedRun:
    """Load one run of the demo from its run folder."""
    run = load_run(InitialContactChallenge, path)
    scores = scores_by_person(run.results)
    return ComparedRun(
        entry_name=run.metadata["entry_name"],
        f1_score=scores["f1_score"].to_dict(),
        mean_f1_score=float(scores["f1_score"].mean()),
        mean_timing_error=float(scores["tp_absolute_timing_error_s"].mean()),
        runtime=run.metadata["runtime"],
        is_debug_run=run.metadata["is_debug_run"],
        debug_reasons=run.metadata["debug_reasons"],
        caller_tracked=(run.metadata["git"] or {}).get("caller_tracked"),
        path=path,
    )
