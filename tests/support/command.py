"""Runs the real command: at a terminal, with its output in a pipe, or in the process of the test."""

from __future__ import annotations

import contextlib
import io
import os
import re
import struct
import subprocess
import sys
import warnings
from dataclasses import dataclass
from unittest import mock

import pytest

from gaitmap_results.cli import main

START = "from gaitmap_results.cli import main; main(prog_name='gaitmap-results')"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@dataclass(frozen=True)
class Done:
    """What a command printed (at a terminal everything is in ``out``), and its exit code."""

    code: int
    out: str
    err: str = ""

    @property
    def lines(self) -> list[str]:
        """The lines that stay on the screen, without colours and bars that were wiped away."""
        text = _ESCAPES.sub("", self.out.replace("\r\n", "\n"))
        return [line.rpartition("\r")[2].rstrip() for line in text.splitlines()]


def piped(*arguments: object, program: str = START, **environment: str) -> Done:
    """Run the command with its output in a pipe."""
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONUTF8": "1", **environment},
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def in_process(*arguments: object, **environment: str) -> Done:
    """Run the command in this process, as in a pipe: quicker, for all that needs no process of its own."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, environment),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(),
        pytest.raises(SystemExit) as caught,
    ):
        warnings.simplefilter("default")
        main([str(argument) for argument in arguments], prog_name="gaitmap-results")
    code = caught.value.code
    return Done(code if isinstance(code, int) else 0, out.getvalue(), err.getvalue())


def at_terminal(*arguments: object, columns: int = 100, **more: str) -> Done:
    """Run the command at a terminal of so many columns."""
    pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
    fcntl, termios = pytest.importorskip("fcntl"), pytest.importorskip("termios")
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-c", START, *map(str, arguments)],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**environment, "TERM": "xterm-256color", "PYTHONUTF8": "1", **more},
    )
    os.close(terminal)
    output = b""
    try:
        while chunk := os.read(controller, 65536):
            output += chunk
    except OSError:  # Linux reports the end this way
        pass
    finally:
        os.close(controller)
    return Done(process.wait(), output.decode())
