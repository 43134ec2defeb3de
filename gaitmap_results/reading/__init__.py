"""Find, load, verify, tabulate; knows nothing of writing."""

from __future__ import annotations
