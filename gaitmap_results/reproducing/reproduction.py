"""Run a recorded run again, and say whether its numbers are reproduced."""

from __future__ import annotations

import html
import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final, Literal

from gaitmap_results._version import __version__
from gaitmap_results.comparing.run_diff import score_line, worst_line
from gaitmap_results.exceptions import GaitmapResultsError, InvalidOptionError, printable
from gaitmap_results.provenance.git.processes import GitUnreadableError
from gaitmap_results.provenance.machine import cpu_info, os_info
from gaitmap_results.reproducing.attesting import attest
from gaitmap_results.reproducing.carrying_out import (
    Environment,
    Report,
    Workspace,
    check_packages,
    open_workspace,
    run_again,
)
from gaitmap_results.reproducing.children import Finished
from gaitmap_results.reproducing.environment import EnvironmentFailedError
from gaitmap_results.reproducing.judging import Judgement, find_new_run, judge
from gaitmap_results.reproducing.planning import Plan, make_plan, read_run
from gaitmap_results.reproducing.recorded_call import describe_call, whole_command

__all__ = ["Reproduction", "check_run", "reproduce", "reproduce_run"]

_SCHEMA_VERSION: Final = 1
_N_WORST: Final = 3
_REPRODUCED: Final = ("bitwise", "equal but for measured times", "within tolerance")
_ENVIRONMENTS: Final = ("recorded", "current")
_ABOUT_FILES: Final = (
    "Files that are in no commit are not in the temporary folder where the code ran. Let it find its data by an "
    "absolute path, the config or a variable."
)


@dataclass(frozen=True)
class Reproduction:
    """The result of running a recorded run again.

    Attributes
    ----------
    path
        The recorded run.
    verdict
        ``bitwise``, ``equal but for measured times``, ``within tolerance``, ``differs``, ``not reproducible`` or
        ``failed``.
    reasons
        Why it is not reproducible, or why it failed.
    notes
        Notes for the reader.
    worst
        The columns that differ most, at most three: dictionaries with ``file``, ``column``, ``row``, ``first``,
        ``second``, ``largest`` (relative to the largest magnitude of the column) and ``n_different``.
    scores
        The change of each score, as in the section ``scores`` of :class:`gaitmap_results.RunDiff`.
    causes
        The other differences between the two runs that may be the cause.
    figures
        How the judgement was made: tolerance, environment, number of values, machine.
    stderr
        The end of the recorded code's error stream, if it failed.
    attestation
        The file with the judgement, if one was stored.
    kept
        The folder with everything, if ``keep`` was set.

    Examples
    --------
    >>> from gaitmap_results import Reproduction
    >>> why = ["No index has steps==1.0."]
    >>> Reproduction("a", "not reproducible", reasons=why).is_reproduced
    False
    """

    path: Path
    verdict: str
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    worst: list[dict[str, Any]] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    causes: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    stderr: str | None = None
    attestation: Path | None = None
    kept: Path | None = None

    @property
    def is_reproduced(self) -> bool:
        """Whether the numbers were reproduced, exactly or within the tolerance."""
        return self.verdict in _REPRODUCED

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        paths = {
            name: None if path is None else str(path)
            for name, path in (("path", self.path), ("attestation", self.attestation), ("kept", self.kept))
        }
        return {**asdict(self), **paths, "is_reproduced": self.is_reproduced}

    def __str__(self) -> str:
        lines = [self.verdict, *(f"  {reason}" for reason in self.reasons)]
        lines += [f"  {score_line(each)}" for each in self.scores]
        lines += [f"  {worst_line(each)}" for each in self.worst]
        if self.causes:
            lines.append(f"  what else differs: {', '.join(self.causes)} (`gaitmap-results diff` shows more)")
        if self.stderr:
            lines += ["  the last lines of its standard error:", *self.stderr.splitlines()[-20:]]
        if self.attestation is not None:
            lines.append(f"  stored in {self.attestation}")
        if self.kept is not None:
            lines.append(f"  everything is kept in {self.kept}")
        return printable("\n".join(lines))

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def reproduce_run(
    path: str | Path,
    *,
    rtol: float = 1e-5,
    environment: Literal["recorded", "current"] = "recorded",
    python: str | Path | None = None,
    keep: bool = False,
) -> Reproduction:
    """Run a recorded run again from its commit, in an environment made from its record, and compare the numbers.

    This runs the recorded code.
    Do it only with records of people whom you trust.

    The repository must be on this machine: in the working directory, at its recorded path, or around the run.
    Code and environment are made in temporary folders and removed in the end; your working tree stays unchanged.
    The judgement is stored beside the run, in ``.attestations/{run_id}`` of the results folder.

    Parameters
    ----------
    path
        The run folder.
    rtol
        The largest difference that counts as agreement, relative to the largest magnitude of the column.
        A challenge may set another one for a score, in ``TOLERANCES``.
    environment
        ``recorded`` makes an environment with the recorded Python and packages.
        ``current`` uses this Python and its packages.
    python
        The Python for the environment; without it, a Python of the recorded version is searched for.
    keep
        Whether to keep the temporary folders.

    Returns
    -------
    reproduction
        Its ``verdict`` says whether the numbers were reproduced; printed, it says where they were not.

    Raises
    ------
    RunNotFoundError, CorruptRunError
        If there is no run at ``path``, or it cannot be read.
    NotReproducibleError
        If it is a debug run, had uncommitted changes, or was changed after it was published.
    InvalidOptionError
        If an option makes no sense.
    ResultsFolderError
        If the judgement cannot be stored.

    Examples
    --------
    >>> from gaitmap_results import reproduce_run
    >>> run = "results/gait.StrideLength/1.0.0/shin/20261125_101500"
    >>> reproduce_run(run).verdict  # doctest: +SKIP
    'bitwise'
    """
    return reproduce(path, rtol=rtol, environment=environment, python=python, keep=keep)


