"""Run a recorded entry again, and judge whether its numbers come out again."""

from __future__ import annotations
