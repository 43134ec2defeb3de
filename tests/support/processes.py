"""Starts Python processes for the tests, in which the package and the tests' own modules can be imported."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["python_environment", "run_python"]

_TESTS = Path(__file__).parents[1]


def python_environment(changes: Mapping[str, str] = {}) -> dict[str, str]:
    """Return the environment of a process that can import what this one imports from the tests."""
    own = [path for path in sys.path if path and Path(path).is_relative_to(_TESTS)]
    paths = [*own, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **changes}


def run_python(
    *arguments: str | Path,
    cwd: Path,
    env: Mapping[str, str] = {},
    stdin: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder and return what it printed; fail if it does not end well."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=python_environment(env),
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, f"{arguments} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done
