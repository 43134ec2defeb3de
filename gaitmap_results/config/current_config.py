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
from gaitmap_results.config.lookup import DEBUG_VARIABLE, debug_of_environment, look_up, nothing_found
from gaitmap_results.config.values import check_boolean, check_folder
from gaitmap_results.exceptions import ConfigError, DebugSettingWarning

__all__ = [
    "SentConfig",
    "adopt_config",
    "change_results_folder",
    "config_for_workers",
    "find_debug",
    "find_with_sources",
    "get_config",
    "is_config_set",
    "is_debug_run",
    "reset_config",
    "set_config",
]

_logger = logging.getLogger("gaitmap_results")


@dataclass(frozen=True)
class SentConfig:
    """The config that a process holds, and sends to its workers.

    Attributes
    ----------
    found
        The config that was set, or that the sender found; ``None`` to look one up.
    is_set
        Whether it was set.
    debug
        The sender's debug setting; ``None`` to look it up.
    """

    found: FoundConfig | None = None
    is_set: bool = False
    debug: ConfigValue | None = None


# Replaced as a whole, so that no thread ever sees half a change.
_held = SentConfig()
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
    chosen = _choose(config_obj_or_path, debug is not None, _config_type, _default_config_file)
    in_environment = debug_of_environment()
    if debug is not None:
        debug = check_boolean(debug, "'debug' given to set_config")
        if in_environment is not None and in_environment.value != debug:
            warnings.warn(
                f"set_config was given debug={debug}, but the environment variable {DEBUG_VARIABLE} says "
                f"{in_environment.value}. The environment variable wins. Remove one of the two.",
                DebugSettingWarning,
                stacklevel=2,
            )
        chosen = chosen.with_debug(ConfigValue("debug", debug, "argument"))
    with _lock:
        if _held.is_set and _held.found is not None:
            where = f" (from {_held.found.where})" if _held.found.where else ""
            raise ConfigError(f"set_config was called, but a config is set already{where}. Call reset_config() first.")
        _held = SentConfig(chosen, is_set=True)
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
    config = find_config()
    if config is None:
        raise ConfigError(nothing_found())
    return config


def find_config() -> LocalConfig | None:
    """Return the config as :func:`get_config` does, or ``None`` if there is none.

    Raises
    ------
    ConfigError
        If the one that is found is wrong.
    """
    found = find_with_sources()
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
    _held = SentConfig()


def is_config_set() -> bool:
    """Return whether a config was set with :func:`set_config`; one that is only found does not count.

    Examples
    --------
    >>> from gaitmap_results.config import is_config_set
    >>> is_config_set()
    False
    """
    return _held.is_set


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
    value: bool | None = find_debug().value
    return value


def config_for_workers() -> tuple[SentConfig | None, Callable[[SentConfig | None], None]]:
    """Return the config of this process, and the function that a worker process calls with it.

    It is a callback for ``tpcp.parallel.register_global_parallel_callback``.
    A wrong config is not sent, and a worker that needs it raises the same error.
    """
    try:
        sent = SentConfig(find_with_sources(), _held.is_set, find_debug())
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
    _held = sent or SentConfig()


def _receive(sent: SentConfig | None) -> None:
    """Use the config of the process that sent a task; called once for every task."""
    # Some versions of tpcp also call this in the sending process itself, whose config may have changed.
    if is_worker_process():
        adopt_config(sent if isinstance(sent, SentConfig) else None)


def change_results_folder(folder: Path) -> None:
    """Let the config name another results folder, in this process and in the workers to which the config is sent."""
    found = find_with_sources() or FoundConfig(LocalConfig())
    config = copy.copy(found.config)
    object.__setattr__(config, "results_dir", folder)
    given = {**found.given, "results_dir": ConfigValue("results_dir", folder, "argument")}
    adopt_config(SentConfig(dataclasses.replace(found, config=config, given=given), _held.is_set, find_debug()))


def _choose(
    config_obj_or_path: object,
    anything_else_given: bool,
    kind: type[LocalConfig],
    default_file: str | Path | None,
) -> FoundConfig:
    if isinstance(config_obj_or_path, LocalConfig):
        given = {
            item.name: ConfigValue(item.name, value, "argument")
            for item in fields(LocalConfig)
            # Not `!=`, because data sets may be an object with its own comparison.
            if (value := getattr(config_obj_or_path, item.name)) is not item.default
        }
        return FoundConfig(config_obj_or_path, given=given)
    if isinstance(config_obj_or_path, (str, os.PathLike)):
        path = Path(config_obj_or_path)
        if not path.is_file():
            path = check_folder(config_obj_or_path, where="The config file given to set_config")
        return read_config_file(path, kind, "set_config")
    if config_obj_or_path is not None:
        raise ConfigError(
            f"set_config was given {config_obj_or_path!r} ({type(config_obj_or_path).__name__}). "
            "Give it a LocalConfig or the path of a config file."
        )
    if (found := find_with_sources(kind)) is not None:
        return found.as_kind(kind)
    if default_file is not None and Path(default_file).exists():
        return read_config_file(Path(default_file), kind, "set_config")
    # With debug=... alone no config file is needed: runs may be stored by giving their path.
    if anything_else_given:
        return FoundConfig(kind())
    raise ConfigError(nothing_found())


def find_with_sources(kind: type[LocalConfig] = LocalConfig) -> FoundConfig | None:
    """Return the current config with the sources of its values, ``None`` if there is none."""
    return _held.found or look_up(kind)


def find_debug() -> ConfigValue:
    """Return the current debug setting with its source."""
    if (setting := _held.debug or debug_of_environment()) is not None:
        return setting
    found = find_with_sources()
    if found is not None:
        return found.explained("debug")
    return debug_of_gaitmap_challenges() or ConfigValue("debug", None)
