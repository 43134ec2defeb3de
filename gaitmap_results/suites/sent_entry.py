"""Send an entry to another process, and load it there."""

from __future__ import annotations

import importlib
import importlib.util
import io
import os
import pickle
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from gaitmap_results.config.current_config import SentConfig, adopt_config, config_for_workers
from gaitmap_results.exceptions import InvalidTargetError, ResultsFolderError
from gaitmap_results.saving.plan import no_recording

__all__ = ["Origin", "Task", "load_entry", "pickled"]

# multiprocessing's name for the parent's main module in a child process.
_MAIN_ELSEWHERE: Final = "__mp_main__"
# How the pickle of a recorded function finds it again.
_BY_NAME: Final = "_restore_by_name"


@dataclass(frozen=True)
class Origin:
    """The state that a process takes over from the sender of an entry.

    Attributes
    ----------
    host, pid
        The process that sends it.
    cwd
        Its working directory, for relative paths of entries and for git.
    folders
        The folders that it imports from, except Python's own and those of installed packages.
    script, module
        The file of its main module, and its module name if ``python -m`` started it.
    config
        Its config, pickled; ``None`` if it cannot be pickled.
    """

    host: str
    pid: int
    cwd: str
    folders: tuple[str, ...]
    script: str | None
    module: str | None
    config: bytes | None

    @classmethod
    def of_this_process(cls) -> Origin:
        """Return the state that others take over from this process."""
        main = sys.modules.get("__main__")
        file = getattr(main, "__file__", None)
        try:
            config = pickle.dumps(config_for_workers()[0])
        except Exception:  # noqa: BLE001 - a config of the user's own class; workers look for one themselves
            config = None
        return cls(
            host=socket.gethostname(),
            pid=os.getpid(),
            cwd=str(Path.cwd()),
            folders=tuple(dict.fromkeys(os.path.abspath(each) for each in sys.path if not _is_of_python(each))),
            script=os.path.abspath(file) if file and Path(file).is_file() else None,
            module=getattr(getattr(main, "__spec__", None), "name", None),
            config=config,
        )

    @property
    def is_here(self) -> bool:
        """Whether this process is the sender."""
        return (self.host, self.pid) == (socket.gethostname(), os.getpid())

    def take_over(self) -> None:
        """Set up this process like the sender.

        Raises
        ------
        ResultsFolderError
            If the sender's working directory does not exist here.
        """
        self._return_to_cwd()
        if self.is_here:
            return
        for folder in reversed(self.folders):
            if folder not in sys.path:
                sys.path.insert(0, folder)
        config = None if self.config is None else pickle.loads(self.config)  # noqa: S301 - our own
        if isinstance(config, SentConfig):
            adopt_config(config)

    def _return_to_cwd(self) -> None:
        """Enter the sender's working directory, which this process or an entry before this one may have left."""
        try:
            if Path(self.cwd).resolve() != Path.cwd():
                os.chdir(self.cwd)
        except OSError as error:
            raise ResultsFolderError(
                f"The suite was started in {self.cwd} on {self.host}, and there is no such folder on "
                f"{socket.gethostname()}. Workers on other machines need a file system that all of them share.",
                path=Path(self.cwd),
            ) from error


def _is_of_python(folder: str) -> bool:
    place = os.path.abspath(folder)
    return any(place.startswith(os.path.abspath(prefix) + os.sep) for prefix in (sys.prefix, sys.base_prefix))


@dataclass(frozen=True)
class Task:
    """An entry that is sent to another process.

    Attributes
    ----------
    payload
        The entry, pickled.
    block_id
        The identifier of the block in which it will be recorded.
    results_folder, entry_parts
        Where its run will be stored.
    origin
        The process that sends it.
    is_reported
        Whether the sender tells the user what was stored.
    """

    payload: bytes
    block_id: str
    results_folder: Path
    entry_parts: tuple[str, ...]
    origin: Origin
    is_reported: bool = False


def pickled(entry: Callable[[], Any], origin: Origin) -> bytes:
    """Pickle an entry, so that this process and any other can load it.

    Raises
    ------
    InvalidTargetError
        If it cannot be pickled.
    """
    try:
        payload = pickle.dumps(entry)
    except Exception as error:  # noqa: BLE001 - whatever an object of the user's raises when it is pickled
        return _by_value(entry, str(error))
    # Another process cannot import names of a notebook, a console or `python -c`.
    if origin.script is None and origin.module is None and b"__main__" in payload:
        return _by_value(entry, "it was typed in, so no other process can import it")
    return payload


def _by_value(entry: Callable[[], Any], why: str) -> bytes:
    """Pickle an entry by its content, where cloudpickle is installed."""
    try:
        import cloudpickle
    except ImportError:
        next_step = "Install cloudpickle, or define the entry in a module or a script, not inside of a function"
    else:
        try:
            content: bytes = cloudpickle.dumps(entry)
            return content
        except Exception as error:  # noqa: BLE001 - whatever an object of the user's raises when it is pickled
            why, next_step = str(error), "Give it values that can be pickled"
    raise InvalidTargetError(
        f"The entry {entry!r} cannot be sent to another process: {why}. {next_step}, or write a function with "
        "@record_run in a module, which makes its challenge and all other values itself."
    )


def load_entry(task: Task) -> Callable[[], Any]:
    """Return the entry that was sent.

    Raises
    ------
    InvalidOptionError
        If what is imported for it records a run or starts a suite; each worker would do so again.
    """
    with no_recording(
        "A worker imports this program to find its entries, and the program records a run or starts a suite as soon as "
        'it is imported. Put everything that only the program itself does under `if __name__ == "__main__":`.'
    ):
        entry: Callable[[], Any] = _Unpickler(io.BytesIO(task.payload), task.origin).load()
    return entry


class _Unpickler(pickle.Unpickler):
    """Find objects that were defined in the main module of the sender."""

    def __init__(self, file: io.BytesIO, origin: Origin) -> None:
        super().__init__(file)
        self._origin = origin

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if self._origin.script is None and self._origin.module is None:
            return super().find_class(module_name, global_name)
        if module_name == "__main__":
            return _of_main_module(self._origin, global_name)
        found = super().find_class(module_name, global_name)
        if global_name == _BY_NAME:  # a recorded function, with the name of its module
            return lambda module, name, told: (
                _of_main_module(self._origin, name) if module == "__main__" else found(module, name, told)
            )
        return found


def _of_main_module(origin: Origin, name: str) -> Any:
    found: Any = _main_module(origin)
    for part in name.split("."):
        if not hasattr(found, part):
            raise InvalidTargetError(
                f"{name} is not defined where a worker imports {origin.script}. Define it above "
                '`if __name__ == "__main__":`, and not inside of a function.'
            )
        found = getattr(found, part)
    return found


def _main_module(origin: Origin) -> ModuleType:
    """Return the sender's main module; import it once if this process has another one."""
    script = str(origin.script)
    # Its importable name, which is also used in the names of its challenges.
    name = origin.module or Path(script).stem
    for each in ("__main__", _MAIN_ELSEWHERE, name):
        module = sys.modules.get(each)
        file = getattr(module, "__file__", None)
        if module is not None and file and os.path.abspath(file) == script:
            return module
    if origin.module is not None:  # in a package, imports can be relative
        return importlib.import_module(origin.module)
    if name in sys.modules:
        name = _MAIN_ELSEWHERE
    spec = importlib.util.spec_from_file_location(name, script)
    if spec is None or spec.loader is None:
        raise ImportError(f"{script} cannot be imported as a module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]  # as every import does
        raise
    return module
