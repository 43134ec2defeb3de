"""Correct wrong values in records of older writers."""

from __future__ import annotations

from typing import Any

from gaitmap_results.challenge import aware_datetime
from gaitmap_results.showing.text import number

__all__ = ["repaired"]

# gaitmap_challenges 0.1.0 took a clock in UTC for local time: `datetime.utcnow().timestamp()` in its challenge_base.py.
# The keys of that package, and ours; each also stands with `_utc` for the time stamp.
_KEYS = {"run_start_datetime": "run_start_datetime", "end_start_datetime": "run_end_datetime"}


def repaired(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return a record with correct time stamps; only records of gaitmap_challenges are changed.

    Their ISO 8601 texts have the offset from UTC and are correct.
    The end is also stored under the keys of our records.
    """
    if "schema_version" in metadata:
        return metadata
    changes: dict[str, dict[str, Any]] = {}
    fixed = dict(metadata)
    for key, our_key in _KEYS.items():
        moment = aware_datetime(metadata.get(key))
        stamp = number(metadata.get(f"{key}_utc"))
        # The two clocks were read one after the other; only a difference above one second is an offset.
        if moment is not None and stamp is not None and abs(moment.timestamp() - stamp) > 1:
            fixed[f"{key}_utc"] = moment.timestamp()
            changes[f"{key}_utc"] = {"stored": stamp, "repaired": moment.timestamp()}
        for ending in ("", "_utc"):
            if f"{key}{ending}" in fixed:
                fixed.setdefault(f"{our_key}{ending}", fixed[f"{key}{ending}"])
    fixed["repaired"] = changes
    return fixed
