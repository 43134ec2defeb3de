"""Send the config to tpcp's parallel workers."""

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
    """Make tpcp's ``delayed`` send the config with each task.

    It does nothing before tpcp's parallel module is imported, or on a second call.
    It never raises, because it runs while the user imports tpcp.

    Parameters
    ----------
    module
        ``tpcp.parallel``, as an import hook passes it; by default the imported one.
    """
    global _registered_with  # noqa: PLW0603
    try:
        tpcp_parallel = module if module is not None else sys.modules.get("tpcp.parallel")
        if tpcp_parallel is None:
            return
        register_callback = tpcp_parallel.register_global_parallel_callback
        # The function, not the module: reloading the module drops the callback, and makes a new function.
        if register_callback is _registered_with:
            return
        # tpcp 1 and the first versions of tpcp 2 do not accept a name.
        named = "name" in inspect.signature(register_callback).parameters
        register_callback(config_for_workers, **({"name": "gaitmap_results"} if named else {}))
        _registered_with = register_callback
    except Exception:
        _logger.warning("Worker processes of tpcp will not see the config of gaitmap_results.", exc_info=True)
