"""Run the demo: a challenge on real recordings, four entries, and the comparison of their runs.

Read ``challenge.py`` and ``entries.py`` as examples for your own.
Modules here are imported only when needed, because mobgap and tpcp take seconds to import.
"""

from __future__ import annotations
