"""Correct wrong values in records of older writers."""

from __future__ import annotations

from typing import Any

from gaitmap_results.challenge import aware_datetime
from gaitmap_results.showing.text import number

__all__ = ["repaired"]

# gaitmap_challenges 0.1.0 took a clock in UTC for local time: `datetime.utcnow().timestamp()` in its challenge_base.py.
_STAMPS = (
    ("run_start_datetime_utc", "run_start_datetime"),
    ("end_start_datetime_utc", "end_start_datetime"),
)


def repaired(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return a record with correct time stamps; only records of gaitmap_challenges are changed.

    Their ISO 8601 texts have the offset from UTC and are correct.
    The end is also stored under the keys of our records.
    """
    if "schema_version" in metadata:
        return metadata
    changes: dict[str, dict[str, Any]] = {}
    fixed = dict(metadata)
    for stamp_key, text_key in _STAMPS:
        moment = aware_datetime(metadata.get(text_key))
        stamp = number(metadata.get(stamp_key))
        if moment is None or stamp is None:
            continue
        right = moment.timestamp()
        # The two clocks were read one after the other; only a difference above one second is an offset.
        if abs(right - stamp) > 1:
            fixed[stamp_key] = right
            changes[stamp_key] = {"stored": stamp, "repaired": right}
    for old, new in (("end_start_datetime_utc", "run_end_datetime_utc"), ("end_start_datetime", "run_end_datetime")):
        if old in fixed:
            fixed.setdefault(new, fixed[old])
    fixed["repaired"] = changes
    return fixed
