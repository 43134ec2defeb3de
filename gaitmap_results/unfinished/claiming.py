"""Claim an unfinished run by a rename, so that only one process recovers or discards it."""

from __future__ import annotations

import contextlib
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
    gone = True if match is None else _is_gone(match)
    if match is None or gone is True:
        return None
    return f"process {match['pid']} {'that cannot be seen from here' if gone is None else 'on this computer'}"


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
    match = _CLAIM.fullmatch(place.folder.name)
    if match is None or (holder := holder_of(place)) is None:
        return
    if by_force and (_is_gone(match) is None or int(match["pid"]) == os.getpid()):
        return
    raise RunNotFoundError(
        f"The unfinished run {place.run_id} is not available: {holder} has claimed it, to recover or discard it. Wait "
        f"for that. If you know that this process has ended, rename {place.folder} to {place.run_id}."
    )


@contextmanager
def claimed(place: Place) -> Iterator[Place]:
    """Hold a run by renaming its folder, or by moving its journal into one; release it if the body raises.

    Raises
    ------
    RunNotFoundError
        If another process holds it.
    OSError
        If it cannot be renamed.
    """
    folder = place.folder.with_name(f"{place.run_id}{_suffix()}")
    held = Place(place.run_id, folder, (folder / JOURNAL_FILE, Journal.aside_path(folder)))
    _take(place, folder)
    try:
        yield held
    except BaseException:
        try:
            files.retry_on_windows(os.rename, folder, folder.with_name(place.run_id))
        except FileNotFoundError:  # it was published or deleted
            pass
        except OSError as error:  # it will be found there once this process has ended
            _logger.warning("The unfinished run %s could not be given back: %s", folder, error)
        raise


def _take(place: Place, folder: Path) -> None:
    # A journal that was set aside belongs into the folder.
    journals = [path for path in place.journals if path.parent != place.folder and path.exists()]
    try:
        if files.is_real_folder(place.folder):
            files.retry_on_windows(os.rename, place.folder, folder)
        elif journals:
            files.make_folder(folder)
        else:
            raise FileNotFoundError(place.folder)
        for path in journals:
            if not (folder / JOURNAL_FILE).exists():
                files.move_file(path, folder / JOURNAL_FILE)
    except FileNotFoundError as error:
        with contextlib.suppress(OSError):
            folder.rmdir()
        raise RunNotFoundError(
            f"The unfinished run {place.run_id} is gone: another process has claimed it just now, to recover or "
            "discard it, or has published it."
        ) from error
    for former in {place.folder, folder.with_name(place.run_id)}:  # a kill may have cut off a journal
        files.remove_file(Journal.temporary_path(former))


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
