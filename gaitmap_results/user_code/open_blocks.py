"""Track the open blocks, and find the one that running code belongs to."""

from __future__ import annotations

import gc
import inspect
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import AsyncGeneratorType, FrameType
from typing import Any, Final, Protocol

from gaitmap_results.user_code.installed import is_installed, is_library

__all__ = [
    "OpenBlock",
    "close_block",
    "enclosing_block",
    "entered",
    "find_block",
    "inherited_blocks",
    "note_run",
    "open_block",
    "possible_blocks",
    "suspended_blocks",
]

_OWN_PACKAGE: Final = __name__.partition(".")[0]


@dataclass
class OpeningGenerator:
    """The generator that a block was opened in; while it is suspended, other code runs.

    Attributes
    ----------
    frame
        Its frame; kept only while the block is open.
    asynchronous
        The asynchronous generator; its frame also stops at every ``await``.
    resumed_by_library
        Whether library code resumes it, as ``@contextmanager`` and fixtures do: the code in between is in the block.
    ran_itself
        Whether a challenge ran in the generator itself; then runs of the code in between do not belong to the block.
    around
        The frames of all generators that ran when the block was opened, innermost first.
    """

    frame: FrameType
    resumed_by_library: bool
    asynchronous: weakref.ref[Any] | None = None
    ran_itself: bool = False
    around: tuple[FrameType, ...] = ()

    def is_suspended(self) -> bool:
        """Return whether other code is running now."""
        generator = None if self.asynchronous is None else self.asynchronous()
        return self.frame.f_back is None if generator is None else not generator.ag_running


class OpenBlock(Protocol):
    """The interface of an open block for other code.

    Attributes
    ----------
    runs
        Receives the runs of challenges.
    """

    runs: Any
    parent: OpenBlock | None
    owner_pid: int
    paused_in: int | None
    generator: OpeningGenerator | None

    def core_results_of(self, challenge: Any) -> Path | None:
        """Return the folder with the core results of a challenge's last run, if they are already stored."""

    def challenge_was_saved(self, challenge: Any, path: Path, metadata: dict[str, Any]) -> None:
        """Register that the user saved a challenge with ``save_run``."""


# The blocks of this context, innermost last; a tuple, because contexts would share a list.
_context: ContextVar[tuple[OpenBlock, ...]] = ContextVar("gaitmap_results_open_blocks", default=())
# The blocks of the whole process, for threads, which start with an empty context.
_process: list[OpenBlock] = []
_lock = threading.Lock()


def open_block(block: OpenBlock) -> None:
    """Register a block in the whole process."""
    block.generator = _opening_generator()
    with _lock:
        _process.append(block)


def close_block(block: OpenBlock) -> None:
    """Remove a block from this context and the process, if it is registered."""
    with _lock:
        _process[:] = [other for other in _process if other is not block]
    block.generator = None
    leave(block)


def enter(block: OpenBlock) -> None:
    """Make a block the innermost one of this context."""
    _context.set((*_context.get(), block))


def leave(block: OpenBlock) -> None:
    """Remove a block from this context, at any depth.

    A token of the context variable would not help, because the order or the context may differ from the entry's.
    One example is a generator that is finalized elsewhere.
    """
    blocks = _context.get()
    if any(other is block for other in blocks):
        _context.set(tuple(other for other in blocks if other is not block))


@contextmanager
def entered(block: OpenBlock) -> Iterator[None]:
    """Make a block the innermost one of this context for one step of a generator.

    Until the next step, this thread runs the code that consumes the items, which does not belong to the block.
    """
    block.paused_in = None
    enter(block)
    try:
        yield
    finally:
        leave(block)
        block.paused_in = threading.get_ident()


def find_block() -> OpenBlock | None:
    """Return the open block that the running code belongs to.

    It is the innermost one of this context, with the blocks of suspended generators last.
    A thread with an empty context belongs to the process's innermost block, if all open blocks enclose each other.
    A forked child belongs to none; see :func:`inherited_blocks`.
    """
    own = enclosing_block()
    if own is not None:
        return own
    possible = possible_blocks()
    return possible[0] if len(possible) == 1 else None


def possible_blocks() -> list[OpenBlock]:
    """Return the blocks that may take a run of code outside of any block.

    They are those of suspended generators in this context, or else (in a thread) the innermost of the process.
    """
    around = _blocks_of_context()
    if around:
        return [block for block in around if not _ran_itself(block)]
    with _lock:
        here, pid = threading.get_ident(), os.getpid()
        return _innermost([block for block in _process if block.owner_pid == pid and block.paused_in != here])


