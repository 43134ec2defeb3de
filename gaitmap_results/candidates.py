"""Finds the challenge of a block in which none was seen running."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from gaitmap_results._caller import innermost_user_frame
from gaitmap_results.challenge import is_challenge

__all__ = ["HOW_TO_NAME_A_CHALLENGE", "challenges_among", "challenges_in_calling_frame", "without"]

HOW_TO_NAME_A_CHALLENGE: Final = (
    "Recorders see `run` of every subclass of gaitmap_results.BaseChallenge (and of gaitmap_challenges' base class), "
    "and of classes given to observe_challenges(cls). They cannot see a run in another process, nor one through a "
    "bound method that was taken before. Name the challenge with recorded_run(..., challenge=challenge) or "
    "recorder.attach(challenge), or return it from the decorated function."
)


def challenges_among(objects: Iterable[Any]) -> list[Any]:
    """Return the challenges among objects, and among what lists, tuples and dictionaries of these hold."""
    found: list[Any] = []
    for item in objects:
        if is_challenge(item):
            found.append(item)
        elif isinstance(item, (list, tuple, set, frozenset)):
            found += [inner for inner in item if is_challenge(inner)]
        elif isinstance(item, Mapping):
            found += [inner for inner in item.values() if is_challenge(inner)]
    return without(found, ())


def challenges_in_calling_frame() -> list[Any]:
    """Return the challenges that the user's code around the block has as variables."""
    frame = innermost_user_frame()
    if frame is None:
        return []
    return without([value for value in list(frame.f_locals.values()) if is_challenge(value)], ())


def without(objects: Iterable[Any], known: Sequence[Any]) -> list[Any]:
    """Return each object once, but none of the known ones; identity counts, since challenges may compare equal."""
    found: list[Any] = []
    for item in objects:
        if not any(item is other for other in (*known, *found)):
            found.append(item)
    return found
