"""Read what was said about a run after it was published: whether it was withdrawn, and why."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final

from gaitmap_results.reading.index import RunSummary
from gaitmap_results.reading.run_files import read_run_json

__all__ = ["attestations_folder", "withdrawals", "withdrawn_reason"]

_ATTESTATIONS: Final = ".attestations"
_WITHDRAWN: Final = "withdrawn.json"
_NO_REASON: Final = "no reason is given"


def attestations_folder(summary: RunSummary) -> Path | None:
    """Return the folder with what was said about a run; ``None`` if the run has no id. It need not exist."""
    store = _store(summary)
    return None if store is None or not _is_name(summary.run_id) else Path(store, _ATTESTATIONS, str(summary.run_id))


def withdrawn_reason(summary: RunSummary) -> str | None:
    """Return why a run was withdrawn; ``None`` if it was not."""
    return withdrawals()(summary)


def withdrawals() -> Callable[[RunSummary], str | None]:
    """Return :func:`withdrawn_reason` for many runs: it looks into each results folder once."""
    ids = lru_cache(maxsize=None)(_attested_ids)

    def reason(summary: RunSummary) -> str | None:
        store = _store(summary)
        if store is None or summary.run_id not in ids(store):
            return None
        return _reason(Path(store, _ATTESTATIONS, summary.run_id))

    return reason


def _store(summary: RunSummary) -> str | None:
    """Return the results folder that a run lies in: above its entry, its version and its challenge."""
    parts = summary.folder.split(os.sep)
    depth = 1 + len(summary.entry) + 2
    return os.sep.join(parts[:-depth]) if len(parts) > depth else None


def _attested_ids(store: str) -> frozenset[str]:
    try:
        return frozenset(os.listdir(os.path.join(store, _ATTESTATIONS)))
    except OSError:
        return frozenset()


def _is_name(run_id: str | None) -> bool:
    return run_id is not None and run_id not in ("", ".", "..") and not set(run_id) & {"/", "\\", "\0"}


def _reason(folder: Path) -> str | None:
    try:
        said = read_run_json(folder, _WITHDRAWN)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        return f"{_NO_REASON}: {folder / _WITHDRAWN} cannot be read ({error})"
    reason = said.get("reason") if isinstance(said, dict) else None
    return reason if isinstance(reason, str) and reason.strip() else _NO_REASON
