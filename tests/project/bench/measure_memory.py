"""Measures how much memory a process has after a recorded run, beside one that only imported the dependencies."""

from __future__ import annotations

from measuring import COLUMNS, Plan, Table, added_row, in_turn
from running import run_alone
from sessions import EXPERIMENTS
from surroundings import make_repository
from timed_commands import printed_by

__all__ = ["measure"]

_FOUR = "import wrapt, orjson, psutil"


def measure(plan: Plan) -> list[Table]:
    """Start one after the other, many times."""
    script = make_repository(plan.folder / "repository", script=EXPERIMENTS / "first_run.py")
    arguments = (script.name, str(plan.folder / "results"), "memory")
    ways = {
        "recorded": printed_by(plan, *arguments, folder=script.parent),
        "imported": printed_by(plan, "-c", f"{_FOUR}; print(psutil.Process().memory_info().rss)"),
    }
    rounds = plan.size(full=20, quick=2)
    memory = in_turn(ways, rounds, warm_up=1)
    row = added_row(
        "memory of a process after a recorded run",
        memory["recorded"],
        f"`{_FOUR}`",
        memory["imported"],
        at_most=15e6,
        unit="B",
    )
    note = f"The resident memory at the end of a new process; {rounds} of each in turn."
    return [Table("Memory", COLUMNS, [row], [note])]


if __name__ == "__main__":
    run_alone(measure)
