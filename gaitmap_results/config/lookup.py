"""Look for a config if none was set.

The places are the file named by the environment variable ``GAITMAP_RESULTS_CONFIG``, then the table
``[tool.gaitmap_results]`` in a ``pyproject.toml`` of the working directory or the nearest folder above it, then
gaitmap_challenges.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from gaitmap_results.config.file import read_config_file, read_pyproject
from gaitmap_results.config.gaitmap_challenges import find_config_of_gaitmap_challenges
from gaitmap_results.config.local import ConfigValue, FoundConfig, LocalConfig
from gaitmap_results.config.values import check_boolean, check_folder
from gaitmap_results.exceptions import ConfigError

__all__ = ["CONFIG_VARIABLE", "DEBUG_VARIABLE", "debug_of_environment", "look_up", "looked_up_once", "nothing_found"]

CONFIG_VARIABLE = "GAITMAP_RESULTS_CONFIG"
DEBUG_VARIABLE = "GAITMAP_RESULTS_DEBUG"


_answers: ContextVar[dict[type[LocalConfig], FoundConfig | None] | None] = ContextVar("_answers", default=None)


@contextmanager
def looked_up_once() -> Iterator[None]:
    """Look once for all questions in the block, so that their answers belong together."""
    token = _answers.set({})
    try:
        yield
    finally:
        _answers.reset(token)


def look_up(kind: type[LocalConfig] = LocalConfig) -> FoundConfig | None:
    """Search each place in turn, and return the first config.

    Raises
    ------
    ConfigError
        If the first config that exists is wrong; a later one must not replace it.
    """
    answers = _answers.get()
    if answers is None:
        return _look_up(kind)
    if kind not in answers:
        answers[kind] = _look_up(kind)
    return answers[kind]


def _look_up(kind: type[LocalConfig]) -> FoundConfig | None:
    named = os.environ.get(CONFIG_VARIABLE)
    if named is not None:
        path = check_folder(named, where=f"The config file named by the environment variable {CONFIG_VARIABLE}")
        try:
            return read_config_file(path, kind, CONFIG_VARIABLE)
        except ConfigError as error:
            raise ConfigError(f"{error} (The environment variable {CONFIG_VARIABLE} names this file.)") from error
    for file in _pyprojects():
        # Users often lack permission for folders far above their own.
        with suppress(OSError):
            if (found := read_pyproject(file, kind)) is not None:
                return found
    return find_config_of_gaitmap_challenges(kind)


def _pyprojects() -> Iterator[Path]:
    with suppress(OSError):  # the working directory may no longer exist
        folder = Path.cwd()
        yield from (each for place in (folder, *folder.parents) if os.path.lexists(each := place / "pyproject.toml"))


def nothing_found() -> str:
    """Return the message for a missing config."""
    files = "".join(f"\n- {file}: no table [tool.gaitmap_results] that can be read" for file in _pyprojects())
    return (
        f"There is no config. Call set_config, name a config file in the environment variable {CONFIG_VARIABLE} "
        "(create_config_template writes one), or add the table [tool.gaitmap_results] to pyproject.toml. "
        f"Places that were searched:\n- set_config: not called\n- environment variable {CONFIG_VARIABLE}: not set"
        f"{files}\n- pyproject.toml in the working directory and the folders above it: no further one"
        "\n- gaitmap_challenges: no config"
    )


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
    value = check_boolean(word, f"The environment variable {DEBUG_VARIABLE}")
    return ConfigValue("debug", value, "environment variable", DEBUG_VARIABLE)
