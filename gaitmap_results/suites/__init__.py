"""Run many entries, each once, on any executor."""

from __future__ import annotations
