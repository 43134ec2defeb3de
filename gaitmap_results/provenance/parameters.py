"""Describes the parameters of a challenge, a pipeline and a dataset, so that equal ones compare equal."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from enum import Enum
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

from gaitmap_results.store.json_values import safe_repr, safe_text
from gaitmap_results.store.secrecy import REDACTED, is_secret_name
from gaitmap_results.user_code.class_names import full_class_name

__all__ = ["dataset_columns", "describe_dataset", "describe_parameters"]

_ADDRESS: Final = re.compile(r"(?: object)? at 0x[0-9a-fA-F]+")
_MAX_DEPTH: Final = 12
# What is longer is stored as its length and a hash: it would hide the parameters that people set by hand.
_MAX_ITEMS: Final = 200
_MAX_CHARACTERS: Final = 2000
# Objects that refer to each other in many ways would be described once for each of them.
_MAX_OBJECTS: Final = 5000


def describe_parameters(item: Any) -> dict[str, Any]:
    """Return the class of an object and its parameters, flat, with nested names as tpcp writes them.

    Parameters
    ----------
    item
        An object with ``get_params``, as tpcp's and scikit-learn's have it, a dataclass, or any other whose attributes
        are named like the parameters of its ``__init__``.

    Returns
    -------
    described
        ``class`` and ``parameters``: ``{"algo": {"class": ...}, "algo__axis": "norm"}``.
        Values are JSON.
        What has no JSON form is described by what makes it equal to another one, never by its memory address: objects
        by class and parameters, functions by name, arrays and tables by shape and SHA-256 hash.
        What has no parameters has a ``value`` instead.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from gaitmap_results.provenance.parameters import describe_parameters
    >>> @dataclass
    ... class Filter:
    ...     cutoff_hz: float = 10
    >>> describe_parameters(Filter())["parameters"]
    {'cutoff_hz': 10}
    """
    if _is_described_by_parameters(item):
        return _Description().of_object(item, 0)
    return {"class": full_class_name(type(item)), "parameters": {}, "value": _Description().of_value(item, 0)}


def _is_described_by_parameters(item: Any) -> bool:
    if isinstance(item, type) or inspect.isroutine(item):
        return False
    if _has_parameters(item) or dataclasses.is_dataclass(item):
        return True
    # What does not keep its parameters, or has none, is described by all that it holds.
    names = _init_names(item)
    return bool(names) and all(hasattr(item, name) for name in names)


def describe_dataset(dataset: Any) -> dict[str, Any]:
    """Return what identifies a dataset.

    Parameters
    ----------
    dataset
        A dataset of tpcp, a table, or any object.

    Returns
    -------
    described
        ``class`` and ``parameters`` as from :func:`describe_parameters`, and of its index ``columns``,
        ``n_data_points`` (as the dataset is grouped) and ``index_sha256``.
        The hash is another one if a row, a column, or their order is.
        A table is taken for a dataset of its rows; the hash of its content is part of ``value``.
        These are ``None`` for a dataset without an index.
    """
    index: Any = getattr(dataset, "index", None)
    columns = dataset_columns(dataset)
    if columns is None:
        facts: dict[str, Any] = {"columns": None, "n_data_points": None, "index_sha256": None}
    else:
        rows = (
            [list(row) if isinstance(row, tuple) else [row] for row in index]
            if _is_table(dataset)
            else [list(row) for row in index.itertuples(index=False, name=None)]
        )
        described = _Description().of_value([columns, rows], 0, limited=False)
        # Only a dataset of tpcp knows that it is grouped; any other one has as many points as rows.
        n_data_points = len(dataset) if hasattr(type(dataset), "__len__") else len(rows)
        facts = {"columns": columns, "n_data_points": n_data_points, "index_sha256": _hash_json(described)}
    return {**describe_parameters(dataset), **facts}


def dataset_columns(dataset: Any) -> list[str] | None:
    """Return the names of the columns of a dataset's index, or of a table itself; ``None`` where there are none."""
    columns = dataset.columns if _is_table(dataset) else getattr(getattr(dataset, "index", None), "columns", None)
    return None if columns is None else [str(column) for column in columns]


def _is_table(item: Any) -> bool:
    """Say whether this is a table of pandas or one like it, whose index names its rows."""
    has_rows = all(hasattr(item, name) for name in ("columns", "itertuples", "index"))
    return has_rows and not hasattr(item.index, "columns")


