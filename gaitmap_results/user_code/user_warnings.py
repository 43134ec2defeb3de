"""Show warnings to users at their own line of code."""

from __future__ import annotations

import contextlib
import logging
import warnings
from dataclasses import dataclass, field
from typing import Any

from gaitmap_results.exceptions import GaitmapResultsWarning, printable
from gaitmap_results.user_code.caller import innermost_user_frame

__all__ = ["PendingWarnings", "warn_at", "warn_user"]

_logger = logging.getLogger("gaitmap_results")


def warn_user(message: str, category: type[GaitmapResultsWarning]) -> None:
    """Warn at the user's line that led here.

    Nothing is raised if the warning cannot be shown, because the program has replaced ``sys.stderr``.
    """
    frame = innermost_user_frame()
    if frame is None:
        warn_at(message, category, __file__, 1)
    else:
        warn_at(message, category, frame.f_code.co_filename, frame.f_lineno, frame.f_globals)


def warn_at(
    message: str,
    category: type[GaitmapResultsWarning],
    file: str,
    line: int,
    namespace: dict[str, Any] | None = None,
) -> None:
    """Warn as :func:`warn_user` does, but at a given line."""
    variables = {} if namespace is None else namespace
    try:
        warnings.warn_explicit(
            printable(message),
            category,
            filename=file,
            lineno=line,
            module=variables.get("__name__", "<unknown>"),
            registry=variables.setdefault("__warningregistry__", {}),
        )
    except Warning:  # the user turned warnings into errors
        raise
    except Exception as error:  # noqa: BLE001 - a courtesy costs no result
        with contextlib.suppress(Exception):
            _logger.info("A warning could not be shown (%s): %s", error, message)


@dataclass
class PendingWarnings:
    """Warnings that wait until everything is on the disk.

    A user may have turned warnings into errors, and an error in the middle of a save would cost a result.
    """

    messages: list[tuple[str, type[GaitmapResultsWarning]]] = field(default_factory=list)

    def add(self, message: str, category: type[GaitmapResultsWarning]) -> None:
        """Keep a warning for later."""
        self.messages.append((printable(message), category))

    def show(self) -> None:
        """Show all pending warnings; if the user's filters make one an error, show the others before raising it."""
        messages, self.messages = self.messages, []
        raised: list[Warning] = []
        for message, category in messages:
            try:
                warn_user(message, category)
            except Warning as error:
                raised.append(error)
        if raised:
            raise raised[0]

    def log(self, reason: str) -> None:
        """Log all pending warnings, where a warning turned into an error would hide another error."""
        messages, self.messages = self.messages, []
        for message, _ in messages:
            _logger.warning("%s (%s)", message, reason)
