"""Collect facts one by one, and keep all others where one fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from gaitmap_results.exceptions import InvalidOptionError
from gaitmap_results.store.safe_text import error_text, safe_text

__all__ = ["Collector"]

_T = TypeVar("_T")


@dataclass
class Collector:
    """Collects facts one by one and keeps the errors.

    Attributes
    ----------
    errors
        One ``{"what", "error"}`` for each fact that could not be determined.
    known
        The errors kept by an earlier collector.
    """

    errors: list[dict[str, str]] = field(default_factory=list)
    known: tuple[dict[str, str], ...] = ()

    def collect(self, what: str, function: Callable[..., _T], *arguments: Any, **options: Any) -> _T | None:
        """Return what ``function`` returns, or ``None`` after keeping the error if it raises.

        Raises
        ------
        InvalidOptionError
            If an option of the user's is invalid; that is not a missing fact.
        """
        try:
            return function(*arguments, **options)
        except InvalidOptionError:
            raise
        except Exception as error:  # noqa: BLE001 - provenance never costs a result
            self.note(what, error_text(error))
            return None

    def note(self, what: str, error: str) -> None:
        """Keep that a fact is missing or incomplete, and why."""
        self.errors.append({"what": what, "error": safe_text(error)})

    def note_once(self, what: str, error: str) -> None:
        """Keep an error that may occur at both the start and the end, once."""
        if {"what": what, "error": safe_text(error)} not in (*self.known, *self.errors):
            self.note(what, error)
