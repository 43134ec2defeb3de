"""Provide the commands ``unfinished``, ``recover`` and ``discard`` for runs that were never published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from gaitmap_results.cli.finding import given_results_folder
from gaitmap_results.cli.options import results_argument
from gaitmap_results.cli.terminal import echo_json, say
from gaitmap_results.showing.text import as_argument
from gaitmap_results.store.entry_names import entry_json, entry_text
from gaitmap_results.store.layout import UNFINISHED_DIR
from gaitmap_results.unfinished.listing import UnfinishedRun, find_unfinished_run, list_unfinished
from gaitmap_results.unfinished.recovering import discard_run, recover_run

__all__ = ["discard", "recover", "unfinished"]


@click.command
@results_argument
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def unfinished(results: Path | None, as_json: bool) -> None:
    """List the runs that were started and not published.

    RESULTS is the results folder; without it, the config's is used. What became of a run is derived from its journal,
    its process and its Slurm job, and the list says how sure that is. Nothing is changed.
    """
    folder = given_results_folder(results)
    runs, skipped = list_unfinished(folder)
    for message in skipped:
        say(message, err=True)
    if as_json:
        echo_json([_described(run) for run in runs])
    elif not runs:
        say(f"There are no unfinished runs in {folder}")
    else:
        say("\n\n".join(_paragraph(run) for run in runs))
        _say_what_next(runs, folder)


@click.command
@click.argument("run_id", metavar="RUN")
@results_argument
@click.option("--entry-name", multiple=True, help="The entry, if the run does not know it; repeat it for nested ones.")
@click.option("--challenge-name", help="The full name of the challenge, if the run does not know it.")
@click.option("--challenge-version", help="The version of the challenge, if the run does not know it.")
@click.option("--even-if-running", is_flag=True, help="Publish it even if its process is still alive.")
@click.option("--json", "as_json", is_flag=True, help="Print what was published as JSON.")
def recover(run_id: str, results: Path | None, entry_name: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Publish an unfinished run with complete core results.

    It becomes a debug run: nobody saw its end. What is not known about it is stored as unknown.

    RUN is an id that the command `unfinished` shows or the beginning of one, the folder of a run, an entry, a challenge
    and an entry in quotation marks, or @latest. Parts of names are enough where no other unfinished run has them.
    """
    folder = _results_folder_of(run_id, results)
    found = find_unfinished_run(folder, run_id)
    run = found.run
    entry = entry_name[0] if len(entry_name) == 1 else entry_name or None
    path = recover_run(run.run_id, folder, entry_name=entry, **options)
    if as_json:
        echo_json([{**_described(run), "path": str(path)}])
        return
    if found.published_as is not None:
        say(f"The run was published already, in {path}; what was left of its unfinished run is removed.")
        return
    say(f"Recovered debug run to {path}")
    if run.rescued_to is not None:
        say(f"Its results were copied from {run.rescued_to}, which can be deleted now.")


@click.command
@click.argument("run_id", metavar="RUN")
@results_argument
@click.option("--yes", is_flag=True, help="Delete it without asking.")
@click.option("--json", "as_json", is_flag=True, help="Print what was deleted as JSON.")
def discard(run_id: str, results: Path | None, yes: bool, as_json: bool) -> None:
    """Delete an unfinished run and everything that it has stored.

    RUN is an id that the command `unfinished` shows or the beginning of one, the folder of a run, an entry, a challenge
    and an entry in quotation marks, or @latest. Parts of names are enough where no other unfinished run has them.
    """
    folder = _results_folder_of(run_id, results)
    run = find_unfinished_run(folder, run_id).run
    if not yes:
        say(_paragraph(run), err=True)
        click.confirm("Delete it? You cannot undo this.", abort=True, err=True)
    path = discard_run(run.run_id, folder)
    if as_json:
        echo_json([_described(run)])
    else:
        say(f"Deleted {path}")


def _results_folder_of(word: str, results: Path | None) -> Path:
    """Return the results folder, given directly or by the path of an unfinished run."""
    folder = Path(word).absolute().parent
    return folder.parent if results is None and folder.name == UNFINISHED_DIR else given_results_folder(results)


def _described(run: UnfinishedRun) -> dict[str, Any]:
    entry = None if run.entry_name is None else entry_json(run.entry_name)
    return {**vars(run), "entry_name": entry, "started": None if run.started is None else run.started.isoformat()}


def _paragraph(run: UnfinishedRun) -> str:
    """Describe a run in lines, since paths and errors do not fit into a table."""
    facts = {
        "entry": "unknown" if run.entry_name is None else entry_text(run.entry_name),
        "challenge": " ".join(filter(None, [run.challenge_name, run.challenge_version])),
        "started": "unknown" if run.started is None else run.started.astimezone().isoformat(" ", "seconds"),
        "core results": run.core_results,
        "evidence": run.evidence,
        "error": (run.error or "").strip().partition("\n")[0],
        "folder": run.path,
        "rescued to": run.rescued_to,
        "challenge kept in": run.challenge_file,
    }
    sure = "" if run.certainty == run.status == "unknown" else f" ({run.certainty})"
    lines = [f"{run.run_id}  {run.status}{sure}"]
    return "\n".join([*lines, *(f"  {name + ':':<13} {text}" for name, text in facts.items() if text)])


def _say_what_next(runs: Sequence[UnfinishedRun], folder: Path) -> None:
    complete = [run for run in runs if run.core_results == "complete" and run.status != "running"]
    results = f"--results {as_argument(folder)}"
    say("")
    if complete:
        which = "It" if len(runs) == 1 else f"{len(complete)} of them"
        say(f"{which} can be published as a debug run{'' if len(complete) == 1 else ', the first'} with")
        say(f"  gaitmap-results recover {complete[0].run_id} {results}")
    say(f"Nothing is deleted unless you ask for it, with\n  gaitmap-results discard RUN_ID {results}")
