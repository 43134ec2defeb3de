"""Carries the config into tpcp's parallel workers."""

from __future__ import annotations

import inspect
import logging
import sys
from types import ModuleType
from typing import Any

from gaitmap_results.config import config_for_workers

__all__ = ["register"]

_logger = logging.getLogger("gaitmap_results")
_registered_with: Any = None


def register(module: ModuleType | None = None) -> None:
    """Have tpcp's ``delayed`` hand the config to each task.

    It does nothing while tpcp's parallel module is not imported, nothing when called again, and never raises, since it
    runs while the user imports tpcp.

    Parameters
    ----------
    module
        ``tpcp.parallel``, as an import hook passes it; if not given, the imported one.
    """
    global _registered_with  # noqa: PLW0603
    try:
        tpcp_parallel = module if module is not None else sys.modules.get("tpcp.parallel")
        if tpcp_parallel is None:
            return
        register_callback = tpcp_parallel.register_global_parallel_callback
        # The function, not the module: reloading the module forgets the callback, and makes a new function.
        if register_callback is _registered_with:
            return
        # tpcp 1 and the first versions of tpcp 2 know no names.
        named = "name" in inspect.signature(register_callback).parameters
        register_callback(config_for_workers, **({"name": "gaitmap_results"} if named else {}))
        _registered_with = register_callback
    except Exception:
        _logger.warning("Worker processes of tpcp will not see the config of gaitmap_results.", exc_info=True)
