"""Knows which recorded blocks are open, and which of them a piece of running code belongs to."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Protocol

__all__ = ["OpenBlock", "close_block", "enclosing_block", "entered", "find_block", "is_ambiguous", "open_block"]


class OpenBlock(Protocol):
    """What an open block lets other code tell it."""

    parent: OpenBlock | None
    owner_pid: int
    paused_in: int | None

    def challenge_failed(self, challenge: Any) -> None:
        """Take note that a challenge's ``run`` raised."""

    def challenge_starts(self, challenge: Any) -> None:
        """Refuse a challenge whose results could not be stored, before it is run."""

    def core_results_of(self, challenge: Any) -> Path | None:
        """Return the folder with the core results of a challenge's last run, if they are stored already."""

    def challenge_was_saved(self, challenge: Any, path: Path, metadata: dict[str, Any]) -> None:
        """Take note that the user saved a challenge himself."""


# The blocks of this context, innermost last; a tuple, so that no context changes another one's.
_context: ContextVar[tuple[OpenBlock, ...]] = ContextVar("gaitmap_results_open_blocks", default=())
# The blocks of the whole process, for threads, which start with an empty context.
_process: list[OpenBlock] = []
_lock = threading.Lock()


def open_block(block: OpenBlock) -> None:
    """Make a block known in the whole process."""
    with _lock:
        _process.append(block)


def close_block(block: OpenBlock) -> None:
    """Forget a block, in this context and in the process; one that is not known is fine."""
    with _lock:
        _process[:] = [other for other in _process if other is not block]
    leave(block)


def enter(block: OpenBlock) -> None:
    """Make a block the innermost one of this context."""
    _context.set((*_context.get(), block))


def leave(block: OpenBlock) -> None:
    """Take a block out of this context, wherever it stands in it.

    Blocks may be left in another order than they were entered, or in another context (a generator that is finalized
    elsewhere), so that a token of the context variable would not help.
    """
    blocks = _context.get()
    if any(other is block for other in blocks):
        _context.set(tuple(other for other in blocks if other is not block))


@contextmanager
def entered(block: OpenBlock) -> Iterator[None]:
    """Make a block the innermost one of this context for one step of a generator.

    Until the next step, the code of this thread is the one that takes the items; it does not belong to the block.
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

    It is the innermost one of this context.
    A thread that knows none belongs to the process' innermost one, if all that are open enclose each other.
    A forked child belongs to none.
    """
    own = enclosing_block()
    if own is not None:
        return own
    candidates = _candidates()
    innermost = [block for block in candidates if not any(other.parent is block for other in candidates)]
    return innermost[0] if len(innermost) == 1 else None


def is_ambiguous() -> bool:
    """Say whether :func:`find_block` finds nothing only because several blocks are open side by side."""
    return find_block() is None and len(_candidates()) > 1


def enclosing_block() -> OpenBlock | None:
    """Return the innermost open block of this context.

    A thread that knows none may have nothing to do with a block that another thread opened: what it opens is no block
    inside of that one.
    """
    own = [block for block in _context.get() if block.owner_pid == os.getpid() and is_open(block)]
    return own[-1] if own else None


def is_open(block: OpenBlock) -> bool:
    """Say whether a block is open."""
    with _lock:
        return any(other is block for other in _process)


def _candidates() -> list[OpenBlock]:
    with _lock:
        here = threading.get_ident()
        return [block for block in _process if block.owner_pid == os.getpid() and block.paused_in != here]
