"""Lists the tracked files of a small repository from its index, without a process of git.

The format is that of gitformat-index(5), https://git-scm.com/docs/index-format.
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

__all__ = ["list_tracked"]

# In a larger repository, git's status takes so long that another process beside it costs nothing.
_MAX_BYTES = 200_000
_HEADER = struct.Struct(">4sLL")
# Ten numbers of four bytes about the file, of which the mode is the seventh, the hash, and the flags.
_ENTRY = struct.Struct(">24xL12x20xH")
_SUBMODULE = 0o160000
_ASSUME_UNCHANGED, _EXTENDED, _STAGE = 0x8000, 0x4000, 0x3000
_SKIP_WORKTREE = 0x4000  # among the extended flags
_HASH_BYTES = 20
_EXTENSION = struct.Struct(">4sL")
# Extensions that only make git faster; each other one changes what the list of files means.
_HARMLESS = frozenset({b"TREE", b"REUC", b"UNTR", b"EOIE", b"IEOT", b"FSMN"})


def list_tracked(index: Path) -> bytes | None:
    """Return what ``git ls-files -z -v`` says, or ``None`` if git is to be asked.

    That is so for large repositories, for submodules, and for kinds of index that are not usual.
    """
    try:
        if index.is_symlink() or index.stat().st_size > _MAX_BYTES:
            return None
        return _listing(index.read_bytes())
    except FileNotFoundError:
        return b""  # nothing was ever added
    except (OSError, struct.error, ValueError):
        return None


def _listing(content: bytes) -> bytes | None:
    signature, version, n_entries = _HEADER.unpack_from(content)
    # The hash at the end tells a whole index; repositories with other hashes are left to git, too.
    whole = hashlib.sha1(content[:-_HASH_BYTES], usedforsecurity=False).digest() == content[-_HASH_BYTES:]
    if not whole or signature != b"DIRC" or version not in (2, 3):
        return None
    lines = []
    start = _HEADER.size
    for _ in range(n_entries):
        mode, flags = _ENTRY.unpack_from(content, start)
        name_start = start + _ENTRY.size
        extended = 0
        if flags & _EXTENDED:
            (extended,) = struct.unpack_from(">H", content, name_start)
            name_start += 2
        end = content.index(b"\0", name_start)
        if mode == _SUBMODULE:
            return None
        letter = b"M" if flags & _STAGE else b"S" if extended & _SKIP_WORKTREE else b"H"
        lines.append((letter.lower() if flags & _ASSUME_UNCHANGED else letter) + b" " + content[name_start:end] + b"\0")
        # One to eight NUL bytes follow, so that the next entry starts at a multiple of eight.
        start += (end - start) // 8 * 8 + 8
    return b"".join(lines) if _has_only_harmless(content, start) else None


def _has_only_harmless(content: bytes, start: int) -> bool:
    while start < len(content) - _HASH_BYTES:
        name, size = _EXTENSION.unpack_from(content, start)
        if name not in _HARMLESS:
            return False
        start += _EXTENSION.size + size
    return start == len(content) - _HASH_BYTES
