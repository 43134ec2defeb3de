"""Starts a command of Python and says how long it took, or what it printed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from measuring import Plan
from surroundings import environment

__all__ = ["printed_by", "seconds_of"]


def seconds_of(plan: Plan, *arguments: str, folder: Path | None = None) -> Callable[[], float]:
    """Return a function that starts Python with these arguments and says how long it ran."""

    def start() -> float:
        started = time.perf_counter()
        _start(plan, arguments, folder)
        return time.perf_counter() - started

    return start


def printed_by(plan: Plan, *arguments: str, folder: Path | None = None) -> Callable[[], float]:
    """Return a function that starts Python with these arguments and says which number it printed last."""
    return lambda: float(_start(plan, arguments, folder).split()[-1])


def _start(plan: Plan, arguments: tuple[str, ...], folder: Path | None) -> bytes:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder or plan.folder,
        env=environment(plan.folder),
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{arguments} failed: {done.stderr.decode(errors='replace')}")
    return done.stdout
