"""Forward to the labels' new place, for pickles that name this one; it goes with the next version."""

from __future__ import annotations

from gaitmap_results.typed_results.labels import _rebuilt, label_type

__all__ = ["_rebuilt", "label_type"]
