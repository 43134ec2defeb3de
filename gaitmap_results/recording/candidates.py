"""Finds the challenge of a block in which none was seen running."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from gaitmap_results.challenge import RunTimes, is_challenge
from gaitmap_results.exceptions import AmbiguousChallengeError, NoChallengeError
from gaitmap_results.user_code.caller import innermost_user_frame

__all__ = [
    "HOW_TO_NAME_A_CHALLENGE",
    "NamedChallenges",
    "ambiguous",
    "challenges_in_calling_frame",
    "missing",
    "without",
]

HOW_TO_NAME_A_CHALLENGE: Final = (
    "Recorders see `run` of every subclass of gaitmap_results.BaseChallenge (and of gaitmap_challenges' base class), "
    "and of classes given to observe_challenges(cls). They cannot see a run in another process, nor one through a "
    "bound method that was taken before. Name the challenge with recorded_run(..., challenge=challenge) or "
    "recorder.attach(challenge), or return it from the decorated function."
)


@dataclass
class NamedChallenges:
    """The objects that may be the challenge of a block, by the ways in which they can be named.

    Attributes
    ----------
    given
        What the user gave or attached.
    returned
        What a decorated function returned.
    offered
        The object and the first argument of a decorated function.
    """

    given: list[Any]
    returned: Any = None
    offered: list[Any] = field(default_factory=list)

    def find(self, own: Sequence[Any], nested: Sequence[Any], since: datetime) -> list[Any]:
        """Return the challenges to save beside those that are known already.

        Parameters
        ----------
        own
            The challenges that were seen running in the block, or that the user saved himself.
        nested
            Those that blocks inside of this one saved.
        since
            When the block began; only what the user gave may have run before.
        """
        known = [*own, *nested]
        found = without(self.given, known)
        if not found and not own:
            found = _run_since(since, without(challenges_among([self.returned]), known))
        # What is passed on to blocks inside of this one is theirs.
        for item in self.offered if not found and not known else ():
            found = found or _run_since(since, challenges_among([item]))
        return found


def ambiguous(found: Iterable[Any], folder: Path, kept: Sequence[Path]) -> AmbiguousChallengeError:
    """Return the error for several challenges that could be meant, whose core results are kept."""
    names = ", ".join(type(challenge).__qualname__ for challenge in found)
    return AmbiguousChallengeError(
        f"No challenge was seen running, and the code around the block has several: {names}. The core results of each "
        f"are kept in {folder}. Name the right one with recorded_run(..., challenge=...) or recorder.attach(...).",
        paths=kept,
    )


def missing(entry_name: object, failed: Sequence[Any] = ()) -> NoChallengeError:
    """Return the error for a block without any challenge, or in which the ``run`` of every challenge raised."""
    if failed:
        names = ", ".join(dict.fromkeys(type(challenge).__qualname__ for challenge in failed))
        return NoChallengeError(
            f"The block of {entry_name!r} ended, but `run` raised in every challenge that ran in it ({names}); there "
            "are no results to save."
        )
    return NoChallengeError(f"The block of {entry_name!r} ended, but no challenge ran in it. {HOW_TO_NAME_A_CHALLENGE}")


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


def challenges_in_calling_frame(since: datetime) -> list[Any]:
    """Return the challenges that the user's code around the block has as variables, and that did not run before it."""
    frame = innermost_user_frame()
    if frame is None:
        return []
    return _run_since(since, without([value for value in list(frame.f_locals.values()) if is_challenge(value)], ()))


def _run_since(moment: datetime, found: Iterable[Any]) -> list[Any]:
    times = [(challenge, RunTimes.of_challenge(challenge)) for challenge in found]
    return [challenge for challenge, own in times if own is None or own.end is None or own.end >= moment]


def without(objects: Iterable[Any], known: Sequence[Any]) -> list[Any]:
    """Return each object once, but none of the known ones; identity counts, since challenges may compare equal."""
    found: list[Any] = []
    for item in objects:
        if not any(item is other for other in (*known, *found)):
            found.append(item)
    return found
