"""List, judge, recover and discard runs that were never published."""

from __future__ import annotations
