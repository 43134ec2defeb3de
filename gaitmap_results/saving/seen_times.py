"""Remember for `save_run` when a challenge ran that does not measure its own time."""

from __future__ import annotations

import weakref
from typing import Any, Generic, TypeVar

from gaitmap_results.challenge import RunTimes

__all__ = ["NotesOnObjects", "remember_times", "seen_times"]

_T = TypeVar("_T")


class NotesOnObjects(Generic[_T]):
    """One value for each object, as long as the object lives."""

    def __init__(self) -> None:
        # By id, since challenges may be equal and need not be hashable.
        self._kept: dict[int, tuple[weakref.ref[Any], _T]] = {}

    def set(self, item: Any, value: _T) -> None:
        """Keep a value; nothing is kept for an object of a class with slots, which cannot be watched."""
        key = id(item)
        self.forget(item)
        try:
            self._kept[key] = weakref.ref(item, lambda _: self._kept.pop(key, None)), value
        except TypeError:
            return

    def get(self, item: Any) -> _T | None:
        """Return the value of an object; ``None`` if there is none."""
        reference, value = self._kept.get(id(item), (None, None))
        return value if reference is not None and reference() is item else None

    def forget(self, item: Any) -> None:
        """Drop the value of an object."""
        self._kept.pop(id(item), None)


_seen: NotesOnObjects[RunTimes] = NotesOnObjects()


def remember_times(challenge: Any, times: RunTimes | None) -> None:
    """Keep the times of a challenge's last run as long as the challenge lives; ``None`` forgets them."""
    if times is None:
        _seen.forget(challenge)
    else:
        _seen.set(challenge, times)


def seen_times(challenge: Any) -> RunTimes | None:
    """Return the times of a challenge's last run, if it was observed."""
    return _seen.get(challenge)
