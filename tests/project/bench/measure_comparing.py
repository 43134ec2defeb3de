"""Measures comparing the entries of a challenge, beside reading the same scores and the arithmetic by hand.

Both run in one process, in turn.
What changed between two runs is measured alone, in CPU time, since the promise is a time.
The floor is what somebody would write in an evening: to parse each scores.json, and to count all flips of signs (beyond
20 participants 99,999 random ones) for all comparisons at once in NumPy.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from large_stores import CHALLENGES, write_scored_entry
from measuring import COLUMNS, Plan, Table, added_row, in_turn, less_is_better
from running import run_alone

__all__ = ["measure"]

_SCORE = "abs_error_m"
_BESIDE = "parsing the scores and counting flips in NumPy"
_MAX_FLIPS = 99_999


def measure(plan: Plan) -> list[Table]:
    """Measure stores of several sizes."""
    rounds = plan.size(full=9, quick=2)
    rows = []
    for n_entries, n_units in ((20, 10), (20, 15), (20, 30)):
        store = plan.folder / f"{n_entries}_{n_units}"
        _write_store(store, n_entries, n_units)
        ways = {
            "ours": lambda store=store: _seconds(_ours, store),
            "floor": lambda store=store: _seconds(_floor, store),
        }
        seconds = in_turn(ways, rounds)
        what = f"comparing all pairs of {n_entries} entries by {n_units} participants"
        rows.append(less_is_better(what, seconds["ours"], _BESIDE, seconds["floor"], at_most=3))
    rows.append(_diff_row(plan.folder / "diff", rounds))
    return [Table("Comparing entries", COLUMNS, rows, [f"{rounds} rounds in one process; imports are not counted."])]


def _write_store(store: Path, n_entries: int, n_units: int) -> None:
    numbers = random.Random(n_entries)
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    for number in range(n_entries):
        rows = [
            {"unit": [f"P{unit}"], "fold": None, "scores": {_SCORE: numbers.gauss(number / 10, 1)}}
            for unit in range(n_units)
        ]
        write_scored_entry(store, f"entry_{number}", start + timedelta(hours=number), rows, _SCORE)


def _diff_row(folder: Path, rounds: int) -> list[str]:
    """Measure two runs of about 200 kB, as published: a third of their results differ in the last digit."""
    numbers = random.Random(2)
    columns = [[round(numbers.random(), 10) for _ in range(15)] for _ in range(700)]
    runs: list[Path] = []
    for more in (0, 1e-10):
        start = datetime(2026, 1, 1 + len(runs), tzinfo=timezone.utc)
        rows = [{"unit": [f"P{unit}"], "fold": None, "scores": {_SCORE: unit + more}} for unit in range(15)]
        run = write_scored_entry(folder, "entry", start, rows, _SCORE)
        results = {}
        for number, values in enumerate(columns):
            given = [round(value + more, 10) for value in values] if number % 3 == 0 else values
            results[f"test_single__{number}"] = {str(fold): given[3 * fold : 3 * fold + 3] for fold in range(5)}
        (run / "results" / "cv_results.json").write_text(json.dumps(results), encoding="utf-8")
        runs.append(run)
    seconds = in_turn({"ours": lambda: _seconds(_diff, runs, time.process_time)}, rounds)["ours"]
    what = "what changed between two runs of 200 kB, of CPU time"
    return added_row(what, seconds, "nothing", [0.0] * rounds, at_most=0.05)


def _diff(runs: list[Path]) -> None:
    from gaitmap_results import diff_runs

    str(diff_runs(*runs))


def _seconds(way: Callable[[Any], None], given: Any, clock: Callable[[], float] = time.perf_counter) -> float:
    started = clock()
    way(given)
    return clock() - started


def _ours(store: Path) -> None:
    from gaitmap_results import compare_entries

    compare_entries(CHALLENGES[0], store)


def _floor(store: Path) -> None:
    import numpy as np
    import orjson
    from scipy.special import stdtrit

    scores = []
    for file in sorted(store.glob("*/*/*/*/scores.json")):
        rows = orjson.loads(file.read_bytes())["rows"]
        scores.append([row["scores"][_SCORE] for row in sorted(rows, key=lambda row: row["unit"])])
    differences = np.array([np.subtract(two, one) for one, two in itertools.combinations(scores, 2)]).T
    n_units, n_pairs = differences.shape
    if n_units <= 20:
        signs = 1 - 2 * ((np.arange(2**n_units)[:, None] >> np.arange(n_units)) & 1)
    else:
        signs = np.random.default_rng(0).choice([-1, 1], (_MAX_FLIPS, n_units))
    seen = np.abs(differences.sum(axis=0))
    p_values = (np.abs(signs.astype(float) @ differences) >= seen * (1 - 1e-12)).mean(axis=0)
    means, spreads = differences.mean(axis=0), differences.std(axis=0, ddof=1)
    half_widths = stdtrit(n_units - 1, 0.975) * spreads / math.sqrt(n_units)
    low, high = means - half_widths, means + half_widths
    order = p_values.argsort()
    adjusted = np.maximum.accumulate(np.minimum(1, p_values[order] * (n_pairs - np.arange(n_pairs))))
    assert len(adjusted) == len(low) == len(high)


if __name__ == "__main__":
    run_alone(measure)
