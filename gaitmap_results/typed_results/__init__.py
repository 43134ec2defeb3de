"""Store tables and arrays as JSON and load them as they were."""

from __future__ import annotations
