"""Measures by how much the memory of this process grows while something is done."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from types import TracebackType

import psutil

__all__ = ["Peak"]

_STATUS = Path("/proc/self/status")


class Peak(contextlib.AbstractContextManager["Peak"]):
    """A block around what is done.

    Attributes
    ----------
    growth
        Bytes between the resident memory at the start and its maximum since then.
    """

    def __enter__(self) -> Peak:
        self._process = psutil.Process()
        self._before = self._highest = self._process.memory_info().rss
        self._is_over = threading.Event()
        self._can_reset = _reset_peak()
        self._watcher = threading.Thread(target=self._watch)
        if not self._can_reset:
            self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_over.set()
        if self._can_reset:
            self._highest = _peak()
        else:
            self._watcher.join()
        self.growth = self._highest - self._before

    def _watch(self) -> None:
        while not self._is_over.is_set():
            self._highest = max(self._highest, self._process.memory_info().rss)
            time.sleep(0.01)


def _reset_peak() -> bool:
    """Let Linux forget how much memory this process once had; say whether it could."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _peak() -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{_STATUS} does not say how much memory there was at most")
