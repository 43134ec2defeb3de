"""A record in words: terminal lines and notebook HTML."""

from __future__ import annotations
