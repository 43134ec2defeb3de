"""Describe the parameters of a challenge, a pipeline and a dataset, so that equal ones compare equal."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from gaitmap_results.provenance.described_values import Description, hash_json, written_by_hand
from gaitmap_results.store.secrets_in_text import REDACTED, is_secret_name
from gaitmap_results.user_code.class_names import full_class_name

__all__ = ["dataset_columns", "describe_challenge", "describe_dataset", "describe_parameters"]


def describe_parameters(item: Any) -> dict[str, Any]:
    """Return an object's class and its flat parameters, with nested names as in tpcp.

    Parameters
    ----------
    item
        An object with ``get_params`` as in tpcp and scikit-learn, a dataclass, or any object whose attributes have the
        names of its ``__init__`` parameters.

    Returns
    -------
    described
        ``class`` and ``parameters``: ``{"algo": {"class": ...}, "algo__axis": "norm"}``.
        Values are JSON.
        Anything without a JSON form is described by what makes it equal to another, never by its memory address:
        objects by class and parameters, functions by name, arrays and tables by shape and SHA-256 hash.
        An object without parameters has a ``value`` instead.

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
    return _described(item, Description(_of_object))


def describe_challenge(challenge: Any) -> dict[str, Any]:
    """Describe a challenge without what ``run`` sets: the optimizer, and results such as ``errors_``."""
    return _described(challenge, Description(_of_object, challenge=challenge))


def _described(item: Any, description: Description) -> dict[str, Any]:
    if _is_described_by_parameters(item):
        return _by_parameters(item, description, 0)
    return {"class": full_class_name(type(item)), "parameters": {}, "value": description.of_value(item)}


def _is_described_by_parameters(item: Any) -> bool:
    if isinstance(item, type) or inspect.isroutine(item):
        return False
    if _has_parameters(item) or dataclasses.is_dataclass(item):
        return True
    # Other objects, also those that do not keep their parameters, are described by all that they hold.
    names = _init_names(item)
    return bool(names) and all(hasattr(item, name) for name in names)


def describe_dataset(dataset: Any) -> dict[str, Any]:
    """Return the class, parameters and index that identify a dataset.

    Parameters
    ----------
    dataset
        A tpcp dataset, a table, or any object.

    Returns
    -------
    described
        ``class`` and ``parameters`` as from :func:`describe_parameters`, and the index's ``columns``,
        ``n_data_points`` (as the dataset is grouped) and ``index_sha256``.
        The hash depends on rows, columns and their order.
        A table is a dataset of its rows; the hash of its content is part of ``value``.
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
        described = Description(_of_object, limited=False).of_value([columns, rows])
        # Only a tpcp dataset knows its grouping; any other has one data point per row.
        n_data_points = len(dataset) if hasattr(type(dataset), "__len__") else len(rows)
        facts = {"columns": columns, "n_data_points": n_data_points, "index_sha256": hash_json(described)}
    return {**describe_parameters(dataset), **facts}


def dataset_columns(dataset: Any) -> list[str] | None:
    """Return the column names of a dataset's index, or of a table itself; ``None`` if it has none."""
    columns = dataset.columns if _is_table(dataset) else getattr(getattr(dataset, "index", None), "columns", None)
    return None if columns is None else [str(column) for column in columns]


def _is_table(item: Any) -> bool:
    """Return whether this is a pandas-like table, whose index names its rows."""
    has_rows = all(hasattr(item, name) for name in ("columns", "itertuples", "index"))
    return has_rows and not hasattr(item.index, "columns")


def _of_object(item: Any, description: Description, depth: int) -> dict[str, Any] | None:
    """Describe an object by its class and parameters; return ``None`` for one without parameters."""
    if not (_has_parameters(item) or (dataclasses.is_dataclass(item) and not isinstance(item, type))):
        return None
    return _by_parameters(item, description, depth)


def _by_parameters(item: Any, description: Description, depth: int) -> dict[str, Any]:
    parameters = _parameters(item)
    found: dict[str, Any] = {}
    for name, value in parameters.items():
        own_name = name.rpartition("__")[2]
        if _has_parameters(value) and any(other.startswith(f"{name}__") for other in parameters):
            about = {"class": full_class_name(type(value)), **_learned(value, description, depth)}
            found[name] = REDACTED if is_secret_name(own_name) else about
        else:
            found[name] = description.of_named(own_name, value, depth + 1)
    return {"class": full_class_name(type(item)), "parameters": {**found, **_learned(item, description, depth)}}


def _learned(item: Any, description: Description, depth: int) -> dict[str, str]:
    """Return a hash of what a scikit-learn estimator has learned; attributes that tpcp objects computed are results."""
    kind = type(item)
    if not callable(getattr(kind, "fit", None)) or callable(getattr(kind, "clone", None)):
        return {}
    held = vars(item)
    if not any(name.endswith("_") and not name.startswith("_") for name in held):
        return {}
    learned = {name: value for name, value in held.items() if name not in item.get_params(deep=False)}
    return {"fitted_sha256": hash_json(description.of_value(learned, depth + 1))}


def _has_parameters(value: Any) -> bool:
    # Ask the class: some objects have an attribute of any name.
    return not isinstance(value, type) and callable(getattr(type(value), "get_params", None))


def _parameters(item: Any) -> dict[str, Any]:
    if not _has_parameters(item):
        return dict(_nested(_own_parameters(item)))
    try:
        return dict(item.get_params())
    except TypeError:  # tpcp fails on a parameter that is a class, which also has the method
        return dict(_nested(item.get_params(deep=False)))


def _own_parameters(item: Any) -> dict[str, Any]:
    if dataclasses.is_dataclass(item):
        names = [field.name for field in dataclasses.fields(item) if field.init]
    else:
        names = _init_names(item)
    return {name: getattr(item, name) for name in names if hasattr(item, name)}


def _init_names(item: Any) -> list[str]:
    if "__init__" not in written_by_hand(item):
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
