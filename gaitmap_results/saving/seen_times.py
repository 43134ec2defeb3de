"""Remember for `save_run` when a challenge ran that does not measure its own time."""

from __future__ import annotations

import weakref
from typing import Any

from gaitmap_results.challenge import RunTimes

__all__ = ["remember_times", "seen_times"]

# By id, since challenges may be equal and need not be hashable.
_seen: dict[int, tuple[weakref.ref[Any], RunTimes]] = {}


def remember_times(challenge: Any, times: RunTimes | None) -> None:
    """Keep the times of a challenge's last run as long as the challenge lives; ``None`` forgets them."""
    key = id(challenge)
    if times is None:
        _seen.pop(key, None)
        return
    try:
        _seen[key] = weakref.ref(challenge, lambda _: _seen.pop(key, None)), times
    except TypeError:  # a class with slots
        _seen.pop(key, None)


def seen_times(challenge: Any) -> RunTimes | None:
    """Return the times of a challenge's last run, if it was observed."""
    reference, times = _seen.get(id(challenge), (None, None))
    return times if reference is not None and reference() is challenge else None
