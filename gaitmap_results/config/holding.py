"""Holds the config that was set, or asks for the one that can be found."""

from __future__ import annotations

import dataclasses
import logging
import os
import threading
import uuid
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from gaitmap_results.config.file import read_config_file
from gaitmap_results.config.local import ConfigValue, FoundConfig, LocalConfig
from gaitmap_results.config.lookup import (
    CONFIG_VARIABLE,
    DEBUG_VARIABLE,
    Lookup,
    debug_of_environment,
    from_file,
    look_up,
)
from gaitmap_results.config.values import check_boolean, check_folder
from gaitmap_results.exceptions import ConfigError, DebugSettingWarning, NoResultsFolderError

__all__ = [
    "config_for_workers",
    "explain_config",
    "find_results_folder",
    "get_config",
    "is_config_set",
    "is_debug_run",
    "reset_config",
    "set_config",
]

_WAYS_TO_CONFIGURE = (
    f"Call set_config, name a config file in the environment variable {CONFIG_VARIABLE} (create_config_template "
    "writes one), or add the table [tool.gaitmap_results] to pyproject.toml."
)
_logger = logging.getLogger("gaitmap_results")


@dataclass(frozen=True)
class _Snapshot:
    """What the main process sees, on its way into a worker process."""

    sender: tuple[str, int]
    chosen: FoundConfig | None
    lookup: Lookup
    debug: ConfigValue | ConfigError


@dataclass(frozen=True)
class _Held:
    """All that this module remembers; replaced as a whole, so that no thread ever sees half a change."""

    chosen: FoundConfig | None = None
    received: _Snapshot | None = None


_held = _Held()
_lock = threading.Lock()
# A process id alone is not enough: workers on other computers, or in other containers, may have the same one.
_PROGRAM = uuid.uuid4().hex


def set_config(config_obj_or_path: str | Path | LocalConfig | None = None, debug: bool | None = None) -> LocalConfig:
    """Set the config for this process and for the joblib workers that tpcp starts from it.

    Parameters
    ----------
    config_obj_or_path
        The config, or the path of a config file (JSON, or TOML if its name ends with ``.toml``).
        If not given, the config is looked up as :func:`get_config` does, and kept.
        If none is found and ``debug`` is given, everything else keeps its default.
    debug
        Whether runs are debug runs.
        It overrides a ``debug`` key of the config file, and is overridden by the environment variable
        ``GAITMAP_RESULTS_DEBUG``.

    Returns
    -------
    config
        The config that is set now.

    Raises
    ------
    ConfigError
        If a config is set already, none is found, or it is wrong. Nothing is changed then.

    Warns
    -----
    DebugSettingWarning
        If ``debug`` and ``GAITMAP_RESULTS_DEBUG`` disagree.

    Examples
    --------
    >>> from gaitmap_results.config import LocalConfig, get_config, reset_config, set_config
    >>> config = set_config(LocalConfig(n_jobs=2), debug=True)
    >>> get_config().n_jobs
    2
    >>> reset_config()
    """
    global _held  # noqa: PLW0603
    _refuse_second_config()
    if debug is not None:
        debug = check_boolean(debug, where="'debug' given to set_config")
    chosen = _choose(config_obj_or_path, anything_else_given=debug is not None)
    from_environment = debug_of_environment()
    if debug is not None:
        if from_environment is not None and from_environment.value != debug:
            warnings.warn(
                f"set_config was given debug={debug}, but the environment variable {DEBUG_VARIABLE} says "
                f"{from_environment.value}. The environment variable counts. Remove one of the two.",
                DebugSettingWarning,
                stacklevel=2,
            )
        chosen = dataclasses.replace(chosen, debug=ConfigValue("debug", debug, "argument"))
    with _lock:
        _refuse_second_config()
        _held = _Held(chosen=chosen)
    return chosen.config


