"""List the runs that were started and never published."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from gaitmap_results.config import find_results_folder
from gaitmap_results.exceptions import RunNotFoundError, SkippedRunWarning
from gaitmap_results.store.journal import Journal, JournalContent, read_journal
from gaitmap_results.store.layout import JOURNAL_FILE, UNFINISHED_DIR
from gaitmap_results.store.staging import has_core_results
from gaitmap_results.unfinished.rescued import find_published, find_rescued
from gaitmap_results.unfinished.slurm_queue import Slurm
from gaitmap_results.unfinished.verdict import Verdict, judge
from gaitmap_results.user_code.user_warnings import warn_user

__all__ = [
    "UnfinishedRun",
    "UnfinishedRunOnDisk",
    "find_unfinished_run",
    "is_complete",
    "list_unfinished",
    "unfinished_runs",
]

_START_S: Final = 0.02
_UUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_NAME: Final = re.compile(rf"(?P<run_id>{_UUID})(?P<journal>\.{re.escape(JOURNAL_FILE)}(?:\.new)?)?")


@dataclass(frozen=True)
class UnfinishedRun:
    """A run that was started and not published.

    Attributes
    ----------
    run_id
        Its identifier (UUID).
    status
        What became of it: ``running``, ``failed``, ``interrupted``, ``terminated``, ``save_failed``, ``lost`` (its
        process ended without recording why) or ``unknown``.
    certainty
        How sure that is: ``certain``, ``probable`` or ``unknown``.
    evidence
        What that is based on, in words.
    entry_name
        The name of the entry; ``None`` if it cannot be read.
    started
        When the run started; ``None`` if it cannot be read.
    path
        Its folder in ``.unfinished``.
    core_results
        ``none``, ``partial``, ``complete`` (the run can be recovered) or ``unknown``.
    challenge_name, challenge_version
        Which challenge ran; ``None`` before one has finished.
    error
        The error with which the run ended, if any.
    rescued_to
        Where its results are, if the results folder could not be written any more.

    Examples
    --------
    >>> import tempfile
    >>> from gaitmap_results import recorded_run, unfinished_runs
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     try:
    ...         with recorded_run("entry", path=folder, use_git=False):
    ...             raise ValueError("a mistake")
    ...     except ValueError:
    ...         pass
    ...     run = unfinished_runs(folder)[0]
    ...     run.entry_name, run.status, run.certainty, run.core_results
    ('entry', 'failed', 'certain', 'none')
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


@dataclass(frozen=True)
class UnfinishedRunOnDisk:
    """An unfinished run with what is needed to publish or delete it.

    Attributes
    ----------
    run
        The run.
    journal
        What its journal says; nothing, if it cannot be read.
    published_as
        Its run folder, if it was killed after it had been published, so that only the journal was left behind.
    """

    run: UnfinishedRun
    journal: JournalContent
    published_as: Path | None


def unfinished_runs(results: str | Path | None = None) -> list[UnfinishedRun]:
    """Return the runs below a results folder that were started and not published, oldest first.

    What became of each is derived now, from its journal, its process, its Slurm job and its heartbeat; see
    :class:`UnfinishedRun`.

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
        If there is no config to say where runs are stored, or it is wrong.
    RunNotFoundError
        If there is no such results folder, or its ``.unfinished`` cannot be read.

    Warns
    -----
    SkippedRunWarning
        If something in ``.unfinished`` is no run; it is named and skipped.

    Examples
    --------
    >>> import tempfile
    >>> from gaitmap_results import recorded_run, unfinished_runs
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     try:
    ...         with recorded_run("my_entry", path=folder, use_git=False):
    ...             raise RuntimeError("no such recording")
    ...     except RuntimeError:
    ...         pass
    ...     [(run.entry_name, run.status, run.core_results) for run in unfinished_runs(folder)]
    [('my_entry', 'failed', 'none')]
    """
    runs, skipped = list_unfinished(find_results_folder(results))
    if skipped:
        warn_user("\n".join(skipped), SkippedRunWarning)
    return runs


def list_unfinished(results_folder: Path) -> tuple[list[UnfinishedRun], list[str]]:
    """Return the unfinished runs of a results folder, oldest first, and what was skipped there and why.

    Raises
    ------
    RunNotFoundError
        If there is no such results folder, or its ``.unfinished`` cannot be read.
    """
    run_ids, skipped = _run_ids(results_folder)
    slurm = Slurm()
    found = [each for run_id in run_ids for each in _read(results_folder, run_id, slurm)]
    runs = [each.run for each in found if each.published_as is None]
    latest = datetime.max.replace(tzinfo=timezone.utc)
    return sorted(runs, key=lambda run: (run.started or latest, run.run_id)), skipped


def find_unfinished_run(results_folder: Path, run_id: str) -> UnfinishedRunOnDisk:
    """Return an unfinished run by its identifier, or by the start of it if no other run starts so.

    A run that is published, but whose journal a kill has left behind, is found, too.

    Raises
    ------
    RunNotFoundError
        If there is none, or several.
    """
    run_ids, _ = _run_ids(results_folder)
    wanted = run_id.strip().lower()
    matching = [known for known in run_ids if wanted and known.startswith(wanted)]
    if len(matching) > 1:
        raise RunNotFoundError(
            f"{run_id!r} is the start of {len(matching)} unfinished runs in {results_folder}: {', '.join(matching)}. "
            "Give more of the identifier."
        )
    for found in _read(results_folder, matching[0], Slurm()) if matching else ():
        return found
    raise RunNotFoundError(
        f"There is no unfinished run {run_id!r} in {results_folder}. List those that are there with\n"
        f"  gaitmap-results unfinished {results_folder}"
    )


