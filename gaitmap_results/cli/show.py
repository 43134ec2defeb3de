"""Provide the command ``show``: show one run on one screen."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gaitmap_results.cli.finding import HOW_TO_NAME_A_RUN, find_run
from gaitmap_results.cli.options import results_option
from gaitmap_results.cli.terminal import console, echo_json, print_labelled, say
from gaitmap_results.exceptions import CorruptRunError, RunNotFoundError
from gaitmap_results.reading.attestations import reproduction_verdict, withdrawn_reason
from gaitmap_results.reading.index import RunSummary
from gaitmap_results.reading.loading import load_run_custom_metadata, load_run_metadata
from gaitmap_results.reading.scores import count_participants, read_scores
from gaitmap_results.showing.facts import fact_lines, files_of, run_facts, run_title
from gaitmap_results.showing.requirements import requirement_lines
from gaitmap_results.showing.text import one_line
from gaitmap_results.store.entry_names import entry_text
from gaitmap_results.store.files import is_real_folder
from gaitmap_results.store.layout import RESULTS_DIR
from gaitmap_results.store.secrets_in_text import REDACTED
from gaitmap_results.typed_results.scores import FOLD_UNITS

__all__ = ["show"]


@click.command(
    epilog="Example: gaitmap-results show 7f3a91c2    or: gaitmap-results show CountSteps shin/tuned",
    help=f"""Show what is known about one run.

    That is whether it is official or why not, what ran, when and for how long, code, data, parameters, machine,
    packages and files. {HOW_TO_NAME_A_RUN}""",
)
@click.argument("run", nargs=-1, required=True)
@results_option
@click.option("--json", "as_json", is_flag=True, help="Print everything that is stored about the run as JSON.")
@click.option("--requirements", is_flag=True, help="Print its packages in the form that pip and uv install.")
@click.option("--command", is_flag=True, help="Print the command that started it.")
def show(run: tuple[str, ...], results: Path | None, as_json: bool, requirements: bool, command: bool) -> None:
    """Show what is known about one run."""
    if as_json + requirements + command > 1:
        raise click.UsageError("--json, --requirements and --command are three different outputs. Choose one.")
    summary = find_run(run, results)
    metadata = load_run_metadata(summary.path)
    if requirements:
        lines = list(requirement_lines(metadata))
        if not lines:
            raise RunNotFoundError(f"The run in {summary.folder} does not say which packages it used.")
        say("\n".join(lines))
    elif command:
        words = [one_line(word) for word in _command(metadata)]
        if not words:
            raise RunNotFoundError(f"The run in {summary.folder} does not say which command started it.")
        if isinstance(metadata.get("cwd"), str):
            say(f"In the folder {metadata['cwd']} of its repository:", err=True)
        if any(REDACTED in word for word in words):
            say(f"{REDACTED} stands for what was removed because it looked secret.", err=True)
        say(shlex.join(words))
    elif as_json:
        echo_json(_described(summary, metadata))
    else:
        _print(summary, metadata)


def _described(summary: RunSummary, metadata: dict[str, Any]) -> dict[str, Any]:
    results = summary.path / RESULTS_DIR
    scores = _read("scores", read_scores, summary.path)
    return {
        "path": summary.folder,
        "kind": summary.kind,
        "withdrawn": withdrawn_reason(summary),
        "reproduced": reproduction_verdict(summary),
        "metadata": metadata,
        "custom_metadata": _read("custom metadata", load_run_custom_metadata, summary.path),
        "scores": scores and scores.to_json(),
        "core_results": [
            {"name": name, "bytes": n} for name, n in files_of(results if is_real_folder(results) else None)
        ],
    }


def _read(what: str, read: Callable[[Path], Any], path: Path) -> Any:
    """Return a part of a run, or say why it cannot be read."""
    try:
        return read(path)
    except (RunNotFoundError, CorruptRunError, OSError) as error:
        say(f"The {what} cannot be read: {error}", err=True)
        return None


def _print(summary: RunSummary, metadata: dict[str, Any]) -> None:
    output = console()
    output.print(one_line(entry_text(summary.entry)), style="bold", soft_wrap=True)
    output.print(run_title(metadata), soft_wrap=True)
    output.print(one_line(summary.folder), style="dim", soft_wrap=True)
    output.print()
    custom = _read("custom metadata", load_run_custom_metadata, summary.path)
    scores = _read("scores", read_scores, summary.path)
    facts = run_facts(
        metadata,
        custom,
        files=files_of(summary.path),
        withdrawn=withdrawn_reason(summary),
        reproduced=reproduction_verdict(summary),
        scores=() if scores is None else scores.lines(),
        n_participants=count_participants(summary.path) if scores is None or scores.units == FOLD_UNITS else None,
    )
    print_labelled(output, ((label, "dim", lines) for label, lines in fact_lines(facts)))


def _command(metadata: dict[str, Any]) -> list[str]:
    original, command = metadata.get("orig_argv"), metadata.get("command")
    if isinstance(original, list) and original:
        # The recorded interpreter's path is useless on another machine; only its options matter.
        return ["python", *original[1:]]
    words = command if isinstance(command, list) else []
    return ["python", *words] if words and str(words[0]).endswith(".py") else words
