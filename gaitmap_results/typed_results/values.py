"""Split results into plain JSON, which everybody can read, and a note of what plain JSON loses.

A note is also JSON: ``None`` if nothing is lost, or the name of a number that JSON does not have.
Otherwise it is a dictionary whose ``kind`` says what the value was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from pathlib import PurePath
from typing import Any, Final

from gaitmap_results.store.json_values import safe_repr
from gaitmap_results.store.safe_text import error_text, safe_text
from gaitmap_results.typed_results import tables
from gaitmap_results.typed_results.labels import label_type

__all__ = ["Encoder", "decode"]

_NUMBERS: Final = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_MIN_INT: Final = -(2**63)
_MAX_INT: Final = 2**64 - 1
# orjson writes 254 levels; each nested table or list uses several.
_MAX_DEPTH: Final = 60
_TEXTS: Final[Mapping[str, Callable[[str], Any]]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "integer": int,
}


class Encoder:
    """Encode values, and collect what had to be left out.

    Attributes
    ----------
    left_out
        One ``(place, reason)`` for each value that is stored only as its repr.
    """

    def __init__(self) -> None:
        self.left_out: list[tuple[str, str]] = []

    def encode(self, value: Any, place: str, depth: int = 0) -> tuple[Any, Any]:
        """Return a value as plain JSON, and its note.

        Parameters
        ----------
        value
            Any value.
        place
            Where the value is, for :attr:`left_out`.
        """
        if value is None or isinstance(value, (str, int, float)):
            return self._scalar(value, place)
        if (pandas_scalar := tables.encode_scalar(value)) is not None:
            return pandas_scalar
        if depth > _MAX_DEPTH:
            return self._leave_out(value, place, f"it is nested more than {_MAX_DEPTH} levels deep")
        if isinstance(value, Mapping):
            return self._mapping(value, place, depth)
        if isinstance(value, (list, tuple)):
            return self._sequence(value, place, depth)
        if type(value).__module__.partition(".")[0] == "numpy" and hasattr(value, "dtype"):
            return self._numpy(value, place, depth)
        if tables.is_table(value):
            return self._table(value, place, depth)
        return self._text(value, place)

    def _leave_out(self, value: Any, place: str, reason: str) -> tuple[Any, Any]:
        self.left_out.append((place, reason))
        return safe_repr(value), None

    def _scalar(self, value: Any, place: str) -> tuple[Any, Any]:
        if value is None or isinstance(value, bool):
            return value, None
        if isinstance(value, str):
            text = str.__str__(value)
            if safe_text(text) != text:
                return self._leave_out(value, place, "the text contains a lone surrogate, which is not valid text")
            return text, None
        if isinstance(value, int):
            whole = int(value)
            return (whole, None) if _MIN_INT <= whole <= _MAX_INT else (str(whole), {"kind": "integer"})
        number = float(value)
        return (number, None) if math.isfinite(number) else (None, repr(number))

    def _mapping(self, value: Mapping[Any, Any], place: str, depth: int) -> tuple[Any, Any]:
        plain: dict[str, Any] = {}
        items: dict[str, Any] = {}
        keys = list(value)
        texts = [key if isinstance(key, str) and safe_text(key) == key else safe_repr(key) for key in keys]
        if len(set(texts)) < len(texts):
            return self._leave_out(value, place, "two of its keys look alike")
        for key, text in zip(keys, texts, strict=True):
            plain[text], note = self.encode(value[key], f"{place}[{text!r}]", depth + 1)
            if note is not None:
                items[text] = note
        note = {"kind": "dict", **({"items": items} if items else {})}
        if any(not isinstance(key, str) for key in keys):
            encoded, key_note = self.encode(keys, place, depth + 1)
            note |= {"keys": encoded, "key_note": key_note}
        return plain, note if len(note) > 1 else None

    def _sequence(self, value: Sequence[Any], place: str, depth: int) -> tuple[Any, Any]:
        plain, items = self.encode_items(value, place, depth)
        if isinstance(value, list):
            return plain, {"kind": "list", **items} if items else None
        fields = getattr(value, "_fields", None)
        if fields is None:
            return plain, {"kind": "tuple", **items}
        return plain, {"kind": "label", "name": type(value).__name__, "fields": list(fields), **items}

    def encode_items(self, values: Sequence[Any], place: str, depth: int) -> tuple[list[Any], dict[str, Any]]:
        """Return items as plain JSON with their notes: one for ``each`` item, by index in ``some``, or empty."""
        kinds = set(map(type, values))
        # Fast path for thousands of plain numbers.
        if (kinds <= {bool, float} and all(map(math.isfinite, values))) or not kinds:
            return list(values), {}
        encoded = [self.encode(value, f"{place}[{number}]", depth + 1) for number, value in enumerate(values)]
        notes = [note for _, note in encoded]
        plain = [each for each, _ in encoded]
        if all(note is None for note in notes):
            return plain, {}
        if all(note == notes[0] for note in notes):
            return plain, {"each": notes[0]}
        return plain, {"some": {str(number): note for number, note in enumerate(notes) if note is not None}}

    def _numpy(self, value: Any, place: str, depth: int) -> tuple[Any, Any]:
        dtype = value.dtype
        is_exact = dtype.kind in "bUiu" or (dtype.kind == "f" and dtype.itemsize <= 8) or dtype.kind == "O"
        if not is_exact or hasattr(value, "mask"):
            return self._leave_out(value, place, f"a NumPy value of dtype {dtype} has no faithful JSON form")
        if not hasattr(value, "ndim") or value.shape == ():
            plain, note = self.encode(value.item(), place, depth + 1)
            # Plain Python numbers have these types, so that no note is needed.
            if dtype.name in ("bool", "int64", "float64"):
                return plain, note
            return plain, {"kind": "scalar", "dtype": dtype.str, **({"note": note} if note else {})}
        flat, items = self.encode_items(value.ravel().tolist(), place, depth)
        return _nested(flat, value.shape), {"kind": "array", "dtype": dtype.str, "shape": list(value.shape), **items}

    def _table(self, value: Any, place: str, depth: int) -> tuple[Any, Any]:
        inner = Encoder()
        reason = "it would not come back as it is"
        try:
            plain, note = tables.encode(value, lambda values: inner.encode_items(values, place, depth + 1))
            if not inner.left_out and tables.is_same(value, decode(plain, note)):
                return plain, note
            reason = inner.left_out[0][1] if inner.left_out else reason
        except Exception as error:  # noqa: BLE001 - tables hold foreign objects, which may raise anything
            reason = error_text(error)
        return self._leave_out(value, place, f"this {type(value).__name__} could not be stored: {reason}")

    def _text(self, value: Any, place: str) -> tuple[Any, Any]:
        if isinstance(value, PurePath):
            return self._scalar(str(value), place)
        for kind, type_ in (("datetime", datetime), ("date", date), ("time", time)):
            if type(value) is type_:
                return value.isoformat(), {"kind": kind}
        return self._leave_out(value, place, f"{type(value).__module__}.{type(value).__qualname__} has no JSON form")


def _nested(flat: list[Any], shape: tuple[int, ...]) -> list[Any]:
    for length in reversed(shape[1:]):
        flat = [flat[start : start + length] for start in range(0, len(flat), length)] if length else []
    return flat


def decode(plain: Any, note: Any) -> Any:
    """Return the value that :class:`Encoder` encoded.

    Raises
    ------
    ValueError
        If this version does not know the note, or the note does not fit.
    """
    if note is None:
        return plain
    if isinstance(note, str):
        return _NUMBERS[note]
    kind = note["kind"]
    if kind in _TEXTS:
        return _TEXTS[kind](plain)
    if kind == "dict":
        items = note.get("items", {})
        keys = decode(note["keys"], note["key_note"]) if "keys" in note else list(plain)
        return {key: decode(value, items.get(text)) for key, (text, value) in zip(keys, plain.items(), strict=True)}
    if kind in ("list", "tuple"):
        values = decode_items(plain, note)
        return tuple(values) if kind == "tuple" else values
    if kind == "label":
        return label_type(note["name"], tuple(note["fields"]))(*decode_items(plain, note))
    if kind in ("array", "scalar"):
        return _decode_numpy(plain, note)
    return tables.decode(plain, note, decode_items)


def decode_items(plain: Sequence[Any], note: Mapping[str, Any]) -> list[Any]:
    """Return the items that :meth:`Encoder.encode_items` encoded."""
    if "each" in note:
        return [decode(each, note["each"]) for each in plain]
    some = note.get("some", {})
    return [decode(each, some.get(str(number))) for number, each in enumerate(plain)]


def _decode_numpy(plain: Any, note: Mapping[str, Any]) -> Any:
    import numpy as np

    dtype = np.dtype(note["dtype"])
    if note["kind"] == "scalar":
        return dtype.type(decode(plain, note.get("note")))
    flat = plain
    for _ in note["shape"][1:]:
        flat = [item for row in flat for item in row]
    array = np.empty(len(flat), dtype=dtype)
    array[:] = decode_items(flat, note)
    return array.reshape(note["shape"])
