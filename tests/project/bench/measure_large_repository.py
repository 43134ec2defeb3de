"""Measures what a recorded block spends in git where the repository has 50,000 files."""

from __future__ import annotations

from measuring import COLUMNS, Plan, Table, in_turn, less_is_better
from running import run_alone
from sessions import Session

__all__ = ["measure"]

_BESIDE = "two `git status`"


def measure(plan: Plan) -> list[Table]:
    """Measure in one process."""
    n_files = plan.size(full=50_000, quick=500)
    rounds = plan.size(full=40, quick=3)
    with Session(plan, "empty_block", name="large_repository", n_files=n_files) as session:
        session.ask("official")
        names = ("git_of_block", "two_statuses", "block", "without_git")
        ways = {way: lambda way=way: session.seconds(way) for way in names}
        seconds = in_turn(ways, rounds)
    added = [with_git - without for with_git, without in zip(seconds["block"], seconds["without_git"], strict=True)]
    what = f"git of one recorded block, repository of {n_files:,} files"
    rows = [
        less_is_better(what, seconds["git_of_block"], _BESIDE, seconds["two_statuses"], at_most=1.2),
        less_is_better(
            "by how much a whole block is slower than one with `use_git=False`",
            added,
            _BESIDE,
            seconds["two_statuses"],
            at_most=1.2,
        ),
    ]
    note = (
        f"{rounds} rounds in one warm process. The first row calls the two functions that a block calls when it is "
        "entered and left; the second is the difference of whole blocks."
    )
    return [Table("A large repository", COLUMNS, rows, [note])]


if __name__ == "__main__":
    run_alone(measure)
