"""Decide whether an official run was asked for, where argument and config may disagree."""

from __future__ import annotations

from dataclasses import dataclass

from gaitmap_results.exceptions import InvalidOptionError

__all__ = ["DebugSetting", "resolve_debug_setting"]


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
    >>> from gaitmap_results.saving.debug_setting import resolve_debug_setting
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
