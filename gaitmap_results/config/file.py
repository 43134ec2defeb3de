"""Read a config file.

A config file is JSON, or TOML if its name ends with ``.toml``.
Its keys can be in three places:

- at the top: ``{"results_dir": "results", "datasets": {...}}``;
- in a section: ``{"gaitmap_results": {...}, "datasets": {...}}``; in a ``pyproject.toml`` this section is
  ``[tool.gaitmap_results]``;
- as in gaitmap_challenges: ``{"gaitmap_challenges": {...}, "datasets": {...}}``.

A key with the value ``null`` counts as missing.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gaitmap_results.config.values import (
    check_boolean,
    check_datasets,
    check_folder,
    check_ignored,
    check_number_of_jobs,
    check_seconds,
    check_signal_names,
)
from gaitmap_results.exceptions import ConfigError

__all__ = ["ConfigFile", "read_config_file", "read_pyproject"]

_FOLDERS = ("results_dir", "cache_dir", "tmp_dir", "stored_filenames_relative_to")
_LISTS = {"git_dirty_ignore": check_ignored, "handle_signals": check_signal_names}
_KEYS = (*_FOLDERS, "n_jobs", "datasets", *_LISTS, "sample_resources_s", "debug")

_NO_TOML = (
    "Python 3.10 cannot read TOML by itself. Install the extra with: pip install 'gaitmap_results[toml]', "
    "or write the config as a JSON file and name it in GAITMAP_RESULTS_CONFIG."
)


@dataclass(frozen=True)
class ConfigFile:
    """The content of a config file.

    Attributes
    ----------
    path
        The file.
    values
        The validated values for the fields of ``LocalConfig``, with absolute paths.
    debug
        The ``debug`` key, ``None`` if it is missing.
    """

    path: Path
    values: dict[str, Any]
    debug: bool | None


def read_config_file(path: Path, more_keys: Iterable[str] = ()) -> ConfigFile:
    """Read a JSON or TOML config file.

    Parameters
    ----------
    path
        The file; relative paths in it start from its folder.
    more_keys
        Keys of a larger config, whose values are not checked.

    Raises
    ------
    ConfigError
        If there is no such file, it is neither JSON nor TOML, a key is unknown or a value is wrong.
    """
    path = path.absolute()
    try:
        text = _decoded(path.read_bytes(), path)
    except FileNotFoundError as error:
        raise ConfigError(
            f"There is no config file {path}. Correct the path, or create the file with create_config_template."
        ) from error
    except OSError as error:
        raise ConfigError(
            f"The config file {path} cannot be read: {error.strerror or error}. "
            "It must be a file that you have permission to read."
        ) from error
    is_toml = path.suffix.lower() == ".toml"
    content = _parsed_toml(text, path) if is_toml else _parsed_json(text, path)
    return _checked(_section(content, path), path, more_keys)


def read_pyproject(path: Path) -> ConfigFile | None:
    """Read the table ``[tool.gaitmap_results]`` of a ``pyproject.toml``.

    Parameters
    ----------
    path
        The file; relative paths in the table start from its folder.

    Returns
    -------
    config_file
        The content of the table, ``None`` if there is no such table.
        A broken file is ignored unless it mentions the table.

    Raises
    ------
    ConfigError
        If the table cannot be read, a key is unknown or a value is wrong.
    OSError
        If the file cannot be opened.
    """
    path = path.absolute()
    raw = path.read_bytes()
    if b"gaitmap_results" not in raw:
        return None
    try:
        content = _parsed_toml(_decoded(raw, path), path)
    except ConfigError:
        if b"tool.gaitmap_results" in raw:
            raise
        return None
    tool = content.get("tool")
    if not isinstance(tool, dict) or "gaitmap_results" not in tool:
        return None
    return _checked(_section(content, path), path)


def _decoded(raw: bytes, path: Path) -> str:
    try:
        return raw.decode("utf-8-sig")  # editors on Windows add a byte order mark
    except UnicodeDecodeError as error:
        raise ConfigError(f"The config file {path} is not UTF-8 text. Save it again as UTF-8.") from error


def _parsed_json(text: str, path: Path) -> dict[str, Any]:
    try:
        content = json.loads(text, object_pairs_hook=_without_repetition)
    except json.JSONDecodeError as error:
        hint = r" In JSON a backslash is written twice (C:\\data), or as / instead." if "escape" in error.msg else ""
        raise ConfigError(
            f"The config file {path}, line {error.lineno}, column {error.colno}, is not valid JSON: {error.msg}. "
            f"Correct this line; the mistake may also be just before it.{hint}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"The config file {path} cannot be read as JSON: {error}. Correct it.") from error
    if not isinstance(content, dict):
        raise ConfigError(
            f"The config file {path}, line 1, holds a {type(content).__name__}, but must hold an object: "
            '{"gaitmap_results": {"results_dir": "…"}}. See create_config_template.'
        )
    return content


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object, or refuse a repeated key; Python would silently take the last value."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"it gives {key!r} a second time")
        found[key] = value
    return found


def _parsed_toml(text: str, path: Path) -> dict[str, Any]:
    toml = _toml_reader()
    if toml is None:
        raise ConfigError(f"The config in {path} cannot be read: {_NO_TOML}")
    try:
        content: dict[str, Any] = toml.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"The config file {path} is not valid TOML: {error}. Correct this line.") from error
    return content


def _toml_reader() -> Any:
    name = next((name for name in ("tomllib", "tomli") if importlib.util.find_spec(name) is not None), None)
    return None if name is None else importlib.import_module(name)


def _section(content: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return our part of the file, with the data sets in it, wherever they are."""
    tool = content.get("tool")
    if isinstance(tool, dict) and "gaitmap_results" in tool:
        return _table(tool["gaitmap_results"], "[tool.gaitmap_results]", path)
    if path.name == "pyproject.toml":
        raise ConfigError(f"{path} has no table [tool.gaitmap_results]. Add it, or name another config file.")
    name = next((name for name in ("gaitmap_results", "gaitmap_challenges") if name in content), None)
    if name is None:
        return content
    section = dict(_table(content[name], f"{name!r}", path))
    # A file of gaitmap_challenges belongs to that package, so its other keys are allowed.
    known = ("gaitmap_results", "gaitmap_challenges", "datasets")
    if name == "gaitmap_results" and (unknown := [key for key in content if key not in known]):
        inside = f" Move it into {name!r}." if unknown[0] in _KEYS else ""
        raise ConfigError(
            f"The config file {path} has {unknown[0]!r} beside {name!r}, "
            f"where only 'datasets' may stand.{inside or ' Remove it.'}"
        )
    if content.get("datasets") is not None:
        if section.get("datasets") is not None:
            raise ConfigError(f"The config file {path} has 'datasets' inside and beside {name!r}. Remove one of them.")
        section["datasets"] = content["datasets"]
    return section


