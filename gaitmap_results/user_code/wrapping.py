"""Wrap functions and methods so that they remain picklable, copyable and of the same kind."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeAlias

import wrapt

__all__ = [
    "BoundWrapped",
    "WrappedFunction",
    "is_wrapped",
    "pickle_with",
    "when_imported",
    "wrap_awaitable",
    "wrap_function",
    "wrap_method",
]

_logger = logging.getLogger("gaitmap_results")

#: Runs in place of a function: called with the function, its instance (or ``None``), and its arguments.
Wrapper: TypeAlias = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]

# How to pickle wrapped functions if not by name.
_reduce: Callable[[Any], Any] | None = None


class BoundWrapped(wrapt.BoundFunctionWrapper):  # type: ignore[type-arg]  # no generic at run time
    """A wrapped function that was looked up in an object or a class."""

    def __reduce__(self) -> Any:
        owner = self._self_instance if self._self_instance is not None else self._self_owner
        return getattr, (owner, self.__name__)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__reduce__() if _reduce is None else _reduce(self)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        import copy

        if self._self_instance is None or isinstance(self._self_instance, type):
            return self
        return getattr(copy.deepcopy(self._self_instance, memo), self.__name__)


class WrappedFunction(wrapt.FunctionWrapper):  # type: ignore[type-arg]  # no generic at run time
    """A wrapped function, pickled by its name like any function."""

    __bound_function_wrapper__ = BoundWrapped

    def __reduce__(self) -> Any:
        return self.__qualname__

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__reduce__() if _reduce is None else _reduce(self)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self


def wrap_function(function: Any, wrapper: Wrapper) -> Any:
    """Return ``function`` (or a class method, static method, or any other callable) wrapped by ``wrapper``."""
    return WrappedFunction(function, wrapper)


def pickle_with(reduce: Callable[[Any], Any]) -> None:
    """Pickle every wrapped function as ``reduce`` says.

    Parameters
    ----------
    reduce
        Called with the wrapped function; returns a value as ``__reduce__`` does.
    """
    global _reduce  # noqa: PLW0603
    _reduce = reduce


class _WrappedAwaitable(wrapt.ObjectProxy):  # type: ignore[type-arg]  # no generic at run time
    """An awaitable that awaits something else, and otherwise behaves as the original."""

    def __init__(self, awaitable: Any, follow: Callable[[Any], Coroutine[Any, Any, Any]]) -> None:
        super().__init__(awaitable)
        self._self_follow = follow

    def __await__(self) -> Any:
        return self._self_follow(self.__wrapped__).__await__()


def wrap_awaitable(awaitable: Any, follow: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
    """Return ``awaitable`` such that awaiting it awaits ``follow(awaitable)``."""
    return _WrappedAwaitable(awaitable, follow)


class _WrappedIterator(wrapt.ObjectProxy):  # type: ignore[type-arg]  # no generic at run time
    """An iterator that takes its items from a generator, and otherwise behaves as the original."""

    def __init__(self, iterator: Any, steps: Generator[Any, Any, Any]) -> None:
        super().__init__(iterator)
        self._self_steps = steps

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return next(self._self_steps)


def wrap_iterator(iterator: Any, follow: Callable[[Generator[Any, Any, Any]], Generator[Any, Any, Any]]) -> Any:
    """Return ``iterator`` such that its items come from ``follow``, called with a generator of its items."""

    def items() -> Generator[Any, Any, Any]:
        yield from iterator

    return _WrappedIterator(iterator, follow(items()))


def is_wrapped(function: Any) -> bool:
    """Return whether :func:`wrap_function` made this."""
    # isinstance would see the wrapped object's class.
    return isinstance(type(function), type) and issubclass(type(function), (WrappedFunction, BoundWrapped))


def wrap_method(owner: type, name: str, wrapper: Wrapper) -> None:
    """Wrap a class's own or inherited method in place, once."""
    method = inspect.getattr_static(owner, name, None)
    if method is None or isinstance(method, property):
        return
    if is_wrapped(method) and method._self_wrapper is wrapper:
        return
    setattr(owner, name, wrap_function(method, wrapper))


def when_imported(module: str, action: Callable[[Any], None]) -> None:
    """Call ``action`` with a module when it is imported, or now if it already is, without ever breaking the import."""

    def guarded(loaded: Any) -> None:
        try:
            action(loaded)
        except Exception:  # the user's import of another package must not fail because of us
            _logger.warning("gaitmap_results could not prepare %s; it works as usual.", module, exc_info=True)

    wrapt.register_post_import_hook(guarded, module)
