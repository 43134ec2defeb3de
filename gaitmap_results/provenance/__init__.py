"""Determine where a run comes from, one module per fact."""

from __future__ import annotations
