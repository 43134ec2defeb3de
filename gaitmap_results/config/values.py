"""Validate single values of the config.

Every function takes a raw value, and ``where`` it was written, and returns it in the type that the package uses.
An invalid value raises a :class:`~gaitmap_results.exceptions.ConfigError` that repeats ``where``.
"""

from __future__ import annotations

import dataclasses
import math
import operator
import os
import re
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any

from gaitmap_results.exceptions import ConfigError

__all__ = [
    "check_boolean",
    "check_datasets",
    "check_folder",
    "check_ignored",
    "check_number_of_jobs",
    "check_seconds",
    "check_signal_names",
]

_WORDS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
_ALLOWED_WORDS = "true, 1, yes, on (a debug run) or false, 0, no, off (not a debug run)"

# Enough characters of a value to recognise it in a message.
_SHOWN = 100

# A `$` without a name stays: shared folders on Windows have names like `\\server\c$`.
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)|\$\{([^}]*)(\}?)|%([A-Za-z_][\w()]*)%", re.ASCII)


def check_boolean(value: object, *, where: str) -> bool:
    """Return a boolean or the value of a word for one.

    Parameters
    ----------
    value
        A boolean, or one of the words true, 1, yes, on, false, 0, no, off in upper or lower case.
    where
        What the value is and where it was written, for the message.

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


def check_number_of_jobs(value: object, *, where: str, text_allowed: bool = False) -> int:
    """Return a number of parallel jobs: any whole number but 0; -1 stands for all processors.

    Parameters
    ----------
    value
        A whole number.
    where
        What the value is and where it was written, for the message.
    text_allowed
        Whether to accept a number in quotes, as in config files of gaitmap_challenges.

    Raises
    ------
    ConfigError
        If it is not such a number.
    """
    number = value
    if text_allowed and isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,9}\s*", value):
        number = int(value)
    # In Python True equals 1, but `n_jobs: true` is a mistake.
    if not isinstance(number, bool):
        try:
            jobs = operator.index(number)  # type: ignore[arg-type]  # the except clause handles what is not a number
        except TypeError:
            jobs = 0
        if jobs != 0:
            return jobs
    raise ConfigError(
        f"{where} is {_shown(value)}, but must be a whole number other than 0. "
        "Write the number of parallel jobs, or -1 for all processors."
    )


def check_folder(value: object, *, where: str, base: Path | None = None) -> Path:
    """Return the absolute path of a folder, with ``~`` and environment variables replaced.

    The folder need not exist. ``..`` is kept, because removing it would change the meaning if links are involved.

    Parameters
    ----------
    value
        Text or a path; ``~``, ``~user``, ``$NAME``, ``${NAME}`` and ``%NAME%`` are replaced on every operating system.
    where
        What the value is and where it was written, for the message.
    base
        The folder that a relative path starts from; by default the working directory.

    Raises
    ------
    ConfigError
        If it is not a path, or a variable is not set.
    """
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(text, str):
        raise ConfigError(f"{where} is {_shown(value)}, but must be the path of a folder: text or a pathlib.Path.")
    if not text.strip() or "\0" in text:
        raise ConfigError(f"{where} is {_shown(text)}, which is not a path. Write a path, or leave it out.")
    written = text
    text = _VARIABLE.sub(lambda match: _variable(match, written, where), written)
    if text.startswith("~"):
        text = _with_home(text, where)
    path = Path(text)
    if path.is_absolute():
        return path
    try:
        return ((base or Path.cwd()) / path).absolute()
    except OSError as error:
        raise ConfigError(
            f"{where} is the relative path {text!r}, but the working directory it starts from no longer exists. "
            "Change to a folder that exists, or write an absolute path."
        ) from error


def check_seconds(value: object, *, where: str) -> float | None:
    """Return a number of seconds above 0, or ``None``.

    Raises
    ------
    ConfigError
        If it is neither.
    """
    if value is None:
        return None
    if not isinstance(value, bool) and isinstance(value, (int, float)) and 0 < value < math.inf:
        return value
    raise ConfigError(f"{where} is {_shown(value)}, but must be a number of seconds above 0, such as 1. Correct it.")


def check_signal_names(value: object, *, where: str) -> tuple[str, ...]:
    """Return the names of signals that a program can handle.

    Raises
    ------
    ConfigError
        If it is not a list, or holds anything else.
    """
    for name in (names := _texts(value, where, 'such as ["SIGTERM"]')):
        if name not in signal.Signals.__members__ or name in ("SIGKILL", "SIGSTOP"):
            raise ConfigError(
                f"{where} names {name!r}, which is not a signal that a program can handle on this system. "
                'Write names such as "SIGTERM".'
            )
    return names


def check_ignored(value: object, *, where: str) -> tuple[str, ...]:
    """Return files, folders and patterns whose changes do not count.

    Raises
    ------
    ConfigError
        If it is not a list of texts and paths, or one of them is empty.
    """
    return _texts(value, where, 'such as ["slurm-*.out", "notes"]')


def _texts(value: object, where: str, example: str) -> tuple[str, ...]:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise ConfigError(f"{where} is {_shown(value)}, but must be a list, {example}. Correct it.")
    texts = []
    for each in value:
        if not isinstance(each, (str, PurePath)) or not str(each).strip():
            raise ConfigError(f"{where} holds {_shown(each)}, which is empty or not text. Write a list {example}.")
        texts.append(each.as_posix() if isinstance(each, PurePath) else each)
    return tuple(dict.fromkeys(texts))


def check_datasets(value: object, *, where: str, base: Path | None = None) -> Any:
    """Return the folders of the data sets.

    Parameters
    ----------
    value
        ``None``, a mapping of data set names to folders (or ``None`` for an unavailable data set), or an object
        with the folders as its fields, such as the ``DatasetsConfig`` of gaitmap_datasets.
    where
        What the value is and where it was written, for the message.
    base
        The folder that relative paths start from; by default the working directory.

    Returns
    -------
    datasets
        A new dictionary of absolute paths, or the object as it was given.

    Raises
    ------
    ConfigError
        If it is none of these.
    """
    if value is None or (dataclasses.is_dataclass(value) and not isinstance(value, type)):
        return value
    if not isinstance(value, Mapping):
        raise ConfigError(
            f"{where} is {_shown(value)}, but must give each data set's name and its folder, "
            'for example {"my_dataset": "/data/my_dataset"}.'
        )
    folders: dict[str, Path | None] = {}
    for name, folder in value.items():
        if not isinstance(name, str):
            raise ConfigError(f"{where} has the name {_shown(name)}, but the name of a data set must be text.")
        place = f"The folder of {name!r} in {where}"
        folders[name] = None if folder is None else check_folder(folder, where=place, base=base)
    return folders


def _variable(match: re.Match[str], text: str, where: str) -> str:
    plain, braced, closing, percent = match.groups()
    if braced is not None and not (braced and closing):
        raise ConfigError(
            f"{where} is {_shown(text)}, with a '${{' that is not followed by a name and a '}}'. Add them."
        )
    name = plain or braced or percent
    # An empty variable would turn `$SCRATCH/results` into `/results`, which is as wrong as a missing one.
    if not (found := os.environ.get(name)):
        raise ConfigError(
            f"{where} is {_shown(text)}, but the environment variable {name} is not set or empty. "
            "Set it, or write the path without it."
        )
    return found


def _with_home(text: str, where: str) -> str:
    expanded = os.path.expanduser(text)  # noqa: PTH111  # Path.expanduser raises only for some of the unknown users
    if expanded.startswith("~"):
        raise ConfigError(
            f"{where} is {_shown(text)}, but that home directory is not known. "
            "Write the path in full; a folder whose own name starts with ~ is written as ./~name."
        )
    return expanded


def _shown(value: object) -> str:
    shown = repr(value)
    shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "..."
    return shown if value is None or isinstance(value, (str, bool)) else f"{shown} ({type(value).__name__})"
