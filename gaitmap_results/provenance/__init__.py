"""Where a run comes from: one file per fact."""

from __future__ import annotations
