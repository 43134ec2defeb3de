"""Follow one call of a challenge's `run` until everything that it returned has ended."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timezone
from typing import Any, Protocol

from gaitmap_results.challenge import RunTimes
from gaitmap_results.saving.seen_times import remember_times
from gaitmap_results.store.deferred_signals import deferred_signals
from gaitmap_results.user_code.generator_steps import stepped, stepped_async
from gaitmap_results.user_code.remaining_work import (
    error_of_work,
    follow_work,
    is_done,
    is_suspended,
    kind_of_call,
    kind_of_work,
    replace_work_in,
)
from gaitmap_results.user_code.wrapping import wrap_awaitable, wrap_iterator

__all__ = ["ObservedCall", "Runs", "is_running"]

_logger = logging.getLogger("gaitmap_results")

# Challenges that run in this context: a `super().run()` inside is the same run.
_running: ContextVar[frozenset[int]] = ContextVar("gaitmap_results_running_challenges", default=frozenset())


def is_running(challenge: Any) -> bool:
    """Say whether the calling code is part of a run of this challenge."""
    return id(challenge) in _running.get()


class Runs(Protocol):
    """Receiver of events about runs, from any thread and in forked children."""

    def begin(self, challenge: Any, call: ObservedCall) -> None:
        """Handle the start of a run; refuse a challenge whose results could not be stored."""

    def fail(self, challenge: Any, call: ObservedCall) -> None:
        """Handle a ``run`` that raised."""

    def stop(self, challenge: Any, times: RunTimes, call: ObservedCall) -> None:
        """Handle a generator ``run`` that was closed before its end."""

    def finish(self, challenge: Any, times: RunTimes, call: ObservedCall) -> None:
        """Handle the end of a ``run``."""


class ObservedCall:
    """One run of a challenge: it starts with its first line, and ends when all of its work is done.

    Parameters
    ----------
    runs
        Receives its start and end.
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
        # Counts what has not ended: the call itself, then the returned parts that still have work to do.
        self._n_open = 1
        self._goes_on: list[Any] = []
        self._has_steps = False
        self._has_ended = False
        self._lock = threading.RLock()

    @property
    def name(self) -> str:
        """Name of the method that ran."""
        return f"{type(self.challenge).__qualname__}.run"

    def follow(self, run: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call ``run`` and return its result; coroutines and generators come back wrapped, to notice their end."""
        if kind_of_call(run) is None:
            self._begin()
        try:
            with self._inside():
                returned = run(*args, **kwargs)
        except BaseException:
            if self._start is not None:
                self._fail()
            raise
        if returned is not self.challenge:
            kind = kind_of_work(returned)
            follow = self._follow_part
            returned = replace_work_in(returned, follow) if kind is None else follow(returned, kind)
        self._end_part()
        return returned

    def settle(self) -> None:
        """End the run if its background work is done; the thread that reports this may be delayed."""
        with self._lock:  # held by that thread until the results are on disk
            for work in list(self._goes_on):
                self._settle(work)

    @property
    def stands_still(self) -> bool:
        """Whether it has begun and waits for its next step, which may never come."""
        return self._has_steps and not self._has_ended and self._start is not None

    def _follow_part(self, part: Any, kind: str) -> Any:
        """Wrap unfinished work in an object of the same kind."""
        with self._lock:
            self._n_open += 1
            self._has_steps = self._has_steps or is_suspended(kind)
        if kind == "coroutine":
            return _named_like(part, self._await(part))
        if kind == "awaitable":
            return wrap_awaitable(part, self._await)
        if kind == "generator":
            return _named_like(part, stepped(part, self._whole(), self._inside))
        if kind == "async generator":
            return _named_like(part, stepped_async(part, self._whole(), self._inside))
        if kind == "iterator":
            return wrap_iterator(part, lambda items: stepped(items, self._whole(), self._inside))
        self._goes_on.append(part)
        follow_work(part, self._settle, self._end_work)
        return part

    async def _await(self, awaitable: Any) -> Any:
        with self._whole(), self._inside():
            return await awaitable

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
        self._end_part()

    def _begin(self) -> None:
        if self._start is None:
            self._runs.begin(self.challenge, self)
            self._start = datetime.now(timezone.utc)
            self._clock = time.perf_counter()

    def _settle(self, work: Any) -> None:
        if is_done(work):  # the waiting code may have given up
            self._end_work(work, error_of_work(work))

    def _end_work(self, work: Any, error: BaseException | None = None) -> None:
        with self._lock:
            if not any(other is work for other in self._goes_on):
                return
            self._goes_on = [other for other in self._goes_on if other is not work]
            if error is None:
                self._end_part()
            else:
                _logger.info("%s ended with %s: %s", self.name, type(error).__name__, error)
                self._fail()

    def _end_part(self) -> None:
        with self._lock:
            self._n_open -= 1
            if self._n_open or self._has_ended:
                return
            self._begin()  # unless a decorator has turned a generator function into a plain one
            self._has_ended = True
            with deferred_signals():  # from here on there are results to lose
                times = self.times()
                remember_times(self.challenge, times)
                self._runs.finish(self.challenge, times, self)

    def _fail(self) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._runs.fail(self.challenge, self)

    def _stop(self) -> None:
        """Report that a generator was closed before its end; its results are incomplete."""
        if self._has_ended:
            return
        self._has_ended = True
        if sys.is_finalizing():
            self._runs.fail(self.challenge, self)
        else:
            self._runs.stop(self.challenge, self.times(), self)

    def times(self) -> RunTimes:
        """Return the times that the challenge measured in this run, else those of this call."""
        runtime = time.perf_counter() - self._clock
        observed = RunTimes(self._start, datetime.now(timezone.utc), runtime, "observed")
        own = RunTimes.of_challenge(self.challenge)
        # If this run measured nothing, the challenge still has the times of an earlier one.
        return observed if own is None or own == self._own_times_before else own


def _named_like(original: Any, running: Any) -> Any:
    """Name our coroutine or generator after the user's, for tracebacks and tasks."""
    running.__name__, running.__qualname__ = original.__name__, original.__qualname__
    return running
