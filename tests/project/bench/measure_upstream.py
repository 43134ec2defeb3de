"""Measures one recorded block beside gaitmap_challenges' ``save_run`` alone, for the same empty challenge."""

from __future__ import annotations

import importlib.util
import statistics

from measuring import COLUMNS, Plan, Table, in_turn, missing_row, more_is_better
from running import run_alone
from sessions import Session

__all__ = ["measure"]

_IN_A_ROW = 5
_WHAT = "one recorded block, official, empty challenge"


def measure(plan: Plan) -> list[Table]:
    """Measure each in its own process."""
    title = "Beside gaitmap_challenges"
    if not importlib.util.find_spec("gaitmap_challenges"):
        row = missing_row(_WHAT, "gaitmap_challenges is not installed")
        return [Table(title, COLUMNS, [row])]
    rounds = plan.size(full=40, quick=2)
    with Session(plan, "empty_block") as ours, Session(plan, "gaitmap_challenges_run") as theirs:
        ours.ask("official")
        ways = {
            # While theirs takes its second, ours would grow cold.
            "ours": lambda: statistics.median(ours.seconds("block") for _ in range(_IN_A_ROW)),
            "theirs": lambda: theirs.ask("run")["value"],
        }
        seconds = in_turn(ways, rounds, warm_up=1)
    row = more_is_better(
        _WHAT, seconds["ours"], "`save_run` of gaitmap_challenges 0.1.0 alone", seconds["theirs"], at_least=100
    )
    note = (
        f"{rounds} rounds in two warm processes that take turns, each in a clean repository of 20 files. Ours is the "
        f"median of {_IN_A_ROW} blocks in a row, since what runs once in a second is not warm. "
        "Both store the commit, the packages and the processor."
    )
    return [Table(title, COLUMNS, [row], [note])]


if __name__ == "__main__":
    run_alone(measure)
