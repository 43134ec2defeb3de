"""Define a config.

Users see :class:`LocalConfig`; :class:`FoundConfig` adds the source of each value.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from gaitmap_results.config.values import check_value

__all__ = ["ConfigValue", "FoundConfig", "LocalConfig"]


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
        for item in fields(LocalConfig):
            value = getattr(self, item.name)
            if value is not None or item.default is not None:
                checked = check_value(item.name, value, where=f"{item.name!r} given to LocalConfig")
                object.__setattr__(self, item.name, checked)

    def to_json_dict(self) -> dict[str, Any]:
        """Return the config as stored in ``metadata.json``: a new dictionary for JSON, with paths as text.

        If ``datasets`` is a mapping, a config file with this content gives the same config.
        """
        return {item.name: _as_json(getattr(self, item.name)) for item in fields(self)}


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

    @property
    def named(self) -> str:
        """Its source in a word, without the path of a file, which may be private."""
        if self.source in ("file", "pyproject"):
            return f"The config in {Path(self.where).name}"
        return self.where or "set_config"


@dataclass(frozen=True)
class FoundConfig:
    """A config, its file if it has one, and where each value that was given comes from, ``debug`` among them."""

    config: LocalConfig
    where: str = ""
    given: Mapping[str, ConfigValue] = field(default_factory=dict)

    @classmethod
    def of(
        cls, kind: type[LocalConfig], values: Mapping[str, Any], source: str, where: str, found_by: str
    ) -> FoundConfig:
        """Return a config of this class with these values, which are checked already."""
        # Not through the constructor: it would replace variables a second time, now in the names of existing folders.
        config = kind()
        for name in values.keys() - {"debug"}:
            object.__setattr__(config, name, values[name])
        return cls(config, where, {name: ConfigValue(name, values[name], source, where, found_by) for name in values})

    def as_kind(self, kind: type[LocalConfig]) -> FoundConfig:
        """Return the config as one of this class, whose defaults apply where nothing was given."""
        if type(self.config) is kind:
            return self
        config = kind()
        for name in self.given.keys() - {"debug"}:
            object.__setattr__(config, name, getattr(self.config, name))
        return dataclasses.replace(self, config=config)

    def with_debug(self, value: ConfigValue) -> FoundConfig:
        """Return a copy in which something else says whether runs are debug runs."""
        return dataclasses.replace(self, given={**self.given, "debug": value})

    def explained(self, name: str) -> ConfigValue:
        """Return one value, with its source."""
        # A class of another package may have a field of the name `debug`, which asks for nothing here.
        default = None if name == "debug" else getattr(self.config, name)
        return self.given.get(name) or ConfigValue(name, default)


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
