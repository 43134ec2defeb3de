"""The directive ``command-help``: what ``gaitmap-results`` and each of its commands say of themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import click
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from gaitmap_results.cli import main

_ESCAPED = re.compile(r"([*_<>\[\]|])")


class CommandHelp(SphinxDirective):
    """Makes a section for each command, from the help that the program itself shows."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        lines = [line for name, context in _commands(main, "gaitmap-results") for line in _section(name, context)]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def _commands(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[tuple[str, Any]]:
    """Yield a command, then those in it, each with the context in which click would show its help."""
    context = click.Context(command, info_name=name.rpartition(" ")[2], parent=parent, **command.context_settings)
    yield name, context
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            if found is not None and not found.hidden:
                yield from _commands(found, f"{name} {inner}", context)


def _section(name: str, context: click.Context) -> Iterator[str]:
    """Yield the Markdown of one command: how it is called, what it does, its options, an example."""
    command = context.command
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    yield from (f"## `{name}`", "", "```text", usage, "```", "")
    for paragraph in (command.help or "").split("\n\n"):
        yield from (_escaped(" ".join(paragraph.split())), "")
    records = [each.get_help_record(context) for each in command.get_params(context)]
    yield from ("| option | meaning |", "|---|---|")
    # An argument is explained in the text.
    explained = [(option, " ".join(meaning.split())) for option, meaning in filter(None, records) if meaning]
    yield from (f"| `{option}` | {_escaped(meaning)} |" for option, meaning in explained)
    yield ""
    examples = re.split(r"\s+or: +", (command.epilog or "").removeprefix("Example: "))
    if examples != [""]:
        yield from ("```console", *(f"$ {example}" for example in examples), "```", "")


def _escaped(text: str) -> str:
    """Return a text in which only what is between backticks has a meaning of its own."""
    parts = text.split("`")
    return "`".join(part if number % 2 else _ESCAPED.sub(r"\\\1", part) for number, part in enumerate(parts))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
