"""Forward to ``typed_results.labels`` for pickles that name this module; the next version removes it."""

from __future__ import annotations

from gaitmap_results.typed_results.labels import _rebuilt, label_type

__all__ = ["_rebuilt", "label_type"]
