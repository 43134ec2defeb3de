"""Provide the command ``gaitmap-results``: find its commands, and turn errors into messages.

Each command has a module in this folder, imported only when the command is called.
"""

from __future__ import annotations

import errno
from importlib import import_module
from typing import Any

import click

from gaitmap_results import __version__
from gaitmap_results.exceptions import GaitmapResultsError, printable

__all__ = ["main"]

# Command -> its module, and its name there if that differs.
_COMMANDS = {
    "list": "gaitmap_results.cli.list_runs:list_runs",
    "show": "gaitmap_results.cli.show",
    "diff": "gaitmap_results.cli.diff",
    "reproduce": "gaitmap_results.cli.reproduce:reproduce_command",
    "run": "gaitmap_results.cli.run",
    "verify": "gaitmap_results.cli.verify",
    "export": "gaitmap_results.cli.export",
    "compare": "gaitmap_results.cli.compare",
    "report": "gaitmap_results.cli.report",
    "site": "gaitmap_results.cli.report",
    "bundle": "gaitmap_results.cli.bundle",
    "mlflow": "gaitmap_results.cli.mlflow",
    "withdraw": "gaitmap_results.cli.withdraw",
    "config": "gaitmap_results.cli.config",
    "doctor": "gaitmap_results.cli.doctor",
    "demo": "gaitmap_results.cli.demo",
    "unfinished": "gaitmap_results.cli.unfinished",
    "recover": "gaitmap_results.cli.unfinished",
    "discard": "gaitmap_results.cli.unfinished",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click gives it
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name or cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            error.message = printable(error.message)  # type: ignore[misc]  # whatever names the user typed
            raise
        except GaitmapResultsError as error:
            # These messages are written for the user; a traceback would hide them.
            raise click.ClickException(str(error)) from error
        except OSError as error:
            # A closed pipe, such as that of `head`, needs no message; click ends the command.
            if error.errno == errno.EPIPE:
                raise
            raise click.ClickException(printable(str(error))) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="gaitmap-results")
def main() -> None:
    """Record benchmark runs of gait algorithms so that they can be trusted, found and repeated."""
