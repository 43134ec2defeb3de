"""List, judge, recover and discard unfinished runs."""

from __future__ import annotations
