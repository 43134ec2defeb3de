"""Run a decorated function in a block that lasts until what it returned has ended."""

from __future__ import annotations

import inspect
import logging
import threading
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import FunctionType, GeneratorType, MethodType
from typing import Any

from gaitmap_results.recording.recorder import Recorder
from gaitmap_results.user_code import open_blocks as _open_blocks
from gaitmap_results.user_code.stepping import stepped_async
from gaitmap_results.user_code.wrapping import wrap_awaitable

__all__ = ["run_in_block"]

_logger = logging.getLogger("gaitmap_results")


def run_in_block(
    recorder: Recorder, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call a function, and return what it returns, or the like of that, which leaves the block when it has ended."""
    if inspect.iscoroutinefunction(function):
        _refuse_wrong_arguments(function, args, kwargs)  # here, and not when it is awaited
        # Not called before entering: a coroutine that is made and then refused would be told as never awaited.
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
    """Raise the TypeError that calling the function would raise, as far as it is known without calling it."""
    plain = function.__func__ if isinstance(function, MethodType) else function
    # What another decorator shows as the signature need not be what it takes; then the function itself refuses.
    if type(plain) is FunctionType and not hasattr(plain, "__signature__"):
        inspect.signature(function, follow_wrapped=False).bind(*args, **kwargs)


def _rest_of(recorder: Recorder, block: ExitStack, function: Any, returned: Any) -> Any:
    """Return what stands for the rest of a plain function around others, or ``None`` if nothing is left to do."""
    is_future = callable(getattr(returned, "add_done_callback", None)) and callable(getattr(returned, "done", None))
    if is_future and not isinstance(returned, type):
        _open_blocks.leave(recorder)
        recorder.paused_in = threading.get_ident()
        kept = block.pop_all()
        returned.add_done_callback(lambda future: _settle(recorder, kept, future))
        return returned
    follow: Callable[[Recorder, AbstractContextManager[Any], Any], Any]
    if inspect.iscoroutine(returned):
        follow = _await_rest
    elif isinstance(returned, GeneratorType) and not returned.gi_code.co_flags & inspect.CO_ITERABLE_COROUTINE:
        follow = _iterate
    elif inspect.isasyncgen(returned):
        follow = _iterate_async
    elif inspect.isawaitable(returned):
        follow = _await_other
    else:
        return None
    _open_blocks.leave(recorder)
    recorder.paused_in = threading.get_ident()
    kept = block.pop_all()
    rest = _named_like(function, follow(recorder, kept, returned))
    weakref.finalize(rest, _abandon, recorder, kept)
    return rest


def _abandon(recorder: Recorder, block: ExitStack) -> None:
    """Leave the block of what was dropped before it had begun; once it has begun, it leaves the block itself."""
    error = None if recorder.runs.any_kept() else GeneratorExit()
    block.__exit__(None if error is None else GeneratorExit, error, None)


def _settle(recorder: Recorder, block: ExitStack, future: Any) -> None:
    """Leave the block of a future or task that is done, as its result or error says; nobody waits for ours here."""
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
    """Keep a block open that only the generator's own code sees."""
    with block:
        _open_blocks.leave(recorder)
        yield


def _iterate(
    recorder: Recorder, block: AbstractContextManager[Any], generator: Generator[Any, Any, Any]
) -> Generator[Any, Any, Any]:
    """Run a generator as its user does."""
    closed_with: Any = None
    try:
        with _between_steps(recorder, block):
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


def _iterate_async(
    recorder: Recorder, block: AbstractContextManager[Any], generator: AsyncGenerator[Any, Any]
) -> AsyncGenerator[Any, Any]:
    return stepped_async(generator, _between_steps(recorder, block), lambda: _open_blocks.entered(recorder))


def _named_like(function: Any, running: Any) -> Any:
    """Give a coroutine or generator of ours the name of the user's function, which tracebacks and tasks show."""
    name = getattr(function, "__name__", None)
    if isinstance(name, str) and hasattr(running, "__qualname__"):
        running.__name__ = name
        running.__qualname__ = getattr(function, "__qualname__", name)
    return running