def check_run(
    path: str | Path,
    *,
    environment: str = "recorded",
    python: str | Path | None = None,
    report: Report = lambda _: None,
) -> Plan:
    """Return the plan of a reproduction with its obstacles, without running recorded code."""
    _check_options(1e-5, environment)
    plan = make_plan(read_run(Path(path)), environment=environment, python=python)
    with open_workspace() as workspace:
        check_packages(plan, workspace, report)
    return plan


def reproduce(
    path: str | Path,
    *,
    rtol: float = 1e-5,
    environment: str = "recorded",
    python: str | Path | None = None,
    keep: bool = False,
    report: Report = lambda _: None,
    confirm: Callable[[Plan], bool] = lambda _: True,
) -> Reproduction:
    """Reproduce a run like :func:`reproduce_run`, report each step, and ask before recorded code runs."""
    _check_options(rtol, environment)
    record = read_run(Path(path))
    plan = make_plan(record, environment=environment, python=python)
    run = record.summary.path
    with ExitStack() as until_done:
        workspace = until_done.enter_context(open_workspace(keep=keep))
        kept = workspace.folder if keep else None
        made = check_packages(plan, workspace, report)
        if plan.problems:
            return Reproduction(run, "not reproducible", plan.problems, plan.notes, kept=kept)
        if not confirm(plan):
            return Reproduction(run, "not reproducible", ["You did not agree to run the recorded code."], plan.notes)
        try:
            finished, judgement = _attempted(plan, workspace, made, report, rtol)
        except (EnvironmentFailedError, GitUnreadableError) as error:
            return Reproduction(run, "not reproducible", [str(error)], plan.notes, kept=kept)
        if judgement is None:
            ended = f"The recorded code ended with exit code {finished.code}"
            why = "" if finished.code else " and recorded no run of this challenge and entry"
            notes = [*plan.notes, *([_ABOUT_FILES] if "FileNotFoundError" in finished.errors else [])]
            return Reproduction(run, "failed", [f"{ended}{why}."], notes, stderr=finished.errors, kept=kept)
        lock = made[1].lock if made is not None else None
        figures = _figures(plan, judgement, rtol)
        attestation = attest(record, judgement, figures, None if lock is None else lock.text)
    return _told(plan, judgement, figures, attestation, kept)


