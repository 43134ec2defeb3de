"""Measures a recorded block with core results of 1 GB, beside writing and hashing as much."""

from __future__ import annotations

import shutil
import statistics

from measuring import COLUMNS, Plan, Table, in_turn, less_is_better, missing_row, show_amount
from running import run_alone
from sessions import Session

__all__ = ["measure"]

_BESIDE = {
    "sha256sum": "writing the same through to the disk, and `sha256sum`",
    "hashlib_sha256": "writing the same through to the disk, and `hashlib.sha256`",
}
# What one run may need more, whatever the size of its results.
_FLAT_BYTES = 20e6


def measure(plan: Plan) -> list[Table]:
    """Measure in one process."""
    n_chunks = plan.size(full=1000, quick=20)
    what = f"one recorded block, official, core results of {n_chunks / 1000:g} GB"
    title = "Large core results"
    if shutil.which("sha256sum") is None:
        return [Table(title, COLUMNS, [missing_row(what, "there is no sha256sum")])]
    rounds = plan.size(full=9, quick=2)
    growth: list[int] = []
    with Session(plan, "large_results", arguments=(str(n_chunks),)) as session:

        def block() -> float:
            answer = session.ask("block")
            growth.append(answer["value"])
            return answer["seconds"]

        ways = {"block": block, **{way: lambda way=way: session.seconds(way) for way in _BESIDE}}
        seconds = in_turn(ways, rounds, warm_up=1, pause=lambda: session.ask("clean"))
    middle, highest = statistics.median(growth), max(growth)
    memory = ["memory of the process meanwhile", "+ " + show_amount(middle, "B"), "before the block", "-"]
    memory += [f"+ {show_amount(highest, 'B')} at most", "-", f"flat (≤ + {show_amount(_FLAT_BYTES, 'B')})"]
    memory.append("yes" if highest <= _FLAT_BYTES else "**no**")
    rows = [
        less_is_better(what, seconds["block"], beside, seconds[way], at_most=1.2) for way, beside in _BESIDE.items()
    ]
    note = (
        f"{rounds} rounds in one process; the challenge writes chunks of 1 MB. Before each turn everything is deleted "
        "and the disk is idle."
    )
    return [Table(title, COLUMNS, [*rows, memory], [note])]


if __name__ == "__main__":
    run_alone(measure)