def suspended_blocks() -> list[OpenBlock]:
    """Return the blocks of suspended generators that ran challenges themselves, which take no run of other code."""
    return [block for block in _blocks_of_context() if _ran_itself(block)]


def note_run(block: OpenBlock) -> None:
    """Register that a challenge starts to run in a block."""
    if block.generator is not None and not block.generator.is_suspended():
        block.generator.ran_itself = True


def inherited_blocks() -> list[OpenBlock]:
    """Return the blocks of a forked child: the innermost ones that were open in its parent at the fork."""
    pid = os.getpid()
    around = [block for block in _context.get() if block.owner_pid != pid and is_open(block)]
    innermost = _nearest(around, _of_running_generator(lambda block: block.owner_pid != pid))
    if innermost is not None:
        return [innermost]
    with _lock:
        return around[-1:] or _innermost([block for block in _process if block.owner_pid != pid])


def _innermost(blocks: list[OpenBlock]) -> list[OpenBlock]:
    return [block for block in blocks if not any(other.parent is block for other in blocks)]


def enclosing_block() -> OpenBlock | None:
    """Return the innermost open block of the running generator or of this context.

    A thread with an empty context may have nothing to do with the blocks of other threads, so it gets none.
    """
    pid = os.getpid()
    return _nearest(_blocks_of_context(), _of_running_generator(lambda block: block.owner_pid == pid))


def _nearest(around: list[OpenBlock], running: OpenBlock | None) -> OpenBlock | None:
    """Return the innermost block of a context, or that of a running generator where that is further in."""
    awake = [block for block in around if not _is_asleep(block)]
    innermost = awake[-1] if awake else None
    own = None if running is None else running.generator
    if own is None or innermost is running:
        return innermost
    was_opened_in = () if innermost is None or innermost.generator is None else innermost.generator.around
    return innermost if any(frame is own.frame for frame in was_opened_in) else running


def _of_running_generator(is_wanted: Callable[[OpenBlock], bool]) -> OpenBlock | None:
    """Return the innermost block whose generator runs in this thread; another thread may have opened it."""
    with _lock:
        blocks = [block for block in _process if is_wanted(block) and block.paused_in is None]
    opened = {block.generator.frame: block for block in blocks if block.generator is not None}
    return next((opened[frame] for frame in _stack() if frame in opened), None) if opened else None


def _stack() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back


def _blocks_of_context() -> list[OpenBlock]:
    return [block for block in _context.get() if block.owner_pid == os.getpid() and is_open(block)]


def _is_asleep(block: OpenBlock) -> bool:
    """Return whether a block belongs to a suspended generator, and the running code does not."""
    generator = block.generator
    if generator is None or not generator.is_suspended():
        return False
    return generator.ran_itself or not generator.resumed_by_library


def _ran_itself(block: OpenBlock) -> bool:
    return block.generator is not None and block.generator.ran_itself


def _opening_generator() -> OpeningGenerator | None:
    """Return the innermost generator whose code is running, except this package's own.

    If library code resumes it, as it does a context manager's, the block belongs to the generator around it, if any.
    """
    running = [frame for frame in _stack() if _is_of_generator(frame)]
    chosen = next((frame for frame in running if not _is_resumed_by_library(frame)), running[0] if running else None)
    if chosen is None:
        return None
    by_library = _is_resumed_by_library(chosen)
    return OpeningGenerator(chosen, by_library, _asynchronous_generator(chosen), around=tuple(running))


def _is_of_generator(frame: FrameType) -> bool:
    is_ours = str(frame.f_globals.get("__name__", "")).partition(".")[0] == _OWN_PACKAGE
    return not is_ours and bool(frame.f_code.co_flags & (inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR))


def _is_resumed_by_library(frame: FrameType) -> bool:
    file = None if frame.f_back is None else frame.f_back.f_code.co_filename
    return file is not None and (is_library(file) or is_installed(file))


def _asynchronous_generator(frame: FrameType) -> weakref.ref[Any] | None:
    """Return the asynchronous generator of a frame; only the garbage collector knows it."""
    if not frame.f_code.co_flags & inspect.CO_ASYNC_GENERATOR:
        return None
    found = (each for each in gc.get_objects() if type(each) is AsyncGeneratorType and each.ag_frame is frame)
    generator = next(found, None)
    return None if generator is None else weakref.ref(generator)


def is_open(block: OpenBlock) -> bool:
    """Return whether a block is open."""
    with _lock:
        return any(other is block for other in _process)


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it at the moment of the fork
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
