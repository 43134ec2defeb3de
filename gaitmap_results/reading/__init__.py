"""Find, load, verify and tabulate runs; nothing in this folder writes."""

from __future__ import annotations
