"""Find the user's line and their open block, and wrap their functions."""

from __future__ import annotations
