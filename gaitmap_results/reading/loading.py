"""Load a run folder: metadata, core results and custom metadata."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final, NamedTuple

from gaitmap_results.challenge import all_challenge_names
from gaitmap_results.exceptions import CorruptRunError, InvalidChallengeError, RunNotFoundError, WrongChallengeError
from gaitmap_results.reading.index import repaired
from gaitmap_results.reading.run_files import links_out, read_run_json
from gaitmap_results.reading.scores import known_scores
from gaitmap_results.showing.html import run_html
from gaitmap_results.showing.text import bulleted
from gaitmap_results.store.layout import CUSTOM_METADATA_FILE, METADATA_FILE, RESULTS_DIR

__all__ = ["LoadedRun", "ResultReturn", "load_run", "load_run_custom_metadata", "load_run_metadata"]

_MAX_SHOWN: Final = 10


class _Contents(NamedTuple):
    """The three parts of a run, in the order for unpacking."""

    metadata: dict[str, Any]
    results: Any
    custom_metadata: Any


class LoadedRun(_Contents):
    """A loaded run: a named tuple of three parts, which a notebook shows as a table.

    Attributes
    ----------
    metadata
        The content of its metadata.json.
    results
        What the challenge's ``load_core_results`` returns.
    custom_metadata
        What the author of the entry stored.
    path
        The run folder; ``None`` if the run was not loaded from one.

    Examples
    --------
    >>> from gaitmap_results import LoadedRun
    >>> run = LoadedRun({"runtime": 1.5}, {"f1_score": 0.8}, {})
    >>> metadata, results, custom_metadata = run
    >>> metadata["runtime"], results["f1_score"]
    (1.5, 0.8)
    """

    path: Path | None = None

    def _repr_html_(self) -> str:
        scores = None if self.path is None else known_scores(self.path)
        return run_html(self.metadata, self.custom_metadata, self.path, scores=scores.lines() if scores else ())


#: The name in gaitmap_challenges.
ResultReturn = LoadedRun


def load_run(challenge_class: Any, folder_path: str | Path) -> LoadedRun:
    """Load a run with the challenge that wrote it.

    Parameters
    ----------
    challenge_class
        The class of the challenge, or an instance.
    folder_path
        The run folder.

    Returns
    -------
    run
        A named tuple ``(metadata, results, custom_metadata)``.

    Raises
    ------
    InvalidChallengeError
        If ``challenge_class`` has no class method ``load_core_results``.
    RunNotFoundError
        If there is no run at ``folder_path``.
    CorruptRunError
        If one of its JSON files cannot be read, or core results are links to outside the run folder.
    WrongChallengeError
        If another challenge wrote it.

    Examples
    --------
    >>> from gaitmap_results import get_all_result_paths, get_latest_result, load_run
    >>> latest = get_latest_result(get_all_result_paths(StrideTime, "results"))
    >>> run = load_run(StrideTime, latest["as_published",])
    >>> run.results["P1"], run.custom_metadata
    (0.055, {'sensor': 'lower back'})
    """
    load = getattr(challenge_class, "load_core_results", None)
    if isinstance(challenge_class, str) or not callable(load):
        raise InvalidChallengeError(
            f"load_run needs the class of the challenge, with a class method load_core_results; {challenge_class!r} "
            "has none. To read only the metadata, use load_run_metadata."
        )
    folder = Path(folder_path)
    metadata = load_run_metadata(folder)
    names = all_challenge_names(challenge_class)
    if metadata.get("challenge_name") not in names:
        raise WrongChallengeError(
            f"The run in {folder} is of the challenge {metadata.get('challenge_name')}, not of {names[0]}. "
            "Load it with the class that wrote it; if that was renamed, list the old name in its FORMER_NAMES."
        )
    _check_links(folder)
    run = LoadedRun(metadata, load(folder / RESULTS_DIR), load_run_custom_metadata(folder))
    run.path = folder
    return run


def load_run_metadata(folder_path: str | Path) -> dict[str, Any]:
    """Return the metadata of a run.

    gaitmap_challenges stored UTC time stamps that are wrong by the offset from UTC.
    They are corrected, and the key ``repaired`` names what was changed.

    Parameters
    ----------
    folder_path
        The run folder.

    Returns
    -------
    metadata
        A new dictionary each time.

    Raises
    ------
    RunNotFoundError
        If there is no run at ``folder_path``.
    CorruptRunError
        If the file cannot be read as a record.

    Examples
    --------
    >>> from gaitmap_results import get_all_result_paths, get_latest_result
    >>> from gaitmap_results import load_run_metadata
    >>> latest = get_latest_result(get_all_result_paths(StrideTime, "results"))
    >>> load_run_metadata(latest["as_published",])["challenge_version"]
    '1.0.0'
    """
    folder = Path(folder_path)
    metadata = read_run_json(folder, METADATA_FILE)
    if not isinstance(metadata, dict):
        raise CorruptRunError(f"{folder / METADATA_FILE} is not a record: a JSON object is expected.", path=folder)
    return repaired(metadata)


def load_run_custom_metadata(folder_path: str | Path) -> Any:
    """Return the custom metadata of a run.

    Parameters
    ----------
    folder_path
        The run folder.

    Returns
    -------
    custom_metadata
        An empty dictionary if the run has no custom_metadata.json: not every published store keeps it.

    Raises
    ------
    RunNotFoundError
        If there is no run at ``folder_path``.
    CorruptRunError
        If the file is not JSON.

    Examples
    --------
    >>> from gaitmap_results import get_all_result_paths, get_latest_result
    >>> from gaitmap_results import load_run_custom_metadata
    >>> latest = get_latest_result(get_all_result_paths(StrideTime, "results"))
    >>> load_run_custom_metadata(latest["as_published",])
    {'sensor': 'lower back'}
    """
    folder = Path(folder_path)
    try:
        return read_run_json(folder, CUSTOM_METADATA_FILE)
    except RunNotFoundError:
        if not os.path.lexists(folder / METADATA_FILE):
            raise
        return {}


def _check_links(folder: Path) -> None:
    """Refuse core results that are links to outside the run folder, since a stranger's link may lead anywhere."""
    links = links_out(folder, RESULTS_DIR)
    if links:
        shown = bulleted([f"{name}: {reason}" for name, reason in links], _MAX_SHOWN)
        raise CorruptRunError(
            f"The core results in {folder} are not all in that folder, and links out of it are not followed:"
            f"{shown}\nIf you trust them, put the files in the place of the links.",
            path=folder,
        )
