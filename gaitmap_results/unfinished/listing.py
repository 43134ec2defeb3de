"""List the runs that were started but never published."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from gaitmap_results.config import find_results_folder
from gaitmap_results.exceptions import RunNotFoundError, SkippedRunWarning
from gaitmap_results.showing.text import as_argument
from gaitmap_results.store.entry_names import entry_text
from gaitmap_results.store.journal import JournalContent
from gaitmap_results.store.layout import UNFINISHED_DIR
from gaitmap_results.store.staging import has_core_results
from gaitmap_results.unfinished.claiming import holder_of
from gaitmap_results.unfinished.run_finding import (
    Place,
    find_kept_challenge,
    find_places,
    find_published,
    find_rescued,
)
from gaitmap_results.unfinished.slurm_queue import Slurm
from gaitmap_results.unfinished.verdict import Verdict, judge
from gaitmap_results.user_code.user_warnings import warn_user

__all__ = [
    "LATEST",
    "UnfinishedRun",
    "UnfinishedRunOnDisk",
    "find_unfinished_run",
    "is_complete",
    "list_unfinished",
    "read_place",
    "unfinished_runs",
]

_START_S: Final = 0.02
#: Names the run that started last, as in every other command.
LATEST: Final = "@latest"


@dataclass(frozen=True)
class UnfinishedRun:
    """A run that was started but not published.

    Attributes
    ----------
    run_id
        Its identifier (UUID).
    status
        What became of it: ``running``, ``failed``, ``interrupted``, ``terminated``, ``save_failed``, ``lost`` (its
        process ended without recording why) or ``unknown``.
    certainty
        How certain the status is: ``certain``, ``probable`` or ``unknown``.
    evidence
        What the status is based on, in words.
    entry_name
        The name of the entry; ``None`` if it cannot be read.
    started
        When the run started; ``None`` if it cannot be read.
    path
        Its folder in ``.unfinished``.
    core_results
        ``none``, ``partial``, ``complete`` (the run can be recovered) or ``unknown``.
    challenge_name, challenge_version
        The challenge that ran; ``None`` before one has finished.
    error
        The error with which the run ended, if any.
    rescued_to
        Where its results are, if the results folder could no longer be written.
    challenge_file
        The pickle of the challenge, or of its attributes, if its results could not be saved.

    Examples
    --------
    >>> from gaitmap_results import unfinished_runs
    >>> run = unfinished_runs("results")[0]
    >>> run.entry_name, run.status, run.certainty
    ('shin', 'failed', 'certain')
    """

    run_id: str
    status: str
    certainty: str
    evidence: str
    entry_name: str | tuple[str, ...] | None
    started: datetime | None
    path: Path
    core_results: str
    challenge_name: str | None = None
    challenge_version: str | None = None
    error: str | None = None
    rescued_to: Path | None = None
    challenge_file: Path | None = None


@dataclass(frozen=True)
class UnfinishedRunOnDisk:
    """An unfinished run with what is needed to publish or delete it.

    Attributes
    ----------
    run
        The run.
    place
        Where it is on disk.
    journal
        The content of its journal; empty if it cannot be read.
    published_as
        Its run folder, if a kill right after the publication left only the journal behind.
    shows_signs_of_life
        Whether its heartbeat is fresh, so that its block is still open.
    """

    run: UnfinishedRun
    place: Place
    journal: JournalContent
    published_as: Path | None
    shows_signs_of_life: bool = False


def unfinished_runs(results: str | Path | None = None) -> list[UnfinishedRun]:
    """Return the runs below a results folder that were started but not published, oldest first.

    The status of each is derived now, from its journal, its process, its Slurm job and its heartbeat.

    Parameters
    ----------
    results
        The results folder.
        If not given, the config's is used.

    Returns
    -------
    runs
        The runs; none of them is changed.

    Raises
    ------
    ConfigError
        If no config says where runs are stored, or the config is wrong.
    RunNotFoundError
        If there is no such results folder, or its ``.unfinished`` cannot be read.

    Warns
    -----
    SkippedRunWarning
        If something in ``.unfinished`` is not a run; it is named and skipped.

    Examples
    --------
    >>> from gaitmap_results import unfinished_runs
    >>> for run in unfinished_runs("results"):
    ...     print(run.entry_name, run.status, run.core_results)
    shin failed none
    """
    runs, skipped = list_unfinished(find_results_folder(results))
    if skipped:
        warn_user("\n".join(skipped), SkippedRunWarning)
    return runs


def list_unfinished(results_folder: Path) -> tuple[list[UnfinishedRun], list[str]]:
    """Return the unfinished runs of a results folder, oldest first, and what was skipped and why.

    Raises
    ------
    RunNotFoundError
        If there is no such results folder, or its ``.unfinished`` cannot be read.
    """
    places, skipped = find_places(results_folder)
    slurm = Slurm()
    found = [read_place(results_folder, place, slurm) for place in places]
    return _oldest_first(each.run for each in found if each is not None and each.published_as is None), skipped


def _oldest_first(runs: Iterable[UnfinishedRun]) -> list[UnfinishedRun]:
    latest = datetime.max.replace(tzinfo=timezone.utc)
    return sorted(runs, key=lambda run: (run.started or latest, run.run_id))


def find_unfinished_run(results_folder: Path, name: str) -> UnfinishedRunOnDisk:
    """Return an unfinished run by its id or the beginning of it, its folder, its entry, or ``@latest``.

    This also finds a published run whose journal was left behind by a kill.

    Raises
    ------
    RunNotFoundError
        If there is none, or several.
    """
    places, _ = find_places(results_folder)
    matching = _named(places, name.strip()) if name.strip() else []
    if len(matching) > 1:
        raise RunNotFoundError(
            f"{name!r} names {len(matching)} unfinished runs in {results_folder}, the oldest first:"
            f"{''.join(_identified(results_folder, matching))}\nGive one of these identifiers, or its beginning."
        )
    found = read_place(results_folder, matching[0]) if matching else None
    if found is not None:
        return found
    raise RunNotFoundError(
        f"There is no unfinished run {name!r} in {results_folder}. List those that are there with\n"
        f"  gaitmap-results unfinished {as_argument(results_folder)}"
    )


def _identified(results_folder: Path, places: list[Place]) -> Iterator[str]:
    """Yield a line for each of several unfinished runs, oldest first."""
    slurm = Slurm()
    found = [read_place(results_folder, place, slurm) for place in places]
    for run in _oldest_first(each.run for each in found if each is not None):
        started = "at an unknown time" if run.started is None else run.started.astimezone().isoformat(" ", "seconds")
        yield f"\n  {run.run_id}  started {started}, {run.status}, core results: {run.core_results}"


def _named(places: list[Place], word: str) -> list[Place]:
    folder = Path(word)
    is_path = folder.parent.name == UNFINISHED_DIR
    start = folder.name.partition(".")[0] if is_path else word.lower()
    by_id = [place for place in places if start and place.run_id.startswith(start)]
    if is_path or by_id:
        return by_id
    journals = [(place, place.read_journal()[0]) for place in places]
    if word == LATEST:
        known = [(journal.started, place.run_id, place) for place, journal in journals if journal.started is not None]
        return [max(known)[-1]] if known else []
    named = [(place, entry_text(each.entry_name), each) for place, each in journals if each.entry_name]
    exact = [place for place, entry, _ in named if entry == word]
    part = word.casefold()
    found = exact or [place for place, entry, _ in named if part in entry.casefold()]
    # The first word of several may be a part of the challenge's name.
    challenge, _, part = part.partition(" ")
    return found or [
        place
        for place, entry, journal in named
        if part and challenge in (journal.challenge_name or "").casefold() and part in entry.casefold()
    ]


def read_place(results_folder: Path, place: Place, slurm: Slurm | None = None) -> UnfinishedRunOnDisk | None:
    """Read the run in a place; return ``None`` if it was just published, deleted or claimed."""
    folder = place.folder
    journal, problem, file = place.read_journal()
    if file is None and folder.is_dir():
        # A starting run writes its journal a moment after it has made its folder.
        time.sleep(_START_S)
        journal, problem, file = place.read_journal()
    is_aside, has_folder = file is not None and file.parent != folder, folder.is_dir()
    if not has_folder and not is_aside:
        return None
    # After the look at the folder: a run that was published meanwhile is there.
    published = find_published(results_folder, place.run_id, journal) if is_aside else None
    verdict = judge(journal, slurm or Slurm(), file) if problem is None else Verdict("unknown", "unknown", problem)
    if not has_folder and published is None:
        verdict = Verdict(
            "unknown", "unknown", "It was about to be published; its folder has been moved or deleted since."
        )
    rescued = None if is_complete(folder, journal) else find_rescued(place.run_id, journal)
    if rescued is not None and rescued.parent.name != UNFINISHED_DIR:
        # Its program is done with it, even if a full disk kept the journal from saying so.
        verdict = Verdict("save_failed", "certain", f"The results folder could not be written; it is in {rescued}.")
    holder = holder_of(place)
    run = UnfinishedRun(
        run_id=place.run_id,
        status=verdict.status,
        certainty=verdict.certainty,
        evidence=verdict.evidence + (f" It is being recovered or discarded by {holder}." if holder else ""),
        entry_name=journal.entry_name,
        started=journal.started,
        path=folder,
        core_results=_core_results(folder, journal, rescued),
        challenge_name=journal.challenge_name,
        challenge_version=journal.challenge_version,
        error=_error(journal.error),
        rescued_to=rescued,
        challenge_file=None if journal.status == "running" else find_kept_challenge(place.run_id, folder, journal),
    )
    return UnfinishedRunOnDisk(run, place, journal, published, verdict.shows_signs_of_life)


def _core_results(folder: Path, journal: JournalContent, rescued: Path | None) -> str:
    stated = journal.core_results
    if rescued is not None:
        return "complete"
    if stated not in ("none", "partial", "complete"):
        return "unknown" if has_core_results(folder) else "none"
    if stated == "complete" and not is_complete(folder, journal):
        return "none"
    if stated == "none" and has_core_results(folder):
        return "partial"  # the program ended while writing them
    return str(stated)


def is_complete(folder: Path, journal: JournalContent) -> bool:
    """Say whether an unfinished run's folder holds all core results that its journal lists."""
    return journal.core_results == "complete" and has_core_results(folder)


def _error(error: dict[str, Any] | None) -> str | None:
    if error is None or not isinstance(error.get("message"), str):
        return None
    kind, message = error.get("type"), error["message"]
    return ": ".join(filter(None, [kind, message])) if isinstance(kind, str) else str(message)
