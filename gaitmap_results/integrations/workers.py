"""Send recorded functions to worker processes without losing the recording, and the config with them."""

from __future__ import annotations

import importlib
import inspect
import logging
from collections.abc import Callable
from types import CodeType
from typing import Any

from gaitmap_results.config.current_config import config_for_workers, is_worker_process
from gaitmap_results.user_code.wrapping import (
    BoundWrapped,
    WrappedFunction,
    is_wrapped,
    pickle_with,
    wrap_method,
)

__all__ = ["CLOUDPICKLES", "prepare_cloudpickle", "prepare_pickle"]

_logger = logging.getLogger("gaitmap_results")

#: The modules with the pickler of cloudpickle and of its copies in other packages, in current and older versions.
#: joblib, dask, Ray and Spark send functions with it.
CLOUDPICKLES = tuple(
    f"{package}.{module}"
    for package in ("cloudpickle", "joblib.externals.cloudpickle", "ray.cloudpickle", "pyspark.cloudpickle")
    for module in ("cloudpickle", "cloudpickle_fast")
)

_Reduced = str | tuple[Callable[..., Any], tuple[Any, ...]]


def prepare_pickle() -> None:
    """Make the pickle of a recorded function hold the config, whichever pool, executor or cluster makes it."""
    pickle_with(_reduce)


def prepare_cloudpickle(module: Any) -> None:
    """Make cloudpickle send a recorded function whole.

    It sends functions of scripts and notebooks by their content, and takes a wrapped one for the function inside.
    Without the wrapper, the function would run in the worker, silently and without a record.

    Parameters
    ----------
    module
        The module of cloudpickle, or of a copy, that defines its pickler.
    """
    pickler = getattr(module, "CloudPickler", None)
    if pickler is None:
        return  # older versions define it in the other module
    needed = [(pickler, name) for name in ("_function_reduce", "_dispatch_table")]
    needed += [(module, name) for name in ("_should_pickle_by_reference", "dumps")]
    missing = [name for owner, name in needed if not hasattr(owner, name)]
    if missing:
        # Checked before any change: half of the changes would break the user's pickles.
        _logger.warning(
            "gaitmap_results does not know this version of %s, which has no %s. Recorded functions of scripts and "
            "notebooks that are sent to worker processes with it run there, but they are NOT recorded. Put them into a "
            "module that the workers can import, and give them a path.",
            module.__name__,
            " and no ".join(missing),
        )
        return
    wrap_method(pickler, "_function_reduce", _leave_to_the_table)
    pickler._dispatch_table[WrappedFunction] = lambda item: _reduce_for_cloudpickle(item, module)
    pickler._dispatch_table[BoundWrapped] = lambda item: _reduce_bound(item, module.dumps)


def _leave_to_the_table(wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return NotImplemented if args and is_wrapped(args[0]) else wrapped(*args, **kwargs)


def _reduce(item: Any) -> _Reduced:
    import pickle

    if isinstance(item, BoundWrapped):
        return _reduce_bound(item, pickle.dumps)
    # pickle itself explains best why it cannot find a function of this name.
    return _by_name(item, pickle.dumps) if _is_importable(item) else str(item.__qualname__)


def _reduce_bound(item: Any, dumps: Callable[[Any], bytes]) -> _Reduced:
    lookup, (owner, name) = item.__reduce__()  # not __reduce_ex__, which may have called this
    return _restore_bound, (lookup, owner, name, _tell(dumps))


def _reduce_for_cloudpickle(item: Any, module: Any) -> _Reduced:
    is_function = not isinstance(item.__wrapped__, (classmethod, staticmethod))
    if is_function and module._should_pickle_by_reference(item):
        return _by_name(item, module.dumps)
    function = item.__wrapped__
    return _restore_by_value, (type(item), function, item._self_wrapper, _tell(module.dumps), _file_of_code(function))


def _by_name(item: Any, dumps: Callable[[Any], bytes]) -> _Reduced:
    return _restore_by_name, (item.__module__, item.__qualname__, _tell(dumps))


def _is_importable(item: Any) -> bool:
    try:
        return _find(item.__module__, item.__qualname__) is item
    except (ImportError, AttributeError):
        return False


def _find(module: str, qualified_name: str) -> Any:
    found: Any = importlib.import_module(module)
    for name in qualified_name.split("."):
        found = getattr(found, name)
    return found


def _tell(dumps: Callable[[Any], bytes]) -> bytes | None:
    """Return the config, pickled separately, so that an error in it does not keep the function from being sent."""
    config = config_for_workers()[0]
    try:
        return None if config is None else dumps(config)
    except Exception:
        _logger.warning("The config cannot be sent to worker processes; they look for one themselves.", exc_info=True)
        return None


def _listen(told: bytes | None) -> None:
    # Loading a pickled function from a file must not change the config of the program.
    if told is None or not is_worker_process():
        return
    import pickle

    try:
        config_for_workers()[1](pickle.loads(told))  # noqa: S301 - part of a pickle that is being loaded already
    except Exception:
        _logger.warning("The config did not reach this worker process; it looks for one itself.", exc_info=True)


def _restore_by_name(module: str, qualified_name: str, told: bytes | None) -> Any:
    # Import first: the user's module may set a config itself.
    found = _find(module, qualified_name)
    _listen(told)
    return found


def _restore_by_value(kind: type, function: Any, wrapper: Any, told: bytes | None, file: str | None) -> Any:
    _listen(told)
    inner = _innermost(function)
    if file is not None and isinstance(getattr(inner, "__code__", None), CodeType):
        # cloudpickle 3.1.3 and later drop the file name of the code, which a record contains.
        inner.__code__ = inner.__code__.replace(co_filename=file)
    return kind(function, wrapper)


def _innermost(function: Any) -> Any:
    return inspect.unwrap(getattr(function, "__func__", function))


def _file_of_code(function: Any) -> str | None:
    code = getattr(_innermost(function), "__code__", None)
    return code.co_filename if isinstance(code, CodeType) else None


def _restore_bound(lookup: Callable[[Any, str], Any], owner: Any, name: str, told: bytes | None) -> Any:
    _listen(told)
    return lookup(owner, name)
