"""Distinguish files of the interpreter and of installed packages from the user's own."""

from __future__ import annotations

import os
import sys
from functools import lru_cache

__all__ = ["is_installed", "is_library"]


@lru_cache(maxsize=4096)
def is_library(file: str) -> bool:
    """Return whether a file belongs to the standard library."""
    return not is_installed(file) and any(path.startswith(_library_folders()) for path in _spellings(file))


@lru_cache(maxsize=4096)
def is_installed(file: str) -> bool:
    """Return whether a file belongs to an installed package, or is a command of one.

    Installers may link files to a cache elsewhere, so both the link and its target count.
    """
    return any(
        not {"site-packages", "dist-packages"}.isdisjoint(path.split(os.sep))
        or path.startswith((*_command_folders(), *filter(None, map(_filled_by_installer, sys.path))))
        for path in _spellings(file)
    )


def _spellings(file: str) -> set[str]:
    return {os.path.normcase(os.path.abspath(file)), os.path.normcase(os.path.realpath(file))}


@lru_cache(maxsize=1)
def _library_folders() -> tuple[str, ...]:
    import sysconfig

    return tuple({_prefix(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")})


@lru_cache(maxsize=1)
def _command_folders() -> tuple[str, ...]:
    import sysconfig

    schemes = (sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user"))
    return tuple({_prefix(sysconfig.get_path("scripts", scheme)) for scheme in schemes})


@lru_cache(maxsize=256)
def _filled_by_installer(folder: str) -> str | None:
    """Return a folder of the import path if an installer filled it, as ``pip install --target`` does."""
    try:
        names = os.listdir(folder or os.curdir)
    except OSError:
        return None
    return _prefix(folder or os.curdir) if any(name.endswith(".dist-info") for name in names) else None


def _prefix(folder: str) -> str:
    return os.path.normcase(os.path.realpath(folder)) + os.sep
