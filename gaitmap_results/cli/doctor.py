"""Provide the command ``doctor``: check whether a run could be recorded here, and would be official."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import click

from gaitmap_results import __version__
from gaitmap_results.cli.config import config_rows
from gaitmap_results.cli.options import results_argument
from gaitmap_results.cli.terminal import console, echo_json, print_labelled
from gaitmap_results.config import describe_foreign_config, explain_config, find_results_folder
from gaitmap_results.exceptions import GaitmapResultsError, NoResultsFolderError
from gaitmap_results.store.layout import UNFINISHED_DIR

__all__ = ["doctor"]

_STYLES = {"ok": "green", "note": "yellow", "bad": "bold red"}
_Found: TypeAlias = tuple[str, list[str]]


@click.command(epilog="Example: gaitmap-results doctor")
@results_argument
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def doctor(results: Path | None, as_json: bool) -> None:
    """Check whether a run could be recorded here, and whether it would be official.

    RESULTS is the results folder; without it, the config's is used. It checks the config, the results folder, git and
    the repository of the working directory, and changes nothing. The exit code is 1 if no run could be recorded.
    """
    version = f"{__version__}, Python {platform.python_version()}, {sys.platform}"
    findings = [
        _checked("gaitmap_results", lambda: ("good", [version])),
        _checked("config", _config),
        _checked("results folder", lambda: _results_folder(results)),
        _checked("git", _git),
        _checked("a run now", lambda: _official(results)),
    ]
    if as_json:
        echo_json(findings)
    else:
        _print(findings)
    if any(each["verdict"] == "bad" for each in findings):
        raise click.exceptions.Exit(1)


def _checked(what: str, look: Callable[[], _Found]) -> dict[str, Any]:
    try:
        verdict, lines = look()
    except GaitmapResultsError as error:
        verdict, lines = "bad", str(error).splitlines()
    return {"what": what, "verdict": verdict, "lines": lines}


def _config() -> _Found:
    values = explain_config()
    given = [each for each in values if each.source != "default"]
    if not given:
        return "note", ["there is none; pass `path` to each run, or write one with `gaitmap-results config template`"]
    lines = [f"{name} = {value}, from {source}" for each in given for name, value, source in config_rows(each)]
    return "good", [*lines, *filter(None, [describe_foreign_config()])]


def _results_folder(given: Path | None) -> _Found:
    folder = there = find_results_folder(given)
    while not os.path.lexists(there) and there != there.parent:
        there = there.parent
    # Runs are written to .unfinished first, which another user may have created.
    unfinished = folder / UNFINISHED_DIR
    for tried in (there, unfinished) if os.path.lexists(unfinished) else (there,):
        try:
            # Try to write instead of reading permissions: the disk may be full or read-only.
            with tempfile.NamedTemporaryFile(dir=tried, prefix=".gaitmap_results_") as file:
                file.write(b"can be written")
                file.flush()
        except OSError as error:
            return "bad", [f"{folder} cannot be written: {error.strerror or error} ({tried})"]
    return "good", [f"{folder} can be {'written' if folder.exists() else 'created'}"]


def _git() -> _Found:
    from gaitmap_results.provenance.git import GitUnreadableError, read_git_state

    try:
        state = read_git_state(Path.cwd())
    except GitUnreadableError as error:
        return "note", [error.message]
    commit = state.commit or "no commit yet"
    return "good", [f"{state.base_dir}, {commit}{f' on {state.branch}' if state.branch else ''}"]


def _official(results: Path | None) -> _Found:
    from gaitmap_results.provenance.collecting import collect_provenance
    from gaitmap_results.recording.recorded_run import block_options
    from gaitmap_results.saving.debug_reasons import reasons_for_debug
    from gaitmap_results.saving.plan import make_plan

    try:
        plan = make_plan(block_options("doctor", path=results))
    except NoResultsFolderError:
        # The user may give `path` to each run; whether a run would be official does not depend on it.
        plan = make_plan(block_options("doctor", path=Path.cwd()))
    known = collect_provenance(None, **plan.of_provenance())
    reasons = reasons_for_debug(plan.setting, known.git, known.code)
    if not reasons:
        return "good", ["would be official"]
    lines = ["would be a debug run:", *(f"- {reason.message}" for reason in reasons)]
    if all(reason.code.startswith("debug_run.") for reason in reasons):
        lines.append("There is no other reason: if you ask for an official run, it will be one.")
    return "note", lines


def _print(findings: list[dict[str, Any]]) -> None:
    said: set[str] = set()
    rows = []
    for each in findings:
        mark = "ok" if each["verdict"] == "good" else each["verdict"]
        # A wrong config makes every other check fail, too.
        lines = ["see above"] if said.issuperset(each["lines"]) else each["lines"]
        rows.append((f"{mark:<5} {each['what']}", _STYLES[mark], lines))
        said.update(each["lines"])
    print_labelled(console(), rows)
