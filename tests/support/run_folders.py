"""Run folders for the tests of reading: written as plain files, or the published ones of gaitmap_challenges."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

CHALLENGE = "gait_lab.Challenge"
PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "published_runs"
needs_published = pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published runs are not beside the project")
START = datetime(2026, 3, 29, 12, 30, 5, 250000, tzinfo=timezone.utc)


def write_run(
    results: Path,
    entry: Any = "shin",
    *,
    start: datetime = START,
    challenge: str = CHALLENGE,
    name: str | None = None,
    custom: Any = None,
    **changes: Any,
) -> Path:
    """Write a run folder without a manifest; ``changes`` replace keys of metadata.json, ``...`` removes one."""
    metadata = {
        "entry_name": entry,
        "challenge_name": challenge,
        "challenge_version": "1.0.0",
        "is_debug_run": False,
        "run_start_datetime_utc": start.timestamp(),
        "run_start_datetime": start.isoformat(),
        "runtime": 12.5,
        "git_commit_hash": "59a7855b7a0d16171bf1a0e89fdc91646d2925e8",
        "git_dirty": False,
        "schema_version": 1,
        "run_id": str(uuid.uuid4()),
        "debug_reasons": [],
        **changes,
    }
    metadata = {key: value for key, value in metadata.items() if value is not ...}
    parts = [entry] if isinstance(entry, str) else list(entry)
    folder = results.joinpath(challenge, str(metadata.get("challenge_version")), *parts)
    number = 0
    run = folder / (name or f"{start:%Y%m%d_%H%M%S}")
    while name is None and run.exists():
        number += 1
        run = folder / f"{start:%Y%m%d_%H%M%S}_{number}"
    (run / "results").mkdir(parents=True)
    (run / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    (run / "custom_metadata.json").write_text(json.dumps(custom or {}), encoding="utf-8")
    (run / "results" / "scores.json").write_text("{}", encoding="utf-8")
    return run


def write_legacy_run(results: Path, entry: Any, start: datetime, *, name: str | None = None) -> Path:
    """Write a run as gaitmap_challenges does: its stamp is wrong by the offset from UTC of ``start``."""
    offset = start.utcoffset()
    assert offset is not None
    return write_run(
        results,
        entry,
        start=start,
        name=name or f"{start.astimezone(timezone.utc):%Y%m%d_%H%M%S}_0",
        run_start_datetime_utc=start.timestamp() - offset.total_seconds(),
        schema_version=...,
        run_id=...,
        debug_reasons=...,
    )


def as_ordinary_user(command: list[str]) -> list[str]:
    """Return the command so that closed folders are closed for it, also where the tests run as root."""
    if not hasattr(os, "geteuid") or os.name == "nt":
        pytest.skip("this system has no permissions that can be taken away here")
    if os.geteuid() != 0:
        return command
    capabilities = "--bounding-set=-dac_override,-dac_read_search"
    if shutil.which("setpriv") is None or subprocess.run(["setpriv", capabilities, "true"], check=False).returncode:
        pytest.skip("root can read everything, and setpriv cannot change that here")
    return ["setpriv", capabilities, *command]
