"""Write a zip archive whose bytes are the same at any time on any machine."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from gaitmap_results.exceptions import CorruptRunError, InvalidOptionError, ResultsFolderError
from gaitmap_results.exporting.runs_to_export import FileToExport
from gaitmap_results.store.files import make_folder, move_file, remove_file

__all__ = ["check_names", "write_archive"]

_CHUNK_BYTES: Final = 1 << 20
# The earliest date of the format; real file times would differ between copies.
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
# `unzip` changes names with these characters; the last ones are bytes that are not UTF-8.
_NOT_PORTABLE: Final = re.compile("[\\\\\x00-\x1f\x7f\ud800-\udfff]")


def check_names(names: Iterable[str]) -> None:
    """Refuse names that an archive cannot hold, or that would change when it is unpacked.

    Raises
    ------
    InvalidOptionError
        If there is such a name.
    """
    for name in names:
        if _NOT_PORTABLE.search(name):
            raise InvalidOptionError(
                f"The file {name} cannot be put into an archive for all systems: its name contains a backslash or a "
                "control character, or is not UTF-8."
            )


def write_archive(
    target: Path,
    folders: Iterable[str],
    contents: Iterable[tuple[str, bytes]],
    files: Iterable[FileToExport],
    *,
    on_file: Callable[[int], object] | None = None,
) -> None:
    """Write a zip archive completely, or leave nothing behind.

    Nothing is compressed, because the output of a compressor changes with its version.

    Parameters
    ----------
    target
        The archive; it must not exist.
    folders
        Folders that get an entry of their own.
    contents
        Names and contents of files that exist only in the archive.
    files
        The files to copy; each must still have its hash.
    on_file
        Called after each file with its size in bytes.

    Raises
    ------
    CorruptRunError
        If a file has changed since it was read.
    ResultsFolderError
        If the archive cannot be written.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        make_folder(target.parent)
        with zipfile.ZipFile(temporary, "x", zipfile.ZIP_STORED) as archive:
            for name, content in contents:
                archive.writestr(_entry(name, len(content)), content)
            for folder in folders:
                archive.writestr(_entry(f"{folder}/", 0), b"")
            for file in files:
                _copy(archive, file)
                if on_file is not None:
                    on_file(file.size)
        move_file(temporary, target)
    except OSError as error:
        raise ResultsFolderError(f"{target} cannot be written: {error.strerror or error}.") from error
    finally:
        with contextlib.suppress(OSError):
            remove_file(temporary)


def _entry(name: str, size: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.create_system = _UNIX
    is_folder = name.endswith("/")
    entry.external_attr = ((stat.S_IFDIR | 0o755) << 16) | 0x10 if is_folder else (stat.S_IFREG | 0o644) << 16
    entry.file_size = size
    return entry


def _copy(archive: zipfile.ZipFile, file: FileToExport) -> None:
    digest = hashlib.sha256()
    with archive.open(_entry(file.name, file.size), "w") as copy:
        for chunk in _chunks(file.path):
            digest.update(chunk)
            copy.write(chunk)
    if digest.hexdigest() != file.sha256:
        raise CorruptRunError(f"{file.path} changed while it was read. Try again when nobody writes to it.")


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
    except OSError as error:
        raise CorruptRunError(f"{path} cannot be read: {error.strerror or error}.", path=path.parent) from error