def get_config() -> LocalConfig:
    """Return the config that is set, else the one that is found.

    Each call looks it up anew: first the file named by ``GAITMAP_RESULTS_CONFIG``, then the table
    ``[tool.gaitmap_results]`` in a ``pyproject.toml`` of the working directory or the nearest folder above it.

    Raises
    ------
    ConfigError
        If there is none (the message lists the places that were searched), or if it is wrong.

    Examples
    --------
    >>> from gaitmap_results.config import LocalConfig, get_config, reset_config, set_config
    >>> _ = set_config(LocalConfig(n_jobs=2))
    >>> get_config().n_jobs
    2
    >>> reset_config()
    """
    lookup = _current()
    if lookup.found is None:
        raise ConfigError(_nothing_found(lookup))
    return lookup.found.config


def find_config() -> LocalConfig | None:
    """Return the config as :func:`get_config` does, or ``None`` if there is none.

    Raises
    ------
    ConfigError
        If the one that is found is wrong.
    """
    found = _current().found
    return None if found is None else found.config


def reset_config() -> None:
    """Forget the config that was set, and its ``debug``; then another one can be set.

    Examples
    --------
    >>> from gaitmap_results.config import LocalConfig, is_config_set, reset_config, set_config
    >>> _ = set_config(LocalConfig())
    >>> reset_config()
    >>> is_config_set()
    False
    """
    global _held  # noqa: PLW0603
    _held = _Held()


def is_config_set() -> bool:
    """Return whether a config was set with :func:`set_config`; one that is only found does not count.

    Examples
    --------
    >>> from gaitmap_results.config import is_config_set
    >>> is_config_set()
    False
    """
    return _held.chosen is not None


def is_debug_run() -> bool | None:
    """Return whether runs are debug runs according to the global config; ``None`` if nothing says so.

    The environment variable ``GAITMAP_RESULTS_DEBUG`` comes first, then ``set_config(debug=...)``, then the ``debug``
    key of the config file or of ``[tool.gaitmap_results]``.
    Without any setting a run is a debug run; gaitmap_challenges returned ``True`` here in that case.

    Raises
    ------
    ConfigError
        If the value of the environment variable is none of the allowed words, or the config that is found is wrong.

    Examples
    --------
    >>> from gaitmap_results.config import is_debug_run, reset_config, set_config
    >>> _ = set_config(debug=True)
    >>> is_debug_run()
    True
    >>> reset_config()
    """
    value: bool | None = _debug(_held).value
    return value


def find_results_folder(path: str | Path | None = None) -> Path:
    """Return the results folder as an absolute path: the given one, else the config's.

    Parameters
    ----------
    path
        The results folder; ``~`` and environment variables in it are replaced as in a config.

    Raises
    ------
    NoResultsFolderError
        If it is not given, and there is no config or the config has no ``results_dir``.
    ConfigError
        If it is no path, or the config is wrong.
    """
    if path is not None:
        return check_folder(path, where="'path'")
    lookup = _current()
    if lookup.found is not None and (folder := lookup.found.config.results_dir) is not None:
        return folder
    if lookup.found is None:
        reason = _nothing_found(lookup)
    else:
        place = lookup.found.where or "that was set"
        reason = f"The config {place} has no results_dir. Add it there."
    raise NoResultsFolderError(
        "It is not known where runs are to be stored: no path was given, and no config names a results folder. "
        f"Either give path=..., or set results_dir in a config. {reason}"
    )


def explain_config() -> list[ConfigValue]:
    """Return every value of the config and ``debug``, each with where it comes from.

    Where there is no config at all, these are the defaults.

    Raises
    ------
    ConfigError
        If the config that is set or found is wrong.
    """
    held = _held
    found = _without_problem(_view(held)).found or FoundConfig(LocalConfig())
    return [*(found.explained(item.name) for item in fields(LocalConfig)), _debug(held)]


