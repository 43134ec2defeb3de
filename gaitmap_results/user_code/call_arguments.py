"""Check the arguments of the user's functions before they are called."""

from __future__ import annotations

import inspect
from functools import lru_cache
from types import FunctionType, MethodType
from typing import Any

__all__ = ["refuse_wrong_arguments", "why_not_called"]


def refuse_wrong_arguments(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise the TypeError that wrong arguments would raise, as far as the signature shows them."""
    plain = function.__func__ if isinstance(function, MethodType) else function
    # Another decorator may show a signature that it does not have; then the function itself refuses.
    if type(plain) is FunctionType and not hasattr(plain, "__signature__"):
        inspect.signature(function, follow_wrapped=False).bind(*args, **kwargs)


@lru_cache(maxsize=256)  # a suite checks a challenge for each of its entries, in each of its processes
def why_not_called(function: FunctionType, n_arguments: int) -> str | None:
    """Say why a function cannot be called with so many arguments alone; ``None`` if nothing is known against it."""
    try:
        refuse_wrong_arguments(function, (None,) * n_arguments, {})
    except TypeError as error:
        return str(error)
    return None
