"""Watches challenges run, so that an open recorder knows which one did and when."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime, timezone
from typing import Any, TypeVar
from weakref import WeakSet

from gaitmap_results.challenge import BaseChallenge, RunTimes
from gaitmap_results.exceptions import AmbiguousChallengeWarning, InvalidChallengeError
from gaitmap_results.user_code import open_blocks as _open_blocks
from gaitmap_results.user_code.user_warnings import warn_user
from gaitmap_results.user_code.wrapping import wrap_method

__all__ = ["observe_again", "observe_challenges"]

_C = TypeVar("_C", bound=type)

# Challenges whose `run` is under way in this context: a `super().run()` inside is the same run.
_running: ContextVar[frozenset[int]] = ContextVar("gaitmap_results_running_challenges", default=frozenset())
_observed: WeakSet[type] = WeakSet()
_MARK = "_gaitmap_results_observed"


def observe_challenges(cls: _C) -> _C:
    """Let recorders see when ``run`` of a class, and of every class that inherits from it, is called.

    Subclasses of :class:`gaitmap_results.BaseChallenge` and of ``gaitmap_challenges``' base class are observed anyway.
    Can be used as a decorator of the class.

    Parameters
    ----------
    cls
        A class with a method ``run``.

    Returns
    -------
    cls
        The same class.

    Raises
    ------
    InvalidChallengeError
        If it is no class, or has no ``run``.

    Examples
    --------
    >>> from gaitmap_results import observe_challenges
    >>> @observe_challenges
    ... class CountSteps:
    ...     VERSION = "1.0.0"
    ...
    ...     def run(self, optimizer):
    ...         self.n_steps_ = optimizer()
    ...         return self
    """
    if not isinstance(cls, type):
        raise InvalidChallengeError(f"observe_challenges takes a class, not {cls!r}.")
    if not callable(getattr(cls, "run", None)):
        raise InvalidChallengeError(f"The class {cls.__qualname__} has no method `run`; there is nothing to observe.")
    _observe_tree(cls)
    if _MARK not in vars(cls):
        _observe_future_subclasses(cls)
        setattr(cls, _MARK, True)
        _observed.add(cls)
    return cls


def observe_again() -> None:
    """Wrap `run` where it has been replaced.

    A class that was sent to a worker by its content gets its methods after it was made, and users may replace one.
    """
    for cls in list(_observed):
        _observe_tree(cls)


def _observe_tree(cls: Any) -> None:
    wrap_method(cls, "run", _observed_run)
    for subclass in cls.__subclasses__():
        _observe_tree(subclass)


def _observe_future_subclasses(cls: Any) -> None:
    """Wrap `run` of every later subclass, since each one overrides it."""
    own = vars(cls).get("__init_subclass__")

    def __init_subclass__(subclass: Any, /, **options: Any) -> None:  # noqa: N807 - this is what Python calls it
        if own is None:
            super(cls, subclass).__init_subclass__(**options)
        else:
            own.__get__(None, subclass)(**options)
        wrap_method(subclass, "run", _observed_run)

    cls.__init_subclass__ = classmethod(__init_subclass__)


def _observed_run(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if instance is None or isinstance(instance, type) or id(instance) in _running.get():
        return wrapped(*args, **kwargs)
    block = _open_blocks.find_block()
    if block is None:
        _warn_if_ambiguous(instance)
        return wrapped(*args, **kwargs)
    block.challenge_starts(instance)
    observation = _Observation(block, instance)
    if inspect.iscoroutinefunction(wrapped):
        return observation.of_coroutine(wrapped(*args, **kwargs))
    with observation:
        returned = wrapped(*args, **kwargs)
        # A plain function around an asynchronous one, as many decorators make it, has only begun.
        observation.goes_on = inspect.iscoroutine(returned)
    return observation.of_coroutine(returned) if observation.goes_on else returned


def _warn_if_ambiguous(instance: Any) -> None:
    if _open_blocks.is_ambiguous():
        warn_user(
            f"{type(instance).__qualname__}.run was called in a thread while several recorders were open side by side; "
            "it is not clear which one it belongs to. Call recorder.attach(challenge) in the right one.",
            AmbiguousChallengeWarning,
        )


class _Observation:
    """One call of a challenge's ``run``."""

    def __init__(self, block: Any, challenge: Any) -> None:
        self._block = block
        self._challenge = challenge
        self.goes_on = False

    def __enter__(self) -> None:
        self._before = _running.get()
        _running.set(self._before | {id(self._challenge)})
        self._start = datetime.now(timezone.utc)
        self._clock = time.perf_counter()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        runtime = time.perf_counter() - self._clock
        end = datetime.now(timezone.utc)
        _running.set(self._before)
        if self.goes_on:
            return
        if kind is None:
            self._block.challenge_finished(self._challenge, RunTimes(self._start, end, runtime, "observed"))
        else:
            self._block.challenge_failed(self._challenge)

    async def of_coroutine(self, coroutine: Any) -> Any:
        self.goes_on = False
        with self:
            return await coroutine


observe_challenges(BaseChallenge)
