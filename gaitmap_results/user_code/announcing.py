"""Tell users in one line what was stored, where their program shows messages."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

from gaitmap_results.exceptions import printable

__all__ = ["announce"]

_logger = logging.getLogger("gaitmap_results")


def announce(lines: Sequence[str] | str) -> None:
    """Tell users in one line what was stored.

    A program with logging at the level INFO gets it there.
    A notebook shows it as an output of the cell: the error stream would be a red block.
    Any other program gets it on its standard error, apart from its own output.
    """
    text = printable(lines if isinstance(lines, str) else "\n".join(lines))
    has_log = _logger.isEnabledFor(logging.INFO) and _logger.hasHandlers()
    for way in [_log] if has_log else [_display, _write]:
        with contextlib.suppress(Exception):  # foreign streams and handlers raise anything; the run is already stored
            if way(text):
                return


def _display(text: str) -> bool:
    """Show a text as the output of a notebook's cell; return whether this process has a notebook."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    kernel = getattr(shell, "kernel", None)
    session = getattr(kernel, "session", None)
    # A forked worker has a copy of the kernel without a front end.
    if session is None or getattr(session, "pid", os.getpid()) != os.getpid():
        return False
    shell.display_pub.publish({"text/plain": text})
    return True


def _write(text: str) -> bool:
    tqdm = getattr(sys.modules.get("tqdm"), "tqdm", None)
    if tqdm is None:
        sys.stderr.write(f"{text}\n")
    else:
        # tqdm's progress bars, which tpcp shows, occupy the current line.
        tqdm.write(text, file=sys.stderr, nolock=True)
    return True


def _log(text: str) -> bool:
    _logger.info("%s", text)
    return True
