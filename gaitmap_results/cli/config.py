"""Provide the command ``config``: show the settings and their sources, or write a template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from gaitmap_results.cli.terminal import aligned, echo_json, say
from gaitmap_results.config import ConfigValue, create_config_template, explain_config, find_config

__all__ = ["config", "config_rows"]

_DEFAULT_FILE = "gaitmap_results.json"


@click.group(epilog="Example: gaitmap-results config show")
def config() -> None:
    """Show the config that applies here, or write a template."""


@config.command(epilog="Example: gaitmap-results config show --json")
@click.option("--json", "as_json", is_flag=True, help="Print the config as JSON.")
def show(as_json: bool) -> None:
    """Show each value of the config, and where it comes from.

    The config is the file named by the environment variable GAITMAP_RESULTS_CONFIG, or else the table
    [tool.gaitmap_results] in the nearest pyproject.toml, or else the config of gaitmap_challenges.
    """
    values = explain_config()
    if as_json:
        echo_json({each.name: {key: value for key, value in vars(each).items() if key != "name"} for each in values})
        return
    for line in aligned([("Name", "Value", "From"), *(row for each in values for row in config_rows(each))]):
        say(line)
    if find_config() is None:
        say("\nThere is no config here; these are the defaults. `gaitmap-results config template` writes one.")


@config.command(epilog=f"Example: gaitmap-results config template {_DEFAULT_FILE}")
@click.argument("path", type=click.Path(path_type=Path), default=Path(_DEFAULT_FILE))
def template(path: Path) -> None:
    """Write a config file with every key, to be filled in.

    PATH is the file to create, by default gaitmap_results.json. An existing file is not changed.
    """
    target = create_config_template(path)
    say(f"Wrote {target}")
    say("Fill it in, and name it in the environment variable GAITMAP_RESULTS_CONFIG:")
    say(f'  export GAITMAP_RESULTS_CONFIG="{target}"')


def _source_of(value: ConfigValue) -> str:
    """Say in words where a value of the config comes from."""
    if value.source == "default":
        return "default"
    led = f" (named by {value.found_by})" if value.found_by.startswith("GAITMAP_") else ""
    return f"{value.where or value.source}{led}"


def config_rows(each: ConfigValue) -> Iterator[tuple[str, str, str]]:
    """Yield the name, the value and the source of a value of the config, in words."""
    if not isinstance(each.value, Mapping):
        yield each.name, _value_in_words(each.value), _source_of(each)
        return
    if not each.value:
        yield each.name, "none", _source_of(each)
    for key, value in each.value.items():
        yield f"{each.name}.{key}", _value_in_words(value), _source_of(each)


def _value_in_words(value: Any) -> str:
    """Format a value of the config for people."""
    if value is None:
        return "not set"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)
