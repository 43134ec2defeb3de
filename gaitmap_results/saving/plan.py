"""Check the options of a save before anything runs."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any, TypedDict

from gaitmap_results import config
from gaitmap_results.exceptions import InvalidOptionError
from gaitmap_results.saving.debug_setting import DebugSetting, resolve_debug_setting
from gaitmap_results.store.layout import (
    check_entry_name,
    check_no_file_in_the_way,
    check_path_length,
    check_prefix,
    entry_folder,
)

__all__ = ["SavePlan", "make_plan", "no_recording"]

_refusal: ContextVar[str | None] = ContextVar("_refusal", default=None)


@dataclass(frozen=True)
class SavePlan:
    """The checked options of a save.

    Attributes
    ----------
    entry_name
        The name as it is stored: a string, or a tuple of strings.
    entry_parts
        The folders of the entry.
    results_folder
        Where runs are stored, absolute.
    setting
        Whether an official run is requested.
    relative_to
        The folder that stored paths are relative to, absolute.
    use_git, git_dirty_ignore, prefix
        The options of :func:`gaitmap_results.save_run` with these names.
    sample_resources_s
        Seconds between two samples of the run's processes; ``None`` for no sampling.
    handle_signals
        The signals that the config names for blocks that name none.
    ignore_from_config
        Whether ``git_dirty_ignore`` comes from the config, so that its entries need not exist in every repository.
    foreign_config
        One line about the settings taken over from gaitmap_challenges, if any.
    """

    entry_name: str | tuple[str, ...]
    entry_parts: tuple[str, ...]
    results_folder: Path
    setting: DebugSetting
    relative_to: Path | None
    use_git: bool
    git_dirty_ignore: tuple[str, ...]
    prefix: str
    sample_resources_s: float | None = None
    handle_signals: tuple[str, ...] = ()
    ignore_from_config: bool = False
    foreign_config: str | None = None

    def of_provenance(self) -> _ProvenanceOptions:
        """Return the options for collecting the provenance."""
        return {
            "use_git": self.use_git,
            "git_dirty_ignore": self.git_dirty_ignore,
            "results_folder": self.results_folder,
        }

    def check_paths(self, challenge_name: str = "", version: str = "") -> None:
        """Refuse a run whose folder could not be created; without a name, check for any challenge.

        Raises
        ------
        InvalidNameError
            If the system could not open its files, or a file lies where one of its folders must go.
        """
        folder = entry_folder(self.results_folder, challenge_name, version, self.entry_parts)
        check_path_length(folder, self.prefix)
        if challenge_name:
            check_no_file_in_the_way(folder, self.results_folder)


class _ProvenanceOptions(TypedDict):
    use_git: bool
    git_dirty_ignore: tuple[str, ...]
    results_folder: Path


@contextlib.contextmanager
def no_recording(refusal: str) -> Iterator[None]:
    """Refuse every run in the block, for example while a file is imported only to find its entries."""
    token = _refusal.set(refusal)
    try:
        yield
    finally:
        _refusal.reset(token)


def make_plan(options: Mapping[str, Any]) -> SavePlan:
    """Check the arguments of a save, and fill them up from the config.

    Parameters
    ----------
    options
        The arguments of ``recorded_run`` or ``save_run``, by name.

    Returns
    -------
    plan
        The checked options.

    Raises
    ------
    InvalidNameError
        If the entry name or the prefix cannot be a part of a path.
    InvalidOptionError
        If another option makes no sense.
    ConfigError
        If the config cannot be read, or (as ``NoResultsFolderError``) nothing says where to store runs.
    """
    from gaitmap_results.provenance.git import check_git_dirty_ignore

    if (refusal := _refusal.get()) is not None:
        raise InvalidOptionError(refusal)
    entry_name = options["entry_name"]
    parts = check_entry_name(entry_name)
    use_git, config_wins = (_yes_or_no(options, name) for name in ("use_git", "_force_local_debug_run_setting"))
    asked = config.find_debug()
    configured = config.find_config() or config.LocalConfig()
    ignore = check_git_dirty_ignore(options["git_dirty_ignore"])
    relative_to = _folder(options["stored_filenames_relative_to"], "stored_filenames_relative_to")
    seconds = None  # save_run is called after the run
    if "sample_resources_s" in options:
        given = _seconds(options["sample_resources_s"], "sample_resources_s")
        seconds = given or configured.sample_resources_s
    plan = SavePlan(
        entry_name=entry_name if isinstance(entry_name, str) else parts,
        entry_parts=parts,
        results_folder=config.find_results_folder(options["path"]),
        setting=resolve_debug_setting(options["debug_run"], asked.value, config_wins=config_wins, asker=asked.named),
        relative_to=relative_to or configured.stored_filenames_relative_to,
        use_git=use_git,
        git_dirty_ignore=ignore or check_git_dirty_ignore(configured.git_dirty_ignore),
        prefix=check_prefix(options["debug_folder_prefix"]),
        sample_resources_s=seconds,
        handle_signals=tuple(configured.handle_signals),
        ignore_from_config=not ignore,
        foreign_config=config.describe_foreign_config(),
    )
    plan.check_paths()
    return plan


def _yes_or_no(options: Mapping[str, Any], name: str) -> bool:
    if not isinstance(options[name], bool):
        raise InvalidOptionError(f"{name} is {options[name]!r}; it takes True or False.")
    return bool(options[name])


def _seconds(value: object, name: str) -> float | None:
    if value is None:
        return None
    try:
        # Real also covers NumPy's numbers.
        seconds = math.nan if isinstance(value, bool) or not isinstance(value, Real) else float(value)
    except OverflowError:
        seconds = math.inf
    if not 0 < seconds < math.inf:
        raise InvalidOptionError(f"{name} is {value!r}; it takes a number of seconds above 0, or None.")
    return seconds


def _folder(value: object, name: str) -> Path | None:
    if value is None:
        return None
    if not isinstance(value, (str, os.PathLike)) or isinstance(os.fspath(value), bytes):
        raise InvalidOptionError(f"{name} is {value!r}; it takes a path as a string or pathlib.Path.")
    text = os.fspath(value)
    if not text or "\0" in text:
        raise InvalidOptionError(f"{name} is {text!r}, which is not a path.")
    try:
        return Path(os.path.abspath(Path(text).expanduser()))
    except RuntimeError as error:
        raise InvalidOptionError(f"{name} is {text!r}, whose home folder is not known: {error}.") from error
