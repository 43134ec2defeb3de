"""Find the Python that a run was made with."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Interpreter", "find_python", "find_uv", "look_at"]

_TELL: Final = "import sys; print('.'.join(map(str, sys.version_info[:3])), sys.implementation.name)"
_PATIENCE_S: Final = 30


@dataclass(frozen=True)
class Interpreter:
    """A Python on this machine."""

    path: Path
    version: str
    implementation: str

    @property
    def minor(self) -> str:
        """The version without its last part, such as ``3.12``."""
        return ".".join(self.version.split(".")[:2])


def find_python(version: str, implementation: str = "cpython") -> Interpreter | None:
    """Return a Python of this version, else one whose version differs only in the last part."""
    minor = ".".join(version.split(".")[:2])
    close = None
    for path in _candidates(version, minor):
        found = look_at(path)
        if found is None or found.implementation != implementation or found.minor != minor:
            continue
        if found.version == version:
            return found
        close = close or found
    return close


def look_at(path: str | Path) -> Interpreter | None:
    """Ask an interpreter for its version; ``None`` if it is not a Python."""
    try:
        done = subprocess.run(
            [str(path), "-I", "-S", "-c", _TELL], capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = re.fullmatch(r"(\d+\.\d+\.\d+) (\w+)", done.stdout.strip())
    return Interpreter(Path(path), said[1], said[2]) if done.returncode == 0 and said else None


def _candidates(version: str, minor: str) -> Iterator[str]:
    """Yield paths that may be a fitting interpreter, likely ones first."""
    yield getattr(sys, "_base_executable", None) or sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    yield str(pyenv / version / "bin" / "python")
    yield from (found for name in (f"python{minor}", "python3", "python") if (found := shutil.which(name)))
    uv = find_uv()
    if uv is not None:
        for wanted in (version, minor):
            yield from _asked([uv, "python", "find", "--no-python-downloads", "--system", wanted])
    if (launcher := shutil.which("py")) is not None:  # Windows
        yield from _asked([launcher, f"-{minor}", "-c", "import sys; print(sys.executable)"])
    yield from (str(each / "bin" / "python") for each in sorted(pyenv.glob(f"{minor}.*"), reverse=True))


def _asked(command: list[str]) -> Iterator[str]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return
    if done.returncode == 0 and done.stdout.strip():
        yield done.stdout.strip().splitlines()[-1]


def find_uv() -> str | None:
    """Return the program uv: that of the extra ``reproduce``, else one on the PATH; ``None`` if there is none."""
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, OSError):
        return shutil.which("uv")
