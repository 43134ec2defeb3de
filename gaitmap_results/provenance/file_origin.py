"""Determine who provides a loaded file: the standard library, an installed package, a tool, or nobody known."""

from __future__ import annotations

import ast
import contextlib
import functools
import math
import os
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gaitmap_results.provenance.installed_files import (
    InstalledPackage,
    SiteFolder,
    conda_has,
    is_of_debian,
    is_out_of_reach,
    site_folder,
)
from gaitmap_results.provenance.local_wheels import hash_of_wheel
from gaitmap_results.provenance.packages import folder_of_url
from gaitmap_results.store.files import hash_file
from gaitmap_results.user_code.class_names import PROGRAMS
from gaitmap_results.user_code.imported_sources import plain_path

__all__ = ["Origin", "file_origin", "import_places", "is_generated_version_file"]

_INSTALLED = ("site-packages", "dist-packages")
# Parts of the library that sys.stdlib_module_names leaves out; Debian and Ubuntu add _distutils_system_mod.
_MORE_OF_LIBRARY = frozenset({"lib-dynload", "test", "_distutils_system_mod", "_xxsubinterpreters"})
# What environments and installers put beside the packages.
_PLUMBING = ("_virtualenv.py", "__editable__", "_editable_impl_", "distutils-precedence")
_EDITABLE_LOADERS = ("_editable.py", "_editable_loader.py", "_finder.py")
# Modules that an IDE or a debugger adds without an installer; pytest and the like are packages.
_TOOLS = frozenset(
    {
        *("debugpy", "pydevd", "_pydevd_bundle", "_pydev_bundle", "_pydevd_frame_eval", "pydevd_plugins"),
        *("pydevd_file_utils", "pydevd_tracing", "pydevd_concurrency_analyser", "pydev_ipython", "_pydev_runfiles"),
        *("pydevconsole", "pydev_console", "pycharm_matplotlib_backend", "pycharm_display", "backend_interagg"),
        *("datalore", "_jb_runner_tools", "_jb_pytest_runner", "_jb_unittest_runner", "_jb_nosetest_runner"),
        *("teamcity", "spyder_kernels", "spydercustomize", "vscode_datascience_helpers", "vscode_pytest"),
        *("sitecustomize", "usercustomize"),
    }
)
_VERSION_FILES = frozenset({"_version.py", "version.py"})
# The parts of a file that only assigns literals, and types to names; nothing is called, defined or looked up.
_OF_LITERALS = (
    *(ast.Module, ast.Assign, ast.AnnAssign, ast.Expr, ast.If, ast.alias),
    *(ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Name, ast.expr_context),
    *(ast.Subscript, ast.BinOp, ast.BitOr, ast.UnaryOp, ast.USub),
)


@dataclass(frozen=True)
class Origin:
    """Who provides a file.

    Attributes
    ----------
    kind
        ``library``, ``package`` (from an index, a commit or an archive), ``provided`` (the user cannot change it),
        ``folder`` (a copy of ``counterparts``, one of which must be in a repository), ``tool`` (unless it is in a
        working tree), ``bad`` (see ``reason``), or ``open``: only a repository can tell.
    package
        The package, for ``package``, ``provided`` and ``folder``.
    project, counterparts
        The folder that the package was installed from, and the files there that the file may be a copy of.
    reason, fix
        Why nobody else can fetch it, and what to do; for ``open``, if no repository holds it.
    """

    kind: Literal["library", "package", "provided", "folder", "tool", "bad", "open"]
    package: InstalledPackage | None = None
    project: Path | None = None
    counterparts: tuple[Path, ...] = ()
    reason: str = ""
    fix: str = ""


_LIBRARY, _OPEN, _TOOL = Origin("library"), Origin("open"), Origin("tool")


def file_origin(file: str, module: str, changed: float) -> Origin:
    """Determine who provides a file.

    Parameters
    ----------
    file
        The absolute path of the file as it was loaded.
    module
        The full name of a module that was loaded from it.
    changed
        The modification time of the file.
    """
    in_library = _in_library(file)
    if in_library and not any(f"{os.sep}{name}{os.sep}" in in_library for name in _INSTALLED):
        return _of_library(in_library[1:])
    for place in import_places():
        if file.startswith(place):
            found = _installed(file, place, changed)
            if found is not None:
                return found
    if os.path.dirname(file) in _folders_of_commands():
        return _command(file)
    return _TOOL if _top(file, module) in _TOOLS else _OPEN


