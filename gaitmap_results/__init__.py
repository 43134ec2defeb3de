"""Record benchmark runs so that they can be trusted, found and repeated."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gaitmap_results import _integrations
from gaitmap_results._version import __version__
from gaitmap_results.challenge import BaseChallenge
from gaitmap_results.config import (
    LocalConfig,
    create_config_template,
    get_config,
    is_config_set,
    is_debug_run,
    reset_config,
    set_config,
)
from gaitmap_results.exceptions import GaitmapResultsError, GaitmapResultsWarning
from gaitmap_results.observing import observe_challenges
from gaitmap_results.recorder import Recorder
from gaitmap_results.recording import current_recorder, record_run, recorded_run
from gaitmap_results.saving import save_run

if TYPE_CHECKING:
    from gaitmap_results.loading import LoadedRun, load_run, load_run_custom_metadata, load_run_metadata
    from gaitmap_results.recovering import discard_run, recover_run
    from gaitmap_results.renaming import rename_keys
    from gaitmap_results.selecting import filter_results, get_all_result_paths, get_latest_result
    from gaitmap_results.table import generate_overview_table, get_metadata_as_df
    from gaitmap_results.unfinished import UnfinishedRun, unfinished_runs
    from gaitmap_results.verifying import RunVerification, verify_run

__all__ = [
    "BaseChallenge",
    "GaitmapResultsError",
    "GaitmapResultsWarning",
    "LoadedRun",
    "LocalConfig",
    "Recorder",
    "RunVerification",
    "UnfinishedRun",
    "__version__",
    "create_config_template",
    "current_recorder",
    "discard_run",
    "filter_results",
    "generate_overview_table",
    "get_all_result_paths",
    "get_config",
    "get_latest_result",
    "get_metadata_as_df",
    "is_config_set",
    "is_debug_run",
    "load_run",
    "load_run_custom_metadata",
    "load_run_metadata",
    "observe_challenges",
    "record_run",
    "recorded_run",
    "recover_run",
    "rename_keys",
    "reset_config",
    "save_run",
    "set_config",
    "unfinished_runs",
    "verify_run",
]

# What a program that records does not need is imported when it is first asked for.
_MODULES = {
    "LoadedRun": "loading",
    "RunVerification": "verifying",
    "UnfinishedRun": "unfinished",
    "discard_run": "recovering",
    "filter_results": "selecting",
    "generate_overview_table": "table",
    "get_all_result_paths": "selecting",
    "get_latest_result": "selecting",
    "get_metadata_as_df": "table",
    "load_run": "loading",
    "load_run_custom_metadata": "loading",
    "load_run_metadata": "loading",
    "recover_run": "recovering",
    "rename_keys": "renaming",
    "unfinished_runs": "unfinished",
    "verify_run": "verifying",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


_integrations.install()
