"""Run a program to its end, or end it and all its children."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Finished", "clean_environment", "run_child"]

_PATIENCE_S: Final = 5.0
_TAIL_BYTES: Final = 4000


# Variables that lead a Python, pip or uv to another environment or to other code.
_LEADING: Final = (
    *("VIRTUAL_ENV", "CONDA_PREFIX", "UV_PROJECT_ENVIRONMENT"),
    *("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONSAFEPATH"),
)


@dataclass(frozen=True)
class Finished:
    """The exit of a program, its output, and the end of its error stream."""

    code: int
    output: str
    errors: str


def clean_environment() -> dict[str, str]:
    """Return this process's environment without the variables that lead to other code."""
    return {name: value for name, value in os.environ.items() if name not in _LEADING}


def run_child(command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], log: Path) -> Finished:
    """Run a program and wait for it; an interruption also ends the program.

    Parameters
    ----------
    log
        The common beginning of the file names for its output.
    """
    files = log.with_suffix(".out"), log.with_suffix(".err")
    with files[0].open("wb") as out, files[1].open("wb") as errors:
        process = subprocess.Popen(
            list(map(str, command)),
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            # A separate process group, so that all processes can be ended together.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        try:
            code = process.wait()
        except BaseException:
            _end(process)
            raise
    return Finished(code, files[0].read_text(encoding="utf-8", errors="replace"), _tail(files[1]))


def _end(process: subprocess.Popen[bytes]) -> None:
    _signal(process, "SIGTERM")
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_PATIENCE_S)
    _signal(process, "SIGKILL")  # also children that it left behind
    process.wait()


def _signal(process: subprocess.Popen[bytes], name: str) -> None:
    if sys.platform == "win32":
        if process.poll() is None:
            subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True, check=False)
        return
    with contextlib.suppress(OSError):
        os.killpg(process.pid, getattr(signal, name))


def _tail(file: Path) -> str:
    with file.open("rb") as opened:
        opened.seek(max(0, file.stat().st_size - _TAIL_BYTES))
        return opened.read().decode("utf-8", errors="replace").strip()
