"""Assign an identifier to the next block, so that its run can be found even if its process dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

__all__ = ["AwaitedBlock", "awaited_block", "claim_block_id", "is_reported_elsewhere"]


@dataclass
class AwaitedBlock:
    """A block whose identifier was assigned before it began.

    Attributes
    ----------
    block_id
        The identifier that the block will have.
    is_reported
        Whether another process tells the user what was stored.
    recorder
        The block's recorder; ``None`` before it is entered.
    """

    block_id: str
    is_reported: bool = False
    recorder: Any = None

    @property
    def is_open(self) -> bool:
        """Whether the block has begun and not ended."""
        return self.recorder is not None and self.recorder.status_ == "running"


_awaited: ContextVar[AwaitedBlock | None] = ContextVar("gaitmap_results_awaited_block", default=None)


@contextmanager
def awaited_block(block_id: str, *, is_reported: bool = False) -> Iterator[AwaitedBlock]:
    """Give the first block that is entered meanwhile this identifier, and yield its recorder."""
    awaited = AwaitedBlock(block_id, is_reported)
    token = _awaited.set(awaited)
    try:
        yield awaited
    finally:
        _awaited.reset(token)


def claim_block_id(recorder: Any) -> str:
    """Return the identifier of a block that is being entered: the assigned one, or a new one."""
    awaited = _awaited.get()
    if awaited is None or awaited.recorder is not None:
        return str(uuid4())
    awaited.recorder = recorder
    return awaited.block_id


def is_reported_elsewhere(recorder_block_id: str) -> bool:
    """Say whether another process tells the user what a block has stored."""
    awaited = _awaited.get()
    return awaited is not None and awaited.is_reported and awaited.block_id == recorder_block_id
