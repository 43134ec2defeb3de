"""Find and hold the config.

The config says where results, caches and temporary files go, how many jobs to use, where the data sets are, and whether
runs are debug runs.
It is either set with :func:`set_config`, or looked up on each use: in the file named by the environment variable
``GAITMAP_RESULTS_CONFIG``, else in ``[tool.gaitmap_results]`` of the nearest ``pyproject.toml``.
"""

from __future__ import annotations

from gaitmap_results.config.current_config import (
    config_for_workers,
    find_config,
    find_debug,
    get_config,
    is_config_set,
    is_debug_run,
    reset_config,
    set_config,
)
from gaitmap_results.config.effective_options import (
    REDIRECT_VARIABLE,
    _resolve_debug,  # noqa: F401 - gaitmap_bench calls it
    describe_foreign_config,
    explain_config,
    find_cache_folder,
    find_results_folder,
    redirected_results_folder,
)
from gaitmap_results.config.file import create_config_template
from gaitmap_results.config.local import ConfigValue, LocalConfig
from gaitmap_results.config.lookup import CONFIG_VARIABLE, DEBUG_VARIABLE, looked_up_once

#: The name of ``get_config`` in gaitmap_challenges.
config = get_config
# gaitmap_bench's runner sets the variables by these names.
_CONFIG_ENV_VAR, _DEBUG_ENV_VAR = CONFIG_VARIABLE, DEBUG_VARIABLE

__all__ = [
    "REDIRECT_VARIABLE",
    "ConfigValue",
    "LocalConfig",
    "config",
    "config_for_workers",
    "create_config_template",
    "describe_foreign_config",
    "explain_config",
    "find_cache_folder",
    "find_config",
    "find_debug",
    "find_results_folder",
    "get_config",
    "is_config_set",
    "is_debug_run",
    "looked_up_once",
    "redirected_results_folder",
    "reset_config",
    "set_config",
]
