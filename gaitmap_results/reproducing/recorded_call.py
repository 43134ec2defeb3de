"""Find the call to repeat in a record: the entry alone, else the recorded command."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Final

from gaitmap_results.reproducing.record import RecordedEntry, RecordedRun

__all__ = ["Call", "describe_call", "find_call", "import_root", "whole_command"]

_OPTIONS_WITH_VALUE: Final = ("-X", "-W", "--check-hash-based-pycs")
_WORKERS: Final = ("joblib.", "loky.", "multiprocessing", "distributed", "dask", "ray", "ipykernel", "xdist")
_TYPED_IN: Final = {
    "notebook": "it was typed into a notebook",
    "interactive": "it was typed into a prompt",
    "command": "it was given with -c",
    "stdin": "it came from the standard input",
    "frozen": "it was part of a frozen program",
}


@dataclass(frozen=True)
class Call:
    """The call to repeat.

    Attributes
    ----------
    entry
        The entry that is called alone; ``None`` if the whole command runs again.
    options
        Options of Python itself.
    module
        The module of ``-m``; for an entry of a script that was started this way, the module to import.
    script
        The script.
    arguments
        Its arguments.
    """

    entry: RecordedEntry | None
    options: tuple[str, ...] = ()
    module: str | None = None
    script: str | None = None
    arguments: tuple[str, ...] = ()

    @property
    def console_script(self) -> str | None:
        """The name of the installed command, if the script is one."""
        parent = PurePath(self.script or "").parent.name
        return PurePath(self.script or "").name if parent in ("bin", "Scripts") else None


def find_call(record: RecordedRun) -> tuple[Call | None, str]:
    """Return the call, or why it is unknown."""
    entry = record.entry
    if entry is not None and _can_be_called(entry):
        command = _parsed(record.argv)
        return Call(entry, command.options, command.module, command.script, command.arguments), ""
    return _find_command(record)


def whole_command(record: RecordedRun) -> Call | None:
    """Return the command in which an entry was called; ``None`` if it is not known, or calls entries alone, too."""
    command, _ = _find_command(record)
    if command is None or (command.console_script == "gaitmap-results" and command.arguments[:1] == ("run",)):
        return None
    return command


def _find_command(record: RecordedRun) -> tuple[Call | None, str]:
    command = _parsed(record.argv)
    if typed_in := _TYPED_IN.get(record.text("caller", "kind") or ""):
        return None, f"The code that recorded it is in no file: {typed_in}."
    if not record.argv:
        return None, "The record does not say which command started it."
    if (command.module or "").startswith(_WORKERS) or "--multiprocessing-fork" in record.argv:
        return None, "It ran in a worker process, and the record does not say which function was called there."
    if command.module is None and command.script is None:
        return None, "The code that recorded it is in no file: it was given with -c or on the standard input."
    return command, ""


def _can_be_called(entry: RecordedEntry) -> bool:
    if entry.kind == "suite":
        return True
    # An inner function exists only while the outer one runs.
    return entry.arguments is not None and "<" not in entry.name


def describe_call(call: Call) -> str:
    """Describe the call in one line.

    Examples
    --------
    >>> from gaitmap_results.reproducing.recorded_call import Call, describe_call
    >>> print(describe_call(Call(None, script="run.py", arguments=("--label", "left foot"))))
    python run.py --label 'left foot'
    """
    if call.entry is not None:
        where = call.entry.file or call.entry.module
        what = f"the entry {call.entry.name}" if call.entry.kind == "suite" else f"{call.entry.name}()"
        return f"{what} of {where}, alone"
    program = ["-m", call.module] if call.module is not None else [call.console_script or str(call.script)]
    python = [] if call.console_script else ["python", *call.options]
    return shlex.join([*python, *program, *call.arguments])


def _parsed(words: tuple[str, ...]) -> Call:
    """Parse a command line of Python."""
    number = 0
    while number < len(words):
        word = words[number]
        if word in _OPTIONS_WITH_VALUE:
            number += 2
        elif word == "-" or not word.startswith("-"):
            script = None if word == "-" else word
            return Call(None, words[:number], script=script, arguments=words[number + 1 :])
        elif not word.startswith("--") and word[-1] == "m":  # -m, and -um
            options = (*words[:number], *([f"{word[:-1]}"] if len(word) > 2 else []))
            module = words[number + 1] if number + 1 < len(words) else None
            return Call(None, options, module=module, arguments=words[number + 2 :])
        elif not word.startswith("--") and word[-1] == "c":
            return Call(None, words[:number])
        else:
            number += 1
    return Call(None, words)


def import_root(entry: RecordedEntry) -> str | None:
    """Return the folder from which the module of an entry is imported, relative to its repository."""
    if entry.file is None or Path(entry.file).is_absolute() or entry.file.startswith(("~", "..")):
        return None
    folder = PurePosixPath(entry.file).parent
    for _ in range((entry.module or "").count(".") + (PurePosixPath(entry.file).name == "__init__.py")):
        folder = folder.parent
    return str(folder)
