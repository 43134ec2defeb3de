"""Find the challenge of a block in which no run was observed."""

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
    "in_children",
    "missing",
    "stopped",
    "unclear",
    "without",
]

HOW_TO_NAME_A_CHALLENGE: Final = (
    "Recorders see `run` of every subclass of gaitmap_results.BaseChallenge (and of gaitmap_challenges' base class), "
    "and of classes given to observe_challenges(cls). They cannot see a run in another process, nor one through a "
    "bound method that you took earlier. Name the challenge with recorded_run(..., challenge=challenge) or "
    "recorder.attach(challenge), or return it from the decorated function."
)

# Larger collections hold data.
_MOST_ITEMS: Final = 100


@dataclass
class NamedChallenges:
    """The objects that may be the challenge of a block, by how the user named them.

    Attributes
    ----------
    given
        What the user gave or attached.
    returned
        What a decorated function returned.
    offered
        The object and the first argument of a decorated function.
    arguments
        The other arguments of a decorated function.
    """

    given: list[Any]
    returned: Any = None
    offered: list[Any] = field(default_factory=list)
    arguments: list[Any] = field(default_factory=list)
    _before: list[tuple[Any, RunTimes | None]] = field(default_factory=list)

    def open(self) -> None:
        """Note the times of all challenges around the block: a challenge whose times stay the same did not run in it.

        Comparing with the block's start is not enough: clocks are set back, and some challenges store whole seconds.
        """
        frame = innermost_user_frame()
        of_module = [] if frame is None else [value for value in frame.f_globals.values() if is_challenge(value)]
        around = without([*self.offered, *self._within_reach(), *of_module], ())
        self._before = [(challenge, RunTimes.of_challenge(challenge)) for challenge in around]

    def in_calling_frame(self, since: datetime) -> list[Any]:
        """Return the challenges in variables of the code around the block, except those that ran before it.

        Those that are only held by such a variable must have measured times since the block began.
        """
        variables = [value for value in _variables_around().values() if is_challenge(value)]
        return without([*self._that_ran(variables, since), *self.with_new_times(self._within_reach())], ())

    def _within_reach(self) -> list[Any]:
        """Return the challenges in variables, small collections, attributes of ``self``, and arguments.

        Those of the module do not count: blocks in other threads share them.
        """
        variables = _variables_around()
        owners = [variables.get("self"), *self.offered]
        attributes = [value for owner in owners for value in list(getattr(owner, "__dict__", {}).values())]
        candidates = [*variables.values(), *attributes, *self.arguments]
        small = [item for item in candidates if type(item) in (list, tuple, dict, set) and len(item) <= _MOST_ITEMS]
        # Copies, since other threads may change them.
        copies = [list(item.values() if type(item) is dict else item) for item in small]
        return challenges_among([*filter(is_challenge, candidates), *copies])

    def with_new_times(self, found: Iterable[Any]) -> list[Any]:
        """Return the challenges that have measured times since the block began."""
        times = [(challenge, RunTimes.of_challenge(challenge)) for challenge in found]
        return [challenge for challenge, own in times if own is not None and not self._had(challenge, own)]

    def _had(self, challenge: Any, own: RunTimes) -> bool:
        return any(other is challenge and times == own for other, times in self._before)

    def _that_ran(self, found: Iterable[Any], since: datetime) -> list[Any]:
        """Leave out challenges whose last run ended before the block began."""
        return [challenge for challenge in found if not self._ended_before(challenge, since)]

    def _ended_before(self, challenge: Any, since: datetime) -> bool:
        own = RunTimes.of_challenge(challenge)
        if own is None or own.end is None:
            return False
        # If times are whole seconds, a second run in the same second has the same times.
        may_be_same_second = own.end.microsecond == 0 and own.end >= since.replace(microsecond=0)
        return self._had(challenge, own) and not may_be_same_second

    def find(self, own: Sequence[Any], nested: Sequence[Any], since: datetime) -> list[Any]:
        """Return the challenges to save, except those that are already known.

        Parameters
        ----------
        own
            The challenges that were observed in the block, or that the user saved.
        nested
            The challenges that nested blocks saved.
        since
            When the block began; only what the user gave may have run before.
        """
        known = [*own, *nested]
        found = without(self.given, known)
        if not found and not own:
            found = self._that_ran(without(challenges_among([self.returned]), known), since)
        # Arguments that were passed on to nested blocks belong to those.
        for item in self.offered if not found and not known else ():
            found = found or self._that_ran(challenges_among([item]), since)
        return found


