"""Show warnings to users at their own line of code."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass, field

from gaitmap_results.exceptions import GaitmapResultsWarning, printable
from gaitmap_results.user_code.caller import innermost_user_frame

__all__ = ["PendingWarnings", "warn_user"]

_logger = logging.getLogger("gaitmap_results")


def warn_user(message: str, category: type[GaitmapResultsWarning]) -> None:
    """Warn as if the user's line that led here had done so."""
    message = printable(message)
    frame = innermost_user_frame()
    if frame is None:
        warnings.warn(message, category, stacklevel=2)
        return
    warnings.warn_explicit(
        message,
        category,
        filename=frame.f_code.co_filename,
        lineno=frame.f_lineno,
        module=frame.f_globals.get("__name__", "<unknown>"),
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )


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
        """Show all that wait; if one is an error by the user's filters, the others are shown before it is raised."""
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
        """Log what waits instead of showing it, where a warning turned into an error would hide another error."""
        messages, self.messages = self.messages, []
        for message, _ in messages:
            _logger.warning("%s (%s)", message, reason)
