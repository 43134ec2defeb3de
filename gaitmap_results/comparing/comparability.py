"""Refuse to compare runs that differ in more than the entry."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

from gaitmap_results.comparing.parameters import equal_parameters
from gaitmap_results.exceptions import CorruptRunError
from gaitmap_results.reading import index
from gaitmap_results.reading.index import RunSummary
from gaitmap_results.reading.scores import read_cross_validation

__all__ = ["reasons_against"]

Runs = Mapping[str, list[RunSummary]]


def reasons_against(chosen: Runs, *, one_challenge: bool, but_for: Collection[str] = ()) -> list[str]:
    """Return why runs cannot be compared, one line for each thing that differs.

    Parameters
    ----------
    chosen
        The runs of each entry.
    one_challenge
        Whether all are known to be of the same challenge, whatever its names.
    but_for
        Names of parameters of the challenge that may differ.
    """
    runs = [(name, run) for name, of_entry in chosen.items() for run in of_entry]
    metadata = [index.read_metadata(run.folder) for _, run in runs]
    reasons = []
    if not one_challenge:
        reasons += _differing("challenge", runs, [run.challenge_name for _, run in runs])
    reasons += _differing("version of the challenge", runs, [run.challenge_version for _, run in runs])
    reasons += _differing("data", runs, _data(runs, metadata))
    parameters = [_challenge_parameters(each) for each in metadata]
    known = [each for each in parameters if each is not None]
    if any(not equal_parameters(known[0], each, but_for=but_for) for each in known[1:]):
        texts = [None if each is None else _short_hash(each) for each in parameters]
        reasons += _differing("parameters of the challenge", runs, texts)
    return reasons


def _differing(what: str, runs: list[tuple[str, RunSummary]], values: list[str | None]) -> list[str]:
    """Return lines that name the runs for each value; empty if all known values are the same."""
    groups: dict[str, list[str]] = {}
    for (name, run), value in zip(runs, values, strict=True):
        if value is not None:
            groups.setdefault(value, []).append(f"{name} ({run.folder})")
    if len(groups) < 2:
        return []
    shown = "; ".join(f"{value}: {', '.join(names)}" for value, names in groups.items())
    return [f"another {what}: {shown}"]


def _challenge_parameters(metadata: Mapping[str, Any]) -> Any:
    described = metadata.get("parameters")
    challenge = described.get("challenge") if isinstance(described, Mapping) else None
    return challenge.get("parameters") if isinstance(challenge, Mapping) else None


def _data(runs: list[tuple[str, RunSummary]], metadata: list[dict[str, Any]]) -> list[str | None]:
    """Return what identifies the data of each run, in a form known for all runs or else for most."""
    ways: list[list[str | None]] = []
    for hash_of in (_index_hash, _dataset_hash, _labels_hash):
        found = [hash_of(run, each) for (_, run), each in zip(runs, metadata, strict=True)]
        if all(found):
            return found
        ways.append(found)
    return max(ways, key=lambda found: sum(each is not None for each in found))


def _index_hash(_: RunSummary, metadata: Mapping[str, Any]) -> str | None:
    return _hash_in(metadata.get("data"))


def _dataset_hash(_: RunSummary, metadata: Mapping[str, Any]) -> str | None:
    parameters = metadata.get("parameters")
    return _hash_in(parameters.get("dataset")) if isinstance(parameters, Mapping) else None


def _hash_in(data: Any) -> str | None:
    if not isinstance(data, Mapping) or not data.get("index_sha256"):
        return None
    return f"{data.get('class')} with index {str(data['index_sha256'])[:12]}"


def _labels_hash(run: RunSummary, _: Mapping[str, Any]) -> str | None:
    """Return the hash of the tested data labels, which identify the data in a record of gaitmap_challenges."""
    try:
        found = read_cross_validation(run.path)
        labels = sorted(json.dumps(label) for fold in found[0]["test_data_labels"] for label in fold) if found else None
    except (CorruptRunError, KeyError, TypeError):
        return None
    return None if labels is None else f"{len(labels)} data points with labels {_short_hash(labels)}"


def _short_hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]
