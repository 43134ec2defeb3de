"""Measures one recorded block around a challenge that computes nothing, beside what nobody can do without."""

from __future__ import annotations

from measuring import COLUMNS, Plan, Table, in_turn, less_is_better
from running import run_alone
from sessions import Session

__all__ = ["measure"]


def measure(plan: Plan) -> list[Table]:
    """Measure both in one process."""
    rounds = plan.size(full=200, quick=5)
    with Session(plan, "empty_block", name="block") as session:
        facts = session.ask("official")["value"]
        ways = {way: lambda way=way: session.seconds(way) for way in ("block", "floor")}
        seconds = in_turn(ways, rounds, warm_up=5)
    row = less_is_better(
        "one recorded block, official, empty challenge, repository of 20 files",
        seconds["block"],
        "two `git status`, the same bytes written through to the disk, one rename",
        seconds["floor"],
        at_most=2.5,
    )
    note = (
        f"{rounds} rounds in one warm process. The run folder has {facts['bytes'] / 1e3:.0f} kB, "
        f"and the environment {facts['packages']} packages, whose metadata only the block reads."
    )
    return [Table("One recorded block", COLUMNS, [row], [note])]


if __name__ == "__main__":
    run_alone(measure)
