"""Writes results folders of any size for the benchmarks: plain files as runs leave them, none of them recorded."""

from __future__ import annotations

import hashlib
import json
import random
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

CHALLENGES = ("gait_bench.initial_contacts.Challenge", "gait_bench.stride_length.Challenge")
_FIRST_START = datetime(2024, 1, 1, tzinfo=timezone.utc)


def write_store(folder: Path, n_runs: int, *, metadata_bytes: int = 20_000, seed: int = 1) -> None:
    """Write ``n_runs`` runs of two challenges and forty entries.

    Parameters
    ----------
    folder
        The results folder.
    n_runs
        How many runs.
    metadata_bytes
        The size of each metadata.json, about; most of it is a list of packages and the repr of a data set.
    seed
        Of the random numbers; the same seed writes the same runs.
    """
    numbers = random.Random(seed)
    packages = {f"package-{number}": f"{number % 7}.{number % 11}.{number % 3}" for number in range(150)}
    filler = "\n".join(f"{number:>5}  participant_{number:03d}  trial_{number % 9}" for number in range(2000))
    for number in range(n_runs):
        challenge = CHALLENGES[number % 2]
        entry = ["gaitmap", f"algorithm_{number // 2 % 20:02d}", "default"]
        start = _FIRST_START + timedelta(minutes=11 * number, microseconds=numbers.randrange(10**6))
        is_debug = numbers.random() < 0.4
        metadata = _metadata(challenge, entry, start, numbers, is_debug=is_debug)
        metadata["system_info"]["packages_info"] = packages
        room = metadata_bytes - len(json.dumps(metadata, indent=2))
        metadata["repr_dataset"] = filler[: max(room, 0)]
        _write_run(folder, metadata, start)


def write_scored_entry(folder: Path, entry: str, start: datetime, scores: list[dict[str, Any]], score: str) -> Path:
    """Write an official run of the first challenge, with these rows of scores, of which less is better."""
    metadata = _metadata(CHALLENGES[0], [entry], start, random.Random(0), is_debug=False)
    metadata |= {"challenge_version": "1.0.0", "run_id": str(uuid.uuid5(uuid.NAMESPACE_OID, entry))}
    metadata["system_info"]["packages_info"] = {f"package-{number}": f"{number % 7}.1" for number in range(150)}
    content = {"schema_version": 1, "units": ["participant"], "directions": {score: "minimize"}, "rows": scores}
    run = _write_run(folder, metadata, start)
    (run / "scores.json").write_text(json.dumps(content), encoding="utf-8")
    return run


def _write_run(folder: Path, metadata: dict[str, Any], start: datetime) -> Path:
    run = folder.joinpath(metadata["challenge_name"], metadata["challenge_version"], *metadata["entry_name"])
    run = run / f"{'_' if metadata['is_debug_run'] else ''}{start:%Y%m%d_%H%M%S}"
    (run / "results").mkdir(parents=True)
    (run / "metadata.json").write_text(json.dumps(metadata, indent=2), encoding="utf-8")
    (run / "custom_metadata.json").write_text('{"short_description": "a run that nobody ran"}', encoding="utf-8")
    (run / "results" / "scores.json").write_text('{"f1": 0.5}', encoding="utf-8")
    (run / "MANIFEST.sha256").touch()
    return run


def _metadata(
    challenge: str, entry: list[str], start: datetime, numbers: random.Random, *, is_debug: bool
) -> dict[str, Any]:
    local = start.astimezone(timezone(timedelta(hours=1)))
    return {
        "entry_name": entry,
        "challenge_name": challenge,
        "challenge_version": "1.0.0" if start.month % 2 else "1.1.0",
        "is_debug_run": is_debug,
        "repr_challenge": "Challenge()",
        "repr_pipeline": "DummyOptimize(pipeline=Algorithm())",
        "repr_dataset": "",
        "dataset_name": "LabDataset",
        "dataset_columns": ["participant", "trial"],
        "run_start_datetime_utc": start.timestamp(),
        "run_start_datetime": local.isoformat(),
        "run_end_datetime_utc": start.timestamp() + 95.5,
        "run_end_datetime": (local + timedelta(seconds=95.5)).isoformat(),
        "runtime": 95.5,
        "system_info": {"python_version": "3.12.1", "packages_info": {}},
        "git_commit_hash": hashlib.sha1(bytes([numbers.randrange(50)])).hexdigest(),
        "git_dirty": is_debug,
        "schema_version": 1,
        "run_id": str(uuid.UUID(int=numbers.getrandbits(128), version=4)),
        "debug_reasons": [{"code": "git.dirty", "message": "There are changes.", "detail": {}}] if is_debug else [],
        "collection_errors": [],
    }
