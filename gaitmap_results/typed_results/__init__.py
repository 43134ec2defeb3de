"""Tables and arrays to JSON and back as they were."""

from __future__ import annotations
