"""Save one finished challenge: options, official or not, metadata.json, publish."""

from __future__ import annotations
