"""Find the user's code that asked for a record."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from gaitmap_results.user_code.imported_sources import plain_path
from gaitmap_results.user_code.installed import is_installed, is_library

__all__ = ["SENT_CODE", "Caller", "existing_file", "find_caller", "innermost_user_frame", "is_cell"]

_OWN_PACKAGE: Final = __name__.partition(".")[0]
# wrapt puts a frame of its own above a decorated function, depending on its build.
_PLUMBING: Final = frozenset({_OWN_PACKAGE, "wrapt"})
# The demo's entries play the part of the user's.
_OWN_EXAMPLES: Final = f"{_OWN_PACKAGE}.demo"
#: The file name of code that cloudpickle 3.1.3 and later sends by its content.
SENT_CODE: Final = "<dynamic-code>"
_TYPED_CODE: Final = ("<ipython-input", "<stdin", "<python-input", "<console>", SENT_CODE)
_MAX_HASHED_BYTES: Final = 50_000_000


def _current_folder() -> Path | None:
    try:
        return Path.cwd()
    except OSError:  # the folder may have been deleted
        return None


# A script started with a relative name keeps that name, even after the program changes its folder.
_FIRST_FOLDER: Final = _current_folder()


@dataclass(frozen=True)
class Caller:
    """The code that asked for a record.

    Attributes
    ----------
    kind
        ``file``, ``notebook``, ``interactive``, ``command`` (``python -c``), ``stdin`` or ``frozen``.
    file
        The absolute path of the file; ``None`` if there is none.
    line
        The line in it, counted from 1.
    function
        The qualified name of the function, ``None`` at the top level.
    sha256
        The hash of the file's content at that moment.
    """

    kind: str
    file: Path | None
    line: int | None
    function: str | None
    sha256: str | None


def find_caller(offset: int = 0, *, entry: CodeType | None = None, entry_name: str | None = None) -> Caller:
    """Return the caller of our public function.

    Frames of this package, of wrapt and of the standard library never count.
    Frames of installed packages are the caller only if no frame of the user's is further out.

    Parameters
    ----------
    offset
        How many user frames further out to look; the outermost if there are fewer.
        An installed package that calls us also counts its own frames.
    entry
        The code of a decorated function, used if no user frame is left (a framework, a thread, a worker process).
    entry_name
        The qualified name of a decorated function, stored as the caller's function.
    """
    installed, own = _calling_frames(sys._getframe(1))
    further = min(max(offset - len(installed), 0), len(own) - 1)
    found = _first_described(own[further:]) if own else None
    if found is None and entry is not None and entry.co_filename != SENT_CODE:
        found = _describe_code(entry.co_filename, entry.co_firstlineno)
    if found is None:
        found = _first_described(own) or _first_described(installed) or _describe_program()
    if entry_name is None:
        return found
    return Caller(found.kind, found.file, found.line, entry_name, found.sha256)


def innermost_user_frame() -> FrameType | None:
    """Return the user's frame that led here, else an installed package's, or ``None`` (a thread of our code only)."""
    installed, own = _calling_frames(sys._getframe(1))
    return next(iter([*own, *installed]), None)


def existing_file(name: str) -> Path | None:
    """Return the absolute path of a code object's file; for one inside an archive, the archive."""
    if name.startswith("<"):
        return None
    folders = [""] if os.path.isabs(name) else filter(None, dict.fromkeys([_FIRST_FOLDER, _current_folder()]))
    for folder in folders:
        path = plain_path(os.path.join(folder, name))
        if os.path.isfile(path):
            return Path(path)
        for candidate in Path(path).parents:
            if candidate.is_file():
                return candidate
            if candidate.is_dir():
                break
    return None


def _calling_frames(frame: FrameType | None) -> tuple[list[FrameType], list[FrameType]]:
    """Return the frames of installed code below the user's, and the user's frames, innermost first."""
    installed: list[FrameType] = []
    own: list[FrameType] = []
    while frame is not None:
        if not _is_plumbing(frame):
            if is_installed(_file_of(frame)):
                installed += [] if own else [frame]
            # A framework starts its workers with a command that is not the user's.
            elif not (installed and _is_command(frame)):
                own.append(frame)
        frame = frame.f_back
    return installed, own


def _is_plumbing(frame: FrameType) -> bool:
    """Return whether to skip a frame, because it belongs neither to the user nor to an installed package."""
    name, module = frame.f_code.co_filename, _module_of(frame)
    if module.partition(".")[0] in _PLUMBING:
        return not f"{module}.".startswith(f"{_OWN_EXAMPLES}.")
    if name.startswith("<"):
        return not (name.startswith(_TYPED_CODE) or _is_command(frame))
    return is_library(_file_of(frame))


def _module_of(frame: FrameType) -> str:
    name = frame.f_globals.get("__name__", "")
    # For code of the command line, only __spec__ holds the import name.
    if name == "__main__":
        name = getattr(frame.f_globals.get("__spec__"), "name", name)
    return str(name)


