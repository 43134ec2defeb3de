"""Export runs: as an archive that describes itself, or to a tracking server."""

from __future__ import annotations
