"""Record every call of a function."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from gaitmap_results.exceptions import InvalidTargetError
from gaitmap_results.recording.block import block_options, recorded_run
from gaitmap_results.recording.recorder import Recorder
from gaitmap_results.saving.save_run import check_offset
from gaitmap_results.store.layout import check_entry_name
from gaitmap_results.user_code import open_blocks as _open_blocks
from gaitmap_results.user_code.caller import find_caller
from gaitmap_results.user_code.wrapping import is_wrapped, wrap_function

__all__ = ["RecordedCall", "record_run", "recorded_call"]

_F = TypeVar("_F", bound=Callable[..., Any])
_Options = ParamSpec("_Options")


class _RecordRun(Protocol[_Options]):
    """What type checkers see: a decorator that takes the options of another function."""

    @overload
    def __call__(self, function: _F, /) -> _F: ...

    @overload
    def __call__(
        self, entry_name: str | tuple[str, ...] | None = None, *args: _Options.args, **options: _Options.kwargs
    ) -> Callable[[_F], _F]: ...


def _with_options_of(
    function: Callable[Concatenate[Any, _Options], Any],
) -> Callable[[Callable[..., Any]], _RecordRun[_Options]]:
    """Show the options of ``function`` as those of a decorator, so that they are written down once."""

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

    ``@record_run``, ``@record_run("entry")`` and ``@record_run(entry_name=..., path=..., ...)`` all work; without a
    name, the entry has the function's.
    Functions, methods, class methods and static methods can be decorated, plain ones, ``async`` ones and generators;
    they return (or yield) the same as before, and keep name, signature and docstring.
    Each call is recorded on its own.

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
        When the function is called, as by :func:`gaitmap_results.recorded_run`.

    Notes
    -----
    The file that is stored as ``caller_file_path`` is the one that calls the function; the function itself is stored as
    ``caller.function``.

    Examples
    --------
    >>> import tempfile
    >>> from gaitmap_results import BaseChallenge, load_run_metadata, record_run
    >>> class CountSteps(BaseChallenge):
    ...     VERSION = "1.0.0"
    ...
    ...     def run(self, optimizer):
    ...         self.n_steps_ = optimizer()
    ...         return self
    ...
    ...     def save_core_results(self, folder_path):
    ...         _ = (folder_path / "steps.txt").write_text(str(self.n_steps_))
    ...
    ...     @classmethod
    ...     def load_core_results(cls, folder_path):
    ...         return (folder_path / "steps.txt").read_text()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...
    ...     @record_run(path=folder, use_git=False)
    ...     def constant(n_steps):
    ...         return CountSteps().run(lambda: n_steps)
    ...
    ...     constant(12).n_steps_
    12
    """
    # A class method, a property and the like cannot be called themselves, but all tell how to be looked up in a class.
    if callable(entry_name) or hasattr(type(entry_name), "__get__"):
        if options:
            raise TypeError("record_run takes either a function, or options: @record_run(...) above the function.")
        return _decorate(entry_name, None, {})
    block_options("", **options)  # an unknown option is told now, not at the first call
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
    """Runs in the place of a decorated function; an object of its own, so that it can be sent to worker processes."""

    name: Any
    options: dict[str, Any]

    def __call__(  # noqa: D102 - the class says it
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        # Here, and not in the coroutine or generator: later, no frame tells any more who called.
        offset = check_offset(self.options.get("_caller_file_path_stack_offset", 0))
        code = getattr(inspect.unwrap(wrapped), "__code__", None)
        caller = find_caller(offset, entry=code, entry_name=getattr(wrapped, "__qualname__", None))
        recorder = Recorder(block_options(self.name, **self.options), caller)
        recorder.offer(instance, *args[:1])
        if inspect.iscoroutinefunction(wrapped):
            inspect.signature(wrapped).bind(*args, **kwargs)  # wrong arguments are told here, not when it is awaited
            return _named_like(wrapped, _await(recorder, wrapped, args, kwargs))
        if inspect.isasyncgenfunction(wrapped):
            return _named_like(wrapped, _iterate_async(recorder, wrapped(*args, **kwargs)))
        if inspect.isgeneratorfunction(wrapped):
            return _named_like(wrapped, _iterate(recorder, wrapped(*args, **kwargs)))
        with contextlib.ExitStack() as until_done:
            until_done.enter_context(recorder)
            returned = wrapped(*args, **kwargs)
            if inspect.iscoroutine(returned):  # a plain function around an asynchronous one has only begun
                _open_blocks.leave(recorder)
                return _named_like(wrapped, _await_rest(recorder, until_done.pop_all(), returned))
            recorder.offer(returned=returned)
        return returned


def recorded_call(function: Any) -> RecordedCall | None:
    """Return what records the calls of a decorated function; ``None`` if it is not decorated."""
    call = function._self_wrapper if is_wrapped(function) else None
    return call if isinstance(call, RecordedCall) else None


def _named_like(function: Any, running: Any) -> Any:
    """Give a coroutine or generator of ours the name of the user's function, which tracebacks and tasks show."""
    name = getattr(function, "__name__", None)
    if isinstance(name, str):
        running.__name__ = name
        running.__qualname__ = getattr(function, "__qualname__", name)
    return running


async def _await(
    recorder: Recorder, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    with recorder:
        # Not before entering: a coroutine that is made and then refused would be told as never awaited.
        returned = await function(*args, **kwargs)
        recorder.offer(returned=returned)
    return returned


async def _await_rest(recorder: Recorder, until_done: contextlib.ExitStack, coroutine: Coroutine[Any, Any, Any]) -> Any:
    with until_done:
        with _open_blocks.entered(recorder):
            returned = await coroutine
        recorder.offer(returned=returned)
    return returned


def _iterate(recorder: Recorder, generator: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Run a generator as its user does, with the block open but seen by the generator's own code only."""
    closed_with: Any = None
    try:
        with recorder:
            _open_blocks.leave(recorder)
            step: Callable[..., Any] = generator.send
            argument: Any = None
            while True:
                try:
                    with _open_blocks.entered(recorder):
                        item = step(argument)
                except StopIteration as end:
                    recorder.offer(returned=end.value)
                    return end.value
                try:
                    argument, step = (yield item), generator.send
                except GeneratorExit:
                    with _open_blocks.entered(recorder):
                        closed_with = generator.close()  # type: ignore[func-returns-value]  # a value since Python 3.13
                    raise
                except BaseException as error:  # noqa: BLE001 - what the user throws into the generator is its own
                    argument, step = error, generator.throw
    except GeneratorExit:
        if closed_with is None:
            raise
        return closed_with


async def _iterate_async(recorder: Recorder, generator: AsyncGenerator[Any, Any]) -> AsyncGenerator[Any, Any]:
    with recorder:
        _open_blocks.leave(recorder)
        step: Callable[..., Any] = generator.asend
        argument: Any = None
        while True:
            try:
                with _open_blocks.entered(recorder):
                    item = await step(argument)
            except StopAsyncIteration:
                return
            try:
                argument, step = (yield item), generator.asend
            except GeneratorExit:
                with _open_blocks.entered(recorder):
                    await generator.aclose()
                raise
            except BaseException as error:  # noqa: BLE001 - whatever the user throws into the generator is its own
                argument, step = error, generator.athrow
