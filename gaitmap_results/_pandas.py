"""Import pandas, or say how to install it."""

from __future__ import annotations

from typing import Any

from gaitmap_results.exceptions import MissingExtraError

__all__ = ["require_pandas"]


def require_pandas(what: str) -> Any:
    """Return the module ``pandas``.

    Parameters
    ----------
    what
        What needs it, as the error says.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError(
            f'{what} needs pandas, which cannot be imported ({error}). Install the extra "analysis":\n'
            '  pip install "gaitmap_results[analysis]"',
            extra="analysis",
        ) from error
    return pd
