"""Runs with manifests, to be handed on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scored_runs import write_scored_run

from gaitmap_results.store.manifest import manifest_content

__all__ = ["COMMIT", "GIT", "add_manifest", "write_whole_run"]

COMMIT = "59a7855b7a0d16171bf1a0e89fdc91646d2925e8"
GIT = {"remote": "https://example.org/lab/study.git", "branch": "main", "pushed": True}


def add_manifest(run: Path) -> Path:
    """Write the manifest of a run folder as it is now."""
    (run / "MANIFEST.sha256").write_bytes(manifest_content(run))
    return run


def write_whole_run(results: Path, entry: Any = "shin", **changes: Any) -> Path:
    """Write a run with scores, code, packages and a manifest; ``changes`` replace keys of metadata.json."""
    metadata = {
        "run_end_datetime": "2026-03-29T14:30:17.999999+02:00",
        "git": GIT,
        "caller_file_path": "study/entry.py",
        "caller": {"kind": "file", "file": "study/entry.py", "sha256": "c" * 64},
        "command": ["study/entry.py", "--fold", "2"],
        "code": {"repositories": [], "unidentified": [], "vouched": []},
        "system_info": {
            "python_version": "3.12.1 (main, May  9 2026)",
            "python_implementation": "cpython",
            "packages_info": {"numpy": "2.0.1", "lab_filters": "0.3.0"},
            "packages_direct_url": {"lab_filters": {"url": "file:///opt/lab", "editable": True, "commit": "a" * 40}},
        },
        **changes,
    }
    return add_manifest(write_scored_run(results, entry, [4.0, 5.5, 7.0], **metadata))
