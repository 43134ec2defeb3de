"""Record benchmark runs so that they can be trusted, found and repeated."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gaitmap_results._version import __version__
from gaitmap_results.challenge import BaseChallenge, resolve_dataset
from gaitmap_results.config import (
    LocalConfig,
    create_config_template,
    get_config,
    is_config_set,
    is_debug_run,
    reset_config,
    set_config,
)
from gaitmap_results.exceptions import GaitmapResultsError, GaitmapResultsWarning, NotComparableError
from gaitmap_results.integrations import import_hooks as _integrations
from gaitmap_results.recording.observing import observe_challenges
from gaitmap_results.recording.record_run import record_run
from gaitmap_results.recording.recorded_run import current_recorder, recorded_run
from gaitmap_results.recording.recorder import Recorder
from gaitmap_results.saving.save_run import save_run

if TYPE_CHECKING:
    from gaitmap_results.comparing.comparison import EntryComparison
    from gaitmap_results.comparing.entries import compare_entries, compare_runs
    from gaitmap_results.comparing.paired_statistics import compare_scores
    from gaitmap_results.comparing.plots import plot_differences, plot_scores
    from gaitmap_results.comparing.report import write_report
    from gaitmap_results.comparing.run_diff import RunDiff, diff_runs
    from gaitmap_results.comparing.withdrawing import withdraw_run
    from gaitmap_results.exporting.bundle import write_bundle
    from gaitmap_results.exporting.mlflow_sending import SentRuns, send_to_mlflow
    from gaitmap_results.reading.loading import (
        LoadedRun,
        ResultReturn,
        load_run,
        load_run_custom_metadata,
        load_run_metadata,
    )
    from gaitmap_results.reading.rename_keys import rename_keys
    from gaitmap_results.reading.scores import load_scores
    from gaitmap_results.reading.selecting import filter_results, get_all_result_paths, get_latest_result
    from gaitmap_results.reading.table import generate_overview_table, get_metadata_as_df
    from gaitmap_results.reading.verifying import RunVerification, verify_run
    from gaitmap_results.reproducing.reproduction import Reproduction, reproduce_run
    from gaitmap_results.suites.dask_executor import dask_executor
    from gaitmap_results.suites.entry import Entry
    from gaitmap_results.suites.outcome import EntryOutcome
    from gaitmap_results.suites.run_entries import run_entries
    from gaitmap_results.unfinished.listing import UnfinishedRun, unfinished_runs
    from gaitmap_results.unfinished.recovering import discard_run, recover_run

__all__ = [
    "BaseChallenge",
    "Entry",
    "EntryComparison",
    "EntryOutcome",
    "GaitmapResultsError",
    "GaitmapResultsWarning",
    "LoadedRun",
    "LocalConfig",
    "NotComparableError",
    "Recorder",
    "Reproduction",
    "ResultReturn",
    "RunDiff",
    "RunVerification",
    "SentRuns",
    "UnfinishedRun",
    "__version__",
    "compare_entries",
    "compare_runs",
    "compare_scores",
    "create_config_template",
    "current_recorder",
    "dask_executor",
    "diff_runs",
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
    "load_scores",
    "observe_challenges",
    "plot_differences",
    "plot_scores",
    "record_run",
    "recorded_run",
    "recover_run",
    "rename_keys",
    "reproduce_run",
    "reset_config",
    "resolve_dataset",
    "run_entries",
    "save_run",
    "send_to_mlflow",
    "set_config",
    "unfinished_runs",
    "verify_run",
    "withdraw_run",
    "write_bundle",
    "write_report",
]

# Imported on first use, so that a program that only records starts fast.
_MODULES = {
    "EntryComparison": "comparing.comparison",
    "Entry": "suites.entry",
    "EntryOutcome": "suites.outcome",
    "dask_executor": "suites.dask_executor",
    "run_entries": "suites.run_entries",
    "LoadedRun": "reading.loading",
    "Reproduction": "reproducing.reproduction",
    "ResultReturn": "reading.loading",
    "RunDiff": "comparing.run_diff",
    "RunVerification": "reading.verifying",
    "UnfinishedRun": "unfinished.listing",
    "compare_entries": "comparing.entries",
    "compare_runs": "comparing.entries",
    "compare_scores": "comparing.paired_statistics",
    "diff_runs": "comparing.run_diff",
    "discard_run": "unfinished.recovering",
    "filter_results": "reading.selecting",
    "generate_overview_table": "reading.table",
    "get_all_result_paths": "reading.selecting",
    "get_latest_result": "reading.selecting",
    "get_metadata_as_df": "reading.table",
    "load_run": "reading.loading",
    "load_run_custom_metadata": "reading.loading",
    "load_run_metadata": "reading.loading",
    "load_scores": "reading.scores",
    "plot_differences": "comparing.plots",
    "plot_scores": "comparing.plots",
    "recover_run": "unfinished.recovering",
    "rename_keys": "reading.rename_keys",
    "reproduce_run": "reproducing.reproduction",
    "unfinished_runs": "unfinished.listing",
    "verify_run": "reading.verifying",
    "withdraw_run": "comparing.withdrawing",
    "SentRuns": "exporting.mlflow_sending",
    "send_to_mlflow": "exporting.mlflow_sending",
    "write_bundle": "exporting.bundle",
    "write_report": "comparing.report",
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
