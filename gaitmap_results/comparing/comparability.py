"""Refuse to compare runs that differ in more than the entry."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gaitmap_results.comparing.choosing import ChosenRun, grouped
from gaitmap_results.comparing.parameters import equal_parameters
from gaitmap_results.exceptions import CorruptRunError
from gaitmap_results.reading import index
from gaitmap_results.reading.index import RunSummary
from gaitmap_results.reading.scores import read_cross_validation

__all__ = ["reasons_against"]


def reasons_against(chosen: Sequence[ChosenRun], *, one_challenge: bool, but_for: Collection[str] = ()) -> list[str]:
    """Return why runs cannot be compared, one line for each thing that differs.

    Parameters
    ----------
    chosen
        The runs of all entries.
    one_challenge
        Whether all are known to be of the same challenge, whatever its names.
    but_for
        Names of parameters of the challenge that may differ.
    """
    metadata = [index.read_metadata(run.folder) for _, run in chosen]
    parameters = [_challenge_parameters(each) for each in metadata]
    known = [each for each in parameters if each is not None]
    alike = all(equal_parameters(known[0], each, but_for=but_for) for each in known[1:])
    values: dict[str, list[str | None]] = {
        "challenge": [None if one_challenge else run.challenge_name for _, run in chosen],
        "version of the challenge": [run.challenge_version for _, run in chosen],
        "data": _data(chosen, metadata),
        "parameters of the challenge": [None if alike or each is None else _short_hash(each) for each in parameters],
    }
    return [reason for what, each in values.items() if (reason := _difference(what, chosen, each)) is not None]


def _difference(what: str, chosen: Sequence[ChosenRun], values: list[str | None]) -> str | None:
    """Return a line that names the runs for each value; ``None`` if all known values are the same."""
    known = zip(values, chosen, strict=True)
    groups = grouped((value, f"{name} ({run.folder})") for value, (name, run) in known if value is not None)
    shown = "; ".join(f"{value}: {', '.join(names)}" for value, names in groups.items())
    return f"another {what}: {shown}" if len(groups) > 1 else None


def _challenge_parameters(metadata: Mapping[str, Any]) -> Any:
    described = metadata.get("parameters")
    challenge = described.get("challenge") if isinstance(described, Mapping) else None
    return challenge.get("parameters") if isinstance(challenge, Mapping) else None


def _data(chosen: Sequence[ChosenRun], metadata: list[dict[str, Any]]) -> list[str | None]:
    """Return what identifies the data of each run: the hash of its index, or the labels if more runs have them."""
    by_index = [_index_hash(each) for each in metadata]
    if None not in by_index:
        return by_index
    by_labels = [_labels_hash(run) for _, run in chosen]
    return min(by_index, by_labels, key=lambda found: found.count(None))


def _index_hash(metadata: Mapping[str, Any]) -> str | None:
    data = metadata.get("data")
    if not isinstance(data, Mapping) or not data.get("index_sha256"):
        return None
    return f"{data.get('class')} with index {str(data['index_sha256'])[:12]}"


def _labels_hash(run: RunSummary) -> str | None:
    """Return the hash of the tested data labels, which identify the data in a record of gaitmap_challenges."""
    try:
        found = read_cross_validation(run.path)
        labels = sorted(json.dumps(label) for fold in found[0]["test_data_labels"] for label in fold) if found else None
    except (CorruptRunError, KeyError, TypeError):
        return None
    return None if labels is None else f"{len(labels)} data points with labels {_short_hash(labels)}"


def _short_hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]
