"""Check single values of the config.

Every check takes a raw value, and ``where`` it was written, and returns it in the type that the package uses.
An invalid value raises a :class:`~gaitmap_results.exceptions.ConfigError` that repeats ``where``.
"""

from __future__ import annotations

import dataclasses
import math
import operator
import os
import re
import signal
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any, Final

from gaitmap_results.exceptions import ConfigError

__all__ = ["FOLDERS", "check_boolean", "check_folder", "check_value"]

#: The keys whose value is a folder.
FOLDERS: Final = ("results_dir", "cache_dir", "tmp_dir", "stored_filenames_relative_to")

_WORDS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
_ALLOWED_WORDS = "true, 1, yes, on (a debug run) or false, 0, no, off (not a debug run)"

# Enough characters of a value to recognise it in a message.
_SHOWN = 100

# A `$` without a name stays: shared folders on Windows have names like `\\server\c$`.
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)|\$\{([^}]*)\}?|%([A-Za-z_][\w()]*)%", re.ASCII)


def check_value(name: str, value: object, *, where: str, base: Path | None = None) -> Any:
    """Return the value of a key; relative folders start from ``base``, by default the working directory."""
    if name in FOLDERS:
        return check_folder(value, where=where, base=base)
    if name == "datasets":
        return _check_datasets(value, where, base)
    return _CHECKS[name](value, where)


def check_boolean(value: object, where: str) -> bool:
    """Return a boolean or the value of a word for one.

    Raises
    ------
    ConfigError
        For everything else: ``maybe`` must silently become neither an official run nor a debug run.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _WORDS:
        return _WORDS[value.strip().lower()]
    raise ConfigError(f"{where} is {_shown(value)}, which is neither true nor false. Write one of {_ALLOWED_WORDS}.")


def check_folder(value: object, *, where: str, base: Path | None = None) -> Path:
    """Return an absolute path, with ``~``, ``$NAME``, ``${NAME}`` and ``%NAME%`` replaced on every system.

    The folder need not exist. ``..`` is kept, because removing it would change the meaning if links are involved.

    Raises
    ------
    ConfigError
        If it is not a path, or a variable is not set.
    """
    written = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(written, str) or not written.strip() or "\0" in written:
        raise ConfigError(f"{where} is {_shown(written)}, but must be the path of a folder: text or a pathlib.Path.")
    text = _VARIABLE.sub(lambda match: _variable(match, written, where), written)
    text = os.path.expanduser(text)  # noqa: PTH111  # Path.expanduser raises only for some of the unknown users
    if text.startswith("~"):
        raise ConfigError(
            f"{where} is {_shown(written)}, but that home directory is not known. "
            "Write the path in full; a folder whose own name starts with ~ is written as ./~name."
        )
    path = Path(text)
    try:
        return path if path.is_absolute() else ((base or Path.cwd()) / path).absolute()
    except OSError as error:
        raise ConfigError(
            f"{where} is the relative path {text!r}, but the working directory it starts from no longer exists. "
            "Change to a folder that exists, or write an absolute path."
        ) from error


def _variable(match: re.Match[str], text: str, where: str) -> str:
    name = next(filter(None, match.groups()), match[0])
    # An empty variable would turn `$SCRATCH/results` into `/results`, which is as wrong as a missing one.
    if not (found := os.environ.get(name)):
        raise ConfigError(
            f"{where} is {_shown(text)}, but the environment variable {name} is not set or empty. "
            "Set it, or write the path without it."
        )
    return found


def _check_datasets(value: object, where: str, base: Path | None) -> Any:
    """Return a new dictionary of absolute paths, or an object such as the ``DatasetsConfig`` of gaitmap_datasets."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return value
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise ConfigError(
            f"{where} is {_shown(value)}, but must give each data set's name and its folder, "
            'for example {"my_dataset": "/data/my_dataset"}.'
        )
    return {
        name: None if folder is None else check_folder(folder, where=f"The folder of {name!r} in {where}", base=base)
        for name, folder in value.items()
    }


def _check_number_of_jobs(value: object, where: str) -> int:
    # In Python True equals 1, but `n_jobs: true` is a mistake. gaitmap_challenges writes numbers as text.
    if not isinstance(value, bool):
        try:
            jobs = int(value) if isinstance(value, str) else operator.index(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            jobs = 0
        if jobs != 0:
            return jobs
    raise ConfigError(
        f"{where} is {_shown(value)}, but must be a whole number other than 0. "
        "Write the number of parallel jobs, or -1 for all processors."
    )


def _check_seconds(value: object, where: str) -> float:
    if not isinstance(value, bool) and isinstance(value, (int, float)) and 0 < value < math.inf:
        return value
    raise ConfigError(f"{where} is {_shown(value)}, but must be a number of seconds above 0, such as 1. Correct it.")


def _check_signal_names(value: object, where: str) -> tuple[str, ...]:
    for name in (names := _check_texts(value, where)):
        if name not in signal.Signals.__members__ or name in ("SIGKILL", "SIGSTOP"):
            raise ConfigError(
                f"{where} names {name!r}, which is not a signal that a program can handle on this system. "
                'Write names such as "SIGTERM".'
            )
    return names


def _check_texts(value: object, where: str) -> tuple[str, ...]:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise ConfigError(f'{where} is {_shown(value)}, but must be a list, such as ["SIGTERM"] or ["notes", "*.log"].')
    texts = []
    for each in value:
        if not isinstance(each, (str, PurePath)) or not str(each).strip():
            raise ConfigError(f"{where} holds {_shown(each)}, which is empty or not text. Write a list of texts.")
        texts.append(each.as_posix() if isinstance(each, PurePath) else each)
    return tuple(dict.fromkeys(texts))


_CHECKS: Final[Mapping[str, Callable[[object, str], Any]]] = {
    "n_jobs": _check_number_of_jobs,
    "git_dirty_ignore": _check_texts,
    "handle_signals": _check_signal_names,
    "sample_resources_s": _check_seconds,
    "debug": check_boolean,
}


def _shown(value: object) -> str:
    shown = repr(value)
    shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "..."
    return shown if value is None or isinstance(value, (str, bool)) else f"{shown} ({type(value).__name__})"
