"""Read a config file, or write one to be filled in.

A config file is JSON, or TOML if its name ends with ``.toml``.
Its keys can be at the top, or in a section: ``{"gaitmap_results": {"results_dir": "results"}, "datasets": {...}}``;
in a ``pyproject.toml`` this section is ``[tool.gaitmap_results]``.
The section of gaitmap_challenges is read, too. A key with the value ``null`` counts as missing.
"""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from gaitmap_results.config.local import FoundConfig, LocalConfig
from gaitmap_results.config.values import check_folder, check_value
from gaitmap_results.exceptions import ConfigError

__all__ = ["create_config_template", "read_config_file", "read_pyproject"]

_KEYS = (*(item.name for item in fields(LocalConfig)), "debug")
_OURS, _THEIRS = "gaitmap_results", "gaitmap_challenges"


def read_config_file(path: Path, kind: type[LocalConfig], found_by: str) -> FoundConfig:
    """Read a JSON or TOML config file; relative paths in it start from its folder.

    Raises
    ------
    ConfigError
        If there is no such file, it is neither JSON nor TOML, a key is unknown or a value is wrong.
    """
    path = path.absolute()
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"There is no config file {path} that can be read: {error.strerror or error}. Correct the path, or create "
            "the file with create_config_template."
        ) from error
    content = _parsed(raw, path)
    ours = _our_table(content)
    if ours is None and path.name == "pyproject.toml":
        raise ConfigError(f"{path} has no table [tool.gaitmap_results]. Add it, or name another config file.")
    return _checked(_flat(content, path) if ours is None else ours, path, kind, "file", found_by)


def read_pyproject(path: Path, kind: type[LocalConfig]) -> FoundConfig | None:
    """Read the table ``[tool.gaitmap_results]`` of a ``pyproject.toml``, ``None`` if there is no such table.

    A broken file is ignored unless it mentions the table.

    Raises
    ------
    ConfigError
        If the table cannot be read, a key is unknown or a value is wrong.
    OSError
        If the file cannot be opened.
    """
    raw = path.read_bytes()
    if b"gaitmap_results" not in raw:
        return None
    try:
        table = _our_table(_parsed(raw, path))
    except ConfigError:
        if b"tool.gaitmap_results" in raw:
            raise
        return None
    return None if table is None else _checked(table, path, kind, "pyproject", "search")


def _parsed(raw: bytes, path: Path) -> Any:
    is_toml = path.suffix.lower() == ".toml"
    try:
        text = raw.decode("utf-8-sig")  # editors on Windows add a byte order mark
        if is_toml:
            return importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli").loads(text)
        return json.loads(text, object_pairs_hook=_without_repetition)
    except ImportError as error:
        raise ConfigError(
            f"The config in {path} cannot be read: Python 3.10 cannot read TOML by itself. Install the extra with: "
            "pip install 'gaitmap_results[toml]', or name a JSON file in GAITMAP_RESULTS_CONFIG."
        ) from error
    except (ValueError, RecursionError) as error:
        hint = r" A backslash is written twice (C:\\data), or as / instead." if "escape" in str(error) else ""
        raise ConfigError(
            f"The config file {path} is not valid {'TOML' if is_toml else 'JSON'}: {error}. Correct this place; the "
            f"mistake may also be just before it. The file must be UTF-8 text.{hint}"
        ) from error


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object, or refuse a repeated key; Python would silently take the last value."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"it gives {key!r} a second time")
        found[key] = value
    return found


def _our_table(content: Any) -> Any:
    tool = content.get("tool") if isinstance(content, dict) else None
    return tool.get(_OURS) if isinstance(tool, dict) else None


def _flat(content: Any, path: Path) -> Any:
    """Return the keys in the section and beside it, such as ``datasets``."""
    name = next((name for name in (_OURS, _THEIRS) if isinstance(content, dict) and name in content), None)
    if name is None or not isinstance(content[name], dict):
        return content if name is None else content[name]
    # A file of gaitmap_challenges belongs to that package, so its other keys are allowed.
    beside = {
        key: value
        for key, value in content.items()
        if key not in (_OURS, _THEIRS) and value is not None and (name == _OURS or key == "datasets")
    }
    for key in beside:
        if content[name].get(key) is not None:
            raise ConfigError(f"The config file {path} has {key!r} inside and beside {name!r}. Remove one of them.")
    return {**content[name], **beside}


def _checked(keys: Any, path: Path, kind: type[LocalConfig], source: str, found_by: str) -> FoundConfig:
    if not isinstance(keys, dict):
        raise ConfigError(
            f"The config in {path} is a {type(keys).__name__}, but must hold keys such as results_dir: "
            '{"gaitmap_results": {"results_dir": "…"}}. See create_config_template.'
        )
    more = {item.name for item in fields(kind)}.difference(_KEYS)
    values = {}
    for key, value in keys.items():
        if key not in _KEYS and key not in more:
            raise ConfigError(
                f"{path} has the key {key!r}, which is not known. Correct or remove it; the known keys are "
                f"{', '.join(_KEYS)}."
            )
        if value is not None:
            where = f"{key!r} in {path}"
            values[key] = value if key in more else check_value(key, value, where=where, base=path.parent)
    return FoundConfig.of(kind, values, source, str(path), found_by)


def create_config_template(path: str | Path, _config_type: type[LocalConfig] = LocalConfig) -> Path:
    """Write a config file with every key, to be filled in.

    Parameters
    ----------
    path
        The file to create; its name must not end with ``.toml``, since it is JSON.
    _config_type
        A dataclass that inherits from ``LocalConfig``, for packages whose config has more values or other defaults.

    Returns
    -------
    path
        The absolute path of the file.

    Raises
    ------
    ConfigError
        If the file already exists, or cannot be written.

    Examples
    --------
    >>> from gaitmap_results import create_config_template
    >>> create_config_template("config.json").name
    'config.json'
    """
    target = check_folder(path, where="'path' of the config template")
    if target.suffix.lower() == ".toml":
        raise ConfigError(f"The config template {target} would be JSON. Choose a name that ends with .json.")
    ours = _config_type().to_json_dict()
    del ours["datasets"]  # beside the section
    content = {_OURS: {**ours, "debug": None}, "datasets": {}}
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(json.dumps(content, indent=4) + "\n")
    except OSError as error:
        raise ConfigError(
            f"The config template {target} cannot be written: {error.strerror or error}. "
            "An existing file is left as it is; choose another name, or a folder that you may write to."
        ) from error
    return target
