"""Write a template of a config file."""

from __future__ import annotations

import json
from pathlib import Path

from gaitmap_results.config.local import LocalConfig
from gaitmap_results.config.values import check_folder
from gaitmap_results.exceptions import ConfigError

__all__ = ["create_config_template"]


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
    ours["debug"] = None
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(json.dumps({"gaitmap_results": ours, "datasets": {}}, indent=4) + "\n")
    except FileExistsError as error:
        raise ConfigError(f"{target} exists already and is left as it is. Choose another name or delete it.") from error
    except OSError as error:
        raise ConfigError(
            f"The config template {target} cannot be written: {error.strerror or error}. "
            "Create its folder, or choose one that you may write to."
        ) from error
    return target
