"""Store tables and arrays as JSON that restores them exactly."""

from __future__ import annotations