def ambiguous(found: Iterable[Any], folder: Path, kept: Sequence[Path]) -> AmbiguousChallengeError:
    """Return the error for several possible challenges, whose core results are kept."""
    names = ", ".join(type(challenge).__qualname__ for challenge in found)
    return AmbiguousChallengeError(
        f"The recorder saw no challenge run, and the code around the block has several: {names}. The core results of "
        f"each are kept in {folder}. Name the right one with recorded_run(..., challenge=...) or recorder.attach(...).",
        paths=kept,
    )


def unclear(entry_name: object, kept: Sequence[Path]) -> AmbiguousChallengeError:
    """Return the error for runs that may belong to this block or to another one."""
    return AmbiguousChallengeError(
        f"The block of {entry_name!r} ended, but no challenge is known to have run in it. Challenges ran in threads "
        f"while several blocks were open. Their core results are kept in {_listed(kept)}. Publish one with "
        f"gaitmap-results recover RUN_ID --entry-name NAME. Next time, call recorder.attach(challenge) in its block.",
        paths=kept,
    )


def in_children(entry_name: object, kept: Sequence[Path]) -> NoChallengeError:
    """Return the error for a block whose challenges ran in forked processes."""
    return NoChallengeError(
        f"The block of {entry_name!r} ended, but challenges ran in processes that were forked from this one only. "
        f"Their core results are kept in {_listed(kept)}. Publish one with gaitmap-results recover RUN_ID, or decorate "
        "the function that such a process calls with record_run.",
        paths=kept,
    )


def stopped(entry_name: object, kept: Sequence[Path], under_way: Sequence[str] = ()) -> NoChallengeError:
    """Return the error for a block whose challenges were stopped, or left alone, before their end."""
    what = f"while {', '.join(under_way)} had not" if under_way else "but every run in it was stopped before its end"
    return NoChallengeError(
        f"The block of {entry_name!r} ended {what}. What the challenges held by then is kept in {_listed(kept)}. Take "
        "all items of a `run` that is a generator or another iterator inside of the block.",
        paths=kept,
    )


def _listed(paths: Sequence[Path]) -> str:
    return ", ".join(map(str, paths))


def missing(entry_name: object, failed: Sequence[Any] = (), under_way: Sequence[str] = ()) -> NoChallengeError:
    """Return the error for a block in which no ``run`` has ended, or in which all of them raised."""
    if under_way:
        return NoChallengeError(
            f"The block of {entry_name!r} ended while {', '.join(under_way)} had not. Wait for it inside of the block: "
            "take all items of a generator, await a coroutine or task, join a thread. If it ends later, its core "
            "results are kept in .unfinished."
        )
    if failed:
        names = ", ".join(dict.fromkeys(type(challenge).__qualname__ for challenge in failed))
        return NoChallengeError(
            f"The block of {entry_name!r} ended, but `run` raised in every challenge that ran in it ({names}); there "
            "are no results to save."
        )
    return NoChallengeError(f"The block of {entry_name!r} ended, but no challenge ran in it. {HOW_TO_NAME_A_CHALLENGE}")


def challenges_among(objects: Iterable[Any]) -> list[Any]:
    """Return the challenges among objects, also inside lists, tuples and dictionaries."""
    found: list[Any] = []
    for item in objects:
        if is_challenge(item):
            found.append(item)
        elif isinstance(item, (list, tuple, set, frozenset)):
            found += [inner for inner in item if is_challenge(inner)]
        elif isinstance(item, Mapping):
            found += [inner for inner in item.values() if is_challenge(inner)]
    return without(found, ())


def _variables_around() -> Mapping[str, Any]:
    """Return the variables of the code around the block."""
    frame = innermost_user_frame()
    return {} if frame is None else frame.f_locals


def without(objects: Iterable[Any], known: Sequence[Any]) -> list[Any]:
    """Return each object once, except the known ones; compare by identity, since challenges may be equal."""
    found: list[Any] = []
    for item in objects:
        if not any(item is other for other in (*known, *found)):
            found.append(item)
    return found
