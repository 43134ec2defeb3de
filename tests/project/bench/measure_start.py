"""Measures the first recorded run of a fresh process, and what importing costs."""

from __future__ import annotations

from measuring import COLUMNS, Plan, Table, added_row, in_turn
from running import run_alone
from sessions import EXPERIMENTS
from surroundings import make_repository
from timed_commands import seconds_of

__all__ = ["measure"]

_TWO = "import wrapt, orjson"
_FOUR = "import wrapt, orjson, psutil"
_PACKAGE = "import gaitmap_results"
_NAMES = "from gaitmap_results import recorded_run, save_run"


def measure(plan: Plan) -> list[Table]:
    """Start one after the other, many times."""
    script = make_repository(plan.folder / "repository", script=EXPERIMENTS / "first_run.py")
    first_run = (script.name, str(plan.folder / "results"))
    ways = {"first run": seconds_of(plan, *first_run, folder=script.parent)}
    ways |= {code: seconds_of(plan, "-c", code) for code in (_TWO, _FOUR, _PACKAGE, _NAMES)}
    rounds = plan.size(full=60, quick=3)
    # The first round compiles everything.
    seconds = in_turn(ways, rounds, warm_up=plan.size(full=3, quick=1))
    rows = [
        added_row(
            "the first recorded run of a process, official, import included",
            seconds["first run"],
            f"`{_FOUR}`",
            seconds[_FOUR],
            at_most=0.150,
        ),
        *(
            added_row(f"`{code}`", seconds[code], f"`{_TWO}`", seconds[_TWO], at_most=0.040)
            for code in (_PACKAGE, _NAMES)
        ),
    ]
    note = f"Each is a new process, from its start to its end; {rounds} of each in turn; everything is compiled."
    return [Table("A fresh process", COLUMNS, rows, [note])]


if __name__ == "__main__":
    run_alone(measure)
