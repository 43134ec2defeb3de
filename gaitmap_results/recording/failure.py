"""Describe the exception that ended a block."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

from gaitmap_results.store.privacy import Redactor
from gaitmap_results.store.safe_text import safe_text

__all__ = ["describe_failure", "is_clean_exit", "note_on_error", "status_of"]

_logger = logging.getLogger("gaitmap_results")


def is_clean_exit(error: BaseException) -> bool:
    """Say whether an exception ends the program normally, as ``sys.exit()`` does."""
    return isinstance(error, SystemExit) and error.code in (None, 0)


def status_of(error: BaseException | None, ended: str = "failed") -> str:
    """Return the status of a run that ``error`` ended: ``interrupted``, or the given one."""
    # A cancelled asyncio task counts as interrupted; comparing by name avoids importing asyncio.
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "CancelledError":
        return "interrupted"
    return ended


def describe_failure(error: BaseException, relative_to: Path | None) -> dict[str, str]:
    """Describe an exception for the journal, without secrets and private paths."""
    redactor = Redactor.for_this_process(relative_to)
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return {
        "type": type(error).__qualname__,
        "message": redactor.text(safe_text(_message(error))),
        "traceback": redactor.text(safe_text("".join(lines))),
    }


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - even the text of an error is foreign code
        return ""


def note_on_error(error: BaseException, message: str) -> None:
    """Add what else went wrong as a note to ``error``, so that the user still sees their own error first."""
    _logger.error("%s", message)
    if hasattr(error, "add_note"):  # Python 3.11 and later
        error.add_note(message)
