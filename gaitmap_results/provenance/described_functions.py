"""Describe functions by name, source and the values they hold, never by their address."""

from __future__ import annotations

import functools
import hashlib
import inspect
import linecache
import sys
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from gaitmap_results.user_code.class_names import full_function_name

__all__ = ["describe_function"]


def describe_function(value: Any, describe: Callable[[Any], Any]) -> Any:
    """Describe a function, a method or a partial; return ``None`` for anything else.

    Parameters
    ----------
    value
        Any object.
    describe
        Describes the values that a function holds.
    """
    if isinstance(value, functools.partial):
        return {"partial": describe(value.func), "args": describe(value.args), "keywords": describe(value.keywords)}
    if type(value).__module__ == "joblib.memory" and hasattr(value, "func"):
        return describe(value.func)  # caching does not change the results
    if inspect.ismethod(value):
        return {"method": value.__name__, "of": describe(value.__self__)}
    if isinstance(value, functools._lru_cache_wrapper):
        return describe(value.__wrapped__)  # nor does this
    if not _is_function(value):
        return None
    owner = getattr(value, "__self__", None)
    name = full_function_name(value)
    if owner is not None and not inspect.ismodule(owner):
        return {"method": name, "of": describe(owner)}
    if "<" not in name and (getattr(value, "__closure__", None) is None or _is_importable(value)):
        return {"function": name}
    # Many functions share names such as <lambda>, or have that of the function which they decorate; their source and
    # the values they hold tell them apart.
    held = describe(dict(_held_by(value)))
    return {"function": name, **_source_hash(value), **({"values": held} if held else {})}


def _is_importable(value: Any) -> bool:
    """Return whether a value is found under the module and name that it says it has."""
    module, names = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(names, str):
        return False
    found: Any = sys.modules.get(module)
    for name in names.split("."):
        found = getattr(found, name, None)
    return found is value


def _is_function(value: Any) -> bool:
    """Return whether a value is a function, or is in the place of one; a curried function holds more than its name."""
    if _is_importable(value):
        return True
    is_plain = hasattr(value, "__code__") or not getattr(value, "__dict__", None)
    # A partialmethod has no name before it is bound to a class.
    return inspect.isroutine(value) and is_plain and getattr(value, "__qualname__", None) is not None


def _held_by(function: Any) -> Iterator[tuple[str, Any]]:
    """Return the defaults of a function and the values of its closure."""
    code = getattr(function, "__code__", None)
    if code is None:
        return
    defaults = function.__defaults__ or ()
    yield from zip(code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount], defaults, strict=True)
    yield from (function.__kwdefaults__ or {}).items()
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # the variable has no value yet
            continue


def _source_hash(function: Any) -> dict[str, str]:
    code = getattr(function, "__code__", None)
    source = _source_of_lambda(code) if isinstance(code, CodeType) and code.co_name == "<lambda>" else None
    if source is None:
        try:
            source = inspect.getsource(function)
        except (OSError, TypeError):
            if not isinstance(code, CodeType):
                return {}
            return {"code_sha256": hashlib.sha256(_compiled(code).encode("utf-8", "backslashreplace")).hexdigest()}
    return {"source_sha256": hashlib.sha256(source.encode("utf-8", "backslashreplace")).hexdigest()}


def _source_of_lambda(code: CodeType) -> str | None:
    """Return the source of one lambda among those on a line; ``None`` if Python does not know its position."""
    lines = linecache.getlines(code.co_filename)
    positions: Any = getattr(code, "co_positions", None)
    if positions is None:  # Python 3.10: the whole line, and the bytecode to tell its lambdas apart
        return f"{lines[code.co_firstlineno - 1]}{_compiled(code)}" if code.co_firstlineno <= len(lines) else None
    spans = [each for each in positions() if None not in each and each[3] > 0]
    if not spans or not lines:
        return None
    first, start = min((line, column) for line, _, column, _ in spans)
    last, end = max((line, column) for _, line, _, column in spans)
    raw = [line.encode() for line in lines[first - 1 : last]]
    if not raw:
        return None
    raw[-1] = raw[-1][:end]
    raw[0] = raw[0][start:]
    names = ",".join(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    return f"{names}: {b''.join(raw).decode(errors='replace')}"


def _compiled(code: CodeType) -> str:
    constants = [_compiled(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts]
    return repr((code.co_code.hex(), constants, code.co_names, code.co_varnames))
