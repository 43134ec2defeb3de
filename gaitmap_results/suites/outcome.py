"""Hold the outcome of an entry of a suite."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["INTERRUPTED", "NOT_STARTED", "EntryOutcome"]

INTERRUPTED: Final = "interrupted"
NOT_STARTED: Final = "not started"


@dataclass(frozen=True)
class EntryOutcome:
    """The outcome of one entry of a suite.

    Attributes
    ----------
    entry_name
        The name of the entry.
    status
        ``recorded``: there is a run.
        ``skipped``: there was already a run, or it is running elsewhere.
        ``failed``: it raised, and there is no run.
        ``lost``: its process ended, and there is no run.
        ``interrupted``, ``not started``: the suite was interrupted while it ran, or before.
    path
        The run folder; ``None`` unless there is one.
    error
        What it raised, how its process ended, or why it was skipped; ``None`` if there is nothing to say.
    seconds
        The duration in seconds; ``None`` if it did not run.

    Examples
    --------
    >>> from gaitmap_results import EntryOutcome
    >>> EntryOutcome("shin", "failed", None, "ValueError: no data", 0.5).status
    'failed'
    """

    entry_name: str | tuple[str, ...]
    status: str
    path: Path | None
    error: str | None
    seconds: float | None
