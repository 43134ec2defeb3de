"""Find unfinished work in a returned value: coroutines, generators, futures, lazy iterators, threads."""

from __future__ import annotations

import gc
import inspect
import io
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from functools import partial
from types import FunctionType, GeneratorType, MethodType
from typing import Any, Final

from gaitmap_results.user_code.installed import is_library
from gaitmap_results.user_code.wrapping import is_wrapped

__all__ = ["error_of_work", "follow_work", "is_done", "is_suspended", "kind_of_call", "kind_of_work", "replace_work_in"]

# Methods of the built-in types that unfinished work can have.
_STEPS: Final = ("__next__", "__anext__", "__await__")
# The maximum nesting of iterators: enumerate(zip(map(...))).
_DEPTH: Final = 5


def kind_of_work(returned: Any) -> str | None:
    """Return the kind of unfinished work that a returned value is; ``None`` for a plain value.

    Returns
    -------
    kind
        ``coroutine``, ``generator``, ``async generator``, ``awaitable`` and ``iterator`` go on when asked to;
        a ``future`` and ``background`` work (a thread, a result of a pool) by themselves.
    """
    if isinstance(returned, type):
        return None
    if inspect.iscoroutine(returned):
        return "coroutine"
    if isinstance(returned, GeneratorType) and not returned.gi_code.co_flags & inspect.CO_ITERABLE_COROUTINE:
        return "generator"
    if inspect.isasyncgen(returned):
        return "async generator"
    if _is_future(returned):
        return "future"
    if inspect.isawaitable(returned):
        return "awaitable"
    if _is_in_background(returned):
        return "background"
    return "iterator" if _is_lazy_iterator(returned, _DEPTH) else None


def kind_of_call(function: Any) -> str | None:
    """Return what calling a function only makes: ``coroutine``, ``generator`` or ``async generator``; else ``None``."""
    while type(function) in (partial, MethodType):
        function = function.func if type(function) is partial else function.__func__
    # A decorator made with wrapt looks like the function below it, but may return anything.
    if type(function) is not getattr(function, "__class__", None) and not is_wrapped(function):
        return None
    if inspect.iscoroutinefunction(function):
        return "coroutine"
    if inspect.isasyncgenfunction(function):
        return "async generator"
    return "generator" if inspect.isgeneratorfunction(function) else None


def _is_in_background(candidate: Any) -> bool:
    if isinstance(candidate, threading.Thread):
        return candidate.ident is not None  # nobody can wait for one that was not started
    return isinstance(candidate, _pool_results())


def replace_work_in(returned: Any, replace: Callable[[Any, str], Any]) -> Any:
    """Replace unfinished work in a list, tuple or dictionary, or in an object that is iterated or entered.

    Progress bars hold the generator that they show, and so do context managers made from one.

    Parameters
    ----------
    returned
        The value; all but tuples are changed in place.
    replace
        Called with each part that is unfinished work, and its kind.
    """
    if type(returned) is tuple:
        found = _work_among(enumerate(returned))
        replaced = (replace(part, found[i]) if i in found else part for i, part in enumerate(returned))
        return tuple(replaced) if found else returned
    if type(returned) in (list, dict):
        for key, kind in _work_among(returned.items() if type(returned) is dict else enumerate(returned)).items():
            returned[key] = replace(returned[key], kind)
    elif any(hasattr(type(returned), name) for name in ("__iter__", "__aiter__", "__enter__", "__aenter__")):
        held: Any = getattr(returned, "__dict__", None)
        for name, kind in _work_among(held.items() if type(held) is dict else ()).items():
            if is_suspended(kind):
                held[name] = replace(held[name], kind)
    return returned


def is_suspended(kind: str) -> bool:
    """Return whether work of this kind waits until its next step is requested."""
    return kind in ("generator", "async generator", "iterator")


