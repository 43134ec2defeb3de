"""Convert a table with one row for each fold into JSON, and back into the same table."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from gaitmap_results._extras import require_pandas
from gaitmap_results.typed_results import tables
from gaitmap_results.typed_results.labels import label_type
from gaitmap_results.typed_results.values import Encoder, decode, decode_items

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["decode_folds", "decode_plain_folds", "encode_folds", "object_column"]

_WHAT: Final = "Saving and loading cross-validation results"


def encode_folds(cv_results: pd.DataFrame, encoder: Encoder) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the table in the form of gaitmap_challenges, and the types that this form loses."""
    columns = _unique_texts(cv_results.columns.tolist())
    rows = _unique_texts(cv_results.index.tolist())
    plain: dict[str, Any] = {}
    notes = []
    for number, name in enumerate(columns):
        series = cv_results.iloc[:, number]
        n_left_out = len(encoder.left_out)
        encode_items = functools.partial(encoder.encode_items, place=name, depth=0)
        values, note = tables.encode_values(series, encode_items)
        if len(encoder.left_out) > n_left_out:
            # A column of reprs cannot have the type of periods, intervals or categories.
            note["dtype"] = "object"
        plain[name] = dict(zip(rows, values, strict=True))
        notes.append(note)
    axes = {}
    for axis, labels in (("index", cv_results.index), ("columns", cv_results.columns)):
        axes[axis], axes[f"{axis}_note"] = encoder.encode(labels, axis)
    return plain, {"data": notes, **axes}


def _unique_texts(labels: Sequence[Any]) -> list[str]:
    """Return a text for each label; if two would be equal, return their numbers."""
    texts = [str(label) for label in labels]
    return texts if len(set(texts)) == len(texts) else [str(number) for number in range(len(texts))]


def decode_folds(plain: Mapping[str, Any], types: Mapping[str, Any]) -> Any:
    """Return the table that :func:`encode_folds` was given."""
    # If an index could not be stored, the plain file still has the texts of its labels.
    texts = {"index": list(next(iter(plain.values()), ())), "columns": list(plain)}
    index, columns = (
        texts[axis] if types[f"{axis}_note"] is None else decode(types[axis], types[f"{axis}_note"]) for axis in texts
    )
    values = [list(each.values()) for each in plain.values()]
    return tables.decode_columns(values, types["data"], decode_items, index=index, labels=columns)


def decode_plain_folds(plain: Mapping[str, Any], metadata: Mapping[str, Any]) -> Any:
    """Return a table of gaitmap_challenges, which wrote NaN as null."""
    pd = require_pandas(_WHAT)
    label = label_type(f"{metadata['dataset_name']}DataPointLabel", tuple(metadata["dataset_columns"]))
    columns = {}
    index: list[Any] = []
    for name, values in plain.items():
        index = [int(key) if key.lstrip("-").isdigit() else key for key in values]
        cells = list(values.values())
        if name.endswith("data_labels"):
            cells = [[label(*each) if isinstance(each, list) else label(each) for each in cell] for cell in cells]
        else:
            cells = list(_with_nan([cell if not isinstance(cell, list) else list(_with_nan(cell)) for cell in cells]))
        columns[name] = pd.Series(object_column(cells), index=index)
    return pd.DataFrame(columns, index=index)


def _with_nan(values: Sequence[Any]) -> Iterator[Any]:
    """Yield numbers with NaN where one is missing; anything else as it is."""
    are_numbers = all(value is None or (isinstance(value, (int, float)) and value is not True) for value in values)
    for value in values:
        yield math.nan if value is None and are_numbers else value


def object_column(values: Any) -> Any:
    """Return a column of a table, with lists, arrays and tables in it as they are."""
    if isinstance(values, str) or not hasattr(values, "__len__"):
        return values
    if getattr(values, "ndim", None) == 1 or all(isinstance(value, (str, int, float)) for value in values):
        return values
    return tables.as_objects(values)
