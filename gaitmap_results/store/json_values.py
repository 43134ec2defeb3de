"""Encode Python values as JSON, and name every value that cannot be."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, time
from enum import Enum
from pathlib import PurePath
from typing import Any, Final, TypeAlias
from uuid import UUID

from gaitmap_results.exceptions import InvalidCustomMetadataError
from gaitmap_results.store.safe_text import error_text, safe_text

__all__ = ["MAX_REPR_BYTES", "encode_custom_metadata", "encode_leniently", "own_copy", "safe_repr"]

JsonValue = Any

#: A longer repr is cut: nobody reads it, and it would fill the record.
MAX_REPR_BYTES: Final = 100_000

# The range that JSON readers agree on; many, such as orjson, turn larger ones into floats.
_MIN_INT: Final = -(2**63)
_MAX_INT: Final = 2**64 - 1
# orjson writes 254 levels; the rest is for the structure around the value.
_MAX_DEPTH: Final = 200


class _RefusedError(Exception):
    """The reason why a value has no faithful JSON form."""


def encode_custom_metadata(custom_metadata: object) -> dict[str, JsonValue]:
    """Return the custom metadata as JSON values, or raise with the place of every value that has none.

    Strings, booleans, integers of 64 bit, floats, ``None``, mappings with string keys, lists and tuples are
    stored as they are.
    NumPy scalars and arrays are stored as the numbers they hold (an array of any memory order as nested lists), paths
    and UUIDs as text, dates and times in ISO 8601, enumeration members as their value.
    NaN, infinity and missing values of pandas, which JSON does not have, are stored as ``None``.

    Parameters
    ----------
    custom_metadata
        A mapping with string keys.

    Returns
    -------
    encoded
        New dictionaries and lists that share nothing with the input.

    Raises
    ------
    InvalidCustomMetadataError
        If JSON would change a value: integers of more than 64 bit, sets, bytes, keys that are not strings,
        lone surrogates, an object that contains itself, and any other object.

    Examples
    --------
    >>> from pathlib import Path
    >>> from gaitmap_results.store.json_values import encode_custom_metadata
    >>> encode_custom_metadata({"sensor": "lower_back", "axes": (1, 2), "data": Path("data/lab")})
    {'sensor': 'lower_back', 'axes': [1, 2], 'data': 'data/lab'}
    """
    encoder = _Encoder([])
    encoded: dict[str, JsonValue] = encoder.encode_root(custom_metadata)
    if encoder.problems:
        shown = "\n".join(f"  {key_path}: {reason}" for key_path, reason in encoder.problems[:20])
        more = f"\n  and {len(encoder.problems) - 20} more" if len(encoder.problems) > 20 else ""
        raise InvalidCustomMetadataError(
            f"The custom metadata cannot be stored as JSON without changing its meaning:\n{shown}{more}\n"
            "Convert these values to strings, numbers, lists or dictionaries with string keys, for example with "
            "sorted(...), dataclasses.asdict(...) or .tolist().",
            problems=encoder.problems,
        )
    return encoded


def encode_leniently(value: object, *, nulls: list[str] | None = None) -> tuple[JsonValue, tuple[tuple[str, str], ...]]:
    """Return ``value`` as JSON with refused values as their repr, and a ``(key path, reason)`` for each of those.

    Parameters
    ----------
    value
        Any object.
    nulls
        Collects the key path of each NaN, infinity and missing value, which become ``None``.
        Without it these are refused values, too.
    """
    encoder = _Encoder(nulls)
    return encoder.encode_root(value, must_be_mapping=False), tuple(encoder.problems)


def safe_repr(value: object, limit: int | None = MAX_REPR_BYTES) -> str:
    """Return the repr of ``value``, cut if very long, or the text of the error that it raises.

    Parameters
    ----------
    value
        Any object.
    limit
        The maximum number of bytes in UTF-8; a longer repr ends with a remark that it was cut.
    """
    try:
        text = safe_text(repr(value))
        return text if limit is None or len(text) * 4 <= limit else _cut(text, limit)
    except Exception as error:  # noqa: BLE001 - a repr is foreign code and may raise anything
        return f"<repr of {type(value).__name__} failed: {error_text(error)}>"


def _cut(text: str, limit: int) -> str:
    raw = text.encode()
    if len(raw) <= limit:
        return text
    # Drop the last word: half of a secret cannot be recognised as one.
    kept = re.sub(r"\S{1,1000}\Z", "", raw[:limit].decode(errors="ignore"))
    return f"{kept}... <cut: this repr has {len(raw)} bytes>"


def own_copy(custom_metadata: Any) -> Any:
    """Return a copy that can be filled without changing the original, which other runs may share.

    Every mapping becomes a dictionary: that of a configuration library may be read-only.
    """
    try:
        return {} if custom_metadata is None else _copied(custom_metadata)
    except Exception:  # noqa: BLE001 - encoding it later reports the same error
        return custom_metadata


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        items = {key: _copied(each) for key, each in value.items()}
        if type(value) is dict or not isinstance(value, dict):
            return items
        try:
            filled = copy.copy(value)  # a subclass, such as defaultdict
            for key, item in items.items():  # the update of Counter adds up
                filled[key] = item
        except Exception:  # noqa: BLE001 - a subclass may refuse it, and be read-only
            return items
        return filled
    if type(value) in (list, tuple):
        return type(value)(map(_copied, value))
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001 - it cannot be copied, and most likely cannot be stored either
        return value


# The name of the encoded object, then keys and indices; formatted only if something is refused.
_KeyPath: TypeAlias = tuple[object, ...]


_PLAIN_CONTAINERS: Final = frozenset({dict, list, tuple})
# The missing values of pandas and of NumPy's masked arrays.
_MISSING: Final = frozenset({"NAType", "NaTType", "MaskedConstant"})


class _Encoder:
    """One pass over a value, which collects refused values and the places of NaN and infinity."""

    def __init__(self, nulls: list[str] | None) -> None:
        self.problems: list[tuple[str, str]] = []
        self._nulls = nulls
        self._open: set[int] = set()

    def encode_root(self, value: object, *, must_be_mapping: bool = True) -> JsonValue:
        if must_be_mapping and not isinstance(value, Mapping):
            self.problems.append(("custom_metadata", f"a dictionary is expected, not {type(value).__name__}"))
            return {"value": safe_repr(value)}
        return self._encode(value, ("custom_metadata",), 0)

    def _encode(self, value: object, key_path: _KeyPath, depth: int) -> JsonValue:
        try:
            return self._convert(value, key_path, depth)
        except _RefusedError as refusal:
            reason = str(refusal)
        except Exception as error:  # noqa: BLE001 - the value's own methods are foreign code
            reason = f"reading it failed with {error_text(error)}"
        self.problems.append((_written(key_path), reason))
        return safe_repr(value)

    def _convert(self, value: object, key_path: _KeyPath, depth: int) -> JsonValue:
        if value is None or value is True or value is False:
            return value
        if isinstance(value, Enum):
            return self._convert(value.value, key_path, depth)
        if type(value) not in _PLAIN_CONTAINERS:  # which are most of what is not text
            if self._nulls is not None and _is_missing(value):
                self._nulls.append(_written(key_path))
                return None
            for kind, convert in _SCALARS:
                if isinstance(value, kind):
                    return convert(value)
        if depth >= _MAX_DEPTH:
            raise _RefusedError(f"it is nested more than {_MAX_DEPTH} levels deep")
        if id(value) in self._open:
            raise _RefusedError("it contains itself")
        self._open.add(id(value))
        try:
            return self._convert_container(value, key_path, depth)
        finally:
            self._open.discard(id(value))

    def _convert_container(self, value: object, key_path: _KeyPath, depth: int) -> JsonValue:
        if isinstance(value, Mapping):
            return dict(self._items(value, key_path, depth))
        # Configuration libraries have lists of their own; bytes and ranges are sequences, too.
        if isinstance(value, (list, tuple)) or (isinstance(value, Sequence) and type(value).__module__ != "builtins"):
            return [
                item if _is_plain(item) else self._encode(item, (*key_path, index), depth + 1)
                for index, item in enumerate(value)
            ]
        numbers = _from_numpy(value)
        if numbers is not value:
            return self._encode(numbers, key_path, depth + 1)
        kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
        raise _RefusedError(f"{kind} has no JSON form")

    def _items(self, value: Mapping[Any, Any], key_path: _KeyPath, depth: int) -> Iterator[tuple[str, JsonValue]]:
        seen: set[str] = set()
        for key, item in value.items():
            if type(key) is str and key.isascii() and key not in seen and _is_plain(item):  # nearly all
                seen.add(key)
                yield key, item
                continue
            inner = (*key_path, key)
            if not isinstance(key, str) or isinstance(key, Enum):
                reason = f"the key is of type {type(key).__name__}; keys are strings in JSON"
                self.problems.append((_written(inner), reason))
                text = safe_repr(key)
            else:
                text = safe_text(key)
                if text != key:
                    self.problems.append((_written(inner), "the key contains a lone surrogate: not valid text"))
            # Only refused keys can collide; neither of the two values may get lost.
            while text in seen:
                text += "_"
            seen.add(text)
            yield text, self._encode(item, inner, depth + 1)


def _is_plain(value: object) -> bool:
    """Return whether a value is certainly its own JSON value."""
    kind = type(value)
    return value is None or kind is bool or (kind is str and value.isascii())  # type: ignore[attr-defined]


def _is_missing(value: object) -> bool:
    """Return whether a value is NaN, infinity, or the missing value of a library."""
    return not math.isfinite(float(value)) if isinstance(value, float) else type(value).__name__ in _MISSING


def _written(key_path: _KeyPath) -> str:
    """Return a path of keys and indices in Python syntax."""
    root, *keys = key_path
    return f"{root}{''.join(f'[{safe_repr(key)}]' for key in keys)}"


def _text(value: str) -> str:
    plain = str.__str__(value)
    if not plain.isascii() and safe_text(plain) != plain:
        raise _RefusedError("the text contains a lone surrogate, which is not valid text")
    return plain


def _integer(value: int) -> int:
    plain = int(value)
    if not _MIN_INT <= plain <= _MAX_INT:
        raise _RefusedError("the integer needs more than 64 bit; store it as a string")
    return plain


def _finite(value: float) -> float:
    plain = float(value)
    if not math.isfinite(plain):
        raise _RefusedError(f"JSON has no {plain!r}; use None or a string")
    return plain


def _iso(value: date | time) -> str:
    text = value.isoformat()
    # pandas' NaT passes isinstance for datetime; only its text tells.
    if text == "NaT":
        raise _RefusedError("it is not a time (NaT); use None")
    return text


_SCALARS: tuple[tuple[type, Callable[[Any], JsonValue]], ...] = (
    (str, _text),
    (int, _integer),
    (float, _finite),
    (PurePath, lambda value: _text(str(value))),
    (date, _iso),
    (time, _iso),
    (UUID, str),
)


def _from_numpy(value: object) -> object:
    """Return the value of a NumPy scalar or array without importing NumPy; return anything else unchanged."""
    if type(value).__module__.partition(".")[0] != "numpy":
        return value
    array: Any = value
    dtype = getattr(array, "dtype", None)
    if dtype is None:
        return value
    is_lossy = dtype.names is not None or (dtype.kind == "f" and dtype.itemsize > 8) or hasattr(array, "mask")
    if is_lossy or dtype.kind not in "biufUO" or (array.size == 0 and array.ndim > 1):
        raise _RefusedError(f"a NumPy value of dtype {dtype} and shape {array.shape} would not come back from JSON")
    plain: object = array.tolist()
    return plain


def without_non_finite(value: Any) -> Any:
    """Return a value with ``None`` for each NaN and infinity in it, which JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {without_non_finite(key): without_non_finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_non_finite(each) for each in value]
    return value
