"""Withdraw a published run, so that it is no longer compared."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from gaitmap_results.exceptions import CorruptRunError, InvalidOptionError, ResultsFolderError
from gaitmap_results.reading.attestations import WITHDRAWN_FILE, attestations_folder, withdrawn_reason
from gaitmap_results.reading.index import read_summary
from gaitmap_results.store.files import expanded, make_folder, replace_file
from gaitmap_results.store.json_files import dump_json

__all__ = ["withdraw_run"]

_SCHEMA_VERSION: Final = 1


def withdraw_run(path: str | Path, reason: str) -> Path:
    """Withdraw a run, for example because of a bug that was found later.

    The run folder stays unchanged.
    The reason is stored in ``.attestations/{run_id}/withdrawn.json`` of the results folder.
    ``list`` and ``show`` report it, and comparisons leave out the run with this reason.
    To undo it, delete that file.

    Parameters
    ----------
    path
        The run folder.
    reason
        The reason, as readers will see it.

    Returns
    -------
    path
        The file that was written.

    Raises
    ------
    RunNotFoundError, CorruptRunError
        If there is no run at ``path``, or it cannot be read.
    InvalidOptionError
        If no reason is given, or the run was withdrawn before.
    ResultsFolderError
        If the run is not in a results folder, or that cannot be written.

    Examples
    --------
    >>> from gaitmap_results import get_all_result_paths, get_latest_result, withdraw_run
    >>> latest = get_latest_result(get_all_result_paths(StrideTime, "results"))
    >>> withdraw_run(latest["recalibrated",], "calibrated on the test data").name
    'withdrawn.json'
    """
    folder = os.path.abspath(expanded(path))
    try:
        summary = read_summary(folder)
    except (CorruptRunError, OSError) as error:
        raise CorruptRunError(f"The run in {folder} cannot be read: {error}.", path=Path(folder)) from error
    given: object = reason
    if not isinstance(given, str) or not given.strip():
        raise InvalidOptionError("No reason is given. Say why the run is withdrawn; readers will see it.")
    before = withdrawn_reason(summary)
    target = attestations_folder(summary)
    if before is not None:
        raise InvalidOptionError(f"The run in {folder} is already withdrawn: {before}. Delete {target} to undo this.")
    if target is None:
        raise ResultsFolderError(
            f"The reason cannot be stored: the run in {folder} is not in a results folder, or the place of its "
            "attestations there is a link. Put it into a results folder, or a folder in the place of the link."
        )
    content = {
        "schema_version": _SCHEMA_VERSION,
        "run_id": summary.run_id,
        "reason": reason.strip(),
        "withdrawn": datetime.now(timezone.utc).astimezone().isoformat(),
    }
    file = target / WITHDRAWN_FILE
    try:
        make_folder(target)
        replace_file(file, target / f"{WITHDRAWN_FILE}.new", dump_json(content))
    except OSError as error:
        raise ResultsFolderError(f"{file} cannot be written: {error.strerror or error}.") from error
    return file
