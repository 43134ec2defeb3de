"""Runs never published: what became of them, recover, discard."""

from __future__ import annotations
