"""Remember when a challenge that does not measure its time ran, for `save_run`."""

from __future__ import annotations

import weakref
from typing import Any

from gaitmap_results.challenge import RunTimes

__all__ = ["remember_times", "seen_times"]

# By identity, since challenges may compare equal and need not be hashable.
_seen: dict[int, tuple[weakref.ref[Any], RunTimes]] = {}


def remember_times(challenge: Any, times: RunTimes | None) -> None:
    """Keep the times of a challenge's last run for as long as the challenge lives; ``None`` if they are not known."""
    key = id(challenge)
    if times is None:
        _seen.pop(key, None)
        return
    try:
        _seen[key] = weakref.ref(challenge, lambda _: _seen.pop(key, None)), times
    except TypeError:  # a class with slots
        _seen.pop(key, None)


def seen_times(challenge: Any) -> RunTimes | None:
    """Return the times of a challenge's last run, if it was seen."""
    reference, times = _seen.get(id(challenge), (None, None))
    return times if reference is not None and reference() is challenge else None
