"""Read the config of gaitmap_challenges, as that package reads it itself.

It is used if no config of ours is set or found, so that a program can record with this package before its config
moves.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from gaitmap_results.config.local import ConfigValue, FoundConfig, LocalConfig
from gaitmap_results.exceptions import ConfigError

__all__ = ["debug_of_gaitmap_challenges", "find_config_of_gaitmap_challenges"]

_CONFIG_VARIABLE = "GAITMAP_CHALLENGES_CONFIG"
_DEBUG_VARIABLE = "GAITMAP_CHALLENGES_DEBUG"
_SOURCE = "gaitmap_challenges"
_SET_THERE = "gaitmap_challenges.config.set_config"
_FOLDERS = ("tmp_dir", "cache_dir", "results_dir")


def find_config_of_gaitmap_challenges(kind: type[LocalConfig]) -> FoundConfig | None:
    """Return the config that was set in gaitmap_challenges, else the file in its variable, else ``None``.

    Raises
    ------
    ConfigError
        If the file cannot be read.
    """
    named = os.environ.get(_CONFIG_VARIABLE)
    where, found_by = _SET_THERE, ""
    if (module := _module_with_config()) is not None:
        content = vars(module.config())
    elif named:
        where, found_by = os.path.abspath(named), _CONFIG_VARIABLE
        try:
            file = json.loads(Path(named).read_text(encoding="utf-8"))
            content = {**file["gaitmap_challenges"], "datasets": file.get("datasets")}
            for name in filter(content.get, _FOLDERS):
                os.fspath(content[name])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"The environment variable {_CONFIG_VARIABLE} names {named}, which is not a config of "
                f"gaitmap_challenges: {type(error).__name__}: {error}. Correct it, or name a config in "
                "GAITMAP_RESULTS_CONFIG."
            ) from error
    else:
        return None
    # gaitmap_challenges does not expand `~`, and keeps an unset variable as it is.
    values: dict[str, Any] = {}
    for item in fields(kind):
        if (value := content.get(item.name)) is not None:
            is_folder = item.name in _FOLDERS
            values[item.name] = Path(os.path.abspath(os.path.expandvars(value))) if is_folder else value
    found = FoundConfig.of(kind, values, _SOURCE, where, found_by)
    debug = debug_of_gaitmap_challenges()
    return found if debug is None else found.with_debug(debug)


def debug_of_gaitmap_challenges() -> ConfigValue | None:
    """Return the debug setting of gaitmap_challenges, ``None`` if it has none."""
    module = _module_with_config()
    if module is not None:
        return ConfigValue("debug", module.is_debug_run(), _SOURCE, _SET_THERE)
    word = os.environ.get(_DEBUG_VARIABLE)
    # In gaitmap_challenges every other word stands for an official run; `True` is Python's str of it.
    return None if word is None else ConfigValue("debug", word.lower() in ("true", "1"), _SOURCE, _DEBUG_VARIABLE)


def _module_with_config() -> Any:
    module: Any = sys.modules.get("gaitmap_challenges.config")
    return module if module is not None and module.is_config_set() else None
