"""Save and load cross-validation results.

These functions are for the authors of challenges that use tpcp's ``cross_validate``.
gaitmap_challenges can read the files, and its files can be read here.
A second file, ending in ``.types.json``, keeps what plain JSON loses, such as whether a list was an array.
It also names what had to be left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict

from gaitmap_results._extras import require_pandas
from gaitmap_results.exceptions import CorruptRunError
from gaitmap_results.store import files
from gaitmap_results.store.json_files import dump_json
from gaitmap_results.typed_results.files import load_typed, read_plain, read_types, save_typed, write_encoded
from gaitmap_results.typed_results.folds import decode_folds, decode_plain_folds, encode_folds, object_column
from gaitmap_results.typed_results.values import Encoder

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CvMetadata",
    "collect_cv_metadata",
    "collect_cv_results",
    "collect_opti_results",
    "load_cv_results",
    "load_opti_results",
    "save_cv_results",
    "save_opti_results",
]

_WHAT: Final = "Collecting, saving and loading cross-validation results"


class CvMetadata(TypedDict):
    """What is known about the data set of a cross-validation.

    Attributes
    ----------
    dataset_name
        The name of its class.
    dataset_columns
        The names of the columns of its index.

    Examples
    --------
    >>> from gaitmap_results.cross_validation import CvMetadata
    >>> CvMetadata(dataset_name="LabDataset", dataset_columns=["participant", "trial"])
    {'dataset_name': 'LabDataset', 'dataset_columns': ['participant', 'trial']}
    """

    dataset_name: str
    dataset_columns: list[str]


def collect_cv_results(cv_results: Mapping[str, Any]) -> pd.DataFrame:
    """Turn the results of tpcp's ``cross_validate`` into a table with one row for each fold.

    The optimizers, which cannot be stored, are left out; see :func:`collect_opti_results`.

    Parameters
    ----------
    cv_results
        The dictionary that ``cross_validate`` returned, of any version of tpcp.

    Raises
    ------
    MissingExtraError
        If pandas is not installed.

    Examples
    --------
    >>> from gaitmap_results.cross_validation import collect_cv_results
    >>> cv_results = {"test__agg__f1": [0.75, 0.5], "test__single__f1": [[1.0, 0.5], [0.5]]}
    >>> table = collect_cv_results(cv_results)
    >>> table["test__single__f1"].tolist()
    [[1.0, 0.5], [0.5]]
    """
    pd = require_pandas(_WHAT)
    return pd.DataFrame({key: object_column(values) for key, values in cv_results.items() if key != "optimizer"})


def collect_cv_metadata(dataset: Any) -> CvMetadata:
    """Return the metadata that name the data points when the results are loaded.

    Parameters
    ----------
    dataset
        The data set: an object whose ``index`` is a table.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from gaitmap_results.cross_validation import collect_cv_metadata
    >>> index = SimpleNamespace(columns=["participant", "trial"])
    >>> collect_cv_metadata(SimpleNamespace(index=index))
    {'dataset_name': 'SimpleNamespace', 'dataset_columns': ['participant', 'trial']}
    """
    return {"dataset_name": type(dataset).__name__, "dataset_columns": [str(each) for each in dataset.index.columns]}


def collect_opti_results(cv_results: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Return the best parameters and the best score that the optimizer of each fold found.

    Parameters
    ----------
    cv_results
        The dictionary that ``cross_validate`` returned; it has optimizers if ``return_optimizer=True`` was passed.

    Returns
    -------
    opti_results
        For each fold a dictionary with ``best_params`` and ``best_score``, as far as its optimizer has them.
        ``None`` if no fold has an optimizer with either of them.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from gaitmap_results.cross_validation import collect_opti_results
    >>> tuned = SimpleNamespace(best_params_={"axis": "z"}, best_score_=0.0)
    >>> collect_opti_results({"optimizer": [tuned]})
    [{'best_params': {'axis': 'z'}, 'best_score': 0.0}]
    """
    optimizers = cv_results.get("optimizer")
    if optimizers is None:
        return None
    found = [
        {
            name: value
            for name in ("best_params", "best_score")
            if (value := getattr(optimizer, f"{name}_", None)) is not None
        }
        for optimizer in optimizers
    ]
    return found if any(found) else None


