"""Derive the status of a run that was never published, with its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timezone
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gaitmap_results.store.heartbeat import SignOfLife, last_sign_of_life
from gaitmap_results.store.journal import JournalContent
from gaitmap_results.unfinished.slurm_queue import JobAnswer, Slurm

if TYPE_CHECKING:
    from gaitmap_results.provenance.process_identity import ProcessIdentity

__all__ = ["Verdict", "judge"]

_SAID: Final = {
    "failed": "it ended with an error",
    "interrupted": "it was interrupted (Ctrl-C, or a cancelled task)",
    "terminated": "a signal asked it to end",
    "save_failed": "saving it failed",
    "rescued": "its results folder could no longer be written; its results are in a rescue folder",
}


@dataclass(frozen=True)
class Verdict:
    """The status of an unfinished run, and what it is based on.

    Attributes
    ----------
    status
        ``running``, ``failed``, ``interrupted``, ``terminated``, ``save_failed``, ``lost`` or ``unknown``.
    certainty
        ``certain``, ``probable`` or ``unknown``.
    evidence
        What the status is based on, in words.
    shows_signs_of_life
        Whether its heartbeat is fresh, so that its block is still open.
    """

    status: str
    certainty: str
    evidence: str
    shows_signs_of_life: bool = False


def judge(journal: JournalContent, slurm: Slurm, file: Path | None = None) -> Verdict:
    """Return the status of an unfinished run.

    An end that its program has recorded is final.
    Otherwise its process decides, then its Slurm job and its heartbeat.

    Parameters
    ----------
    journal
        The content of the run's journal.
    slurm
        Answers about Slurm jobs.
    file
        The journal's file, whose time stamp is the heartbeat of runs that have one.
    """
    # Imported here because it imports psutil.
    from gaitmap_results.provenance.process_identity import ProcessIdentity, process_is_gone

    said = journal.status
    if said in _SAID:
        status = "save_failed" if said == "rescued" else said
        return Verdict(status, "certain", f"The run's journal says: {_SAID[said]}.")
    if journal.process is None:
        return Verdict("unknown", "unknown", "The run's journal does not say which process it belongs to.")
    identity = ProcessIdentity.from_json(journal.process)
    who = f"process {identity.pid} on {identity.host or 'an unknown computer'}"
    gone = process_is_gone(identity)
    if gone is not None:
        verdict = f"Its {who} has ended" if gone else f"Its {who} is alive"
        return Verdict("lost" if gone else "running", "certain", f"{verdict}.")
    answer = None
    if identity.slurm_job_id is not None:
        answer = slurm.ask(
            identity.slurm_job_id, started=None if journal.started is None else journal.started.timestamp()
        )
    sign = None if file is None else last_sign_of_life(file, journal.heartbeat_s)
    return _from_elsewhere(answer, sign, who) or Verdict("unknown", "unknown", _why_unknown(identity, who, journal))


def _from_elsewhere(answer: JobAnswer | None, sign: SignOfLife | None, who: str) -> Verdict | None:
    """Judge a run whose process is not visible; a fresh heartbeat outweighs Slurm's answer."""
    but = "" if answer is None else f" {answer.words}."
    if sign is not None and not sign.is_overdue:
        alive = f"Its {who} cannot be seen from here, but {sign.words}.{but}"
        return Verdict("running", "probable", alive, shows_signs_of_life=True)
    # A running job proves nothing: it may be running other programs.
    if answer is not None and (answer.is_over or sign is None):
        return Verdict("lost" if answer.is_over else "running", "probable", f"{answer.words}.")
    if sign is None:
        return None
    ended = f"Its {who} has probably ended: {sign.words}. It cannot be seen from here; it may also be held up.{but}"
    return Verdict("lost", "probable", ended)


def _why_unknown(identity: ProcessIdentity, who: str, journal: JournalContent) -> str:
    asked = "" if identity.slurm_job_id is None else f", and Slurm did not answer about job {identity.slurm_job_id}"
    # Only runs with resource sampling have a heartbeat: its thread makes forks of the user's program less safe.
    silence = " A journal is written only when something changes, so an old one does not mean that the run has ended."
    moment = None if journal.updated is None else journal.updated.astimezone(timezone.utc)
    last = "" if moment is None else f" Its last sign of life was at {moment:%Y-%m-%d %H:%M} UTC."
    return f"Its {who} cannot be seen from here{asked}.{last}{silence}"
