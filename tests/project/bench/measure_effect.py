"""Measures whether a loop that keeps one core busy takes longer while a recorded block is open."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from measuring import COLUMNS, Plan, Table, in_turn, missing_row, show_amount
from running import run_alone
from sessions import Session

__all__ = ["measure"]

_N_STEPS = 7_000_000  # about half a second
_SAMPLED = "the same with the sampler of resources"


def measure(plan: Plan) -> list[Table]:
    """Measure in one process."""
    n_steps = plan.size(full=_N_STEPS, quick=_N_STEPS // 50)
    rounds = plan.size(full=60, quick=3)
    with Session(plan, "loop", arguments=(str(n_steps),)) as session:
        sampler = session.ask("sampler")["value"]
        names = ["inside", "outside", "outside_again", *(["sampled"] if sampler else [])]
        ways = {way: lambda way=way: session.ask(way)["value"] for way in names}
        seconds = in_turn(ways, rounds)
    outside = seconds["outside"]
    noise = _percent(seconds["outside_again"], outside)
    low, _, high = statistics.quantiles(noise, n=4, method="inclusive")
    effect = _percent(seconds["inside"], outside)
    is_noise = low <= statistics.median(effect) <= high
    rows = [
        _row("a loop in Python, in an open block", seconds["inside"], outside, effect, "within the noise", is_noise),
        _row("the noise: the same loop again, without a block", seconds["outside_again"], outside, noise, "-", None),
    ]
    if sampler:
        sampled = _percent(seconds["sampled"], seconds["inside"])
        is_small = statistics.median(sampled) <= 0.5
        rows.append(_row(_SAMPLED, seconds["sampled"], seconds["inside"], sampled, "≤ + 0.5 %", is_small))
        rows[-1][2] = "the loop in a block without it"
    else:
        rows.append(missing_row(_SAMPLED, "there is no such option"))
    note = f"{rounds} rounds in one process. Within the noise is what lies between its quartiles."
    return [Table("Effect on the challenge itself", COLUMNS, rows, [note])]


def _percent(values: Sequence[float], beside: Sequence[float]) -> list[float]:
    return [100 * (value / other - 1) for value, other in zip(values, beside, strict=True)]


def _row(
    what: str, values: Sequence[float], beside: Sequence[float], percent: list[float], must: str, good: bool | None
) -> list[str]:
    low, middle, high = (_signed(each) for each in statistics.quantiles(percent, n=4, method="inclusive"))
    reached = "-" if good is None else "yes" if good else "**no**"
    takes, least = show_amount(statistics.median(values)), show_amount(statistics.median(beside))
    return [what, takes, "the loop without a block", least, middle, f"{low} … {high}", must, reached]


def _signed(percent: float) -> str:
    return f"{'+' if percent >= 0 else '-'} {abs(percent):.2f} %"


if __name__ == "__main__":
    run_alone(measure)
