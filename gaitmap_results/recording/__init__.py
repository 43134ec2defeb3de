"""From `with recorded_run(...)` to the moment it is left."""

from __future__ import annotations
