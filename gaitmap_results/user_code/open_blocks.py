"""Know which recorded blocks are open, and which of them a piece of running code belongs to."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Protocol

__all__ = [
    "OpenBlock",
    "close_block",
    "enclosing_block",
    "entered",
    "find_block",
    "inherited_blocks",
    "open_block",
    "possible_blocks",
]


class OpenBlock(Protocol):
    """What an open block lets other code tell it.

    Attributes
    ----------
    runs
        What is told of the runs of challenges.
    """

    runs: Any
    parent: OpenBlock | None
    owner_pid: int
    paused_in: int | None

    def core_results_of(self, challenge: Any) -> Path | None:
        """Return the folder with the core results of a challenge's last run, if they are stored already."""

    def challenge_was_saved(self, challenge: Any, path: Path, metadata: dict[str, Any]) -> None:
        """Learn that the user saved a challenge with ``save_run``."""


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
    A forked child belongs to none; see :func:`inherited_blocks`.
    """
    own = enclosing_block()
    if own is not None:
        return own
    possible = possible_blocks()
    return possible[0] if len(possible) == 1 else None


def possible_blocks() -> list[OpenBlock]:
    """Return the innermost of the blocks that are open in this process, for a thread whose context knows none."""
    with _lock:
        here, pid = threading.get_ident(), os.getpid()
        return _innermost([block for block in _process if block.owner_pid == pid and block.paused_in != here])


def inherited_blocks() -> list[OpenBlock]:
    """Return the blocks that a forked child belongs to: the innermost ones that its parent had open at the fork."""
    pid = os.getpid()
    around = [block for block in _context.get() if block.owner_pid != pid and is_open(block)]
    with _lock:
        return around[-1:] or _innermost([block for block in _process if block.owner_pid != pid])


def _innermost(blocks: list[OpenBlock]) -> list[OpenBlock]:
    return [block for block in blocks if not any(other.parent is block for other in blocks)]


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


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it at the moment of the fork
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
