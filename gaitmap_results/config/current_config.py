"""Hold the config that was set, or look one up."""

from __future__ import annotations

import copy
import dataclasses
import logging
import os
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from gaitmap_results.config.file import read_config_file
from gaitmap_results.config.gaitmap_challenges import debug_of_gaitmap_challenges
from gaitmap_results.config.local import ConfigValue, FoundConfig, LocalConfig
from gaitmap_results.config.lookup import (
    DEBUG_VARIABLE,
    Lookup,
    debug_of_environment,
    from_file,
    look_up,
    nothing_found,
)
from gaitmap_results.config.values import check_boolean, check_folder
from gaitmap_results.exceptions import ConfigError, DebugSettingWarning

__all__ = [
    "SentConfig",
    "adopt_config",
    "change_results_folder",
    "config_for_workers",
    "find_debug",
    "find_lookup",
    "get_config",
    "is_config_set",
    "is_debug_run",
    "reset_config",
    "set_config",
]

_logger = logging.getLogger("gaitmap_results")


@dataclass(frozen=True)
class SentConfig:
    """The config of one process, as sent to a worker process."""

    found: FoundConfig | None
    is_set: bool
    debug: ConfigValue


@dataclass(frozen=True)
class _Held:
    """The state of this module, replaced as a whole so that no thread ever sees half a change."""

    chosen: FoundConfig | None = None
    received: SentConfig | None = None


_held = _Held()
_lock = threading.Lock()


def set_config(
    config_obj_or_path: str | Path | LocalConfig | None = None,
    debug: bool | None = None,
    _config_type: type[LocalConfig] = LocalConfig,
    _default_config_file: str | Path | None = None,
) -> LocalConfig:
    """Set the config for this process, and for the workers to which it sends recorded functions.

    Parameters
    ----------
    config_obj_or_path
        The config, or the path of a config file (JSON, or TOML if its name ends with ``.toml``).
        By default, the config is looked up as :func:`get_config` does, and kept.
        If none is found and ``debug`` is given, everything else keeps its default.
    debug
        Whether runs are debug runs.
        It overrides a ``debug`` key of the config file.
        The environment variable ``GAITMAP_RESULTS_DEBUG`` overrides both.
    _config_type
        A dataclass that inherits from ``LocalConfig``, for packages whose config has more values or other defaults.
    _default_config_file
        The config file to read if it exists and no other config is found.

    Returns
    -------
    config
        The config that is now set.

    Raises
    ------
    ConfigError
        If a config is already set, none is found, or it is wrong. Nothing is changed then.

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
    chosen = _choose(config_obj_or_path, debug is not None, _config_type, _default_config_file)
    from_environment = debug_of_environment()
    if debug is not None:
        if from_environment is not None and from_environment.value != debug:
            warnings.warn(
                f"set_config was given debug={debug}, but the environment variable {DEBUG_VARIABLE} says "
                f"{from_environment.value}. The environment variable wins. Remove one of the two.",
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
        If there is none (the message lists the searched places), or if it is wrong.

    Examples
    --------
    >>> from gaitmap_results.config import LocalConfig, get_config, reset_config, set_config
    >>> _ = set_config(LocalConfig(n_jobs=2))
    >>> get_config().n_jobs
    2
    >>> reset_config()
    """
    lookup = _view(_held)
    if lookup.found is None:
        raise ConfigError(nothing_found(lookup))
    return lookup.found.config


def find_config() -> LocalConfig | None:
    """Return the config as :func:`get_config` does, or ``None`` if there is none.

    Raises
    ------
    ConfigError
        If the one that is found is wrong.
    """
    found = _view(_held).found
    return None if found is None else found.config


