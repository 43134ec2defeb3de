"""Run folders with scores, written as plain files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from run_folders import START, write_run

__all__ = ["DATA", "write_scored_run", "write_store"]

DATA = {"class": "gait_lab.Walks", "n_datapoints": 8, "index_sha256": "a" * 64, "files": None}


def write_scored_run(
    results: Path,
    entry: Any,
    values: Mapping[str, float | None] | Sequence[float | None],
    *,
    score: str = "error",
    direction: str | None = "minimize",
    units: Sequence[str] = ("participant",),
    start: datetime = START,
    more: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Path:
    """Write a run whose score has these values, for participants P1, P2, … where they have no names."""
    if not isinstance(values, Mapping):
        values = {f"P{number}": value for number, value in enumerate(values, start=1)}
    parameters = {"challenge": {"class": "C", "parameters": {"folds": 3}}, "pipeline": {"class": "A", "parameters": {}}}
    run = write_run(results, entry, start=start, **{"data": DATA, "parameters": parameters, **changes})
    rows = [{"unit": [unit], "fold": None, "scores": {score: value}} for unit, value in values.items()]
    content = {"schema_version": 1, "units": list(units), "directions": {score: direction}, "rows": rows}
    (run / "scores.json").write_text(json.dumps({**content, **(more or {})}), encoding="utf-8")
    return run


def write_store(results: Path, entries: Mapping[str, Any], **options: Any) -> dict[str, Path]:
    """Write a run of each entry, one a minute."""
    return {
        name: write_scored_run(results, name, values, start=START + timedelta(minutes=number), **options)
        for number, (name, values) in enumerate(entries.items())
    }
