"""Check the directions that a challenge declares for its scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from gaitmap_results.store.json_values import safe_repr

__all__ = ["DIRECTIONS", "direction_problems"]

#: The allowed directions in SCORES.
DIRECTIONS: Final = ("minimize", "maximize")


def direction_problems(declared: Any) -> Iterator[str]:
    """Yield a sentence for each problem with a challenge's ``SCORES``.

    Examples
    --------
    >>> from gaitmap_results.store.score_directions import direction_problems
    >>> list(direction_problems({"abs_error_m": "minimize"}))
    []
    >>> list(direction_problems({"abs_error_m": "min"}))
    ["SCORES says 'min' of 'abs_error_m'; it takes 'minimize' or 'maximize'."]
    """
    if not isinstance(declared, Mapping):
        yield f"SCORES is {safe_repr(declared)}; it takes a dictionary such as {{'f1_score': 'maximize'}}."
        return
    for name, direction in declared.items():
        if not isinstance(name, str) or not name:
            yield f"SCORES names the score {safe_repr(name)}; the name of a score is a text."
        if direction is None:
            yield f"SCORES says None of {safe_repr(name)}; leave it out if neither is better."
        elif direction not in DIRECTIONS:
            yield f"SCORES says {safe_repr(direction)} of {safe_repr(name)}; it takes 'minimize' or 'maximize'."