def reset_config() -> None:
    """Forget the config that was set, and its ``debug``, so that another one can be set.

    Examples
    --------
    >>> from gaitmap_results import LocalConfig, is_config_set, reset_config, set_config
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
        If the value of the environment variable is not an allowed word, or the config that is found is wrong.

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


def config_for_workers() -> tuple[SentConfig | None, Callable[[SentConfig | None], None]]:
    """Return the config of this process, and the function that a worker process calls with it.

    It is a callback for ``tpcp.parallel.register_global_parallel_callback``.
    A wrong config is not sent, and a worker that needs it raises the same error.
    """
    held = _held
    try:
        sent = SentConfig(_view(held).found, held.chosen is not None, _debug(held))
    except Exception:  # an error in the config must not stop the user's computation
        _logger.info("The config is not sent to worker processes, since it is wrong.", exc_info=True)
        return None, _receive
    return sent, _receive


def is_worker_process() -> bool:
    """Return whether another Python process has started this one as a worker."""
    import multiprocessing

    # A spawned process loads its function before it knows its parent.
    is_being_spawned = getattr(multiprocessing.current_process(), "_inheriting", False)
    return is_being_spawned or multiprocessing.parent_process() is not None


def adopt_config(sent: SentConfig | None) -> None:
    """Use the config of another process."""
    global _held  # noqa: PLW0603
    _held = _Held(sent.found if sent is not None and sent.is_set else None, sent)


def change_results_folder(folder: Path) -> None:
    """Let the config name another results folder, in this process and in the workers to which the config is sent."""
    global _held  # noqa: PLW0603
    found = _view(_held).found or FoundConfig(LocalConfig())
    config = copy.copy(found.config)
    object.__setattr__(config, "results_dir", folder)
    changed = dataclasses.replace(found, config=config, given=found.given | {"results_dir"})
    is_set = _held.chosen is not None
    _held = _Held(changed if is_set else None, SentConfig(changed, is_set, _debug(_held)))


def _receive(sent: SentConfig | None) -> None:
    """Use the config of the process that sent a task; called once for every task."""
    # Some versions of tpcp also call this in the sending process itself, whose config may have changed.
    if is_worker_process():
        adopt_config(sent if isinstance(sent, SentConfig) else None)


def _refuse_second_config() -> None:
    if (chosen := _held.chosen) is not None:
        where = f" (from {chosen.where})" if chosen.where else ""
        raise ConfigError(f"set_config was called, but a config is set already{where}. Call reset_config() first.")


def _choose(
    config_obj_or_path: object,
    anything_else_given: bool,
    kind: type[LocalConfig],
    default_file: str | Path | None,
) -> FoundConfig:
    if isinstance(config_obj_or_path, LocalConfig):
        # Not `!=`, because data sets may be an object with its own comparison.
        given = {
            item.name for item in fields(LocalConfig) if getattr(config_obj_or_path, item.name) is not item.default
        }
        return FoundConfig(config_obj_or_path, "argument", given=frozenset(given))
    if isinstance(config_obj_or_path, (str, os.PathLike)):
        path = Path(config_obj_or_path)
        if not path.is_file():
            path = check_folder(config_obj_or_path, where="The config file given to set_config")
        return _read(path, kind)
    if config_obj_or_path is not None:
        raise ConfigError(
            f"set_config was given {config_obj_or_path!r} ({type(config_obj_or_path).__name__}). "
            "Give it a LocalConfig or the path of a config file."
        )
    lookup = _view(_held)
    if lookup.found is not None:
        return _of_kind(lookup.found, kind)
    if default_file is not None and Path(default_file).exists():
        return _read(Path(default_file), kind)
    # With debug=... alone no config file is needed: runs may be stored by giving their path.
    if anything_else_given:
        return FoundConfig(kind())
    raise ConfigError(nothing_found(lookup))


def _read(path: Path, kind: type[LocalConfig]) -> FoundConfig:
    names = [item.name for item in fields(kind)]
    return _of_kind(from_file(read_config_file(path, names), "file", "set_config"), kind)


def _of_kind(found: FoundConfig, kind: type[LocalConfig]) -> FoundConfig:
    """Convert a config to another class, whose defaults apply where nothing is given."""
    if type(found.config) is kind:
        return found
    config = kind()
    for name in found.given:
        object.__setattr__(config, name, getattr(found.config, name))
    return dataclasses.replace(found, config=config)


def find_lookup() -> Lookup:
    """Return the current config, or the places where none was found."""
    return _view(_held)


def find_debug() -> ConfigValue:
    """Return the current debug setting with its source."""
    return _debug(_held)


def _view(held: _Held) -> Lookup:
    if held.chosen is not None:
        return Lookup(held.chosen)
    if held.received is not None and held.received.found is not None:
        return Lookup(held.received.found)
    return look_up()


def _debug(held: _Held) -> ConfigValue:
    if held.received is not None:
        return held.received.debug
    if (from_environment := debug_of_environment()) is not None:
        return from_environment
    found = _view(held).found
    if found is not None:
        return found.debug
    return debug_of_gaitmap_challenges() or ConfigValue("debug", None)
