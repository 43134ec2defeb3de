"""Read and write JSON, including files of older versions and other programs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import orjson

from gaitmap_results.store.files import read_regular_file
from gaitmap_results.store.safe_text import safe_text

__all__ = [
    "MAX_JSON_BYTES",
    "dump_json",
    "find_foreign_json",
    "parse_json",
    "parse_json_roughly",
    "read_foreign_json",
    "read_json",
]

#: A journal or a record has a few tens of kilobytes; a larger file than this is neither.
MAX_JSON_BYTES: Final = 64_000_000

# orjson silently reads an integer of more than 64 bit as a float.
_LARGE_INTEGER: Final = re.compile(rb"(?:\A|[\s:,\[])-?\d{19}")
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
# Looking for a run of digits first is ten times faster than the pattern, and thousands of records are read.
_DIGITS_AS_ZEROS: Final = bytes(ord("0") if chr(byte).isascii() and chr(byte).isdigit() else 0 for byte in range(256))
_MANY_ZEROS: Final = b"0" * 19


def dump_json(value: Any) -> bytes:
    """Return ``value`` as indented UTF-8 JSON with a final line break."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def parse_json(content: bytes) -> Any:
    """Return the value of JSON bytes.

    Files of older writers may hold ``NaN``, a byte order mark, lone surrogates or integers of more than 64 bit.
    Python's own reader accepts those.

    Raises
    ------
    ValueError
        If the bytes are not JSON.
    """
    if _MANY_ZEROS in content.translate(_DIGITS_AS_ZEROS) and _LARGE_INTEGER.search(content):
        return _parse_with_python(content)
    return parse_json_roughly(content)


def parse_json_roughly(content: bytes) -> Any:
    """Return the value of JSON bytes as :func:`parse_json` does, but integers of more than 64 bit may become floats."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return _parse_with_python(content)


def _parse_with_python(content: bytes) -> Any:
    try:
        value = json.loads(content.decode("utf-8-sig"))
        return _valid_text(value) if _SURROGATE.search(content) else value
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _valid_text(value: Any) -> Any:
    """Return a JSON value with lone surrogates as escapes, because no table, file or terminal can hold them."""
    if isinstance(value, str):
        return safe_text(value)
    if isinstance(value, dict):
        return {safe_text(key): _valid_text(each) for key, each in value.items()}
    return list(map(_valid_text, value)) if isinstance(value, list) else value


def read_json(path: Path) -> Any:
    """Return the value of a JSON file; see :func:`parse_json`."""
    return parse_json(read_regular_file(path)[0])


def read_foreign_json(path: Path, *, max_bytes: int = MAX_JSON_BYTES) -> Any:
    """Return the value of an untrusted JSON file; see :func:`parse_json`; a link is refused."""
    return parse_json(read_regular_file(path, max_bytes=max_bytes, follow_links=False)[0])


def find_foreign_json(path: Path) -> Any:
    """Return the value of an untrusted JSON file; ``None`` if there is none that can be read."""
    try:
        return read_foreign_json(path)
    except (OSError, ValueError):
        return None
