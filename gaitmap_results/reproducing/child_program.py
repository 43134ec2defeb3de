"""Call one recorded entry in the Python of a reproduction, which runs the text of this file.

It imports nothing of this package: the environment may hold another version of gaitmap_results.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

__all__: list[str] = []


def main(specification: str) -> None:
    """Call the entry that a JSON file describes."""
    spec = json.loads(Path(specification).read_text(encoding="utf-8"))
    sys.path.pop(0)  # the working directory, which may not have been there
    for place, folder in spec["paths"]:
        sys.path.insert(place, folder)
    sys.argv = spec["argv"]
    module = _module(spec)
    if _is_recorded(spec["entry_name"]):
        return  # the script called its entry on import, without a check for __main__
    if spec["kind"] == "suite":
        _run_to_its_end(_suite_entry(module, spec["name"])())
        return
    function: Any = module
    for part in spec["name"].split("."):
        function = getattr(function, part)
    _run_to_its_end(_called(function, spec["arguments"]))


def _module(spec: dict[str, Any]) -> ModuleType:
    if spec["module"] is not None:
        return importlib.import_module(spec["module"])
    # A challenge in a script is named after the script.
    name = Path(spec["file"]).stem
    found = importlib.util.spec_from_file_location(name, spec["file"])
    if found is None or found.loader is None:
        sys.exit(f"{spec['file']} cannot be imported.")
    module = sys.modules[name] = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def _called(function: Any, arguments: dict[str, Any]) -> Any:
    signature = inspect.signature(function)
    bound = inspect.BoundArguments(signature, dict(arguments))
    return function(*bound.args, **bound.kwargs)


def _suite_entry(module: ModuleType, name: str) -> Any:
    """Find the entry of a suite in a module, also inside lists, tuples and dictionaries."""
    waiting = list(vars(module).values())
    while waiting:
        value = waiting.pop(0)
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, (list, tuple)):
            waiting += value
        elif type(value).__name__ == "Entry" and callable(value):
            own = value.name
            if own == name or (isinstance(own, tuple) and "/".join(own) == name):
                return value
    return sys.exit(f"{module.__name__} has no entry {name!r} among its global names.")


def _is_recorded(entry_name: Any) -> bool:
    results = Path(os.environ["GAITMAP_RESULTS_REDIRECT"])
    files = results.glob("*/*/**/metadata.json")
    return any(json.loads(file.read_bytes())["entry_name"] == entry_name for file in files)


def _run_to_its_end(returned: Any) -> None:
    if inspect.isawaitable(returned):
        asyncio.run(_wait(returned))
    elif inspect.isasyncgen(returned):
        asyncio.run(_exhaust(returned))
    elif inspect.isgenerator(returned):
        for _ in returned:
            pass


async def _wait(awaitable: Any) -> None:
    await awaitable


async def _exhaust(generator: Any) -> None:
    async for _ in generator:
        pass


if __name__ == "__main__":
    main(sys.argv[1])
