"""Answer single questions about the current config."""

from __future__ import annotations

import os
import sys
from dataclasses import fields
from pathlib import Path
from typing import Final

from gaitmap_results.config.current_config import find_debug, find_with_sources
from gaitmap_results.config.gaitmap_challenges import debug_of_gaitmap_challenges
from gaitmap_results.config.local import ConfigValue, FoundConfig, LocalConfig
from gaitmap_results.config.lookup import debug_of_environment, nothing_found
from gaitmap_results.config.values import check_folder
from gaitmap_results.exceptions import NoResultsFolderError

__all__ = [
    "REDIRECT_VARIABLE",
    "describe_foreign_config",
    "explain_config",
    "find_cache_folder",
    "find_results_folder",
    "redirected_results_folder",
]

#: A reproduction sets this variable to its folder; every save goes there, whatever folder it names.
REDIRECT_VARIABLE: Final = "GAITMAP_RESULTS_REDIRECT"


def find_results_folder(path: str | Path | None = None) -> Path:
    """Return the results folder as an absolute path: the given one, else the config's.

    Parameters
    ----------
    path
        The results folder; ``~`` and environment variables in it are replaced as in a config.
        The environment variable ``GAITMAP_RESULTS_REDIRECT`` takes precedence.

    Raises
    ------
    NoResultsFolderError
        If it is not given, and there is no config or the config has no ``results_dir``.
    ConfigError
        If it is not a path, or the config is wrong.
    """
    given = None if path is None else check_folder(path, where="'path'")
    if (redirected := redirected_results_folder()) is not None:
        return redirected
    if given is not None:
        return given
    found = find_with_sources()
    if found is not None and found.config.results_dir is not None:
        return found.config.results_dir
    place = "" if found is None else found.where or "that was set"
    reason = nothing_found() if found is None else f"The config {place} has no results_dir. Add it there."
    raise NoResultsFolderError(
        "Nothing says where to store runs: no path was given, and no config names a results folder. "
        f"Either give path=..., or set results_dir in a config. {reason}"
    )


def redirected_results_folder() -> Path | None:
    """Return the folder in ``GAITMAP_RESULTS_REDIRECT``, which only a reproduction sets, else ``None``.

    Raises
    ------
    ConfigError
        If it is not a path.
    """
    named = os.environ.get(REDIRECT_VARIABLE)
    return None if named is None else check_folder(named, where=f"The environment variable {REDIRECT_VARIABLE}")


def find_cache_folder() -> Path:
    """Return the ``cache_dir`` of the config, or else the operating system's folder for caches.

    Raises
    ------
    ConfigError
        If the config is wrong.
    """
    found = find_with_sources()
    if found is not None and found.config.cache_dir is not None:
        return found.config.cache_dir
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        # https://specifications.freedesktop.org/basedir-spec: a relative path is to be ignored.
        base = Path(os.environ.get("XDG_CACHE_HOME", ""))
        base = base if base.is_absolute() else Path.home() / ".cache"
    return base / "gaitmap_results"


def explain_config() -> list[ConfigValue]:
    """Return every value of the config and ``debug``, each with its source.

    Without a config, these are the defaults.

    Raises
    ------
    ConfigError
        If the config that is set or found is wrong.
    """
    found = find_with_sources() or FoundConfig(LocalConfig())
    return [*(found.explained(item.name) for item in fields(LocalConfig)), find_debug()]


def describe_foreign_config() -> str | None:
    """Return one line about the settings taken from gaitmap_challenges, ``None`` if there are none."""
    foreign = [each for each in explain_config() if each.source == "gaitmap_challenges"]
    if not foreign:
        return None
    said = ", ".join(f"{each.name}={each.value}" for each in foreign if each.name in ("results_dir", "debug"))
    places = ", ".join(dict.fromkeys(each.found_by or each.where for each in foreign))
    return (
        "The settings of gaitmap_challenges apply, because gaitmap_results has no config: "
        f"{said or 'no results_dir'} ({places})"
    )


def _resolve_debug(debug: bool | None) -> bool:
    """Return the debug setting that ``set_config`` would use for ``debug``; gaitmap_bench asks before it calls that."""
    given = debug_of_environment() or debug_of_gaitmap_challenges()
    return given.value if given is not None and given.value is not None else debug is not False
