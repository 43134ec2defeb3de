"""List the origins of the numbers in a comparison: commit, machine, and packages that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gaitmap_results.reading import index
from gaitmap_results.reading.attestations import verdicts
from gaitmap_results.reading.index import RunSummary

__all__ = ["origins_of"]

_MAX_PACKAGES: Final = 8
# Differences in these are listed first.
_FIRST: Final = ("gaitmap", "mobgap", "tpcp", "numpy", "pandas", "scipy", "scikit-learn", "gaitmap_results")


def origins_of(runs: Mapping[str, Sequence[RunSummary]]) -> tuple[list[str], list[dict[str, Any]], str]:
    """Return the packages whose versions differ, the origin of each run, and what the runs have in common."""
    verdict_of = verdicts()
    listed = [(name, run) for name, of_entry in runs.items() for run in of_entry]
    systems = [_part(index.read_metadata(run.folder), "system_info") for _, run in listed]
    packages = [_part(system, "packages_info") for system in systems]
    names = sorted({name for each in packages for name in each}, key=lambda name: (name not in _FIRST, name.casefold()))
    differing = [name for name in names if len({each.get(name) for each in packages}) > 1]
    shown = differing[:_MAX_PACKAGES]
    origins = [
        {
            "entry": name,
            "folder": run.path.name,
            "kind": run.kind if (verdict := verdict_of(run)) is None else f"{run.kind}; run again: {verdict}",
            "commit": (run.git_commit_hash or "unknown")[:10] + ("*" if run.git_dirty else ""),
            "started": str(run.run_start_datetime or "unknown")[:16].replace("T", " "),
            "python": str(system.get("python_version") or "unknown").split(" ")[0],
            "packages": [each.get(package, "\N{EN DASH}") for package in shown],
            "machine": _machine(system),
        }
        for (name, run), system, each in zip(listed, systems, packages, strict=True)
    ]
    more = f" {len(differing) - len(shown)} more packages differ." if len(differing) > len(shown) else ""
    same = f"{len(names) - len(differing)} packages had the same version in all runs.{more}"
    stars = " * means uncommitted changes." if any(run.git_dirty for _, run in listed) else ""
    return shown, origins, same + stars


def _machine(system: Mapping[str, Any]) -> str:
    operating = _part(system, "os")
    parts = [_part(system, "cpu").get("brand_raw"), operating.get("system"), operating.get("release")]
    return ", ".join(str(part) for part in parts if part) or "unknown"


def _part(record: Mapping[str, Any], key: str) -> dict[str, Any]:
    part = record.get(key)
    return part if isinstance(part, dict) else {}
