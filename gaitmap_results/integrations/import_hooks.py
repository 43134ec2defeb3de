"""Install import hooks that prepare other packages and record the state of each imported source file."""

from __future__ import annotations

from typing import Any

from gaitmap_results.integrations import tpcp as _tpcp
from gaitmap_results.integrations import workers as _workers
from gaitmap_results.recording.observing import observe_challenges
from gaitmap_results.user_code.imported_sources import watch_imports
from gaitmap_results.user_code.wrapping import when_imported

__all__ = ["install"]


def install() -> None:
    """Install all hooks; importing this package does nothing else."""
    watch_imports()
    when_imported("gaitmap_challenges.challenge_base", _observe_gaitmap_challenges)
    when_imported("tpcp.parallel", _tpcp.register)
    _workers.prepare_pickle()
    for module in _workers.CLOUDPICKLES:
        when_imported(module, _workers.prepare_cloudpickle)


def _observe_gaitmap_challenges(module: Any) -> None:
    observe_challenges(module.BaseChallenge)
