"""Find, load, verify and tabulate runs; this folder knows nothing of writing."""

from __future__ import annotations