def _run_ids(results_folder: Path) -> tuple[list[str], list[str]]:
    """Return the identifiers of all unfinished runs, and what else is there."""
    folder = results_folder / UNFINISHED_DIR
    if not results_folder.is_dir():
        raise RunNotFoundError(f"There is no results folder {results_folder}. Name the one that runs were stored in.")
    if folder.is_symlink():
        return [], [f"{folder} is a symbolic link; what it leads to is not looked at."]
    try:
        entries = sorted(folder.iterdir())
    except FileNotFoundError:
        return [], []
    except OSError as error:
        # Not an empty list: nobody would look for the runs that are in there.
        raise RunNotFoundError(
            f"Whether there are unfinished runs is not known: {folder} cannot be read ({error.strerror or error})."
        ) from error
    run_ids: dict[str, None] = {}
    skipped = []
    for path in entries:
        match = _NAME.fullmatch(path.name)
        if path.is_symlink():
            skipped.append(f"{path} was skipped: it is a symbolic link.")
        elif match is None or (match["journal"] is None) != path.is_dir():
            # A run that was published since the folder was listed is gone, and nothing to warn about; file servers and
            # file managers keep files that start with a dot everywhere.
            if path.exists() and not path.name.startswith("."):
                skipped.append(f"{path} was skipped: it is no unfinished run.")
        elif not path.name.endswith(".new"):  # a journal that was being written when its run was killed
            run_ids[match["run_id"]] = None
    return list(run_ids), skipped


def _read(results_folder: Path, run_id: str, slurm: Slurm) -> Iterator[UnfinishedRunOnDisk]:
    """Yield the run, or nothing if it was published or deleted just now."""
    folder = results_folder / UNFINISHED_DIR / run_id
    journal, problem, is_aside = _read_journal(folder)
    if problem is not None and not is_aside and folder.is_dir():
        # A run that is just starting writes its journal a moment after it has made its folder.
        time.sleep(_START_S)
        journal, problem, is_aside = _read_journal(folder)
    if not folder.is_dir() and not is_aside:
        return
    published = find_published(results_folder, run_id, journal) if is_aside else None
    file = Journal.aside_path(folder) if is_aside else folder / JOURNAL_FILE
    verdict = judge(journal, slurm, file) if problem is None else Verdict("unknown", "unknown", problem)
    if published is None and is_aside and not folder.is_dir():
        published = find_published(results_folder, run_id, journal)  # it may be there since a moment
        verdict = Verdict("unknown", "unknown", "It was just being published; its folder was moved or deleted since.")
    rescued = None if is_complete(folder, journal) else find_rescued(run_id, journal)
    if rescued is not None and rescued.parent.name != UNFINISHED_DIR:
        # Its program has finished with it, even where the disk was too full for the journal to say so.
        verdict = Verdict("save_failed", "certain", f"The results folder could not be written; it is in {rescued}.")
    run = UnfinishedRun(
        run_id=run_id,
        status=verdict.status,
        certainty=verdict.certainty,
        evidence=verdict.evidence,
        entry_name=journal.entry_name,
        started=journal.started,
        path=folder,
        core_results=_core_results(folder, journal, rescued),
        challenge_name=journal.challenge_name,
        challenge_version=journal.challenge_version,
        error=_error(journal.error),
        rescued_to=rescued,
    )
    yield UnfinishedRunOnDisk(run, journal, published)


def _read_journal(folder: Path) -> tuple[JournalContent, str | None, bool]:
    """Return what a run's journal says, or why it says nothing, and whether it was set aside for the publication."""
    aside = Journal.aside_path(folder)
    problem = f"It has no {JOURNAL_FILE}: it is starting just now, or was killed when it did."
    for path in (folder / JOURNAL_FILE, aside):
        try:
            return read_journal(path), None, path == aside
        except FileNotFoundError:
            continue
        except (OSError, ValueError, RecursionError, MemoryError) as error:
            problem = f"{path} cannot be read: {error}."
    return JournalContent(), problem, aside.is_file()


def _core_results(folder: Path, journal: JournalContent, rescued: Path | None) -> str:
    stated = journal.core_results
    if rescued is not None:
        return "complete"
    if stated not in ("none", "partial", "complete"):
        return "unknown" if has_core_results(folder) else "none"
    if stated == "complete" and not is_complete(folder, journal):
        return "none"
    if stated == "none" and has_core_results(folder):
        return "partial"  # the program ended while it wrote them
    return str(stated)


def is_complete(folder: Path, journal: JournalContent) -> bool:
    """Say whether the core results in an unfinished run's folder are all there, as far as its journal knows."""
    return journal.core_results == "complete" and has_core_results(folder)


def _error(error: dict[str, Any] | None) -> str | None:
    if error is None or not isinstance(error.get("message"), str):
        return None
    kind, message = error.get("type"), error["message"]
    return f"{kind}: {message}" if isinstance(kind, str) else str(message)
