"""Observe challenges, so that an open recorder knows which one ran and when."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, TypeVar
from weakref import WeakSet

from gaitmap_results.challenge import BaseChallenge, RunTimes
from gaitmap_results.exceptions import AmbiguousChallengeWarning, InvalidChallengeError
from gaitmap_results.recording.observed_call import ObservedCall, Runs, is_running
from gaitmap_results.recording.stray_runs import UnclearRuns
from gaitmap_results.saving.seen_times import remember_times
from gaitmap_results.user_code import open_blocks as _open_blocks
from gaitmap_results.user_code.remaining_work import kind_of_work
from gaitmap_results.user_code.user_warnings import warn_user
from gaitmap_results.user_code.wrapping import wrap_method

__all__ = ["observe_again", "observe_challenges"]

_C = TypeVar("_C", bound=type)

_observed: WeakSet[type] = WeakSet()
_MARK = "_gaitmap_results_observed"


def observe_challenges(cls: _C) -> _C:
    """Let recorders observe ``run`` of a class and of all classes that inherit from it.

    Subclasses of :class:`gaitmap_results.BaseChallenge` and of ``gaitmap_challenges``' base class are observed anyway.
    You can use it as a class decorator.

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
        If it is not a class, or has no ``run``.

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

    cloudpickle adds the methods after it has made the class in a worker, and users may replace one.
    """
    for cls in list(_observed):
        _observe_tree(cls)


def _observe_tree(cls: Any) -> None:
    wrap_method(cls, "run", _observed_run)
    for subclass in cls.__subclasses__():
        _observe_tree(subclass)


def _observe_future_subclasses(cls: Any) -> None:
    """Wrap `run` of every later subclass, since each one may override it."""
    own = vars(cls).get("__init_subclass__")

    def __init_subclass__(subclass: Any, /, **options: Any) -> None:  # noqa: N807 - this is what Python calls it
        if own is None:
            super(cls, subclass).__init_subclass__(**options)
        else:
            own.__get__(None, subclass)(**options)
        wrap_method(subclass, "run", _observed_run)

    cls.__init_subclass__ = classmethod(__init_subclass__)


def _observed_run(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if instance is None or isinstance(instance, type) or is_running(instance):
        return wrapped(*args, **kwargs)
    runs = _find_runs(instance)
    if runs is None:
        return _run_unrecorded(wrapped, instance, args, kwargs)
    return ObservedCall(runs, instance).follow(wrapped, args, kwargs)


def _run_unrecorded(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a challenge outside of any block, and remember the times for a later ``save_run``."""
    start, clock = datetime.now(timezone.utc), time.perf_counter()
    returned = wrapped(*args, **kwargs)
    runtime = time.perf_counter() - clock
    is_over = returned is instance or kind_of_work(returned) is None
    times = RunTimes(start, datetime.now(timezone.utc), runtime, "observed")
    remember_times(instance, times if is_over else None)
    return returned


def _find_runs(instance: Any) -> Runs | None:
    """Return the receiver for a run that starts now, or ``None`` where nothing is recorded."""
    block = _open_blocks.find_block()
    if block is not None:
        _open_blocks.note_run(block)
        return block.runs  # type: ignore[no-any-return]
    suspended = _open_blocks.suspended_blocks()
    possible = _open_blocks.possible_blocks() or suspended
    if len(possible) > 1 or suspended:
        where = (
            "while a generator that opened a recorder, and ran challenges itself, was suspended"
            if suspended
            else "in a thread while several recorders were open side by side"
        )
        warn_user(
            f"{type(instance).__qualname__}.run was called {where}; it is not clear which one it belongs to. Its core "
            "results will be kept in .unfinished. To publish them, call recorder.attach(challenge) in the right "
            "block.",
            AmbiguousChallengeWarning,
        )
        return UnclearRuns([block.runs for block in possible])
    possible = _open_blocks.inherited_blocks()
    if not possible:
        return None
    return possible[0].runs if len(possible) == 1 else UnclearRuns([block.runs for block in possible])


observe_challenges(BaseChallenge)
