"""Run a decorated function in a block that lasts until what it returned has ended."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any, Final

from gaitmap_results.recording.recorder import Recorder
from gaitmap_results.user_code import open_blocks as _open_blocks
from gaitmap_results.user_code.call_arguments import refuse_wrong_arguments
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

__all__ = ["run_in_block"]

_logger = logging.getLogger("gaitmap_results")


def run_in_block(
    recorder: Recorder, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call a function in a block; a returned coroutine or generator leaves the block when it has ended."""
    kind = kind_of_call(function)
    if kind == "coroutine":
        refuse_wrong_arguments(function, args, kwargs)  # now, not only when it is awaited
        # Called after entering only: Python would warn that a refused coroutine was never awaited.
        return _named_like(function, _await(recorder, function, lambda: function(*args, **kwargs)))
    if kind == "async generator":
        return _named_like(function, _iterate_async(recorder, recorder, function(*args, **kwargs)))
    if kind == "generator":
        return _named_like(function, _iterate(recorder, recorder, function(*args, **kwargs)))
    with ExitStack() as block:
        block.enter_context(recorder)
        returned = function(*args, **kwargs)
        rest = _rest_of(recorder, block, function, returned)
        if rest is None:
            recorder.offer(returned=returned)
    return returned if rest is None else rest


class _Rest(AbstractContextManager[None]):
    """The work that a plain function returned, in one part or several; its block is left when all have ended."""

    def __init__(self, recorder: Recorder, function: Any) -> None:
        self._recorder = recorder
        self._function = function
        self.is_unfinished = False
        self._n_open = 1  # until all parts are known
        self.block: ExitStack = ExitStack()
        self._error: BaseException | None = None
        self._lock = threading.RLock()

    def follow(self, part: Any, kind: str) -> Any:
        """Wrap a part in an object of the same kind."""
        self.is_unfinished = True
        with self._lock:
            self._n_open += 1
        once = ExitStack()
        once.push(self)
        if kind in ("future", "background"):
            follow_work(part, partial(self._settle, once), partial(self._leave_early, once))
            return part
        rest = _named_like(self._function, _FOLLOW[kind](self._recorder, once, part))
        weakref.finalize(rest, _abandon, self._recorder, once)
        return rest

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        with self._lock:
            self._n_open -= 1
            self._error = error = self._error or error
            if self._n_open:
                return
        self.block.__exit__(type(error) if error else None, error, None)

    def _settle(self, once: ExitStack, work: Any) -> None:
        """End the part of a future, thread or the like, if that is done, with its result or error."""
        if not is_done(work):  # the waiting code may have given up
            return
        error = error_of_work(work)
        if error is None and hasattr(work, "result"):
            self._recorder.offer(returned=work.result())
        self._leave(once, error)

    def _leave_early(self, once: ExitStack, work: Any) -> None:  # noqa: ARG002 - as those who call it
        """End the part of a future that is about to be done, so that whoever waits for it finds the run stored."""
        if self._recorder.runs.any_seen():  # else its result may be the challenge
            self._leave(once, None)

    def _leave(self, once: ExitStack, error: BaseException | None) -> None:
        try:
            with self._lock:  # whoever waits for the work continues only when the run is stored
                once.__exit__(type(error) if error else None, error, None)
        except Exception as failure:  # noqa: BLE001 - raised here, it would go to the event loop or the pool
            _logger.error("%s", failure)


def _rest_of(recorder: Recorder, block: ExitStack, function: Any, returned: Any) -> Any:
    """Wrap the unfinished work that a plain function returned; ``None`` if there is none."""
    kind, any_seen, rest = kind_of_work(returned), recorder.runs.any_seen(), _Rest(recorder, function)

    def follow_part(part: Any, kind: str) -> Any:
        belongs_to_results = any_seen and is_suspended(kind)
        return part if belongs_to_results else rest.follow(part, kind)

    if any_seen and kind == "iterator":
        return None
    replaced = rest.follow(returned, kind) if kind else replace_work_in(returned, follow_part)
    if not rest.is_unfinished:
        return None
    _open_blocks.leave(recorder)
    recorder.paused_in = threading.get_ident()
    rest.block = block.pop_all()
    rest.__exit__(None, None, None)
    return replaced


def _abandon(recorder: Recorder, block: ExitStack) -> None:
    """Leave the block of a coroutine or generator that was dropped before it began."""
    error = None if recorder.runs.any_kept() else GeneratorExit()
    block.__exit__(None if error is None else GeneratorExit, error, None)


async def _await(recorder: Recorder, function: Any, start: Callable[[], Awaitable[Any]]) -> Any:
    with ExitStack() as block:
        block.enter_context(recorder)
        returned = await start()
        rest = _rest_of(recorder, block, function, returned)
        if rest is None:
            recorder.offer(returned=returned)
    return returned if rest is None else rest


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
