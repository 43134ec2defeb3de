"""Describe arrays, sparse matrices and tables of any library by shape, type and content."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

from gaitmap_results.user_code.class_names import full_class_name

__all__ = ["describe_data"]

#: Longer values are stored as a hash, so that they do not hide the parameters that people set by hand.
MAX_VALUES: Final = 200

_Describe = Callable[[Any], Any]


def describe_data(value: Any, describe: _Describe) -> Any:
    """Describe an array, a matrix, a table, a column, or a NumPy number; return ``None`` for anything else.

    Parameters
    ----------
    value
        Any object; no library is imported to recognise it.
    describe
        Describes the values in it that are not numbers.
    """
    kind = type(value)
    package = kind.__module__.partition(".")[0]
    # Ask the class, not the object: some objects have an attribute of any name.
    if package == "dask" and hasattr(kind, "__dask_graph__"):
        # The name of an array or a table identifies its computation; that of a delayed function is random.
        name = getattr(value, "_name", None) if hasattr(kind, "dtype") or hasattr(kind, "columns") else None
        found = {"token": name} if isinstance(name, str) else {"not_compared": "not computed yet"}
        return {"class": full_class_name(kind), **found}
    if package in ("numpy", "torch") and hasattr(kind, "dtype") and hasattr(kind, "shape"):
        return (_of_array if package == "numpy" else _of_tensor)(value, describe)
    if package == "scipy" and hasattr(kind, "tocoo"):
        return _of_sparse(value)
    is_sized = package == "pandas" and hasattr(kind, "shape") and hasattr(kind, "ndim")
    if is_sized and hasattr(kind, "tolist" if value.ndim == 1 else "columns"):
        return _of_pandas(value, describe)
    if package == "xarray" and hasattr(kind, "dims") and hasattr(kind, "to_dict"):
        return _of_xarray(value, describe)
    if (facts := _facts_of_table(value, kind)) is not None:
        return {**_head(value), "sha256": _hash([describe(facts)])}
    if callable(getattr(kind, "__array__", None)) and hasattr(value, "shape") and hasattr(value, "dtype"):
        # A PyTorch tensor may belong to a graph or be on another device.
        plain = value.detach().cpu() if hasattr(kind, "detach") and hasattr(kind, "cpu") else value
        described = _of_array(plain.__array__(), describe)
        return {**described, "class": full_class_name(kind)} if isinstance(described, dict) else described
    return None


def _facts_of_table(value: Any, kind: type) -> list[Any] | None:
    if hasattr(kind, "to_pydict") or hasattr(kind, "to_pylist"):  # pyarrow
        content = value.to_pydict() if hasattr(kind, "to_pydict") else value.to_pylist()
        return [str(getattr(value, "schema", getattr(value, "type", None))), content]
    if hasattr(kind, "get_columns"):  # polars
        return [[each.name, str(each.dtype), each.to_list()] for each in value.get_columns()]
    return None


def _of_array(value: Any, describe: _Describe) -> Any:
    kind = value.dtype.kind
    if value.ndim == 0 and not hasattr(value, "mask"):
        # Bytes need their dtype, and a long double is more than a float.
        plain = value.item()
        if kind in "biufU" and not isinstance(plain, type(value)):
            return describe(plain)
    described = {**_head(value), "dtype": str(value.dtype)}
    if hasattr(value, "mask"):
        mask = value.mask.tobytes() if value.mask.shape else [bool(value.mask)]
        described["mask_sha256"] = _hash([value.mask.shape, mask])
        value = value.filled()
    if value.dtype.hasobject:
        return {**described, "sha256": _hash([describe(value.tolist())])}
    if value.size <= MAX_VALUES and kind in "biU":
        return {**described, "values": value.tolist()}
    if value.size <= MAX_VALUES and kind == "f" and value.dtype.itemsize <= 8:
        return {**described, "values": [describe(number) for number in value.ravel().tolist()]}
    return {**described, "sha256": _hash([value.tobytes()])}


def _of_tensor(value: Any, describe: _Describe) -> Any:
    """Describe a PyTorch tensor by its values; its pickle holds an address of the process."""
    plain = value.detach().cpu()
    if plain.layout != sys.modules["torch"].strided:
        entries = plain.to_sparse().coalesce()
        parts = [_of_tensor(entries.indices(), describe), _of_tensor(entries.values(), describe)]
        return {**_head(value), "dtype": str(value.dtype), "layout": str(value.layout), "sha256": _hash(parts)}
    if value.is_quantized:
        plain = plain.dequantize()
    elif value.dtype.is_floating_point and value.element_size() < 4:
        plain = plain.float()  # exact; NumPy lacks bfloat16 and the types of 8 bits
    described = _of_array(plain.resolve_conj().resolve_neg().numpy(), describe)
    if not isinstance(described, dict):
        return {**_head(value), "dtype": str(value.dtype), "values": described}
    return {**described, "class": full_class_name(type(value)), "dtype": str(value.dtype)}


def _of_xarray(value: Any, describe: _Describe) -> dict[str, Any]:
    """Describe labelled data by its dimensions, coordinates, attributes and values."""
    if getattr(value, "chunks", None):
        return {"class": full_class_name(type(value)), "not_compared": "not computed yet"}
    content = value.to_dict(data="array")
    return {"class": full_class_name(type(value)), "sizes": dict(value.sizes), "sha256": _hash([describe(content)])}


def _of_sparse(value: Any) -> dict[str, Any]:
    """Describe a matrix by its values in order, whatever its storage format."""
    entries = value.tocoo(copy=True)
    entries.sum_duplicates()
    coordinates = getattr(entries, "coords", None) or (entries.row, entries.col)
    places = [each.astype("int64").tobytes() for each in coordinates]
    return {**_head(value), "dtype": str(value.dtype), "sha256": _hash([*places, entries.data.tobytes()])}


def _of_pandas(value: Any, describe: _Describe) -> dict[str, Any]:
    if value.ndim == 1:
        index = getattr(value, "index", None)
        columns = [value] if index is None or callable(index) else [index, value]
        names = [getattr(value, "name", None), getattr(value, "names", None)]
    else:
        columns = [value.index, *(value.iloc[:, number] for number in range(value.shape[1]))]
        names = [list(value.columns), list(value.columns.names), list(value.index.names)]
    content: list[Any] = [describe(names)]
    for column in columns:
        content.append(str(column.dtype))
        if hasattr(column.dtype, "categories"):
            content.append(describe([column.dtype.categories.tolist(), column.dtype.ordered]))
        is_plain = getattr(column.dtype, "kind", "O") in "biufmM" and hasattr(column.dtype, "byteorder")
        content.append(column.to_numpy().tobytes() if is_plain else describe(column.tolist()))
    return {**_head(value), "sha256": _hash(content)}


def _head(value: Any) -> dict[str, Any]:
    shape = getattr(value, "shape", None)
    size = {"shape": [int(length) for length in shape]} if isinstance(shape, tuple) else {"length": len(value)}
    return {"class": full_class_name(type(value)), **size}


def _hash(parts: Iterable[Any]) -> str:
    found = hashlib.sha256()
    for part in parts:
        raw = part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode()
        found.update(b"%d:" % len(raw) + raw)
    return found.hexdigest()
