"""Hold runs and entries against each other."""

from __future__ import annotations
