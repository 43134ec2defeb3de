"""Run a recorded entry again, and judge whether its numbers are reproduced."""

from __future__ import annotations
