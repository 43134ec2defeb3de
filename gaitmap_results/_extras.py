"""Import a package that only an extra installs, or say how to install it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gaitmap_results.exceptions import MissingExtraError

__all__ = ["require", "require_pandas"]


def require(module: str, what: str, extra: str) -> Any:
    """Return a module of an extra.

    Parameters
    ----------
    module
        The name of the module.
    what
        What needs it, as the error says.
    extra
        The extra that installs it.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f'{what} needs {module}, which cannot be imported ({error}). Install the extra "{extra}":\n'
            f'  pip install "gaitmap_results[{extra}]"',
            extra=extra,
        ) from error


def require_pandas(what: str) -> Any:
    """Return the module ``pandas``."""
    return require("pandas", what, "analysis")
