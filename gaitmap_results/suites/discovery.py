"""Find the entries that a file or a module defines."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from gaitmap_results.exceptions import InvalidOptionError
from gaitmap_results.recording.record_run import recorded_call
from gaitmap_results.saving.plan import no_recording
from gaitmap_results.suites.entry import Entry

__all__ = ["find_entries"]

_LIST: Final = "ENTRIES"


def find_entries(where: str) -> list[Any]:
    """Return the entries in ``FILE``, ``MODULE``, ``FILE:NAME`` or ``MODULE:NAME``.

    Without a name, these are the list ``ENTRIES``.
    Without that list, they are the recorded functions of the module that need no arguments, in order.

    Raises
    ------
    InvalidOptionError
        If the file, module or name does not exist, has no entry, or records a run while it is imported.
    """
    place, name = _split(where)
    with no_recording(
        f"{place} records a run as soon as it is imported, and it is imported to find its entries. Put the run into a "
        "function with @record_run, or name a list ENTRIES, and put the rest under `if __name__ == '__main__':`."
    ):
        module = _import(place)
    if not name and not hasattr(module, _LIST):
        entries = [item for item in vars(module).values() if _is_entry_of(item, module)]
    else:
        found = getattr(module, name or _LIST, None)
        entries = list(found) if isinstance(found, (list, tuple)) else [found] if found is not None else []
    if not entries:
        known = [key for key, item in vars(module).items() if isinstance(item, Entry) or recorded_call(item)]
        raise InvalidOptionError(
            f"There is no entry {name!r} in {place}. "
            if name
            else f"There are no entries in {place}. "
            f"Entries there: {', '.join(known) or 'none'}. Decorate functions with @record_run, or name a list ENTRIES."
        )
    return entries


def _split(where: str) -> tuple[str, str]:
    """Split off the name; a colon can also be part of a path."""
    place, colon, name = where.rpartition(":")
    is_name = colon and name.isidentifier() and (place.endswith(".py") or os.sep not in name)
    return (place, name) if is_name and len(place) > 1 else (where, "")


def _import(place: str) -> ModuleType:
    path = Path(place)
    if place.endswith(".py") or path.is_file():
        if not path.is_file():
            raise InvalidOptionError(f"There is no file {place}.")
        return _import_file(path.absolute())
    # As `python -m` does.
    sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{place}.".startswith(f"{error.name}."):
            raise
        raise InvalidOptionError(
            f"There is no module {place!r} that can be imported from {Path.cwd()}, and no file of this name."
        ) from error


def _import_file(path: Path) -> ModuleType:
    """Import a file by its own name from its own folder, so that other processes can do the same."""
    if not path.stem.isidentifier():
        raise InvalidOptionError(f"{path.name} cannot be imported; give it a name of letters, digits and underscores.")
    sys.path.insert(0, str(path.parent))
    module = importlib.import_module(path.stem)
    file = getattr(module, "__file__", None)
    if file is None or not Path(file).is_file() or not path.samefile(file):
        raise InvalidOptionError(
            f"{path.name} has the name of the module {path.stem!r}, which Python finds at {file or 'another place'}. "
            "Rename the file."
        )
    return module


def _is_entry_of(item: Any, module: ModuleType) -> bool:
    if isinstance(item, Entry):
        return True
    if recorded_call(item) is None or item.__module__ != module.__name__:
        return False
    needed = inspect.signature(item).parameters.values()
    return all(
        each.default is not each.empty or each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in needed
    )
