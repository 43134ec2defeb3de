"""Save one finished challenge: check options, decide whether it is official, write metadata.json, publish."""

from __future__ import annotations
