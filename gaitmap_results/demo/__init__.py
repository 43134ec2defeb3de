"""The demo: a challenge on real recordings, four entries, and how their recorded runs compare.

``challenge.py`` and ``entries.py`` are written to be read: they are the example of how to write one's own.
Nothing here is imported before it is needed, because mobgap and tpcp take seconds to import.
"""

from __future__ import annotations
