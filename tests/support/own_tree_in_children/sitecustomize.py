"""Let the project's own files count as identified in a process that a test starts; see ``own_tree``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_MODULE = "gaitmap_results.provenance.loaded_code"


class _WhenImported:
    """Finds one module as usual, and changes it when it has been run."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        """Return the usual spec of the module, with a loader that calls ``own_tree`` afterwards."""
        if name != _MODULE:
            return None
        sys.meta_path.remove(cls)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            source = Path(__file__).parents[1] / "own_tree.py"
            own_tree = importlib.util.module_from_spec(importlib.util.spec_from_file_location("own_tree", source))
            own_tree.__spec__.loader.exec_module(own_tree)
            own_tree.take_for_identified(module)

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, _WhenImported)
