"""Split pandas tables into plain JSON and a note of what plain JSON loses; see ``values``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from gaitmap_results._extras import require_pandas

__all__ = ["as_objects", "decode", "decode_columns", "encode", "encode_scalar", "encode_values", "is_same", "is_table"]

# Convert items to plain JSON with their notes, and back.
EncodeItems = Callable[[Sequence[Any]], tuple[list[Any], dict[str, Any]]]
DecodeItems = Callable[[Sequence[Any], Mapping[str, Any]], list[Any]]

_WHAT: Final = "Storing a table in the results"


def is_table(value: object) -> bool:
    """Say whether a value is a table, a column or an index of pandas, without importing pandas."""
    return _is_of_pandas(value) and any(
        kind.__name__ in ("DataFrame", "Series", "Index") and kind.__module__.partition(".")[0] == "pandas"
        for kind in type(value).__mro__
    )


def encode_scalar(value: object) -> tuple[str | None, dict[str, str]] | None:
    """Return a pandas time or missing value as text and note; ``None`` for anything else."""
    name = type(value).__name__
    if not _is_of_pandas(value) or name not in ("Timestamp", "Timedelta", "NaTType", "NAType"):
        return None
    if name in ("Timestamp", "Timedelta"):
        moment: Any = value
        zone = getattr(moment, "tz", None)
        return moment.isoformat(), {"kind": name, **({} if zone is None else {"zone": str(zone)})}
    return None, {"kind": "NaT" if name == "NaTType" else "NA"}


def _is_of_pandas(value: object) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas"


def encode(table: Any, encode_items: EncodeItems) -> tuple[Any, dict[str, Any]]:
    """Return a table as plain JSON (pandas' "split" form) and its note."""
    pd = require_pandas(_WHAT)
    if isinstance(table, pd.Index):
        return _encode_index(table, encode_items)
    index, index_note = _encode_index(table.index, encode_items)
    if isinstance(table, pd.Series):
        data, note = encode_values(table, encode_items)
        name, name_note = encode_items([table.name])
        plain = {"name": name[0], "index": index, "data": data}
        return plain, {"kind": "Series", "index": index_note, "data": note, "name": name_note}
    columns, columns_note = _encode_index(table.columns, encode_items)
    encoded = [encode_values(table.iloc[:, number], encode_items) for number in range(table.shape[1])]
    rows = [list(row) for row in zip(*(data for data, _ in encoded), strict=True)]
    plain = {"columns": columns, "index": index, "data": rows}
    notes = [note for _, note in encoded]
    return plain, {"kind": "DataFrame", "index": index_note, "columns": columns_note, "data": notes}


def decode(plain: Any, note: Mapping[str, Any], decode_items: DecodeItems) -> Any:
    """Return the encoded table or pandas value.

    Raises
    ------
    ValueError
        If this version does not know the note.
    """
    pd = require_pandas("Loading a table from the results")
    kind = note["kind"]
    if kind in ("Timestamp", "Timedelta"):
        moment = getattr(pd, kind)(plain)
        return moment.tz_convert(note["zone"]) if "zone" in note else moment
    if kind in ("NaT", "NA"):
        return getattr(pd, kind)
    if kind in ("Index", "RangeIndex", "MultiIndex"):
        return _decode_index(plain, note, decode_items)
    if kind == "Series":
        index = _decode_index(plain["index"], note["index"], decode_items)
        (name,) = decode_items([plain["name"]], note["name"])
        return decode_values(plain["data"], note["data"], decode_items, index=index).rename(name)
    if kind == "DataFrame":
        index = _decode_index(plain["index"], note["index"], decode_items)
        columns = list(zip(*plain["data"], strict=True)) or [() for _ in note["data"]]
        labels = _decode_index(plain["columns"], note["columns"], decode_items)
        return decode_columns(columns, note["data"], decode_items, index=index, labels=labels)
    raise ValueError(f"a value of the kind {kind!r} is not known")


def decode_columns(
    columns: Iterable[Sequence[Any]],
    notes: Sequence[Mapping[str, Any]],
    decode_items: DecodeItems,
    *,
    index: Any,
    labels: Any,
) -> Any:
    """Return a table of encoded columns."""
    pd = require_pandas(_WHAT)
    series = [
        decode_values(list(values), note, decode_items, index=index)
        for values, note in zip(columns, notes, strict=True)
    ]
    table = pd.concat(series, axis=1) if series else pd.DataFrame(index=index)
    table.columns = labels
    return table


def is_same(first: Any, second: Any) -> bool:
    """Say whether two tables have the same values, types, names and order."""
    pd = require_pandas(_WHAT)
    compare = {"DataFrame": "frame", "Series": "series"}.get(type(first).__name__, "index")
    options = {} if compare == "index" else {"check_freq": False}
    try:
        getattr(pd.testing, f"assert_{compare}_equal")(first, second, check_exact=True, **options)
    except AssertionError:
        return False
    return True


def encode_values(series: Any, encode_items: EncodeItems) -> tuple[list[Any], dict[str, Any]]:
    """Return one column of a table as plain JSON and its note."""
    dtype = str(series.dtype)
    plain, items = encode_items(series.tolist())
    note = {"dtype": dtype, **items}
    if dtype == "category":
        categories, categories_note = _encode_index(series.cat.categories, encode_items)
        note |= {"categories": categories, "categories_note": categories_note, "ordered": bool(series.cat.ordered)}
    return plain, note


def decode_values(plain: Sequence[Any], note: Mapping[str, Any], decode_items: DecodeItems, *, index: Any) -> Any:
    """Return one column of a table."""
    pd = require_pandas(_WHAT)
    values: Any = decode_items(plain, note)
    dtype = note["dtype"]
    if dtype == "str" and str(pd.Series(["text"]).dtype) == "object":
        # Before pandas 3, the type "str" turns missing values into text.
        dtype = "object"
    if dtype == "category":
        categories = _decode_index(note["categories"], note["categories_note"], decode_items)
        dtype = pd.CategoricalDtype(categories, ordered=note["ordered"])
    elif dtype == "object":
        values = as_objects(values)
    return pd.Series(values, dtype=dtype, index=index)


def as_objects(values: Sequence[Any]) -> Any:
    """Return an array of objects, since pandas itself would expand lists, arrays and tables."""
    import numpy as np

    array: Any = np.empty(len(values), dtype=object)
    for number, value in enumerate(values):
        array[number] = value
    return array


def _encode_index(index: Any, encode_items: EncodeItems) -> tuple[Any, dict[str, Any]]:
    pd = require_pandas(_WHAT)
    names, names_note = encode_items(list(index.names))
    about = {"names": names, "names_note": names_note}
    if isinstance(index, pd.RangeIndex):
        limits = {"start": index.start, "stop": index.stop, "step": index.step}
        return index.tolist(), {"kind": "RangeIndex", **limits, **about}
    if isinstance(index, pd.MultiIndex):
        levels = [
            encode_values(index.get_level_values(number).to_series(), encode_items) for number in range(index.nlevels)
        ]
        rows = [list(row) for row in zip(*(data for data, _ in levels), strict=True)]
        return rows, {"kind": "MultiIndex", "levels": [note for _, note in levels], **about}
    plain, note = encode_values(index.to_series(), encode_items)
    return plain, {"kind": "Index", "values": note, **about}


def _decode_index(plain: Any, note: Mapping[str, Any], decode_items: DecodeItems) -> Any:
    pd = require_pandas(_WHAT)
    names = decode_items(note["names"], note["names_note"])
    if note["kind"] == "RangeIndex":
        return pd.RangeIndex(note["start"], note["stop"], note["step"], name=names[0])
    if note["kind"] == "MultiIndex":
        columns = list(zip(*plain, strict=True)) or [() for _ in note["levels"]]
        levels = [
            pd.Index(decode_values(list(values), each, decode_items, index=None))
            for values, each in zip(columns, note["levels"], strict=True)
        ]
        return pd.MultiIndex.from_arrays(levels, names=names)
    return pd.Index(decode_values(plain, note["values"], decode_items, index=None), name=names[0])