def _attempted(
    plan: Plan, workspace: Workspace, made: Environment | None, report: Report, rtol: float
) -> tuple[Finished, Judgement | None]:
    """Call the entry, and if it alone does not give the numbers, the command that called it.

    What a script does before the call may matter: seeds, global variables, arguments that a record cannot hold.
    """
    first = _run_and_judge(plan, workspace, made, report, rtol)
    is_alone = plan.call is not None and plan.call.entry is not None
    command = whole_command(plan.record) if is_alone else None
    if command is None or (first[1] is not None and first[1].verdict != "differs"):
        return first
    call, plan.call = plan.call, command
    report("The entry alone did not give the recorded numbers")
    workspace.empty_store()
    second = _run_and_judge(plan, workspace, made, report, rtol)
    if second[1] is None or (first[1] is not None and second[1].verdict == "differs"):
        plan.call = call
        return first
    alone = "failed" if first[1] is None else "gave other numbers"
    plan.notes.append(f"The entry {alone} when it was called alone; this is what `{describe_call(command)}` gave.")
    return second


def _run_and_judge(
    plan: Plan, workspace: Workspace, made: Environment | None, report: Report, rtol: float
) -> tuple[Finished, Judgement | None]:
    """Run the recorded code, and judge the run that it makes, if it makes one."""
    finished = run_again(plan, workspace, made, report)
    alone = plan.call is not None and plan.call.entry is not None
    new = find_new_run(plan.record, workspace.store, alone=alone)
    if new is None or (finished.code != 0 and "block.raised" in new.debug_reasons):
        return finished, None
    report("Comparing the numbers")
    return finished, judge(plan.record, new.path, rtol)


def _check_options(rtol: object, environment: str) -> None:
    if environment not in _ENVIRONMENTS:
        raise InvalidOptionError(f"environment is {environment!r}; it takes 'recorded' or 'current'.")
    if isinstance(rtol, bool) or not isinstance(rtol, (int, float)) or not 0 <= rtol < math.inf:
        raise InvalidOptionError(f"rtol is {rtol!r}; it takes a number that is not negative, such as 1e-5.")


def _told(
    plan: Plan, judgement: Judgement, figures: dict[str, Any], attestation: Path | None, kept: Path | None
) -> Reproduction:
    notes = list(plan.notes)
    if attestation is None:
        notes.append(
            "The judgement is not stored: the run is not in a results folder, it has no manifest, or a link is in the "
            "place of its attestations."
        )
    is_other = judgement.verdict in ("within tolerance", "differs")
    return Reproduction(
        plan.record.summary.path,
        judgement.verdict,
        notes=notes,
        worst=figures["worst"],
        scores=judgement.scores if is_other else [],
        causes=judgement.causes if is_other else {},
        figures=figures,
        attestation=attestation,
        kept=kept,
    )


def _figures(plan: Plan, judgement: Judgement, rtol: float) -> dict[str, Any]:
    """Return the figures behind the judgement, as stored beside the Statement."""
    numbers = judgement.numbers
    largest = numbers.results[0].largest if numbers.results else 0.0
    return {
        "schema_version": _SCHEMA_VERSION,
        "run_id": plan.record.summary.run_id,
        "verdict": judgement.verdict,
        "reproduced": datetime.now(timezone.utc).isoformat(),
        "recorder_version": __version__,
        "rtol": rtol,
        "environment": plan.environment,
        "python": None if plan.python is None else plan.python.version,
        "n_different": sum(each.n_different for each in numbers.results),
        "largest": largest if math.isfinite(largest) else None,
        "worst": [
            {**asdict(each), "largest": each.largest if math.isfinite(each.largest) else None}
            for each in numbers.results[:_N_WORST]
        ],
        "scores": judgement.scores,
        "causes": judgement.causes,
        "machine": _machine(),
    }


def _machine() -> dict[str, Any]:
    try:
        return {"cpu": cpu_info().get("brand_raw"), "system": os_info().get("system")}
    except (OSError, GaitmapResultsError):
        return {}
