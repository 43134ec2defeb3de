"""Identify the data of a challenge by its index and the content of its files."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from gaitmap_results.config import find_cache_folder
from gaitmap_results.exceptions import GaitmapResultsError
from gaitmap_results.provenance.collection_errors import Collector
from gaitmap_results.store.files import expanded, hash_file, replace_file
from gaitmap_results.store.json_files import dump_json, read_foreign_json
from gaitmap_results.store.manifest import checksum_line
from gaitmap_results.user_code.class_names import full_class_name

__all__ = ["describe_files", "identify_data"]

_CACHE_FILE: Final = "data_files.json"
_MAX_CACHE_BYTES: Final = 64_000_000


def identify_data(
    challenge: Any, dataset: Any, described: Mapping[str, Any] | None, collector: Collector
) -> dict[str, Any] | None:
    """Return the key ``data`` of metadata.json; ``None`` if the challenge has neither a dataset nor data files.

    Parameters
    ----------
    challenge
        The challenge; its method ``data_files`` is called if it has one.
    dataset
        Its dataset.
    described
        The description of the dataset; ``None`` if it has none, or could not be described.
    collector
        Keeps what could not be determined.
    """
    given = getattr(type(challenge), "data_files", None)
    files = collector.collect("data files", lambda: describe_files(challenge.data_files())) if callable(given) else None
    if dataset is None and files is None:
        return None
    index = None if dataset is None else collector.collect("data", _hash_of_index, dataset)
    return {
        "class": None if dataset is None else full_class_name(type(dataset)),
        "n_datapoints": None if described is None else described["n_data_points"],
        "index_sha256": index,
        "files": files,
    }


def _hash_of_index(dataset: Any) -> str | None:
    """Return the SHA-256 hash of the index as CSV; ``None`` if there is no index."""
    table: Any = dataset if hasattr(dataset, "itertuples") else getattr(dataset, "index", None)
    if not hasattr(table, "itertuples") or not hasattr(table, "columns"):
        return None
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([str(column) for column in table.columns])
    writer.writerows([str(value) for value in row] for row in table.itertuples(index=False, name=None))
    return hashlib.sha256(text.getvalue().encode()).hexdigest()


def describe_files(given: str | Path | Iterable[str | Path]) -> dict[str, Any]:
    """Return the number of files, their size in bytes, and one SHA-256 hash of their names and contents.

    The hash is that of the output of ``sha256sum``, sorted by name.
    Names are relative to the common folder of all files.
    A file is read again only if its path, size or modification time changed.

    Parameters
    ----------
    given
        Files and folders; a folder stands for all files in it.

    Raises
    ------
    OSError
        If a file cannot be read.
    """
    paths = [Path(given)] if isinstance(given, (str, os.PathLike)) else [Path(each) for each in given]
    files = sorted({file.resolve() for path in paths for file in _files_at(expanded(path))})
    if not files:
        return {"count": 0, "bytes": 0, "sha256": hashlib.sha256().hexdigest()}
    folders = [expanded(path).resolve() for path in paths]
    common = os.path.commonpath([folder if folder.is_dir() else folder.parent for folder in folders])
    hashes = _CachedHashes()
    lines = sorted((Path(os.path.relpath(file, common)).as_posix(), hashes.of(file)) for file in files)
    hashes.store()
    listing = b"".join(checksum_line(digest, name) for name, digest in lines)
    n_bytes = sum(file.stat().st_size for file in files)
    return {"count": len(files), "bytes": n_bytes, "sha256": hashlib.sha256(listing).hexdigest()}


def _files_at(path: Path) -> Iterable[Path]:
    if not path.is_dir():
        path.stat()  # raises if the path does not exist
        return [path]
    return [Path(folder, name) for folder, _, names in os.walk(path) for name in names]


class _CachedHashes:
    """Hashes of files by path, size and modification time, kept in the cache folder."""

    def __init__(self) -> None:
        self._file: Path | None = None
        self._known: dict[str, Any] = {}
        self._is_changed = False
        try:
            self._file = find_cache_folder() / _CACHE_FILE
            known = read_foreign_json(self._file, max_bytes=_MAX_CACHE_BYTES)
        except (OSError, ValueError, RuntimeError, GaitmapResultsError):
            return  # a missing or unreadable cache costs time only
        self._known = dict(known) if isinstance(known, Mapping) else {}

    def of(self, file: Path) -> str:
        """Return the SHA-256 hash of a file."""
        status = file.stat()
        key = [status.st_size, status.st_mtime_ns]
        known = self._known.get(str(file))
        if isinstance(known, list) and known[:2] == key and isinstance(known[-1], str):
            return known[-1]
        digest = hash_file(file)
        self._known[str(file)] = [*key, digest]
        self._is_changed = True
        return digest

    def store(self) -> None:
        """Keep the hashes for the next run, or ignore a cache that cannot be written."""
        if self._file is None or not self._is_changed:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._file, self._file.with_name(f"{_CACHE_FILE}.{os.getpid()}"), dump_json(self._known))
        except OSError:
            return
