"""Decide whether the user asks for an official run, where argument and config may disagree."""

from __future__ import annotations

from dataclasses import dataclass

from gaitmap_results.exceptions import InvalidOptionError

__all__ = ["DebugSetting", "resolve_debug_setting"]


@dataclass(frozen=True)
class DebugSetting:
    """Whether a debug run is requested, by what, and whether argument and config disagree.

    Attributes
    ----------
    debug
        The setting to use.
    source
        ``argument``, ``config`` or ``default``.
    disagreement
        The message for the user if argument and config disagree, else ``None``.
    asker
        For the source ``config``: the variable, call or file that says so.
    """

    debug: bool
    source: str
    disagreement: str | None = None
    asker: str = "The config"


def resolve_debug_setting(
    argument: bool | None, config: bool | None, *, config_wins: bool = False, asker: str = "The config"
) -> DebugSetting:
    """Return the debug setting to use, from the ``debug_run`` argument and the global config.

    Parameters
    ----------
    argument
        The ``debug_run`` argument; ``None`` if not given.
    config
        The global config's setting; ``None`` if not set.
    config_wins
        ``_force_local_debug_run_setting``: the config's setting, where there is one, wins over the argument.
    asker
        What in the config gives its setting.

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
        winner = "config" if config_wins else "argument"
        disagreement = (
            f"debug_run={argument} was passed, but the global config says debug={config} ({asker}). "
            f"The {winner} wins. Remove one of the two, or make them agree."
        )
    if config is not None and (config_wins or argument is None):
        return DebugSetting(config, "config", disagreement, asker)
    if argument is not None:
        return DebugSetting(argument, "argument", disagreement)
    return DebugSetting(True, "default")
