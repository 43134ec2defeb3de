"""Follow one call of a challenge's `run` until what it gave back has ended."""

from __future__ import annotations

import inspect
import logging
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timezone
from types import GeneratorType
from typing import Any, Protocol

from gaitmap_results.challenge import RunTimes
from gaitmap_results.user_code.stepping import stepped, stepped_async
from gaitmap_results.user_code.wrapping import wrap_awaitable

__all__ = ["ObservedCall", "Runs", "is_running"]

_logger = logging.getLogger("gaitmap_results")

# Challenges whose `run` is under way in this context: a `super().run()` inside is the same run.
_running: ContextVar[frozenset[int]] = ContextVar("gaitmap_results_running_challenges", default=frozenset())


def is_running(challenge: Any) -> bool:
    """Say whether the code that asks is part of a run of this challenge."""
    return id(challenge) in _running.get()


class Runs(Protocol):
    """What is told of the runs of challenges, from any thread, and in forked children."""

    def begin(self, challenge: Any, call: ObservedCall) -> None:
        """Learn that a challenge runs now; refuse one whose results could not be stored."""

    def fail(self, challenge: Any, call: ObservedCall) -> None:
        """Learn that a ``run`` raised."""

    def stop(self, challenge: Any, times: RunTimes, call: ObservedCall) -> None:
        """Learn that a ``run`` that is a generator was closed before its end."""

    def finish(self, challenge: Any, times: RunTimes, call: ObservedCall) -> None:
        """Learn that a ``run`` has ended."""


class ObservedCall:
    """One run of a challenge: it starts when its first line runs, and ends when nothing of it is left to do.

    Parameters
    ----------
    runs
        What is told of start and end.
    challenge
        The challenge.

    Attributes
    ----------
    challenge
        The challenge.
    """

    def __init__(self, runs: Runs, challenge: Any) -> None:
        self._runs = runs
        self.challenge = challenge
        self._own_times_before = RunTimes.of_challenge(challenge)
        self._start: datetime | None = None
        self._future: Any = None
        self._has_ended = False
        self._lock = threading.RLock()

    @property
    def name(self) -> str:
        """What ran."""
        return f"{type(self.challenge).__qualname__}.run"

    def follow(self, run: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call ``run`` and return what it returns, or the like of that, which tells when it has ended."""
        if inspect.iscoroutinefunction(run) or inspect.isgeneratorfunction(run) or inspect.isasyncgenfunction(run):
            return self._follow_returned(run(*args, **kwargs))  # nothing of it has run yet
        self._begin()
        try:
            with self._inside():
                returned = run(*args, **kwargs)
        except BaseException:
            self._fail()
            raise
        followed = self._follow_returned(returned)
        if followed is returned and self._future is None:
            self._finish()
        return followed

    def settle(self) -> None:
        """End the run if its future is done; that may be told by a thread which has not been awake since."""
        future = self._future
        if future is not None and future.done():
            self._settle(future)

    def _follow_returned(self, returned: Any) -> Any:
        """Return what stands for the rest of a run: the same kind of object, which does the same."""
        if inspect.iscoroutine(returned):
            return _named_like(returned, self._await(returned))
        if isinstance(returned, GeneratorType) and not returned.gi_code.co_flags & inspect.CO_ITERABLE_COROUTINE:
            return _named_like(returned, self._iterate(returned))
        if inspect.isasyncgen(returned):
            return _named_like(returned, stepped_async(returned, self._whole(), self._inside))
        if returned is self.challenge:
            return returned
        if callable(getattr(returned, "add_done_callback", None)) and callable(getattr(returned, "done", None)):
            self._future = returned
            returned.add_done_callback(self._settle)
        elif inspect.isawaitable(returned):
            return wrap_awaitable(returned, self._await)
        return returned

    async def _await(self, awaitable: Any) -> Any:
        with self._whole(), self._inside():
            return await awaitable

    def _iterate(self, generator: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        with self._whole():
            return (yield from stepped(generator, self._inside))

    @contextmanager
    def _inside(self) -> Iterator[None]:
        """Mark the code that runs meanwhile as part of this run."""
        before = _running.get()
        _running.set(before | {id(self.challenge)})
        try:
            yield
        finally:
            _running.set(before)

    @contextmanager
    def _whole(self) -> Iterator[None]:
        self._begin()
        try:
            yield
        except GeneratorExit:
            self._stop()
            raise
        except BaseException:
            self._fail()
            raise
        self._finish()

    def _begin(self) -> None:
        if self._start is None:
            self._runs.begin(self.challenge, self)
            self._start = datetime.now(timezone.utc)
            self._clock = time.perf_counter()

    def _settle(self, future: Any) -> None:
        with self._lock:  # whoever comes second waits until the results are on the disk
            if self._has_ended:
                return
            error = None if future.cancelled() else future.exception()
            if error is not None:
                _logger.info("%s ended with %s: %s", self.name, type(error).__name__, error)
            if error is not None or future.cancelled():
                self._fail()
            else:
                self._finish()

    def _finish(self) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        self._runs.finish(self.challenge, self._times(), self)

    def _fail(self) -> None:
        self._has_ended = True
        self._runs.fail(self.challenge, self)

    def _stop(self) -> None:
        """Tell that a generator was closed before its end; what it holds is half a result."""
        self._has_ended = True
        if sys.is_finalizing():
            self._runs.fail(self.challenge, self)
        else:
            self._runs.stop(self.challenge, self._times(), self)

    def _times(self) -> RunTimes:
        """Return the times that the challenge measured itself in this run, else those of this call."""
        runtime = time.perf_counter() - self._clock
        observed = RunTimes(self._start, datetime.now(timezone.utc), runtime, "observed")
        own = RunTimes.of_challenge(self.challenge)
        # Those of an earlier run are still there if this one measured nothing.
        return observed if own is None or own == self._own_times_before else own


def _named_like(original: Any, running: Any) -> Any:
    """Give a coroutine or generator of ours the name of the user's, which tracebacks and tasks show."""
    running.__name__, running.__qualname__ = original.__name__, original.__qualname__
    return running
