"""Record every call of a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import CodeType
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from gaitmap_results.exceptions import InvalidTargetError
from gaitmap_results.recording.decorated_call import run_in_block
from gaitmap_results.recording.recorded_run import block_options, recorded_run
from gaitmap_results.recording.recorder import Recorder
from gaitmap_results.saving.save_run import check_offset
from gaitmap_results.store.layout import check_entry_name
from gaitmap_results.user_code.caller import find_caller
from gaitmap_results.user_code.entry import describe_entry
from gaitmap_results.user_code.wrapping import is_wrapped, wrap_function

__all__ = ["RecordedCall", "record_run", "recorded_call"]

_F = TypeVar("_F", bound=Callable[..., Any])
_Options = ParamSpec("_Options")


class _RecordRun(Protocol[_Options]):
    """The type of a decorator that takes the options of another function, for type checkers."""

    @overload
    def __call__(self, function: _F, /) -> _F: ...

    @overload
    def __call__(
        self, entry_name: str | tuple[str, ...] | None = None, *args: _Options.args, **options: _Options.kwargs
    ) -> Callable[[_F], _F]: ...


def _with_options_of(
    function: Callable[Concatenate[Any, _Options], Any],
) -> Callable[[Callable[..., Any]], _RecordRun[_Options]]:
    """Give a decorator the options of ``function``, so that they are declared only once."""

    def show(decorator: Any) -> Any:
        name, *options = inspect.signature(function).parameters.values()
        annotation = f"Callable[..., Any] | {name.annotation} | None"
        name = name.replace(default=None, annotation=annotation)
        decorator.__signature__ = inspect.Signature([name, *options], return_annotation="Any")
        return decorator

    return show


@_with_options_of(recorded_run)
def record_run(entry_name: Any = None, **options: Any) -> Any:
    """Record every call of a function, as :func:`gaitmap_results.recorded_run` records a block.

    ``@record_run``, ``@record_run("entry")`` and ``@record_run(entry_name=..., path=..., ...)`` all work.
    Without a name, the entry gets that of the function.
    You can decorate functions, methods, class methods and static methods, whether plain, ``async`` or generators.
    They return (or yield) the same as before, and keep name, signature and docstring.

    Parameters
    ----------
    entry_name
        The name of the entry; a tuple of strings makes nested folders.
    **options
        Every option of :func:`gaitmap_results.recorded_run`.

    Returns
    -------
    decorated
        The function, or a decorator for one.

    Raises
    ------
    InvalidTargetError
        At decoration, if this is a class or a property.
    GaitmapResultsError
        Before the function runs, if an option, the config or the results folder is wrong.
        After it, if the run could not be stored as it should, or if no challenge ran.

    Notes
    -----
    ``caller_file_path`` is the file that calls the function; ``caller.function`` is the function itself.

    Examples
    --------
    >>> from gaitmap_results import record_run
    >>> @record_run(path="results")
    ... def shin_tuned():
    ...     challenge.run(optimizer)
    ...     return challenge.errors_["P1"]
    >>> shin_tuned()
    0.022
    """
    # Class methods, properties and the like are descriptors that need not be callable.
    if callable(entry_name) or hasattr(type(entry_name), "__get__"):
        if options:
            raise TypeError("record_run takes either a function, or options: @record_run(...) above the function.")
        return _decorate(entry_name, None, {})
    block_options("", **options)  # refuse an unknown option now, not at the first call
    if entry_name is not None:
        check_entry_name(entry_name)
    return lambda function: _decorate(function, entry_name, options)


def _decorate(function: Any, entry_name: Any, options: dict[str, Any]) -> Any:
    inner = function.__func__ if isinstance(function, (classmethod, staticmethod)) else function
    if isinstance(function, type):
        raise InvalidTargetError(
            f"record_run cannot decorate the class {function.__qualname__}; decorate one of its methods, such as run."
        )
    if isinstance(function, property) or not callable(inner):
        raise InvalidTargetError(
            f"record_run decorates functions and methods, not {type(function).__name__} objects. "
            "For a property, decorate a method that the property calls."
        )
    if entry_name is None:
        entry_name = getattr(inner, "__name__", None)
        check_entry_name(entry_name)
    return wrap_function(function, RecordedCall(entry_name, options))


@dataclass(frozen=True, eq=False)
class RecordedCall:
    """Run in place of a decorated function; it is an object so that it can be sent to worker processes."""

    name: Any
    options: dict[str, Any]

    def __call__(  # noqa: D102 - the class says it
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        # Now, since inside the coroutine or generator the caller's frame is gone.
        offset = check_offset(self.options.get("_caller_file_path_stack_offset", 0))
        caller = find_caller(offset, entry=_code_of(wrapped), entry_name=getattr(wrapped, "__qualname__", None))
        entry = describe_entry(wrapped, instance, args, kwargs)
        recorder = Recorder(block_options(self.name, **self.options), caller, entry)
        recorder.offer(instance, *args[:1])
        recorder.runs.named.arguments = [*args[1:], *kwargs.values()]
        return run_in_block(recorder, wrapped, args, kwargs)


def recorded_call(function: Any) -> RecordedCall | None:
    """Return the recorder of a decorated function's calls; ``None`` if it is not decorated."""
    call = function._self_wrapper if is_wrapped(function) else None
    return call if isinstance(call, RecordedCall) else None


def _code_of(function: Any) -> CodeType | None:
    """Return the code of a function below its decorators, partials, methods and callable objects."""
    for _ in range(100):  # a limit, since they may form a cycle
        inner = inspect.unwrap(function) if hasattr(function, "__wrapped__") else function
        inner = getattr(inner, "func", inner) if isinstance(inner, partial) else getattr(inner, "__func__", inner)
        code = getattr(inner, "__code__", None)
        if isinstance(code, CodeType):
            return code
        if inner is function:
            inner = inspect.getattr_static(type(function), "__call__", None)  # an object that can be called
        if inner is None or inner is function:
            return None
        function = inner
    return None
