"""Provide the command ``config``: show the settings and their sources, or write a template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from gaitmap_results.cli.terminal import console, echo_json, say
from gaitmap_results.config import ConfigValue, create_config_template, explain_config, find_config
from gaitmap_results.showing.text import printable

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
        echo_json({each.name: _described(each) for each in values})
        return
    output = console()
    rows = [("Name", "Value", "From"), *(row for each in values for row in config_rows(each))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        # Never wrap a path, so that it can be copied.
        output.print(printable(line), style="" if number else "dim", soft_wrap=True)
    if find_config() is None:
        output.print("\nThere is no config here; these are the defaults. `gaitmap-results config template` writes one.")


@config.command(epilog=f"Example: gaitmap-results config template {_DEFAULT_FILE}")
@click.argument("path", type=click.Path(path_type=Path), default=Path(_DEFAULT_FILE))
def template(path: Path) -> None:
    """Write a config file with every key, to be filled in.

    PATH is the file to create, by default gaitmap_results.json. An existing file is not changed.
    """
    target = create_config_template(path)
    say(f"Wrote {target}")
    say(f"Fill it in, and name it in the environment variable GAITMAP_RESULTS_CONFIG:\n  {_export(target)}")


def _export(path: Path) -> str:
    return f'export GAITMAP_RESULTS_CONFIG="{path}"'


def _source_of(value: ConfigValue) -> str:
    """Say in words where a value of the config comes from."""
    if value.source == "default":
        return "default"
    led = f" (named by {value.found_by})" if value.found_by.startswith("GAITMAP_") else ""
    return f"{value.where or value.source}{led}"


def _described(value: ConfigValue) -> dict[str, Any]:
    return {"value": _plain(value.value), "source": value.source, "where": value.where, "found_by": value.found_by}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


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
