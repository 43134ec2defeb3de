"""Find out where a run comes from, one file a fact."""

from __future__ import annotations