class _Description:
    """One pass over an object; knows what it is inside of."""

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._n_objects = 0

    def of_object(self, item: Any, depth: int) -> dict[str, Any]:
        parameters = _parameters(item)
        found: dict[str, Any] = {}
        for name, value in parameters.items():
            if is_secret_name(name.rpartition("__")[2]) and value is not None:
                found[name] = REDACTED
            elif _has_parameters(value) and any(other.startswith(f"{name}__") for other in parameters):
                found[name] = {"class": full_class_name(type(value))}
            else:
                found[name] = self.of_value(value, depth + 1)
        return {"class": full_class_name(type(item)), "parameters": found}

    def of_value(self, value: Any, depth: int, *, limited: bool = True) -> Any:
        if value is None or isinstance(value, (bool, int, float, str)):
            return _scalar(value)
        self._n_objects += limited
        if id(value) in self._open or depth > _MAX_DEPTH or self._n_objects > _MAX_OBJECTS:
            return {"class": full_class_name(type(value))}
        self._open.add(id(value))
        try:
            return self._of_other(value, depth, limited)
        finally:
            self._open.discard(id(value))

    def _of_other(self, value: Any, depth: int, limited: bool) -> Any:
        if isinstance(value, (list, tuple, set, frozenset)):
            items = [self.of_value(item, depth + 1) for item in value]
            ordered = sorted(items, key=_as_json) if isinstance(value, (set, frozenset)) else items
            return _shortened(ordered, len(items)) if limited else ordered
        if isinstance(value, Mapping):
            pairs = {str(key): self._of_item(str(key), item, depth) for key, item in value.items()}
            return _shortened(pairs, len(pairs))
        if isinstance(value, (PurePath, UUID)):
            return safe_text(str(value))
        if isinstance(value, (datetime, date, time)):
            return value.isoformat()
        if isinstance(value, Enum):
            return {"class": full_class_name(type(value)), "name": value.name}
        if isinstance(value, type):
            return {"type": full_class_name(value)}
        if isinstance(value, (bytes, bytearray)):
            return {"class": type(value).__name__, "length": len(value), "sha256": hashlib.sha256(value).hexdigest()}
        described = self._of_function(value, depth) or _of_data(value)
        return described if described is not None else self._of_any(value, depth)

    def _of_item(self, name: str, value: Any, depth: int) -> Any:
        return REDACTED if is_secret_name(name) and value is not None else self.of_value(value, depth + 1)

    def _of_function(self, value: Any, depth: int) -> dict[str, Any] | None:
        if isinstance(value, functools.partial):
            given = {"args": list(value.args), "keywords": value.keywords}
            return {"partial": self.of_value(value.func, depth + 1), **self.of_value(given, depth + 1)}
        if inspect.ismethod(value):
            return {"method": value.__name__, "of": self.of_value(value.__self__, depth + 1)}
        if not inspect.isroutine(value):
            return None
        name = f"{value.__module__}.{value.__qualname__}"
        if "<" not in name:
            return {"function": name}
        # Many functions have such a name; the source tells them apart, and what each of them holds.
        held = {key: self._of_item(key, item, depth) for key, item in _held_by(value)}
        return {"function": name, **_source_hash(value), **({"values": held} if held else {})}

    def _of_any(self, value: Any, depth: int) -> dict[str, Any]:
        if _has_parameters(value) or (dataclasses.is_dataclass(value) and not isinstance(value, type)):
            return self.of_object(value, depth)
        kind = full_class_name(type(value))
        state = _state_of_generator(value)
        if state is not None:
            return {"class": kind, "state": self.of_value(state, depth + 1)}
        attributes = _attributes(value)
        if "__repr__" not in _written_by_hand(value) and isinstance(attributes, dict):
            return {"class": kind, "attributes": self.of_value(attributes, depth + 1)}
        text = _ADDRESS.sub("", safe_repr(value, limit=None))
        return {"class": kind, "repr": _shortened(text, len(text), _MAX_CHARACTERS)}


def _state_of_generator(value: Any) -> Any:
    """Return the state of a random generator of NumPy, of today's kind or the older one; anything else is ``None``."""
    if type(value).__module__.startswith("numpy.random") and hasattr(value, "get_state"):
        return value.get_state(legacy=False)
    return getattr(getattr(value, "bit_generator", None), "state", None)