def _top(file: str, module: str) -> str:
    """Return a file's import name, even if it was started as a script or its module is gone."""
    return Path(file).stem if module in ("", *PROGRAMS) else module.partition(".")[0]


def _in_library(file: str) -> str | None:
    """Return the path of a file inside the standard library's folder, with a leading separator."""
    for folder in _library_folders():
        if file.startswith(folder):
            return file[len(folder) - 1 :]
    return None


@functools.lru_cache(maxsize=1)
def _library_folders() -> tuple[str, ...]:
    folders = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib")]
    folders.append(os.path.join(sys.base_exec_prefix, "DLLs"))  # the compiled modules on Windows
    folders += [os.path.realpath(folder) for folder in folders]
    zipped = f"python{sys.version_info[0]}{sys.version_info[1]}.zip"
    folders += [entry for entry in sys.path if os.path.basename(entry) == zipped]
    return tuple(dict.fromkeys(folder + os.sep for folder in folders))


def _of_library(inside: str) -> Origin:
    top = inside.partition(os.sep)[0].partition(".")[0]
    is_named = top in sys.stdlib_module_names or top in _MORE_OF_LIBRARY
    if is_named or top.startswith(("_sysconfigdata", "__")) or inside.endswith(".zip"):
        return _LIBRARY
    if top in _TOOLS:
        return _TOOL
    return Origin("bad", reason="it is not part of Python's library, but lies in its folder", fix="Move it.")


def import_places() -> dict[str, int]:
    """Return each folder on ``sys.path``, with a trailing separator, and its position there; nested folders first."""
    entries: list[object] = list(sys.path)
    return _places_of(tuple(entry if isinstance(entry, str) else None for entry in entries))


@functools.lru_cache(maxsize=4)
def _places_of(path: tuple[str | None, ...]) -> dict[str, int]:
    places: dict[str, int] = {}
    for number, entry in enumerate(path):
        if entry is not None:  # Python ignores entries that are not text
            places.setdefault(os.path.join(plain_path(os.path.join(entry, "")), ""), number)
    return dict(sorted(places.items(), key=lambda each: -len(each[0])))


def _installed(file: str, place: str, changed: float) -> Origin | None:
    """Determine who provides a file in a possible site folder; None if that does not decide."""
    folder = place.rstrip(os.sep)
    relative = file[len(place) :].replace(os.sep, "/")
    is_site = os.path.basename(folder) in _INSTALLED
    site = site_folder(folder)
    package = site.owner(relative) if site is not None else None
    if site is not None and package is not None and (package.record or is_site):
        # A link may lead to a file of any age.
        leads_out = os.path.islink(file) or _is_behind_link(os.path.dirname(file), folder)
        installed = _as_installed(site, package, relative, file, math.inf if leads_out else changed)
        if installed is not None:
            return _of_package(installed, relative, file)
        return _OPEN if leads_out else _edited(package)
    if not is_site:
        return None
    if relative.startswith(_PLUMBING) or ("/" not in relative and relative.endswith(_EDITABLE_LOADERS)):
        return _LIBRARY
    if _is_of_conda(file) or is_of_debian(file) or is_out_of_reach(file):
        return _LIBRARY
    real = os.path.realpath(file)
    if not real.startswith(os.path.join(os.path.realpath(folder), "")):
        return _OPEN  # a link to a folder of the user's
    if relative.partition("/")[0].partition(".")[0] in _TOOLS:
        return _TOOL
    return Origin(
        "open",
        reason="it lies among the installed packages, but no RECORD names it",
        fix="Install the package that it belongs to, or move it into your repository.",
    )


@functools.lru_cache(maxsize=4096)
def _is_behind_link(folder: str, site: str) -> bool:
    """Return whether a folder in a site folder, or one between them, is a link."""
    outer = os.path.dirname(folder)
    return folder not in (site, outer) and (os.path.islink(folder) or _is_behind_link(outer, site))


