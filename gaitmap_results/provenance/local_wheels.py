"""Find the hash of a wheel in a local folder, which uv does not store when it installs from one."""

from __future__ import annotations

import functools
import hashlib
import re
import zipfile
from pathlib import Path

__all__ = ["hash_of_wheel"]

_DATA_FOLDER = re.compile(rb"[^/\n]+\.data/(?:purelib|platlib)/")


def hash_of_wheel(wheel: Path | None, record: Path) -> str | None:
    """Return the SHA-256 of the wheel that a package came from, as ``sha256=…``.

    Parameters
    ----------
    wheel
        The file that the package says it came from.
    record
        The RECORD of the installed package.

    Returns
    -------
    digest
        None if the wheel is gone, or if what is installed is not what it holds now.
    """
    try:
        if wheel is None or not wheel.is_file():
            return None
        status = wheel.stat()
        return _hash(wheel, (status.st_size, status.st_mtime_ns), record, record.stat().st_mtime_ns)
    except (OSError, ValueError, zipfile.BadZipFile):
        return None


@functools.lru_cache(maxsize=256)
def _hash(wheel: Path, _version: tuple[int, int], record: Path, _installed: int) -> str | None:
    with zipfile.ZipFile(wheel) as archive:
        name = next((name for name in archive.namelist() if name.endswith(".dist-info/RECORD")), None)
        held = b"" if name is None else _DATA_FOLDER.sub(b"", archive.read(name))
    if not _rows(record.read_bytes()) <= _rows(held):
        return None
    with wheel.open("rb") as content:
        digest = hashlib.sha256()
        while block := content.read(1 << 20):
            digest.update(block)
    return f"sha256={digest.hexdigest()}"


def _rows(record: bytes) -> set[bytes]:
    """Return the lines of a RECORD without those that an installer adds: its notes and the commands."""
    return {row for row in record.splitlines() if b".dist-info/" not in row and not row.startswith(b"../")}