def config_for_workers() -> tuple[_Snapshot | None, Callable[[_Snapshot | None], None]]:
    """Return what this process sees of the config, and the function that a worker process calls with it.

    This is a callback as ``tpcp.parallel.register_global_parallel_callback`` expects it.
    A worker then sees the same as the process that gave it the task, errors included, whatever its own environment
    variables and working directory are, and whatever an earlier task left behind.
    """
    try:
        held = _held
        snapshot = _Snapshot(_this_process(), held.chosen, _view(held), _debug_or_problem(held))
    except Exception:  # the user's computation goes before the config
        _logger.warning("The config could not be prepared for worker processes.", exc_info=True)
        return None, _receive
    return snapshot, _receive


def _receive(snapshot: _Snapshot | None) -> None:
    """Take over what another process sees; called once for every task."""
    global _held  # noqa: PLW0603
    # Some versions of tpcp call this also where a task runs in the process it came from, which may have moved on.
    if isinstance(snapshot, _Snapshot) and snapshot.sender != _this_process():
        _held = _Held(chosen=snapshot.chosen, received=snapshot)


def _this_process() -> tuple[str, int]:
    return _PROGRAM, os.getpid()


def _refuse_second_config() -> None:
    if (chosen := _held.chosen) is not None:
        where = f" (from {chosen.where})" if chosen.where else ""
        raise ConfigError(f"set_config was called, but a config is set already{where}. Call reset_config() first.")


def _choose(config_obj_or_path: object, *, anything_else_given: bool) -> FoundConfig:
    if isinstance(config_obj_or_path, LocalConfig):
        # Not `!=`, since data sets may be an object that compares in a way of its own.
        given = {
            item.name for item in fields(LocalConfig) if getattr(config_obj_or_path, item.name) is not item.default
        }
        return FoundConfig(config_obj_or_path, "argument", given=frozenset(given))
    if isinstance(config_obj_or_path, (str, os.PathLike)):
        path = Path(config_obj_or_path)
        if not path.is_file():
            path = check_folder(config_obj_or_path, where="The config file given to set_config")
        return from_file(read_config_file(path), "file", "set_config")
    if config_obj_or_path is not None:
        raise ConfigError(
            f"set_config was given {config_obj_or_path!r} ({type(config_obj_or_path).__name__}). "
            "Give it a LocalConfig or the path of a config file."
        )
    lookup = _current()
    if lookup.found is not None:
        return lookup.found
    # Somebody who only says debug=... needs no config file: runs may be stored by giving their path.
    if anything_else_given:
        return FoundConfig(LocalConfig())
    raise ConfigError(_nothing_found(lookup))


def _view(held: _Held) -> Lookup:
    """Return the config that counts here and now, or what is wrong with it."""
    if held.chosen is not None:
        return Lookup(held.chosen)
    if held.received is not None:
        return held.received.lookup
    try:
        return look_up()
    except ConfigError as error:
        return Lookup(problem=error)


def _current() -> Lookup:
    return _without_problem(_view(_held))


def _without_problem(lookup: Lookup) -> Lookup:
    if lookup.problem is not None:
        # One that came from the main process may be raised many times, and must not grow a traceback each time.
        raise lookup.problem.with_traceback(None)
    return lookup


def _nothing_found(lookup: Lookup) -> str:
    places = "".join(f"\n- {place}" for place in lookup.places)
    return f"There is no config. {_WAYS_TO_CONFIGURE} Places that were searched:\n- set_config: not called{places}"


def _debug(held: _Held) -> ConfigValue:
    if held.received is not None:
        received = held.received.debug
        if isinstance(received, ConfigError):
            raise received.with_traceback(None)
        return received
    if (from_environment := debug_of_environment()) is not None:
        return from_environment
    found = _without_problem(_view(held)).found
    return ConfigValue("debug", None) if found is None else found.debug


def _debug_or_problem(held: _Held) -> ConfigValue | ConfigError:
    try:
        return _debug(held)
    except ConfigError as error:
        return error