def _table(value: object, name: str, path: Path) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{name} in {path} is {value!r}, but must hold keys such as results_dir. Correct it.")
    return value


def _checked(section: dict[str, Any], path: Path, more_keys: Iterable[str] = ()) -> ConfigFile:
    values: dict[str, Any] = {}
    debug = None
    for key, value in section.items():
        if key not in _KEYS and key not in more_keys:
            raise ConfigError(_unknown_key(key, path))
        where = f"{key!r} in {path}"
        if value is None:
            continue
        if key in _FOLDERS:
            values[key] = check_folder(value, where=where, base=path.parent)
        elif key == "n_jobs":
            values[key] = check_number_of_jobs(value, where=where, text_allowed=True)
        elif key == "datasets":
            values[key] = check_datasets(value, where=where, base=path.parent)
        elif key in _LISTS:
            values[key] = _LISTS[key](value, where=where)
        elif key == "sample_resources_s":
            values[key] = check_seconds(value, where=where)
        elif key == "debug":
            debug = check_boolean(value, where=where)
        else:
            values[key] = value
    return ConfigFile(path, values, debug)


def _unknown_key(key: str, path: Path) -> str:
    # Without a cutoff there is always a nearest one.
    import difflib  # only for mistakes

    nearest = difflib.get_close_matches(key.lower(), _KEYS, n=1, cutoff=0)[0]
    return (
        f"{path} has the key {key!r}, which is not known. The nearest known key is {nearest!r}. "
        f"Correct or remove it; the known keys are {', '.join(_KEYS)}."
    )
