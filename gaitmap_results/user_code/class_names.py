"""Name a class or a function by its importable module."""

from __future__ import annotations

import inspect
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Final

from gaitmap_results.user_code.caller import SENT_CODE, existing_file, is_cell
from gaitmap_results.user_code.installed import is_installed, is_library

__all__ = ["PROGRAMS", "full_class_name", "full_function_name"]

#: The modules of a running script; multiprocessing imports that of a spawned process under another name.
PROGRAMS: Final = ("__main__", "__mp_main__")


def full_class_name(kind: type) -> str:
    """Return module and name of a class, with the importable name in place of ``__main__``."""
    return f"{_importable_module(kind.__module__, _places_of(kind))}.{kind.__name__}"


def full_function_name(function: Any) -> str:
    """Return module and qualified name of a function, with the importable name in place of ``__main__``."""
    module, code = getattr(function, "__module__", None), getattr(function, "__code__", None)
    if not module:
        return str(function.__qualname__)
    places = () if code is None else _with_file(code.co_filename, function.__globals__)
    return f"{_importable_module(module, places)}.{function.__qualname__}"


def _importable_module(module: str, places: Iterable[tuple[str, Mapping[str, Any]]]) -> str:
    # runpy imports a script under the name <run_path>.
    if module not in PROGRAMS and not module.startswith("<"):
        return module
    found = next(iter(places), None)
    return (found and _name_of_program(*found)) or "__main__"


def _places_of(kind: type) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the possible files of a class's definition with the variables of its module, the surest first.

    The module of that name may be a different one: a profiler, the program of a worker.
    """
    methods = list(_methods_of(kind))
    for file, namespace in methods:
        if file == SENT_CODE or not file.startswith("<"):
            yield from _with_file(file, namespace)
    module = getattr(sys.modules.get(kind.__module__), "__dict__", {})
    if module.get(kind.__name__) is kind:
        yield from _with_file(None, module)
    for frame in _frames():
        file, namespace = frame.f_code.co_filename, frame.f_globals
        if namespace.get("__name__") == kind.__module__ and (namespace.get(kind.__name__) is kind or _is_own(file)):
            yield from _with_file(file, namespace)
    # Generated methods, such as a dataclass's, have the variables of the module of that name.
    for _, namespace in methods:
        yield from _with_file(None, namespace)


def _methods_of(kind: type) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the file and the module variables of each function that was defined with the class."""
    for member in vars(kind).values():
        function = inspect.unwrap(getattr(member, "__func__", member)) if callable(member) else None
        code, namespace = getattr(function, "__code__", None), getattr(function, "__globals__", {})
        # IPython's %run removes the name after the script, but keeps the rest.
        if code is not None and namespace and namespace.get("__name__", kind.__module__) == kind.__module__:
            yield code.co_filename, namespace


def _with_file(file: str | None, namespace: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    loaded_from = namespace.get("__file__")
    if file is not None and not is_cell(file) and existing_file(file) is not None:
        yield file, namespace
    # Code sent to a worker may lack its file; for a program read by Python it is "<stdin>".
    elif isinstance(loaded_from, str) and not loaded_from.startswith("<"):
        yield loaded_from, namespace


def _frames() -> Iterator[FrameType]:
    """Yield the frames of this thread, then those of the main thread, innermost first."""
    main = sys._current_frames().get(threading.main_thread().ident or 0)
    for innermost in (sys._getframe(1), main):
        frame = innermost
        while frame is not None:
            yield frame
            frame = frame.f_back


def _is_own(file: str) -> bool:
    found = existing_file(file)
    return found is not None and not is_installed(str(found)) and not is_library(str(found))


def _name_of_program(file: str, namespace: Mapping[str, Any]) -> str:
    spec, path, package = namespace.get("__spec__"), Path(file), namespace.get("__package__")
    name, origin = getattr(spec, "name", None), getattr(spec, "origin", None)
    # A profiler that runs a script leaves its own specification in the script's module.
    if name and name not in PROGRAMS and isinstance(origin, str) and _is_same(origin, file):
        return str(name)
    # A class that was sent to a worker has lost the specification of its module; a profiler may leave its own package.
    if package and _parts_of(file)[:-1][-len(package.split(".")) :] == tuple(package.split(".")):
        return f"{package}.{path.stem}"
    # A folder or archive runs the program in its __main__.py.
    return path.parent.stem if path.name == "__main__.py" else path.stem


def _parts_of(file: str) -> tuple[str, ...]:
    return Path(os.path.abspath(existing_file(file) or file)).parts


def _is_same(one: str, other: str) -> bool:
    return os.path.realpath(existing_file(one) or one) == os.path.realpath(existing_file(other) or other)