def _as_installed(
    site: SiteFolder, package: InstalledPackage, relative: str, file: str, changed: float
) -> InstalledPackage | None:
    """Return the package that installed what a file holds now; None if it was changed since.

    Several packages may bring the same file, and conda writes its own paths into some.
    """
    if package.is_as_installed(relative, file, changed):
        return package
    others = (each for each in site.owners(relative) if each.is_as_installed(relative, file, changed))
    return next(others, package if _conda_wrote(file) else None)


def _conda_wrote(file: str) -> bool:
    try:
        return conda_has(sys.prefix, hash_file(Path(file)))
    except OSError:
        return False


def _edited(package: InstalledPackage) -> Origin:
    return Origin(
        "bad",
        package,
        reason=f"it was changed since {package.name} was installed",
        fix="Install the package again; changes belong in a repository.",
    )


def _of_package(package: InstalledPackage, relative: str, file: str) -> Origin:
    if package.is_of_the_system or _is_of_conda(file):
        return Origin("package", package)
    if not package.record:
        if is_out_of_reach(file):
            return Origin("provided", package)
        return Origin(
            "bad", package, reason=f"{package.name} has no RECORD of its files", fix="Install it again with pip."
        )
    return _by_source(package, relative, file)


def _by_source(package: InstalledPackage, relative: str, file: str) -> Origin:
    """Judge a file of an installed package by the package's source."""
    source = package.direct_url
    if source is None or "vcs_info" in source:
        return Origin("package", package)
    local = folder_of_url(str(source.get("url", "")))
    archive = source.get("archive_info")
    if isinstance(archive, dict) and (
        archive.get("hash") or archive.get("hashes") or hash_of_wheel(local, package.info / "RECORD")
    ):
        return Origin("package", package)
    if is_out_of_reach(file):
        return Origin("provided", package)
    if "dir_info" in source and local is not None:
        if "/" not in relative and relative.startswith((*_PLUMBING, "_")) and _is_editable(source):
            return _LIBRARY  # it only points to the package's own folder
        project = local / str(source.get("subdirectory") or "")
        return Origin("folder", package, project, tuple(_counterparts(project, relative)))
    return Origin(
        "bad",
        package,
        reason=f"{package.name} was installed from an archive whose hash is not known",
        fix="Install it again from an index, a VCS URL, or with pip, which stores the hash.",
    )


def _is_editable(source: dict[str, object]) -> bool:
    info = source.get("dir_info")
    return isinstance(info, dict) and info.get("editable") is True


def _counterparts(project: Path, relative: str) -> list[Path]:
    """Return the files that a package's file may be a copy of: in its project folder or one level deeper."""
    places = [project, project / "src"]
    with contextlib.suppress(OSError):
        places += [each for each in sorted(project.iterdir()) if each.is_dir() and not each.name.startswith(".")]
    return [place / relative for place in dict.fromkeys(places) if (place / relative).is_file()]


def _is_of_conda(file: str) -> bool:
    prefix = os.path.join(sys.prefix, "")
    return file.startswith(prefix) and conda_has(sys.prefix, file[len(prefix) :].replace(os.sep, "/"))


@functools.lru_cache(maxsize=1)
def _folders_of_commands() -> frozenset[str]:
    own = sysconfig.get_path("scripts")
    return frozenset({own, os.path.realpath(own), os.path.dirname(sys.executable)})


def _command(file: str) -> Origin:
    """Judge a command of the environment."""
    name = Path(file).name.removesuffix(".exe").removesuffix("-script.py")
    for place in import_places():
        site = site_folder(place.rstrip(os.sep))
        package = site.owner_of_script(name) if site is not None else None
        if package is not None:
            return Origin("package", package)  # generated by the installer; the code it calls is judged separately
    return _OPEN


def is_generated_version_file(file: Path) -> bool:
    """Return whether a file only assigns literals, one of them the version, as build backends write it.

    setuptools-scm and hatch-vcs also write ``TYPE_CHECKING = False`` and type definitions in an ``if TYPE_CHECKING``.
    """
    if file.name not in _VERSION_FILES:
        return False
    try:
        nodes = list(ast.walk(ast.parse(file.read_bytes())))
    except (OSError, ValueError, SyntaxError):
        return False
    names = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return "__version__" in names and all(isinstance(node, _OF_LITERALS) or _is_typing(node) for node in nodes)


def _is_typing(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module in ("__future__", "typing")
