"""Name, write and read the files of a run."""

from __future__ import annotations
