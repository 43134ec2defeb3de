"""The files of a run: names, JSON, journal, staging, one rename."""

from __future__ import annotations
