"""Lets the calls of the file system fail, or the process die, at each of them in turn."""

from __future__ import annotations

import errno
import os
import pathlib
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["count_points", "error_at", "killed_at", "run_in_child"]

# What Python says about itself before it calls the file system: https://docs.python.org/3/library/audit_events.html
_EVENTS = frozenset({"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.scandir", "os.listdir"})


class _Injection:
    """Counts the calls below one folder, and acts at some of them."""

    def __init__(self, folder: Path, action: Callable[[int], None]) -> None:
        self.folder = os.fspath(folder)
        self.action = action
        self.n_points = 0

    def concerns(self, path: object) -> bool:
        if isinstance(path, int):
            try:
                path = str(Path(f"/proc/self/fd/{path}").readlink())
            except OSError:  # not Linux: nothing else of ours opens files by number
                return True
        text = os.fsdecode(path) if isinstance(path, (str, bytes)) else ""
        return text == self.folder or text.startswith(self.folder + os.sep)

    def point(self) -> None:
        self.n_points += 1
        self.action(self.n_points)


_active: list[_Injection] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _active or event not in _EVENTS:
        return
    # The removal of a whole tree gives names relative to an open folder, which comes last.
    is_relative = event in ("os.remove", "os.rmdir") and arguments[-1] != -1
    if _active[-1].concerns(arguments[-1] if is_relative else arguments[0]):
        _active[-1].point()


_installed: list[bool] = []


class _FaultyFile:
    """A file whose writing may fail before, in the middle, and on closing, where full disks and quotas tell."""

    def __init__(self, file: Any, injection: _Injection) -> None:
        self._file = file
        self._injection = injection

    def __enter__(self) -> _FaultyFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._injection.point()

    def write(self, content: bytes) -> int:
        self._injection.point()
        middle = len(content) // 2
        self._file.write(content[:middle])
        self._file.flush()
        self._injection.point()
        return middle + self._file.write(content[middle:])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextmanager
def injected(folder: Path, action: Callable[[int], None]) -> Iterator[_Injection]:
    """Call ``action`` with the number of each call of the file system that concerns what is below ``folder``."""
    if not _installed:  # a hook stays for the rest of the process
        sys.addaudithook(_hook)
        _installed.append(True)
    injection = _Injection(folder, action)
    real_fsync, real_open = os.fsync, pathlib.Path.open

    def fsync(descriptor: int) -> None:
        # Waiting for the disk matters to a power failure only; without it, hundreds of runs take seconds.
        if injection.concerns(descriptor):
            injection.point()

    def open_faulty(path: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        file = real_open(path, mode, *arguments, **options)
        return _FaultyFile(file, injection) if mode == "wb" and injection.concerns(os.fspath(path)) else file

    os.fsync, pathlib.Path.open = fsync, open_faulty  # type: ignore[assignment,method-assign]
    _active.append(injection)
    try:
        yield injection
    finally:
        _active.remove(injection)
        os.fsync, pathlib.Path.open = real_fsync, real_open  # type: ignore[method-assign]


def count_points(folder: Path, function: Callable[[], object]) -> int:
    """Return how many calls of the file system a function makes below a folder."""
    with injected(folder, lambda _: None) as injection:
        function()
    return injection.n_points


@contextmanager
def error_at(folder: Path, number: int, code: int, *, for_ever: bool = False) -> Iterator[_Injection]:
    """Let one call fail with an error code, or that one and all later ones."""

    def fail(current: int) -> None:
        if current == number or (for_ever and current > number):
            raise OSError(code, f"{os.strerror(code)} (injected: {errno.errorcode[code]} at call {current})")

    with injected(folder, fail) as injection:
        yield injection


@contextmanager
def killed_at(folder: Path, number: int) -> Iterator[_Injection]:
    """Let the process die at one call."""

    def die(current: int) -> None:
        if current == number:
            os.kill(os.getpid(), signal.SIGKILL)

    with injected(folder, die) as injection:
        yield injection


def run_in_child(function: Callable[[Callable[[str], None]], object]) -> tuple[str, int]:
    """Run a function in a forked process.

    Returns
    -------
    told
        The letters with which the function told how far it had come.
    status
        The exit code; negative if a signal ended the process.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 99
        try:
            os.close(reading)
            sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the process ends
            function(lambda letter: os.write(writing, letter.encode()) and None)
            code = 0
        except BaseException:  # told to the parent, since nothing may leave this block in the child
            os.write(writing, traceback.format_exc().encode())
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as file:
        told = file.read()
    _, status = os.waitpid(child, 0)
    return told, os.waitstatus_to_exitcode(status)
