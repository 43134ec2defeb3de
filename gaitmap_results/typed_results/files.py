"""Store results in pairs of files: plain JSON, and ``.types.json`` with the types that plain JSON loses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from gaitmap_results.exceptions import CorruptRunError, GaitmapResultsWarning, InvalidOptionError
from gaitmap_results.store import files
from gaitmap_results.store.json_files import dump_json, read_json
from gaitmap_results.typed_results.values import Encoder, decode
from gaitmap_results.user_code.user_warnings import warn_user

__all__ = ["load_typed", "read_plain", "read_types", "save_typed", "write_encoded"]

_SCHEMA_VERSION: Final = 1


def save_typed(path: Path, value: Any, place: str) -> None:
    """Write a value that may contain tables, arrays and named tuples.

    Parameters
    ----------
    path
        The file of plain JSON; its folder must exist.
    value
        The value.
    place
        What the value is, for the warning about what had to be left out.
    """
    encoder = Encoder()
    plain, note = encoder.encode(value, place)
    write_encoded(path, plain, encoder, {"note": note})


def load_typed(path: Path) -> Any:
    """Load a value written by :func:`save_typed`; plain JSON without a second file is returned as it is.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    CorruptRunError
        If the two files do not match.
    """
    plain, types = read_plain(path), read_types(path)
    try:
        return decode(plain, None if types is None else types["note"])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise CorruptRunError(
            f"{path} does not match {_types_file(path).name}: {error!r}.", path=path.parent
        ) from error


def _types_file(path: Path) -> Path:
    return path.with_name(f"{path.stem}.types.json")


def write_encoded(path: Path, plain: Any, encoder: Encoder, types: Mapping[str, Any]) -> None:
    """Write the file of plain JSON and the file of its types; warn about what is left out."""
    if path == _types_file(path) or not path.parent.is_dir():
        raise InvalidOptionError(f"Results cannot be written to {path}: create its folder, or choose another name.")
    left_out = [{"place": place, "reason": reason} for place, reason in encoder.left_out]
    about = f"What plain JSON loses of {path.name}; written by gaitmap_results."
    content = {"about": about, "schema_version": _SCHEMA_VERSION, "left_out": left_out, **types}
    files.write_file(path, dump_json(plain))
    files.write_file(_types_file(path), dump_json(content))
    if left_out:
        shown = "".join(f"\n  {place}: {reason}" for place, reason in encoder.left_out[:10])
        more = f"\n  and {len(left_out) - 10} more" if len(left_out) > 10 else ""
        warn_user(f"Of these results only the repr is stored in {path.name}:{shown}{more}", GaitmapResultsWarning)


def read_plain(path: Path) -> Any:
    """Read a file of plain JSON."""
    try:
        return read_json(path)
    except ValueError as error:
        raise CorruptRunError(f"{path} cannot be read as JSON: {error}.", path=path.parent) from error


def read_types(path: Path) -> Any:
    """Read the types of a file; ``None`` if there are none."""
    try:
        types = read_plain(_types_file(path))
    except FileNotFoundError:  # gaitmap_challenges wrote no such file
        return None
    version = types.get("schema_version") if isinstance(types, dict) else None
    if version != _SCHEMA_VERSION:
        raise CorruptRunError(
            f"{_types_file(path)} has the schema version {version!r}; this version of gaitmap_results knows "
            f"{_SCHEMA_VERSION}. Update gaitmap_results.",
            path=path.parent,
        )
    return types
