"""Compare runs and entries with each other."""

from __future__ import annotations
