"""The user's program: his line, his open block, his functions."""

from __future__ import annotations
