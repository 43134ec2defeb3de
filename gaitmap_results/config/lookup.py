"""Look for a config if none was set.

The places are the file named by the environment variable ``GAITMAP_RESULTS_CONFIG``, then the table
``[tool.gaitmap_results]`` in a ``pyproject.toml`` of the working directory or the nearest folder above it, then
gaitmap_challenges.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gaitmap_results.config.file import ConfigFile, read_config_file, read_pyproject
from gaitmap_results.config.gaitmap_challenges import find_config_of_gaitmap_challenges
from gaitmap_results.config.local import ConfigValue, FoundConfig, LocalConfig
from gaitmap_results.config.values import check_boolean, check_folder
from gaitmap_results.exceptions import ConfigError

__all__ = [
    "CONFIG_VARIABLE",
    "DEBUG_VARIABLE",
    "Lookup",
    "debug_of_environment",
    "from_file",
    "look_up",
    "nothing_found",
]

CONFIG_VARIABLE = "GAITMAP_RESULTS_CONFIG"
DEBUG_VARIABLE = "GAITMAP_RESULTS_DEBUG"

_WAYS_TO_CONFIGURE = (
    f"Call set_config, name a config file in the environment variable {CONFIG_VARIABLE} (create_config_template "
    "writes one), or add the table [tool.gaitmap_results] to pyproject.toml."
)


@dataclass(frozen=True)
class Lookup:
    """A config, or the places where none was found."""

    found: FoundConfig | None = None
    places: tuple[str, ...] = ()


def look_up() -> Lookup:
    """Search each place in turn, and return the first config, or the places.

    Raises
    ------
    ConfigError
        If the first config that exists is wrong; a later one must not replace it.
    """
    named = os.environ.get(CONFIG_VARIABLE)
    if named is not None:
        where = f"The config file named by the environment variable {CONFIG_VARIABLE}"
        path = check_folder(named, where=where)
        try:
            return Lookup(from_file(read_config_file(path), "file", CONFIG_VARIABLE))
        except ConfigError as error:
            raise ConfigError(f"{error} (The environment variable {CONFIG_VARIABLE} names this file.)") from error
    in_pyproject, places = _search_pyproject()
    found = in_pyproject or find_config_of_gaitmap_challenges()
    return Lookup(found, (f"environment variable {CONFIG_VARIABLE}: not set", *places, "gaitmap_challenges: no config"))


def _search_pyproject() -> tuple[FoundConfig | None, list[str]]:
    """Return the config in the nearest ``pyproject.toml`` that has one, or the searched places."""
    try:
        folder = Path.cwd()
    except OSError:
        return None, ["pyproject.toml: not searched, since the working directory no longer exists"]
    places = []
    for candidate in (folder / "pyproject.toml" for folder in (folder, *folder.parents)):
        try:
            file = read_pyproject(candidate)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            # Users often lack permission for folders far above their own.
            places.append(f"{candidate}: cannot be read ({error.strerror or error})")
            continue
        if file is not None:
            return from_file(file, "pyproject", "search"), places
        places.append(f"{candidate}: has no table [tool.gaitmap_results]")
    return None, [*places, f"pyproject.toml in {folder} and the folders above it: no further one"]


def nothing_found(lookup: Lookup) -> str:
    """Return the message for a missing config."""
    places = "".join(f"\n- {place}" for place in lookup.places)
    return f"There is no config. {_WAYS_TO_CONFIGURE} Places that were searched:\n- set_config: not called{places}"


def from_file(file: ConfigFile, source: str, found_by: str) -> FoundConfig:
    """Return the config that a file holds.

    Parameters
    ----------
    file
        The content of the file.
    source
        ``"file"`` or ``"pyproject"``.
    found_by
        What led to the file.
    """
    # Not through the constructor: it would replace variables a second time, now in the names of existing folders.
    config = LocalConfig()
    for name, value in file.values.items():
        object.__setattr__(config, name, value)
    where = str(file.path)
    debug = ConfigValue("debug", None)
    if file.debug is not None:
        debug = ConfigValue("debug", file.debug, source, where, found_by)
    return FoundConfig(config, source, where, found_by, frozenset(file.values), debug)


def debug_of_environment() -> ConfigValue | None:
    """Return the value of ``GAITMAP_RESULTS_DEBUG``, ``None`` if it is not set.

    Raises
    ------
    ConfigError
        If its value is not an allowed word.
    """
    word = os.environ.get(DEBUG_VARIABLE)
    if word is None:
        return None
    value = check_boolean(word, where=f"The environment variable {DEBUG_VARIABLE}")
    return ConfigValue("debug", value, "environment variable", DEBUG_VARIABLE)
