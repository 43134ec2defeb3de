"""Decides whether a run is a debug run, and names every reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gaitmap_results.exceptions import InvalidOptionError

__all__ = ["DebugReason", "DebugSetting", "describe_reasons", "resolve_debug_setting"]


@dataclass(frozen=True)
class DebugReason:
    """Why a run is a debug run.

    Attributes
    ----------
    code
        A stable name, for programs.
    message
        What is the case and how it is mended, for people.
    detail
        The data behind it.
    """

    code: str
    message: str
    detail: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the reason as it is stored."""
        return {"code": self.code, "message": self.message, "detail": self.detail}


@dataclass(frozen=True)
class DebugSetting:
    """Whether a debug run was asked for, by whom, and whether two places disagreed about it.

    Attributes
    ----------
    debug
        What counts.
    source
        ``argument``, ``config`` or ``default``.
    disagreement
        What to tell the user if argument and config say different things, else ``None``.
    """

    debug: bool
    source: str
    disagreement: str | None = None

    @property
    def reason(self) -> DebugReason | None:
        """Why the setting alone makes the run a debug run; ``None`` if it asks for an official one."""
        if not self.debug:
            return None
        message = {
            "argument": "A debug run was asked for with debug_run=True. Pass debug_run=False for an official one.",
            "config": "The config asks for debug runs. Set GAITMAP_RESULTS_DEBUG=false, or `debug` in the config, for "
            "official ones.",
            "default": "Nobody asked for an official run. Pass debug_run=False, or set GAITMAP_RESULTS_DEBUG=false.",
        }[self.source]
        return DebugReason(f"debug_run.{self.source}", message)


def resolve_debug_setting(argument: bool | None, config: bool | None, *, config_wins: bool = False) -> DebugSetting:
    """Return which of the ``debug_run`` argument and the global config's setting counts.

    Parameters
    ----------
    argument
        The ``debug_run`` argument; ``None`` says nothing.
    config
        The global config's setting; ``None`` says nothing.
    config_wins
        ``_force_local_debug_run_setting``: the config's setting, where there is one, wins over the argument.

    Raises
    ------
    InvalidOptionError
        If ``argument`` is neither a boolean nor ``None``.

    Examples
    --------
    >>> from gaitmap_results.saving.debug_reasons import resolve_debug_setting
    >>> resolve_debug_setting(False, None).debug, resolve_debug_setting(None, None).debug
    (False, True)
    """
    if argument is not None and not isinstance(argument, bool):
        raise InvalidOptionError(f"debug_run is {argument!r}; it takes True, False or None.")
    disagreement = None
    if argument is not None and config is not None and argument is not config:
        winner = f"the config's ({config})" if config_wins else f"the argument ({argument})"
        disagreement = (
            f"debug_run={argument} was passed, but the global config says debug={config}. What counts is {winner}. "
            "Remove one of the two, or make them agree."
        )
    if config is not None and (config_wins or argument is None):
        return DebugSetting(config, "config", disagreement)
    if argument is not None:
        return DebugSetting(argument, "argument", disagreement)
    return DebugSetting(True, "default")


def describe_reasons(reasons: Sequence[DebugReason]) -> str:
    """Return the reasons as a list of lines for a message."""
    return "\n".join(f"  - {reason.code}: {reason.message}" for reason in reasons)