def follow_work(work: Any, settle: Callable[[Any], None], ended: Callable[[Any], None]) -> None:
    """Report that a future or background work is done, if possible before those who wait for it learn of it.

    Parameters
    ----------
    work
        The work.
    settle
        Called with it when it is done, once or several times, in any thread.
    ended
        Called with it when it is about to be done, without an error.
    """
    if _is_future(work):
        # A future wakes its waiters before its callbacks run; a callback of the user's is part of the run.
        if isinstance(work, Future) and not getattr(work, "_done_callbacks", True):
            setattr(work, "set_result", _before(work.set_result, partial(ended, work)))  # noqa: B010
        work.add_done_callback(settle)
        return
    name = "join" if isinstance(work, threading.Thread) else "wait"
    wait = getattr(work, name)
    setattr(work, name, _after(wait, partial(settle, work)))
    threading.Thread(target=getattr(work, name), daemon=True).start()


def _before(function: Callable[..., Any], do: Callable[[], None]) -> Callable[..., Any]:
    def both(*args: Any, **kwargs: Any) -> Any:
        try:
            do()
        finally:
            function(*args, **kwargs)

    return both


def _after(wait: Callable[..., Any], do: Callable[[], None]) -> Callable[..., Any]:
    def both(*args: Any, **kwargs: Any) -> None:
        wait(*args, **kwargs)
        do()

    return both


def is_done(work: Any) -> bool:
    """Return whether a future or background work has ended."""
    if isinstance(work, threading.Thread):
        return not work.is_alive()
    return bool(work.ready() if isinstance(work, _pool_results()) else work.done())


def error_of_work(work: Any) -> BaseException | None:
    """Return the error of a future or background work; that of a thread is unknown."""
    if isinstance(work, threading.Thread):
        return None
    if isinstance(work, _pool_results()):
        # Its `get` would raise the error, but the user waits in it.
        return None if work.successful() else RuntimeError("the work of a pool failed")
    if work.cancelled():
        return CancelledError()
    return work.exception()  # type: ignore[no-any-return]


def _is_future(candidate: Any) -> bool:
    kind = type(candidate)  # an object may do anything when asked for an attribute
    return callable(getattr(kind, "add_done_callback", None)) and callable(getattr(kind, "done", None))


def _pool_results() -> tuple[Any, ...]:
    """Return the class of results of a pool, or nothing if no pool can exist."""
    pool = sys.modules.get("multiprocessing.pool")
    return () if pool is None else (pool.AsyncResult,)


def _work_among(items: Any) -> dict[Any, str]:
    """Return the kind of each item that is unfinished work, by its key."""
    found = {}
    for key, item in items:
        # Most items are numbers, texts or tables, and there may be millions.
        kind_of_item = type(item)
        if kind_of_item.__module__ != "builtins" or any(hasattr(kind_of_item, name) for name in _STEPS):
            kind = kind_of_work(item)
            if kind is not None:
                found[key] = kind
    return found


def _is_lazy_iterator(candidate: Any, depth: int) -> bool:
    """Return whether the steps of an iterator run the user's code, as those of ``map`` over a method do.

    The items of an iterator over a list, a table or a file already exist.
    """
    kind = type(candidate)
    if not (hasattr(kind, "__next__") and hasattr(kind, "__iter__")) or isinstance(candidate, io.IOBase):
        return False
    held = getattr(candidate, "__dict__", None)
    if type(held) is dict:
        return _is_written(inspect.getattr_static(kind, "__next__")) or any(_runs_code(x, depth) for x in held.values())
    # Only the garbage collector knows what an iterator written in C holds.
    return any(_runs_code(x, depth) or _is_written(x) for x in _flat(gc.get_referents(candidate)))


def _runs_code(held: Any, depth: int) -> bool:
    if isinstance(held, GeneratorType):
        return held.gi_frame is not None
    return depth > 0 and _is_lazy_iterator(held, depth - 1)


def _flat(held: list[Any]) -> Iterator[Any]:
    for item in held:
        yield from item if type(item) is tuple else (item,)


def _is_written(function: Any) -> bool:
    """Return whether a function is written in Python outside of the standard library."""
    while isinstance(function, (partial, MethodType)):
        function = function.func if isinstance(function, partial) else function.__func__
    if not isinstance(function, FunctionType):
        return False
    return not is_library(function.__code__.co_filename)
