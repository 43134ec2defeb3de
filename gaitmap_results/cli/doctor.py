"""Provide the command ``doctor``: check whether a run could be recorded here, and would be official."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import click

from gaitmap_results import __version__
from gaitmap_results.cli.config import config_rows
from gaitmap_results.cli.finding import results_argument
from gaitmap_results.cli.terminal import console, echo_json, print_labelled
from gaitmap_results.config import describe_foreign_config, explain_config, find_results_folder
from gaitmap_results.exceptions import GaitmapResultsError, NoResultsFolderError
from gaitmap_results.store.layout import UNFINISHED_DIR

__all__ = ["doctor"]

Verdict = Literal["good", "note", "bad"]
_MARKS: dict[Verdict, tuple[str, str]] = {
    "good": ("ok", "green"),
    "note": ("note", "yellow"),
    "bad": ("bad", "bold red"),
}


@dataclass(frozen=True)
class _Finding:
    what: str
    verdict: Verdict
    lines: tuple[str, ...] = field(default_factory=tuple)


@click.command(epilog="Example: gaitmap-results doctor")
@results_argument
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def doctor(results: Path | None, as_json: bool) -> None:
    """Check whether a run could be recorded here, and whether it would be official.

    RESULTS is the results folder; without it, the config's is used. It checks the config, the results folder, git and
    the repository of the working directory, and changes nothing. The exit code is 1 if no run could be recorded.
    """
    findings = [
        _Finding("gaitmap_results", "good", (f"{__version__}, Python {platform.python_version()}, {sys.platform}",)),
        _checked("config", _config),
        _checked("results folder", lambda: _results_folder(results)),
        _checked("git", _git),
        _checked("a run now", lambda: _official(results)),
    ]
    if as_json:
        echo_json([asdict(each) for each in findings])
    else:
        _print(findings)
    if any(each.verdict == "bad" for each in findings):
        raise click.exceptions.Exit(1)


def _checked(what: str, look: Callable[[], tuple[Verdict, list[str]]]) -> _Finding:
    try:
        verdict, lines = look()
    except GaitmapResultsError as error:
        return _Finding(what, "bad", tuple(str(error).splitlines()))
    return _Finding(what, verdict, tuple(lines))


def _config() -> tuple[Verdict, list[str]]:
    values = explain_config()
    given = [each for each in values if each.source != "default"]
    if not given:
        return "note", ["there is none; pass `path` to each run, or write one with `gaitmap-results config template`"]
    lines = [f"{name} = {value}, from {source}" for each in given for name, value, source in config_rows(each)]
    return "good", [*lines, *filter(None, [describe_foreign_config()])]


def _results_folder(given: Path | None) -> tuple[Verdict, list[str]]:
    folder = find_results_folder(given)
    there = folder
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
    return "good", [f"{folder} can be written" if there == folder else f"{folder} can be created"]


def _git() -> tuple[Verdict, list[str]]:
    from gaitmap_results.provenance.git import GitUnreadableError, read_git_state

    try:
        state = read_git_state(Path.cwd())
    except GitUnreadableError as error:
        return "note", [error.message]
    commit = state.commit or "no commit yet"
    return "good", [f"{state.base_dir}, {commit}{f' on {state.branch}' if state.branch else ''}"]


def _official(results: Path | None) -> tuple[Verdict, list[str]]:
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


def _print(findings: list[_Finding]) -> None:
    width = max(len(each.what) for each in findings)
    said: set[str] = set()
    rows = []
    for each in findings:
        mark, style = _MARKS[each.verdict]
        # A wrong config makes every other check fail, too.
        lines = ["see above"] if said.issuperset(each.lines) else each.lines
        rows.append((f"{mark:<5} {each.what:<{width}}", style, lines))
        said.update(each.lines)
    print_labelled(console(), rows)
