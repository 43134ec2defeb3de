"""Provide the command ``reproduce``: run a recorded run again, and say whether its numbers are reproduced."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gaitmap_results.cli.finding import HOW_TO_NAME_A_RUN, find_run
from gaitmap_results.cli.options import results_option
from gaitmap_results.cli.terminal import at_terminal, echo_json, ended_in_order, say, trouble_exits_with
from gaitmap_results.exceptions import InvalidOptionError

if TYPE_CHECKING:
    from gaitmap_results.reproducing.planning import Plan

__all__ = ["reproduce_command"]

_INTERRUPTED = 130  # exit code


@click.command(
    "reproduce",
    epilog="Example: gaitmap-results reproduce 7f3a91c2 --check",
    help=f"""Run a recorded run again and compare its numbers.

    The code is checked out at the recorded commit, an environment is made with the recorded Python and packages, and
    the entry runs there; all of it in temporary folders. Start in the repository of the code. This runs the code of
    whoever recorded the run.

    {HOW_TO_NAME_A_RUN}

    The command ends with 0 if the numbers came out again, with 1 if they differ, and with 2 if the run cannot be run
    again.""",
)
@click.argument("run", nargs=-1, required=True)
@results_option
@click.option("--check", is_flag=True, help="Only say what would be done and what is missing; no recorded code runs.")
@click.option("--yes", is_flag=True, help="Do not ask before the recorded code runs.")
@click.option(
    "--environment",
    type=click.Choice(["recorded", "current"]),
    default="recorded",
    show_default=True,
    help="Make an environment from the record, or take this Python and its packages.",
)
@click.option("--python", metavar="PYTHON", help="The Python to make the environment with.")
@click.option(
    "--rtol",
    type=float,
    default=1e-5,
    show_default=True,
    help="The largest difference that counts as agreement, relative to the largest magnitude of the column.",
)
@click.option("--keep", is_flag=True, help="Keep the temporary folders.")
@click.option("--json", "as_json", is_flag=True, help="Print the judgement as JSON.")
def reproduce_command(
    run: tuple[str, ...], results: Path | None, check: bool, yes: bool, as_json: bool, **options: Any
) -> None:
    """Run a recorded run again."""
    from gaitmap_results.reproducing.reproduction import reproduce

    try:
        # Also where a signal ends the process, the temporary folders are removed.
        with trouble_exits_with(2), ended_in_order():
            path = find_run(run, results).path
            if check:
                sys.exit(_check(path, options["environment"], options["python"], as_json=as_json))
            if not yes and not (at_terminal() and sys.stdin is not None and sys.stdin.isatty()):
                raise InvalidOptionError(
                    "The recorded code would run, and there is no terminal to ask. Look at it with --check, "
                    "then pass --yes if you trust it."
                )
            found = reproduce(
                path,
                report=lambda step: say(step, err=True),
                confirm=lambda plan: yes or _agreed(plan),
                **options,
            )
    except KeyboardInterrupt:
        say("Interrupted", err=True)
        sys.exit(_INTERRUPTED)
    if as_json:
        echo_json(found.to_dict())
    else:
        for note in found.notes:
            say(f"note: {note}")
        say(found)
    sys.exit(0 if found.is_reproduced else 1 if found.verdict == "differs" else 2)


def _check(path: Path, environment: str, python: str | None, *, as_json: bool) -> int:
    from gaitmap_results.reproducing.reproduction import check_run

    plan = check_run(path, environment=environment, python=python, report=lambda step: say(step, err=True))
    if as_json:
        echo_json(
            {
                "path": plan.record.summary.folder,
                "can_be_run_again": not plan.problems,
                "problems": plan.problems,
                "notes": plan.notes,
                "steps": list(plan.lines()),
            }
        )
    else:
        _print(plan)
        say("It can be run again." if not plan.problems else "It cannot be run again:")
        for problem in plan.problems:
            say(f"- {problem}")
    return 2 if plan.problems else 0


def _print(plan: Plan, *, err: bool = False) -> None:
    for line in (*plan.lines(), *(f"note: {note}" for note in plan.notes)):
        say(line, err=err)


def _agreed(plan: Plan) -> bool:
    _print(plan, err=True)
    return click.confirm("This runs the recorded code. Do you trust it?", err=True)
