"""Reads a file so that every later change of it can be seen from outside."""

from __future__ import annotations

import os
import time
from typing import Final

__all__ = ["is_settled", "read_settled", "signature"]

_CHUNK_BYTES: Final = 1 << 20
# How long a file system may take until it gives a change another time stamp.
_FINE_TICK_NS: Final = 20_000_000
_COARSE_TICK_NS: Final = 2_000_000_000


def signature(status: os.stat_result) -> tuple[int, ...]:
    """Return what changes whenever the content of a file does."""
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def read_settled(path: str) -> tuple[bytes, tuple[int, ...], bool]:
    """Read a file so that a later change of it can be seen from outside.

    Returns
    -------
    content
        All of its bytes.
    signature
        Its :func:`signature` before it was read.
    settled
        Whether every later change changes the signature too.
    """
    # Without O_NONBLOCK a named pipe would be waited for.
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags)
    try:
        status = os.fstat(descriptor)
        seen = signature(status)
        settled = _wait_until_settled(max(seen[:2]))
        content = os.read(descriptor, status.st_size + 1)
        while len(content) != status.st_size and (more := os.read(descriptor, _CHUNK_BYTES)):
            content += more
    finally:
        os.close(descriptor)
    return content, seen, settled


def is_settled(status: os.stat_result) -> bool:
    """Say whether every change from now on will change the :func:`signature`, without waiting for it."""
    return time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > _COARSE_TICK_NS


def _wait_until_settled(changed_ns: int) -> bool:
    """Wait until a change would get another time stamp than the last one; say ``False`` where that takes too long.

    File systems take the time from a clock that ticks every few milliseconds, some of them only every two seconds: two
    changes within one tick look alike.
    """
    age = time.time_ns() - changed_ns
    if age > _COARSE_TICK_NS:
        return True
    # A time without fractions comes from a coarse clock, one in the future from the clock of another machine.
    if age < 0 or changed_ns % 1_000_000 == 0:
        return False
    if age < _FINE_TICK_NS:
        time.sleep((_FINE_TICK_NS - age) / 1e9)
    return True
