"""Read the attestations about a published run: whether it was withdrawn or reproduced."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from gaitmap_results.exceptions import CorruptRunError, RunNotFoundError
from gaitmap_results.reading.index import RunSummary
from gaitmap_results.reading.run_files import read_run_json
from gaitmap_results.store.layout import ATTESTATIONS_DIR

__all__ = [
    "FIGURES_FILE",
    "REPRODUCTION_FILE",
    "WITHDRAWN_FILE",
    "attestations_folder",
    "attested_id",
    "numbered",
    "reproduction_verdict",
    "verdicts",
    "withdrawals",
    "withdrawn_reason",
]

#: The file in a run's attestations that says why it was withdrawn.
WITHDRAWN_FILE: Final = "withdrawn.json"
#: The Statement about a reproduction; the figures are beside it.
REPRODUCTION_FILE: Final = "reproduction.json"
FIGURES_FILE: Final = "figures.json"
_VERDICTS: Final = ("bitwise", "equal but for measured times", "within tolerance", "differs")
_NO_REASON: Final = "no reason is given"


def attestations_folder(summary: RunSummary) -> Path | None:
    """Return the folder with the attestations of a run, which need not exist; ``None`` outside a results folder.

    It is also ``None`` if there is a link in its place, since a stranger's link could lead anywhere.
    """
    store = _store(summary)
    name = attested_id(summary)
    folder = None if store is None or not _is_name(name) else Path(store, ATTESTATIONS_DIR, name)
    return None if folder is None or folder.is_symlink() or folder.parent.is_symlink() else folder


def attested_id(summary: RunSummary) -> str:
    """Return the id of a run; for runs of gaitmap_challenges it is derived from identifying facts."""
    if summary.run_id is not None:
        return summary.run_id
    what = (summary.challenge_name, summary.challenge_version, *summary.entry, summary.run_start_datetime)
    return str(uuid5(NAMESPACE_URL, "\n".join(map(str, what))))


def withdrawn_reason(summary: RunSummary) -> str | None:
    """Return why a run was withdrawn; ``None`` if it was not."""
    return withdrawals()(summary)


def withdrawals() -> Callable[[RunSummary], str | None]:
    """Return :func:`withdrawn_reason` for many runs: it looks into each results folder once."""
    return _of_many(_reason)


def _of_many(read: Callable[[Path], str | None]) -> Callable[[RunSummary], str | None]:
    """Return a function that reads the attestations of a run, where there are any."""
    ids = lru_cache(maxsize=None)(_attested_ids)

    def of_run(summary: RunSummary) -> str | None:
        store = _store(summary)
        if store is None or not (found := ids(store)):
            return None
        name = attested_id(summary)
        return read(Path(store, ATTESTATIONS_DIR, name)) if name in found else None

    return of_run


def numbered(name: str, number: int) -> str:
    """Return the numbered name of a file of a reproduction, such as ``figures.1.json``."""
    stem, dot, ending = name.rpartition(".")
    return f"{stem}.{number}{dot}{ending}" if number else name


def reproduction_verdict(summary: RunSummary) -> str | None:
    """Return the verdict of the last reproduction of a run; ``None`` if there was none."""
    return verdicts()(summary)


def verdicts() -> Callable[[RunSummary], str | None]:
    """Return :func:`reproduction_verdict` for many runs: it looks into each results folder once."""
    return _of_many(_last_verdict)


def _last_verdict(folder: Path) -> str | None:
    """Return the verdict of the last reproduction; ignore files that cannot be read."""
    found: list[tuple[str, str]] = []
    stem, _, ending = FIGURES_FILE.rpartition(".")
    try:
        names = [name for name in os.listdir(folder) if name.startswith(f"{stem}.") and name.endswith(f".{ending}")]
    except OSError:
        return None
    for name in names:
        try:
            said = read_run_json(folder, name)
        except (RunNotFoundError, CorruptRunError):
            continue
        if isinstance(said, dict) and said.get("verdict") in _VERDICTS:
            found.append((str(said.get("reproduced")), said["verdict"]))
    return max(found)[1] if found else None


def _store(summary: RunSummary) -> str | None:
    """Return the results folder of a run: the folder above its entry, version and challenge."""
    depth = 1 + len(summary.entry) + 2
    store, *below = summary.folder.rsplit(os.sep, depth)
    return store if len(below) == depth else None


def _attested_ids(store: str) -> frozenset[str]:
    place = os.path.join(store, ATTESTATIONS_DIR)
    if os.path.islink(place):
        return frozenset()
    try:
        with os.scandir(place) as found:
            return frozenset(each.name for each in found if not each.is_symlink())
    except OSError:
        return frozenset()


def _is_name(run_id: str) -> bool:
    return run_id not in ("", ".", "..") and not set(run_id) & {"/", "\\", "\0"}


def _reason(folder: Path) -> str | None:
    try:
        said = read_run_json(folder, WITHDRAWN_FILE)
    except RunNotFoundError:
        return None
    except CorruptRunError as error:
        return f"{_NO_REASON}: {error}"
    reason = said.get("reason") if isinstance(said, dict) else None
    return reason if isinstance(reason, str) and reason.strip() else _NO_REASON
