"""Derives from evidence what became of a run that was never published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from gaitmap_results._slurm import Slurm

if TYPE_CHECKING:
    from gaitmap_results._process import ProcessIdentity

__all__ = ["Verdict", "judge"]

_SAID: Final = {
    "failed": "it ended with an error",
    "interrupted": "it was interrupted (Ctrl-C, or a cancelled task)",
    "terminated": "a signal asked it to end",
    "save_failed": "saving it failed",
    "rescued": "its results folder could not be written any more; its results went to a rescue folder",
}


@dataclass(frozen=True)
class Verdict:
    """What became of a run.

    Attributes
    ----------
    status
        ``running``, ``failed``, ``interrupted``, ``terminated``, ``save_failed``, ``lost`` or ``unknown``.
    certainty
        ``certain``, ``probable`` or ``unknown``.
    evidence
        What that rests on, in words.
    """

    status: str
    certainty: str
    evidence: str


def judge(journal: dict[str, Any], slurm: Slurm) -> Verdict:
    """Return what became of a run.

    What its program wrote about its end counts; while it says "running", its process is looked for, then its Slurm job.

    Parameters
    ----------
    journal
        What the run's journal says.
        Nothing in it is taken for granted.
    slurm
        Whom to ask about Slurm jobs.
    """
    # Here, since psutil comes with it.
    from gaitmap_results._process import ProcessIdentity, process_is_gone

    said = journal.get("status")
    if isinstance(said, str) and said in _SAID:
        status = "save_failed" if said == "rescued" else said
        return Verdict(status, "certain", f"The run's journal says: {_SAID[said]}.")
    stored = journal.get("process")
    if not isinstance(stored, dict):
        return Verdict("unknown", "unknown", "The run's journal does not say which process it belongs to.")
    identity = ProcessIdentity.from_json(stored)
    who = f"process {identity.pid} on {identity.host or 'an unknown computer'}"
    gone = process_is_gone(identity)
    if gone is not None:
        verdict = f"Its {who} has ended" if gone else f"Its {who} is alive"
        return Verdict("lost" if gone else "running", "certain", f"{verdict}.")
    started = journal.get("started_utc")
    answer = None
    if identity.slurm_job_id is not None:
        known_start = float(started) if isinstance(started, (int, float)) else None
        answer = slurm.ask(identity.slurm_job_id, started=known_start)
    if answer is not None:
        return Verdict("lost" if answer.is_over else "running", "probable", f"{answer.words}.")
    return Verdict("unknown", "unknown", _why_unknown(identity, who, journal))


def _why_unknown(identity: ProcessIdentity, who: str, journal: dict[str, Any]) -> str:
    asked = (
        "" if identity.slurm_job_id is None else f", and nothing was learned about Slurm job {identity.slurm_job_id}"
    )
    # No thread keeps a heartbeat: one would make every fork of the user's program unsafe.
    silence = " A journal is written only when something changes; its silence does not mean that the run has ended."
    return f"Its {who} cannot be seen from here{asked}.{_last_sign(journal)}{silence}"


def _last_sign(journal: dict[str, Any]) -> str:
    updated = journal.get("updated_utc")
    try:
        moment = datetime.fromtimestamp(updated, timezone.utc)  # type: ignore[arg-type]  # anything else is a TypeError
    except (TypeError, ValueError, OverflowError, OSError):
        return ""
    return f" Its last sign of life is of {moment:%Y-%m-%d %H:%M} UTC."
