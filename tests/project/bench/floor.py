"""What nobody who records a run can do without: to ask git twice, and to write the same bytes through to the disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from gaitmap_results.provenance.git.changes import start_status
from gaitmap_results.provenance.git.processes import GitProcesses

__all__ = ["ask_git", "floor_of"]


def ask_git() -> None:
    """Ask git for the status of the working directory, as the library does."""
    with GitProcesses(30.0) as processes:
        processes.answer(start_status(processes, Path.cwd()))


def floor_of(run: Path) -> Callable[[], None]:
    """Return a function that does for the files of a published run what cannot be left out, beside that run."""
    files = {path.relative_to(run): path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}
    folders = sorted({file.parent for file in files}, key=lambda folder: len(folder.parts))
    parent = run.parent
    number = 0

    def floor() -> None:
        nonlocal number
        number += 1
        unfinished = parent / f".unfinished_{number}"
        ask_git()
        for folder in folders:
            (unfinished / folder).mkdir()
        for name, content in files.items():
            with open(unfinished / name, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for folder in reversed(folders):
            _sync_folder(unfinished / folder)
        ask_git()
        os.rename(unfinished, parent / f"floor_{number}")
        _sync_folder(parent)

    return floor


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