def _held_by(function: Any) -> Iterator[tuple[str, Any]]:
    """Return the defaults of a function, and the variables that it has taken from the function around it."""
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


def _attributes(value: Any) -> dict[str, Any] | None:
    """Return the attributes of an object, those in ``__slots__``, too; ``None`` if it can have none."""
    slots = [vars(kind).get("__slots__", ()) for kind in type(value).__mro__]
    names = [name for each in slots for name in ([each] if isinstance(each, str) else each)]
    held = {name: getattr(value, name) for name in names if name[:2] != "__" and hasattr(value, name)}
    own = getattr(value, "__dict__", None)
    return {**held, **own} if isinstance(own, dict) else held or None


def _written_by_hand(value: Any) -> set[str]:
    """Return the names that the classes of an object define, beyond what Python gives to all objects."""
    return {name for kind in type(value).__mro__[:-1] for name in vars(kind)}


def _has_parameters(value: Any) -> bool:
    return not isinstance(value, type) and callable(getattr(value, "get_params", None))


def _parameters(item: Any) -> dict[str, Any]:
    if not _has_parameters(item):
        return dict(_nested(_own_parameters(item)))
    try:
        return dict(item.get_params())
    except TypeError:  # tpcp stumbles over a parameter that is a class, which has the method, too
        return dict(_nested(item.get_params(deep=False)))


def _own_parameters(item: Any) -> dict[str, Any]:
    if dataclasses.is_dataclass(item):
        names = [field.name for field in dataclasses.fields(item) if field.init]
    else:
        names = _init_names(item)
    return {name: getattr(item, name) for name in names if hasattr(item, name)}


def _init_names(item: Any) -> list[str]:
    if "__init__" not in _written_by_hand(item):
        return []
    try:
        return list(inspect.signature(type(item).__init__).parameters)[1:]
    except (TypeError, ValueError):  # written in C
        return []


def _nested(own: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in own.items():
        yield name, value
        if _has_parameters(value):
            yield from ((f"{name}__{inner}", each) for inner, each in value.get_params().items())


def _scalar(value: Any) -> Any:
    if isinstance(value, Enum):
        return {"class": full_class_name(type(value)), "name": value.name}
    if isinstance(value, str):
        return _shortened(safe_text(str.__str__(value)), len(value), _MAX_CHARACTERS)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**64 else str(value)
    number = float(value)
    return number if math.isfinite(number) else repr(number)


def _of_data(value: Any) -> Any:
    """Describe an array, a table, or a number of NumPy; anything else is ``None``."""
    package = type(value).__module__.partition(".")[0]
    if package == "numpy" and hasattr(value, "dtype"):
        if value.ndim == 0:
            return _scalar(value.item()) if value.dtype.kind in "biufU" else {"repr": safe_repr(value)}
        content = json.dumps(value.tolist(), default=_text).encode() if value.dtype.hasobject else value.tobytes()
        described = {"class": "numpy.ndarray", "dtype": str(value.dtype), "shape": list(value.shape)}
        if value.size <= _MAX_ITEMS and value.dtype.kind in "biU":
            return {**described, "values": value.tolist()}
        if value.size <= _MAX_ITEMS and value.dtype.kind == "f":
            flat = [_scalar(number) for number in value.ravel().tolist()]
            return {**described, "values": flat}
        return {**described, "sha256": hashlib.sha256(content).hexdigest()}
    if package == "pandas" and hasattr(value, "to_csv") and hasattr(value, "shape"):
        content = value.to_csv(lineterminator="\n").encode("utf-8", "backslashreplace")
        shape = [int(length) for length in value.shape]
        return {"class": full_class_name(type(value)), "shape": shape, "sha256": hashlib.sha256(content).hexdigest()}
    return None


def _text(value: Any) -> str:
    return _ADDRESS.sub("", safe_repr(value, limit=None))


def _source_hash(function: Any) -> dict[str, str]:
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):
        return {}
    return {"source_sha256": hashlib.sha256(source.encode("utf-8", "backslashreplace")).hexdigest()}


def _shortened(value: Any, length: int, limit: int = _MAX_ITEMS) -> Any:
    return value if length <= limit else {"length": length, "sha256": _hash_json(value)}


def _hash_json(value: Any) -> str:
    return hashlib.sha256(_as_json(value).encode()).hexdigest()


def _as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
