"""Find the entries that a file or a module defines."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NoReturn

from gaitmap_results.exceptions import GaitmapResultsError, InvalidOptionError
from gaitmap_results.recording.record_run import recorded_call
from gaitmap_results.saving.plan import no_recording
from gaitmap_results.store.safe_text import error_text
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
        If the file, module or name does not exist, cannot be imported, has no entry, or records a run while it is
        imported.
    """
    place, name = _split(where)
    with no_recording(
        f"{place} records a run as soon as it is imported, and it is imported to find its entries. Put the run into a "
        "function with @record_run, or name a list ENTRIES, and put the rest under `if __name__ == '__main__':`."
    ):
        module = _import(place)
    if not name and not hasattr(module, _LIST):
        entries = [item for item in vars(module).values() if _is_entry_of(item, module)]
        return entries or _refuse(f"There are no entries in {place}.", place, module)
    name = name or _LIST
    found = getattr(module, name, None)
    if isinstance(found, (list, tuple)):
        return list(found) or _refuse(f"The list {name} in {place} is empty.", place, module)
    if isinstance(found, (Entry, functools.partial)) or recorded_call(found):
        return [found]
    what = f"is a {type(found).__name__}, not an entry or a list of entries" if hasattr(module, name) else "is missing"
    return _refuse(f"{name} in {place} {what}.", place, module)


def _refuse(why: str, place: str, module: ModuleType) -> NoReturn:
    known = [key for key, item in vars(module).items() if isinstance(item, Entry) or recorded_call(item)]
    shown = f" Entries there: {', '.join(known)}; {place}:{known[0]} runs one of them." if known else ""
    raise InvalidOptionError(f"{why} Decorate functions with @record_run, or name a list {_LIST}.{shown}")


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
    return _import_module(place, place)


def _import_file(path: Path) -> ModuleType:
    """Import a file by its own name from its own folder, so that other processes can do the same."""
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise InvalidOptionError(
            f"{path.name} cannot be imported. Put the entries into a Python file with a name of letters, digits and "
            "underscores, such as suite.py."
        )
    sys.path.insert(0, str(path.parent))
    module = _import_module(path.stem, path.name)
    file = getattr(module, "__file__", None)
    if file is None or not Path(file).is_file() or not path.samefile(file):
        raise InvalidOptionError(
            f"{path.name} has the name of the module {path.stem!r}, which Python finds at {file or 'another place'}. "
            "Rename the file."
        )
    return module


def _import_module(name: str, place: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except GaitmapResultsError:
        raise
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}.") and name == place:
            raise InvalidOptionError(
                f"There is no module {name!r} that can be imported from {Path.cwd()}, and no file of this name."
            ) from error
        hint = ""
        if "relative import" in str(error):
            hint = f" Name the module instead of the file, from the folder that holds its package: PACKAGE.{name}."
        raise InvalidOptionError(f"{place} cannot be imported: {_located(error)}.{hint}") from error


def _located(error: Exception) -> str:
    """Return the text of an error, and the line that raised it."""
    frames = [each for each in traceback.extract_tb(error.__traceback__) if not each.filename.startswith("<frozen")]
    where = "" if isinstance(error, SyntaxError) else f" ({frames[-1].filename}, line {frames[-1].lineno})"
    return error_text(error) + where


def _is_entry_of(item: Any, module: ModuleType) -> bool:
    if isinstance(item, Entry):
        return True
    if recorded_call(item) is None or item.__module__ != module.__name__:
        return False
    needed = inspect.signature(item).parameters.values()
    return all(
        each.default is not each.empty or each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in needed
    )
