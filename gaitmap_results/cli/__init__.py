"""Provide the command ``gaitmap-results``: find its commands, and turn errors into messages.

Each command has a module in this folder, imported only when the command is called.
"""

from __future__ import annotations

import errno
import io
import sys
from importlib import import_module
from typing import Any

import click

from gaitmap_results import __version__
from gaitmap_results.exceptions import GaitmapResultsError, printable

__all__ = ["main"]

_COMMANDS = (
    *("list", "show", "diff", "reproduce", "run", "verify", "export", "compare", "report", "site", "bundle", "mlflow"),
    *("withdraw", "config", "doctor", "demo", "unfinished", "recover", "discard"),
)
# The module of a command, where it has another name.
_MODULES = {"list": "list_runs", "site": "report", "recover": "unfinished", "discard": "unfinished"}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click gives it
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"{__name__}.{_MODULES.get(cmd_name, cmd_name)}")
        commands = (each for each in vars(module).values() if isinstance(each, click.Command))
        return next(each for each in commands if each.name == cmd_name)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        # A name that the output's encoding lacks, as in a pipe on Windows, must not end the command.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        return super().main(*args, **kwargs)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not all(map(str.strip, args)):  # an empty path would stand for the working directory
            raise click.UsageError("An argument is empty. If it is a variable of your shell, it is not set.", ctx)
        return super().parse_args(ctx, args)

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
