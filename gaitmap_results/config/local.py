"""Define a config.

Users see :class:`LocalConfig`; :class:`FoundConfig` adds the source of each value.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from gaitmap_results.config.values import (
    check_datasets,
    check_folder,
    check_ignored,
    check_number_of_jobs,
    check_seconds,
    check_signal_names,
)

__all__ = ["ConfigValue", "FoundConfig", "LocalConfig"]

_FOLDERS = ("results_dir", "cache_dir", "tmp_dir", "stored_filenames_relative_to")
_CHECKS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(_FOLDERS, check_folder),
    "n_jobs": check_number_of_jobs,
    "datasets": check_datasets,
    "git_dirty_ignore": check_ignored,
    "handle_signals": check_signal_names,
    "sample_resources_s": check_seconds,
}


@dataclass(frozen=True)
class LocalConfig:
    """The settings of this computer.

    In the folders ``~`` and environment variables (``$NAME``, ``${NAME}``, ``%NAME%``) are replaced, and a
    relative path starts from the current working directory.

    Parameters
    ----------
    results_dir
        The results folder, where runs are stored.
    cache_dir
        A folder for files that challenges and algorithms keep between runs.
    tmp_dir
        A folder for their temporary files.
    n_jobs
        The number of parallel jobs on this computer; -1 for as many as it has processors.
    datasets
        Where the data sets are: a mapping of names to folders, or the ``DatasetsConfig`` of gaitmap_datasets.
    git_dirty_ignore
        The default for files, folders and patterns whose changes do not count.
        They need not exist.
    stored_filenames_relative_to
        The default for the folder that stored paths are relative to.
    handle_signals
        The default for the names of signals that end a block in order.
    sample_resources_s
        The default for the seconds between two samples of a run's processes.

    Raises
    ------
    ConfigError
        If a value is of the wrong kind, or names an environment variable that is not set.

    Examples
    --------
    >>> from gaitmap_results.config import LocalConfig
    >>> LocalConfig(n_jobs=4).n_jobs
    4
    """

    results_dir: Path | None = None
    cache_dir: Path | None = None
    tmp_dir: Path | None = None
    n_jobs: int = 1
    # A dictionary is not hashable, and a config with data sets would not be either.
    datasets: Any = field(default=None, hash=False)
    git_dirty_ignore: Sequence[str | Path] = ()
    stored_filenames_relative_to: Path | None = None
    handle_signals: Sequence[str] = ()
    sample_resources_s: float | None = None

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            value = getattr(self, name)
            if value is not None or name not in _FOLDERS:
                object.__setattr__(self, name, check(value, where=f"{name!r} given to LocalConfig"))

    def to_json_dict(self) -> dict[str, Any]:
        """Return the config as stored in ``metadata.json``: a new dictionary for JSON, with paths as text.

        If ``datasets`` is a mapping, a config file with this content gives the same config.
        """
        # The order of gaitmap_challenges, so that its records and ours can be compared side by side.
        first = ("tmp_dir", "cache_dir", "results_dir", "n_jobs", "datasets")
        names = (*first, *(each.name for each in fields(self) if each.name not in first))
        return {name: _as_json(getattr(self, name)) for name in names}


@dataclass(frozen=True)
class ConfigValue:
    """One value of the config, with its source.

    Attributes
    ----------
    name
        Its name: a field of :class:`LocalConfig`, or ``debug``.
    value
        The value in use.
    source
        ``"argument"`` (of ``set_config``), ``"file"``, ``"pyproject"``, ``"environment variable"``,
        ``"gaitmap_challenges"`` or ``"default"``.
    where
        The path of the file or the name of the variable, empty for the other sources.
    found_by
        What led to the file: ``"set_config"``, ``"search"`` or the name of a variable, else empty.
    """

    name: str
    value: Any
    source: str = "default"
    where: str = ""
    found_by: str = ""


@dataclass(frozen=True)
class FoundConfig:
    """A config, with the source of its values."""

    config: LocalConfig
    source: str = "default"
    where: str = ""
    found_by: str = ""
    given: frozenset[str] = frozenset()
    debug: ConfigValue = ConfigValue("debug", None)

    def explained(self, name: str) -> ConfigValue:
        """Return the value of one field, with its source."""
        value = getattr(self.config, name)
        if name not in self.given:
            return ConfigValue(name, value)
        return ConfigValue(name, value, self.source, self.where, self.found_by)


def _as_json(value: Any) -> Any:
    if value is None or isinstance(value, (str, bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: _as_json(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    return str(value)
