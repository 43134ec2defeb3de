"""Run a decorated function in a block that lasts until what it returned has ended."""

from __future__ import annotations

import inspect
import logging
import threading
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import FunctionType, MethodType
from typing import Any, Final

from gaitmap_results.recording.recorder import Recorder
from gaitmap_results.user_code import open_blocks as _open_blocks
from gaitmap_results.user_code.generator_steps import stepped, stepped_async
from gaitmap_results.user_code.remaining_work import kind_of_work
from gaitmap_results.user_code.wrapping import wrap_awaitable, wrap_iterator

__all__ = ["run_in_block"]

_logger = logging.getLogger("gaitmap_results")


def run_in_block(
    recorder: Recorder, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call a function in a block; a returned coroutine or generator leaves the block when it has ended."""
    if inspect.iscoroutinefunction(function):
        _refuse_wrong_arguments(function, args, kwargs)  # now, not only when it is awaited
        # Called after entering only: Python would warn that a refused coroutine was never awaited.
        return _named_like(function, _await(recorder, recorder, lambda: function(*args, **kwargs)))
    if inspect.isasyncgenfunction(function):
        return _named_like(function, _iterate_async(recorder, recorder, function(*args, **kwargs)))
    if inspect.isgeneratorfunction(function):
        return _named_like(function, _iterate(recorder, recorder, function(*args, **kwargs)))
    with ExitStack() as block:
        block.enter_context(recorder)
        returned = function(*args, **kwargs)
        rest = _rest_of(recorder, block, function, returned)
        if rest is None:
            recorder.offer(returned=returned)
    return returned if rest is None else rest


def _refuse_wrong_arguments(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise the TypeError that wrong arguments would raise, as far as the signature shows them."""
    plain = function.__func__ if isinstance(function, MethodType) else function
    # Another decorator may show a signature that it does not have; then the function itself refuses.
    if type(plain) is FunctionType and not hasattr(plain, "__signature__"):
        inspect.signature(function, follow_wrapped=False).bind(*args, **kwargs)


def _rest_of(recorder: Recorder, block: ExitStack, function: Any, returned: Any) -> Any:
    """Wrap the coroutine, generator or future that a plain function returned; ``None`` if it has ended."""
    kind = kind_of_work(returned)
    if kind is None or kind == "background" or (kind == "iterator" and recorder.runs.any_seen()):
        return None
    _open_blocks.leave(recorder)
    recorder.paused_in = threading.get_ident()
    kept = block.pop_all()
    if kind == "future":
        returned.add_done_callback(lambda future: _settle(recorder, kept, future))
        return returned
    rest = _named_like(function, _FOLLOW[kind](recorder, kept, returned))
    weakref.finalize(rest, _abandon, recorder, kept)
    return rest


def _abandon(recorder: Recorder, block: ExitStack) -> None:
    """Leave the block of a coroutine or generator that was dropped before it began."""
    error = None if recorder.runs.any_kept() else GeneratorExit()
    block.__exit__(None if error is None else GeneratorExit, error, None)


def _settle(recorder: Recorder, block: ExitStack, future: Any) -> None:
    """Leave the block of a future or task that is done, with its result or error."""
    error = CancelledError() if future.cancelled() else future.exception()
    if error is None:
        recorder.offer(returned=future.result())
    try:
        block.__exit__(type(error) if error else None, error, None)
    except Exception as failure:  # noqa: BLE001 - raised here, it would go to the event loop or the pool
        _logger.error("%s", failure)


async def _await(recorder: Recorder, block: AbstractContextManager[Any], start: Callable[[], Awaitable[Any]]) -> Any:
    with block:
        returned = await start()
        recorder.offer(returned=returned)
    return returned


async def _await_rest(recorder: Recorder, block: AbstractContextManager[Any], awaitable: Awaitable[Any]) -> Any:
    with block:
        with _open_blocks.entered(recorder):
            returned = await awaitable
        recorder.offer(returned=returned)
    return returned


def _await_other(recorder: Recorder, block: AbstractContextManager[Any], awaitable: Any) -> Any:
    return wrap_awaitable(awaitable, lambda inner: _await_rest(recorder, block, inner))


@contextmanager
def _between_steps(recorder: Recorder, block: AbstractContextManager[Any]) -> Iterator[None]:
    """Make the open block visible to the generator's own code only."""
    with block:
        _open_blocks.leave(recorder)
        yield


def _iterate(
    recorder: Recorder, block: AbstractContextManager[Any], generator: Generator[Any, Any, Any]
) -> Generator[Any, Any, Any]:
    return stepped(
        generator,
        _between_steps(recorder, block),
        lambda: _open_blocks.entered(recorder),
        lambda value: recorder.offer(returned=value),
    )


def _iterate_async(
    recorder: Recorder, block: AbstractContextManager[Any], generator: AsyncGenerator[Any, Any]
) -> AsyncGenerator[Any, Any]:
    return stepped_async(generator, _between_steps(recorder, block), lambda: _open_blocks.entered(recorder))


def _iterate_other(recorder: Recorder, block: AbstractContextManager[Any], iterator: Any) -> Any:
    return wrap_iterator(iterator, lambda items: _iterate(recorder, block, items))


_FOLLOW: Final[dict[str, Callable[[Recorder, AbstractContextManager[Any], Any], Any]]] = {
    "coroutine": _await_rest,
    "awaitable": _await_other,
    "generator": _iterate,
    "async generator": _iterate_async,
    "iterator": _iterate_other,
}


def _named_like(function: Any, running: Any) -> Any:
    """Name our coroutine or generator after the user's function, for tracebacks and tasks."""
    name = getattr(function, "__name__", None)
    if isinstance(name, str) and hasattr(running, "__qualname__"):
        running.__name__ = name
        running.__qualname__ = getattr(function, "__qualname__", name)
    return running
