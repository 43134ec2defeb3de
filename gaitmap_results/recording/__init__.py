"""Record the challenges that run in a block, from its beginning to its end."""

from __future__ import annotations
