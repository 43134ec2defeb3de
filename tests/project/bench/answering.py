"""The part of an experiment's process that does what it is asked for, and answers how long that took."""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["STORE", "answer"]

# Where to store runs; outside of the repository, so that this stays clean.
STORE = Path(sys.argv[1])


def answer(**ways: Callable[[], Any]) -> None:
    """Read the names of ways from the standard input, go each, and answer.

    An answer has the ``seconds``, the ``value`` that was returned, and how often Python called ``fsync``.
    """
    syncs = _counted_fsync()
    # What the experiment prints is not the answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        way = ways[line.strip()]
        before = len(syncs)
        started = time.perf_counter()
        value = way()
        seconds = time.perf_counter() - started
        answers.write(json.dumps({"seconds": seconds, "value": value, "syncs": len(syncs) - before}) + "\n")
        answers.flush()


def _counted_fsync() -> list[int]:
    """Let every call of ``os.fsync`` leave a mark in the list that is returned."""
    calls: list[int] = []
    fsync = os.fsync

    @functools.wraps(fsync)
    def counted(descriptor: int) -> None:
        calls.append(1)
        fsync(descriptor)

    os.fsync = counted
    return calls