def _file_of(frame: FrameType) -> str:
    """Return the file of a frame's code, or else the file that its module was loaded from."""
    name, loaded_from = frame.f_code.co_filename, frame.f_globals.get("__file__")
    return _loaded_file(name, loaded_from if isinstance(loaded_from, str) else None)


@lru_cache(maxsize=4096)
def _loaded_file(name: str, loaded_from: str | None) -> str:
    known_by_code = existing_file(name)
    return str(known_by_code or (loaded_from and existing_file(loaded_from)) or name)


def _first_described(frames: list[FrameType]) -> Caller | None:
    return next(filter(None, map(_describe, frames)), None)


def _describe(frame: FrameType) -> Caller | None:
    """Return what a frame is, or ``None`` for generated code, for which the next frame out stands."""
    function = _function_name(frame.f_code)
    found = _describe_code(frame.f_code.co_filename, frame.f_lineno, function, frame.f_globals)
    if found is None and _is_command(frame):
        return Caller("command", None, frame.f_lineno, function, None)
    return found


def _describe_code(
    name: str, line: int, function: str | None = None, variables: Mapping[str, Any] | None = None
) -> Caller | None:
    """Return what code is by its file name, or else by the file that its module was loaded from."""
    kind, file, loaded_from = "file", existing_file(name), (variables or {}).get("__file__")
    if is_cell(name):
        # IPython in a terminal has no kernel; a worker process that runs a function of a cell has neither.
        kind = "interactive" if name.startswith("<") and not hasattr(_ipython_shell(), "kernel") else "notebook"
        file = _notebook_file(variables or {}) if kind == "notebook" else None
    elif name.startswith(("<stdin>", "<python-input", "<console>")):
        kind = "stdin" if name == "<stdin>" and not hasattr(sys, "ps1") else "interactive"
    elif file is None and (name == SENT_CODE or not name.startswith("<")):
        # Only the compiled file exists, or the code came to a worker process without its file.
        file = existing_file(loaded_from) if isinstance(loaded_from, str) else None
        if file is None and name == SENT_CODE:  # it comes from a notebook or a prompt
            kind = "interactive"
        elif file is None and getattr(sys, "frozen", False):
            return Caller("frozen", Path(sys.executable), line, function, None)
    if kind == "file" and file is None:
        return None
    return Caller(kind, file, line, function, _hash(file))


def _function_name(code: CodeType) -> str | None:
    name: str = getattr(code, "co_qualname", code.co_name)
    return None if name == "<module>" else name


def _is_command(frame: FrameType) -> bool:
    # A process spawned by multiprocessing was also started with -c, but not by the user.
    return (
        frame.f_code.co_filename == "<string>"
        and frame.f_globals.get("__name__") == "__main__"
        and "__file__" not in frame.f_globals
        and "-c" in sys.orig_argv
        and not _is_spawned()
    )


def _is_spawned() -> bool:
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


def _describe_program() -> Caller:
    """Return the program as the caller, if no frame of the user is left."""
    main = sys.modules.get("__main__")
    name = getattr(main, "__file__", None)
    file = existing_file(name) if isinstance(name, str) else None
    if file is not None and not is_library(str(file)) and not is_installed(str(file)):
        return Caller("file", file, None, None, _hash(file))
    if getattr(sys, "frozen", False):
        return Caller("frozen", Path(sys.executable), None, None, None)
    if _ipython_shell() is not None:
        return Caller("notebook" if hasattr(_ipython_shell(), "kernel") else "interactive", None, None, None, None)
    if "-c" in sys.orig_argv:
        return Caller("command", None, None, None, None)
    return Caller("interactive" if hasattr(sys, "ps1") else "stdin", None, None, None, None)


def is_cell(name: str) -> bool:
    """Return whether a code object's file name is that of a cell in a notebook or IPython."""
    if name.startswith("<ipython-input"):
        return True
    # ipykernel names the code of a cell after a file that only its debugger writes.
    return Path(name).parent.name.startswith("ipykernel_") and ("ipykernel" in sys.modules or not os.path.exists(name))


def _ipython_shell() -> Any:
    ipython = sys.modules.get("IPython")
    get_shell = getattr(ipython, "get_ipython", None)
    return get_shell() if get_shell is not None else None


def _notebook_file(namespace: Mapping[str, Any]) -> Path | None:
    """Return the notebook's file if the front end gives it: VS Code in a variable, Jupyter in the session's name."""
    for told in (namespace.get("__vsc_ipynb_file__"), namespace.get("__session__"), os.environ.get("JPY_SESSION_NAME")):
        if isinstance(told, str) and told.endswith(".ipynb"):
            file = existing_file(told)
            if file is not None:
                return file
    return None


def _hash(file: Path | None) -> str | None:
    try:
        if file is None or (status := file.stat()).st_size > _MAX_HASHED_BYTES:
            return None
        return _hash_once(str(file), status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    except OSError:  # the caller is known even if its file can no longer be read
        return None


@lru_cache(maxsize=16)  # a file may make a thousand entries of a suite
def _hash_once(file: str, _size: int, _changed_ns: int, _ctime_ns: int) -> str:
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()
