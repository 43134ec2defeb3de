"""Describe any Python value as JSON: equal values alike in every process, different values differently."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import json
import logging
import math
import pickle
import random
import sys
import warnings
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from enum import Enum
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

from gaitmap_results.provenance.described_data import describe_data
from gaitmap_results.provenance.described_functions import describe_function
from gaitmap_results.showing.text import without_addresses
from gaitmap_results.store.json_values import safe_repr
from gaitmap_results.store.safe_text import safe_text
from gaitmap_results.store.secrets_in_text import REDACTED, is_secret_name
from gaitmap_results.user_code.class_names import full_class_name

__all__ = ["Description", "hash_json", "written_by_hand"]

_MAX_DEPTH: Final = 60
# Longer values are stored as length and hash, so that they do not hide the parameters that people set by hand.
_MAX_ITEMS: Final = 200
_MAX_CHARACTERS: Final = 2000
# Beyond this number, objects are stored as hashes: references among them could multiply the description.
_MAX_OBJECTS: Final = 5000
# The keys that descriptions use; a dictionary with one of them is described as pairs to avoid confusion.
_OWN_KEYS: Final = frozenset(
    ("class", "float", "int", "type", "function", "method", "partial", "module", "length", "sha256")
)
# Modules whose objects have no attributes and a repr that says everything that makes them equal.
_EXACT_REPRS: Final = frozenset({"builtins", "datetime", "decimal", "types", "typing", "zoneinfo", "operator"})
_CACHE_FOLDERS: Final = frozenset({"memory", "cache_dir", "cachedir", "cache_folder"})


class Description:
    """One pass over an object, which detects references to enclosing objects.

    Parameters
    ----------
    of_object
        Describes an object by its parameters; returns ``None`` for an object without parameters.
    limited
        Whether long values are stored as hashes.
    challenge
        A challenge whose attributes that ``run`` sets are left out, if it is the described object.
    """

    def __init__(
        self, of_object: Callable[[Any, Description, int], Any], *, limited: bool = True, challenge: Any = None
    ) -> None:
        self._of_object = of_object
        self._challenge = challenge
        self._limited = limited
        self._open: dict[int, int] = {}
        self._n_objects = 0
        # Holds the objects too: a freed object's address could be reused.
        self._known: dict[int, tuple[Any, Any, int]] = {}

    def of_value(self, value: Any, depth: int = 0) -> Any:
        """Return the description of a value at nesting level ``depth``."""
        if value is None or isinstance(value, (bool, int, float, str)):
            return self._of_scalar(value)
        if id(value) in self._open:
            return {"class": full_class_name(type(value)), "enclosing": len(self._open) - self._open[id(value)]}
        if depth > _MAX_DEPTH:
            reason = f"nested more than {_MAX_DEPTH} levels deep"
            return {"class": full_class_name(type(value)), "not_compared": reason}
        if (known := self._known.get(id(value))) is None:
            before = self._n_objects
            self._open[id(value)] = len(self._open)
            try:
                described = self._of_other(value, depth)
            except Exception:  # noqa: BLE001 - reading it is foreign code, and costs no other value
                described = self._of_repr(value, full_class_name(type(value)))
            finally:
                del self._open[id(value)]
            known = self._known[id(value)] = value, described, 1 + self._n_objects - before
            self._n_objects += 1
        else:
            self._n_objects += known[2]
        if self._limited and self._n_objects > _MAX_OBJECTS and known[2] > 1:
            return {"class": full_class_name(type(value)), "sha256": hash_json(known[1])}
        return known[1]

    def of_named(self, name: str, value: Any, depth: int) -> Any:
        """Return the description of a parameter, an attribute or a dictionary item, without secrets."""
        if value is not None and is_secret_name(name):
            return REDACTED
        if name in _CACHE_FOLDERS and isinstance(value, (str, PurePath)):
            return {"class": full_class_name(type(value)), "not_compared": "a folder for a cache"}
        return self.of_value(value, depth)

    def _of_scalar(self, value: Any) -> Any:
        if isinstance(value, Enum):
            return {"class": full_class_name(type(value)), "name": value.name}
        if isinstance(value, str):
            return self._shortened(safe_text(str.__str__(value)), len(value), _MAX_CHARACTERS)
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int):
            return int(value) if -(2**63) <= value < 2**64 else {"int": self._digits(value)}
        number = float(value)
        return number if math.isfinite(number) else {"float": repr(number)}

    def _digits(self, value: int) -> Any:
        # Python refuses to convert integers with thousands of digits to text.
        bits = value.bit_length()
        return str(int(value)) if bits < 10_000 else {"length": bits, "sha256": hash_json(f"{value:x}")}

    def _of_other(self, value: Any, depth: int) -> Any:
        kind = full_class_name(type(value))
        # Some matrices and tables are also dictionaries.
        described = None if type(value).__module__ == "builtins" else describe_data(value, self._unlimited().of_value)
        if described is None:
            described = self._of_collection(value, kind, depth)
            if described is not None and (beside := _kept_beside(value)):
                named = {str(name): self.of_named(str(name), item, depth + 1) for name, item in beside.items()}
                described = {"class": kind, "items": described, "attributes": named}
        if described is None:
            described = _of_constant(value, kind)
        if described is None:
            described = describe_function(value, lambda each: self.of_value(each, depth + 1))
        return described if described is not None else self._of_any(value, kind, depth)

    def _unlimited(self) -> Description:
        """Return a description for values inside of this one that become part of a hash."""
        inner = Description(self._of_object, limited=False)
        inner._open = self._open
        return inner

    def _of_collection(self, value: Any, kind: str, depth: int) -> Any:
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            pairs = zip(value._fields, value, strict=False)
            return {"class": kind, "fields": {name: self.of_named(name, item, depth + 1) for name, item in pairs}}
        if isinstance(value, (list, tuple)):
            items = [self.of_value(item, depth + 1) for item in value]
            return self._shortened(items, len(items))
        if isinstance(value, (set, frozenset, deque)):
            items = [self.of_value(item, depth + 1) for item in value]
            ordered = items if isinstance(value, deque) else sorted(items, key=_as_json)
            return {"class": kind, "items": self._shortened(ordered, len(items))}
        return self._of_mapping(value, depth) if isinstance(value, Mapping) else None

    def _of_mapping(self, value: Mapping[Any, Any], depth: int) -> Any:
        if all(type(key) is str for key in value) and _OWN_KEYS.isdisjoint(value):
            named = {safe_text(key): self.of_named(key, item, depth + 1) for key, item in value.items()}
            if len(named) == len(value):
                return self._shortened(named, len(named))
        pairs = [
            [
                self.of_value(key, depth + 1),
                self.of_named(key, item, depth + 1) if isinstance(key, str) else self.of_value(item, depth + 1),
            ]
            for key, item in value.items()
        ]
        return {"class": "builtins.dict", "items": self._shortened(sorted(pairs, key=_as_json), len(pairs))}

    def _of_any(self, value: Any, kind: str, depth: int) -> Any:
        described = self._of_object(value, self, depth)
        if described is not None:
            return described
        if kind.startswith("joblib.memory."):
            return {"class": kind}  # caching does not change the results
        state = _state_of_generator(value)
        if state is not None:
            return {"class": kind, "state": self.of_value(state, depth + 1)}
        attributes = _attributes(value)
        if attributes or (attributes is not None and _tells_all(value)):
            if value is self._challenge:
                attributes = {name: item for name, item in attributes.items() if not _is_set_by_run(name)}
            named = {name: self.of_named(name, item, depth + 1) for name, item in attributes.items()}
            return {"class": kind, "attributes": self._shortened(named, len(named))}
        return self._of_repr(value, kind)

    def _of_repr(self, value: Any, kind: str) -> Any:
        said = safe_repr(value, limit=None)
        text = without_addresses(said)
        described = {"class": kind, "repr": self._shortened(text, len(text), _MAX_CHARACTERS)}
        if type(value).__module__ in _EXACT_REPRS and text == said:
            return described
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                content = pickle.dumps(value, protocol=4)
            return {**described, "pickle_sha256": hashlib.sha256(content).hexdigest()}
        except Exception:  # noqa: BLE001 - pickling is foreign code
            return {**described, "not_compared": "it has no attributes and cannot be pickled"}

    def _shortened(self, value: Any, length: int, limit: int = _MAX_ITEMS) -> Any:
        return {"length": length, "sha256": hash_json(value)} if self._limited and length > limit else value


def _is_set_by_run(name: str) -> bool:
    return name.endswith("_") or name == "optimizer"


def _of_constant(value: Any, kind: str) -> Any:
    """Describe a single value that JSON lacks; return ``None`` for anything else."""
    if isinstance(value, (PurePath, UUID)):
        return safe_text(str(value))
    if isinstance(value, (datetime, date, time)):
        text = value.isoformat()
        return text if text != "NaT" else {"class": kind, "repr": text}
    if isinstance(value, (Enum, logging.Logger)):
        return {"class": kind, "name": value.name}
    # In Python 3.10, `list[int]` is an instance of type.
    if isinstance(value, type) and not hasattr(value, "__origin__"):
        return {"type": full_class_name(value)}
    if inspect.ismodule(value):
        return {"module": value.__name__}
    if isinstance(value, (bytes, bytearray, memoryview)):
        raw = bytes(value)
        return {"class": kind, "length": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
    return None


def _tells_all(value: Any) -> bool:
    """Return whether an object without attributes holds nothing; an extension type may hold hidden values."""
    made_by: Any = type(value).__new__
    return made_by is object.__new__ and "__repr__" not in written_by_hand(value)


def _kept_beside(value: Any) -> dict[str, Any]:
    """Return the attributes of an instance of a subclass of list, tuple or dict, beside its items."""
    if type(value).__module__ == "builtins" or not isinstance(value, (list, tuple, dict)):
        return {}
    factory = value.default_factory if isinstance(value, defaultdict) else None
    return {**({} if factory is None else {"default_factory": factory}), **getattr(value, "__dict__", {})}


def _state_of_generator(value: Any) -> Any:
    """Return the state of a random generator of Python, NumPy or PyTorch; ``None`` for anything else."""
    shared = getattr(random, "_inst", None), getattr(sys.modules.get("numpy.random.mtrand"), "_rand", None)
    if any(value is each for each in shared):
        return "the one that all of a process share"
    if isinstance(value, random.Random):
        return None if isinstance(value, random.SystemRandom) else value.getstate()
    if type(value).__module__ == "torch._C" and hasattr(value, "get_state"):
        return value.get_state()
    if not type(value).__module__.startswith("numpy.random"):
        return None
    if hasattr(value, "get_state"):
        return value.get_state(legacy=False)
    return getattr(getattr(value, "bit_generator", value), "state", None)


def _attributes(value: Any) -> dict[str, Any] | None:
    """Return the attributes of an object, including ``__slots__``; ``None`` if it can have none."""
    held: dict[str, Any] = {}
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for slot in [slots] if isinstance(slots, str) else slots:
            hidden = slot.startswith("__")
            name = f"_{kind.__name__.lstrip('_')}{slot}" if hidden and not slot.endswith("__") else slot
            # Pydantic's values beside the fields; which fields were set makes no difference.
            wanted = not (hidden and slot.endswith("__")) or slot in ("__pydantic_extra__", "__pydantic_private__")
            with contextlib.suppress(Exception):  # an empty slot, or one whose access is foreign code
                if wanted and (found := getattr(value, name)) is not None:
                    held[name] = found
    own = getattr(value, "__dict__", None)
    if not isinstance(own, dict):
        return held or None
    cached = {
        name for name in own if isinstance(inspect.getattr_static(type(value), name, None), functools.cached_property)
    } | {"_torchdynamo_wrapper_id"}  # an address
    return {**held, **{str(name): item for name, item in own.items() if name not in cached}}


def written_by_hand(value: Any) -> set[str]:
    """Return the names that the classes of an object define, without those of ``object``."""
    return {name for kind in type(value).__mro__[:-1] for name in vars(kind)}


def hash_json(value: Any) -> str:
    """Return the SHA-256 hash of a JSON value."""
    return hashlib.sha256(_as_json(value).encode()).hexdigest()


def _as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
