"""Claim an unfinished run by a rename, so that only one process recovers or discards it."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gaitmap_results.exceptions import RunNotFoundError
from gaitmap_results.store import files
from gaitmap_results.store.journal import Journal
from gaitmap_results.store.layout import JOURNAL_FILE
from gaitmap_results.unfinished.run_finding import Place

if TYPE_CHECKING:
    from gaitmap_results.provenance.process_identity import ProcessIdentity

__all__ = ["claimed", "holder_of", "refuse_claimed"]

_logger = logging.getLogger("gaitmap_results")
# The folder's name holds the claiming process, because only the name changes atomically with the rename.
_CLAIM: Final = re.compile(r".*\.claimed-(?P<pid>\d+)-(?P<clock>[tc])(?P<start>\d+)-(?P<where>\w+-\w+-\w+)")


def holder_of(place: Place) -> str | None:
    """Return the process that is recovering or discarding a run; ``None`` if none is, or it has ended."""
    match = _CLAIM.fullmatch(place.folder.name)
    if match is None or _is_gone(match) is True:
        return None
    where = "on this computer" if _is_gone(match) is False else "that cannot be seen from here"
    return f"process {match['pid']} {where}"


def refuse_claimed(place: Place, *, by_force: bool = False) -> None:
    """Refuse a run that another process holds.

    Parameters
    ----------
    by_force
        Whether to take it from a process that is not visible, or from this one, which may have failed to release it.

    Raises
    ------
    RunNotFoundError
        If another process holds it.
    """
    holder = holder_of(place)
    match = _CLAIM.fullmatch(place.folder.name)
    if holder is None or match is None:
        return
    if by_force and (_is_gone(match) is None or int(match["pid"]) == os.getpid()):
        return
    raise RunNotFoundError(
        f"The unfinished run {place.run_id} is not available: {holder} has claimed it, to recover or discard it. Wait "
        f"for that. If you know that this process has ended, rename {place.folder} to {place.run_id}."
    )


@contextmanager
def claimed(place: Place) -> Iterator[Place]:
    """Hold a run by renaming its folder, or its journal if there is no folder; release it if the body raises.

    Raises
    ------
    RunNotFoundError
        If another process holds it.
    OSError
        If it cannot be renamed.
    """
    held = _claim(place)
    try:
        yield held
    except BaseException:
        _give_back(held)
        raise


def _claim(place: Place) -> Place:
    folder = place.folder.with_name(f"{place.run_id}{_suffix()}")
    held = Place(place.run_id, folder, (folder / JOURNAL_FILE, Journal.aside_path(folder)))
    journals = [path for path in place.journals if path.parent != place.folder and path.exists()]
    try:
        if files.is_real_folder(place.folder):
            files.retry_on_windows(os.rename, place.folder, folder)
            _take_along(journals, folder / JOURNAL_FILE)
        else:
            for path in journals or place.journals[:1]:
                files.move_file(path, Journal.aside_path(folder))
    except FileNotFoundError as error:
        raise RunNotFoundError(
            f"The unfinished run {place.run_id} is gone: another process has claimed it just now, to recover or "
            "discard it, or has published it."
        ) from error
    for former in {place.folder, folder.with_name(place.run_id)}:  # a kill may have cut off a journal
        files.remove_file(Journal.temporary_path(former))
    return held


def _take_along(journals: list[Path], target: Path) -> None:
    """Restore a journal that was set aside; it belongs to the folder that we hold."""
    for path in journals:
        if not target.exists():
            files.move_file(path, target)


def _give_back(held: Place) -> None:
    folder = held.folder.with_name(held.run_id)
    try:
        if held.folder.is_dir():
            files.retry_on_windows(os.rename, held.folder, folder)
        aside = Journal.aside_path(held.folder)
        if aside.exists():
            files.move_file(aside, Journal.aside_path(folder))
    except OSError as error:  # it will be found there once this process has ended
        _logger.warning("The unfinished run %s could not be given back: %s", held.folder, error)


def _suffix() -> str:
    from gaitmap_results.provenance.process_identity import current_process

    own = current_process()
    start = f"t{own.start_ticks}" if own.start_ticks is not None else f"c{own.create_time or 0:.0f}"
    return f".claimed-{own.pid}-{start}-{_where(own)}"


def _where(process: ProcessIdentity) -> str:
    facts = (process.host, process.boot_id, process.pid_namespace)
    return "-".join(hashlib.sha256(fact.encode()).hexdigest()[:8] if fact else "none" for fact in facts)


def _is_gone(match: re.Match[str]) -> bool | None:
    """Say whether the claiming process has ended; ``None`` if this machine cannot tell."""
    from gaitmap_results.provenance.process_identity import current_process, process_is_gone

    own = current_process()
    parts = zip(("host", "boot_id", "pid_namespace"), match["where"].split("-"), _where(own).split("-"), strict=True)
    elsewhere: dict[str, Any] = {name: "another" for name, theirs, ours in parts if theirs != ours}
    is_ticks, start = match["clock"] == "t", int(match["start"])
    claimer = replace(
        own, pid=int(match["pid"]), start_ticks=start if is_ticks else None, create_time=None if is_ticks else start
    )
    return process_is_gone(replace(claimer, **elsewhere))
