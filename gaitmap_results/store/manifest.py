"""Write and read the manifest of a run folder, in the format of ``sha256sum``."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from gaitmap_results.store import files
from gaitmap_results.store.layout import MANIFEST_FILE

__all__ = ["checksum_line", "manifest_content", "manifest_line", "parse_manifest"]

_LINE = re.compile(rb"(?P<escaped>\\)?(?P<digest>[0-9a-f]{64}) [ *](?P<name>.+)", re.DOTALL)
_ESCAPES = ((b"\\", b"\\\\"), (b"\n", b"\\n"), (b"\r", b"\\r"))


def manifest_content(folder: Path, *, exclude: Collection[str] = ()) -> bytes:
    """Return the manifest of every file below ``folder`` except itself and symbolic links.

    Parameters
    ----------
    folder
        A run folder.
    exclude
        Names of files directly in it to leave out.
    """
    return b"".join(
        checksum_line(files.hash_file(file.path), file.name)
        for file in files.list_files(folder)
        if file.name != MANIFEST_FILE and file.name not in exclude
    )


def manifest_line(name: str, content: bytes) -> bytes:
    """Return the line for a file directly in the run folder, given its content."""
    return checksum_line(hashlib.sha256(content).hexdigest(), name)


def checksum_line(digest: str, file: str) -> bytes:
    """Return the line for a file with a known hash."""
    name = escaped = os.fsencode(file)
    for raw, written in _ESCAPES:
        escaped = escaped.replace(raw, written)
    # https://www.gnu.org/software/coreutils/manual/html_node/md5sum-invocation.html: a backslash at the start of the
    # line says that the name is escaped.
    start = b"\\" if escaped != name else b""
    return b"%s%s  %s\n" % (start, digest.encode(), escaped)


def parse_manifest(content: bytes) -> Iterator[tuple[str, str]]:
    """Yield each file's path, relative to the run folder and with ``/``, and its SHA-256.

    Raises
    ------
    ValueError
        If a line is malformed, or names a path outside of the run folder.
    """
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line:
            continue
        match = _LINE.fullmatch(line.removesuffix(b"\r"))
        if match is None:
            raise ValueError(f"line {number} of the manifest is not a line of sha256sum")
        name = match["name"]
        if match["escaped"]:
            name = re.sub(rb"\\([\\nr])", lambda found: {b"\\": b"\\", b"n": b"\n", b"r": b"\r"}[found[1]], name)
        text = os.fsdecode(name)
        path = PurePosixPath(text)
        if path.is_absolute() or ".." in path.parts or "\0" in text or Path(text).drive:
            raise ValueError(f"line {number} of the manifest names {text!r}, which is not in the run folder")
        yield text, match["digest"].decode()
