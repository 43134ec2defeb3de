"""Adds up the time that recording itself takes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

__all__ = ["RecorderOverhead"]


class RecorderOverhead:
    """What recording one block, or one :func:`gaitmap_results.save_run`, costs its user.

    Examples
    --------
    >>> from gaitmap_results.saving.overhead import RecorderOverhead
    >>> overhead = RecorderOverhead()
    >>> with overhead.entering():
    ...     pass
    >>> overhead.to_json()["end"] is None
    True
    """

    def __init__(self) -> None:
        self._start_s: float | None = None
        self._inside_s: list[float] = []
        self._left: float | None = None

    @contextlib.contextmanager
    def entering(self) -> Iterator[None]:
        """Count what is done inside as the start."""
        before = time.perf_counter()
        yield
        self._start_s = time.perf_counter() - before

    @contextlib.contextmanager
    def storing(self) -> Iterator[None]:
        """Count what is done inside, in whichever thread, as a part of the end, although the block goes on."""
        before = time.perf_counter()
        try:
            yield
        finally:
            self._inside_s.append(time.perf_counter() - before)

    def leave(self, left: float | None = None) -> None:
        """Count everything from now on, or from a moment of ``time.perf_counter``, as the end."""
        self._left = time.perf_counter() if left is None else left

    def to_json(self) -> dict[str, float | None]:
        """Return the seconds of the start and, after :meth:`leave`, those of the end until now."""
        end = None if self._left is None else time.perf_counter() - self._left + sum(self._inside_s)
        return {"start": self._start_s, "end": end}
