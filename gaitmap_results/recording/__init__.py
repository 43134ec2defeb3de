"""Record from entering the block to leaving it."""

from __future__ import annotations