def save_cv_results(
    cv_results: pd.DataFrame,
    cv_metadata: CvMetadata | Mapping[str, Any],
    folder_path: str | Path,
    filename: str = "cv_results.json",
    meta_data_filename: str = "cv_metadata.json",
) -> None:
    """Write the results of a cross-validation into a folder, with all digits.

    Arrays, tables, named tuples, infinite and missing numbers are restored exactly.
    Any other object is stored only as its repr.

    Parameters
    ----------
    cv_results
        What :func:`collect_cv_results` returned.
    cv_metadata
        What :func:`collect_cv_metadata` returned.
    folder_path
        An existing folder, such as the one that ``save_core_results`` is given.
    filename, meta_data_filename
        The names of the two files.

    Raises
    ------
    MissingExtraError
        If pandas is not installed.

    Warns
    -----
    GaitmapResultsWarning
        If something had to be left out, with the place and the reason.
        ``left_out`` in the file that ends in ``.types.json`` names it, too.

    Examples
    --------
    >>> from pathlib import Path
    >>> from gaitmap_results.cross_validation import collect_cv_results, save_cv_results
    >>> results = collect_cv_results({"test__agg__f1": [0.75, 0.5]})
    >>> folder = Path("core_results")
    >>> folder.mkdir()
    >>> data = {"dataset_name": "Lab", "dataset_columns": ["trial"]}
    >>> save_cv_results(results, data, folder)
    >>> sorted(file.name for file in folder.iterdir())
    ['cv_metadata.json', 'cv_results.json', 'cv_results.types.json']
    """
    require_pandas(_WHAT)
    folder = Path(folder_path)
    encoder = Encoder()
    plain, types = encode_folds(cv_results, encoder)
    write_encoded(folder / filename, plain, encoder, types)
    files.write_file(folder / meta_data_filename, dump_json(dict(cv_metadata)))


def save_opti_results(
    opti_results: Sequence[Mapping[str, Any]] | None, folder_path: str | Path, filename: str = "opti_results.json"
) -> None:
    """Write the results of the optimizations into a folder; write nothing if there are none.

    Parameters
    ----------
    opti_results
        What :func:`collect_opti_results` returned.
    folder_path
        An existing folder, such as the one that ``save_core_results`` is given.
    filename
        The name of the file.

    Warns
    -----
    GaitmapResultsWarning
        If something had to be left out, for example a parameter that is an object.

    Examples
    --------
    >>> import tempfile
    >>> from gaitmap_results.cross_validation import load_opti_results, save_opti_results
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_opti_results([{"best_params": {"axis": "z"}, "best_score": 0.9}], folder)
    ...     load_opti_results(folder)
    [{'best_params': {'axis': 'z'}, 'best_score': 0.9}]
    """
    if opti_results is None:
        return
    save_typed(Path(folder_path) / filename, list(opti_results), "opti_results")


def load_cv_results(
    folder_path: str | Path, filename: str = "cv_results.json", meta_data_filename: str = "cv_metadata.json"
) -> tuple[pd.DataFrame, CvMetadata]:
    """Load the results that :func:`save_cv_results` wrote, here or in gaitmap_challenges.

    Parameters
    ----------
    folder_path
        The folder.
    filename, meta_data_filename
        The names of the two files.

    Returns
    -------
    cv_results
        The table; labels of data points are named tuples.
    cv_metadata
        What is known about the data set.

    Raises
    ------
    MissingExtraError
        If pandas is not installed.
    FileNotFoundError
        If one of the files is not there.
    CorruptRunError
        If one of them is damaged.

    Examples
    --------
    >>> import tempfile
    >>> from gaitmap_results.cross_validation import collect_cv_results
    >>> from gaitmap_results.cross_validation import load_cv_results, save_cv_results
    >>> results = collect_cv_results({"test__agg__f1": [1 / 3, 1.0], "n": [3, 4]})
    >>> data = {"dataset_name": "Lab", "dataset_columns": ["trial"]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_cv_results(results, data, folder)
    ...     loaded, _ = load_cv_results(folder)
    >>> loaded.to_dict("list")
    {'test__agg__f1': [0.3333333333333333, 1.0], 'n': [3, 4]}
    """
    require_pandas(_WHAT)
    folder = Path(folder_path)
    metadata = read_plain(folder / meta_data_filename)
    plain = read_plain(folder / filename)
    types = read_types(folder / filename)
    try:
        table = decode_plain_folds(plain, metadata) if types is None else decode_folds(plain, types)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise CorruptRunError(
            f"{folder / filename} does not hold the results of a cross-validation: {type(error).__name__}: {error}.",
            path=folder,
        ) from error
    return table, metadata


def load_opti_results(folder_path: str | Path, filename: str = "opti_results.json") -> list[dict[str, Any]] | None:
    """Load the results that :func:`save_opti_results` wrote, here or in gaitmap_challenges.

    Parameters
    ----------
    folder_path
        The folder.
    filename
        The name of the file.

    Returns
    -------
    opti_results
        For each fold a dictionary; ``None`` if there is no such file.

    Raises
    ------
    CorruptRunError
        If the file is damaged.

    Examples
    --------
    A challenge without tuning has no such file:

    >>> import tempfile
    >>> from gaitmap_results.cross_validation import load_opti_results
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(load_opti_results(folder))
    None
    """
    path = Path(folder_path) / filename
    if not path.is_file():
        return None
    loaded: list[dict[str, Any]] | None = load_typed(path)
    return loaded
