"""Look up loaded files in their repositories, and say why each repository was used."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gaitmap_results.provenance.file_origin import import_places
from gaitmap_results.provenance.git.tracking import FileInRepository, track_files
from gaitmap_results.user_code.caller import Caller

__all__ = ["CodeRepository", "Repositories", "import_folders", "roles"]


@dataclass(frozen=True)
class CodeRepository:
    """A repository, other than that of the working directory, from which files were loaded.

    Attributes
    ----------
    role
        ``caller``: it holds the caller's file; ``editable``: an editable install; ``folder``: a package was installed
        from it; ``submodule``: of the working directory's repository; ``path``: it holds a folder on ``sys.path``.
    base_dir, commit, remote
        The top folder of its working tree, its commit, and its remote.
    package
        The package, for ``editable`` and ``folder``.
    folder
        The folder on ``sys.path``, or that of the package, relative to ``base_dir``.
    place
        The position of that folder in ``sys.path``, for ``path``.
    """

    role: str
    base_dir: Path
    commit: str | None
    remote: str | None
    package: str | None = None
    folder: str | None = None
    place: int | None = None

    def to_json(self, path: Callable[[str | Path], str | None]) -> dict[str, Any]:
        """Return what is stored; ``path`` converts each path to its stored form."""
        return {
            "role": self.role,
            "path": path(self.base_dir),
            **{name: getattr(self, name) for name in ("commit", "remote", "package", "folder", "place")},
        }


class Repositories:
    """A cache of what repositories say about files; a file or repository that changed is asked again."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, int], FileInRepository, object]] = {}

    def ask(
        self, files: Mapping[str, tuple[int, int]], base_dir: Path | None, commit: str | None
    ) -> dict[str, FileInRepository]:
        """Return what the repositories say about files, without the files that are in no repository.

        Parameters
        ----------
        files
            The size and modification time of each file.
        base_dir, commit
            The repository of the working directory, and the commit that its files are compared with.
        """
        moved: dict[Path, object] = {} if base_dir is None else {base_dir: commit}

        def version(folder: Path) -> object:
            if folder not in moved:
                moved[folder] = _head(folder)
            return moved[folder]

        known = {
            file: self._known[file][1]
            for file, key in files.items()
            if file in self._known
            and self._known[file][0] == key
            and self._known[file][2] == version(self._known[file][1].base_dir)
        }
        asked = [Path(file) for file in files if file not in known]
        if not asked:
            return known
        commits = {base_dir: commit} if base_dir is not None and commit is not None else {}
        for found in track_files(asked, commits=commits):
            known[found.file] = found
            if found.state != "unknown":
                self._known[found.file] = (files[found.file], found, version(found.base_dir))
        return known


def _head(base_dir: Path) -> object:
    """Return a value that changes with every checkout and commit."""
    git_dir = base_dir / ".git"
    try:
        if git_dir.is_file():  # in a submodule or a linked worktree
            git_dir = base_dir / git_dir.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
    except (OSError, ValueError):
        return object()
    return tuple(_signature(git_dir / name) for name in ("HEAD", "logs/HEAD", "index"))


def _signature(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def roles(
    used: Mapping[str, FileInRepository],
    copied: Mapping[str, tuple[str, Path | None]],
    *,
    caller: Caller | None,
    editables: Mapping[str, Path],
    base_dir: Path | None,
) -> list[CodeRepository]:
    """Return each repository with its role; one repository may have several.

    Parameters
    ----------
    used
        The identified files, each with its repository.
    copied
        The files of packages that were installed from a folder, each with the package's name and that folder.
    caller
        The code that asked for the record.
    editables
        The folders of editable installs, by package name.
    base_dir
        The repository of the working directory, which is described elsewhere.
    """
    found: dict[CodeRepository, None] = {}
    # Hundreds of files may come from a few folders.
    known: dict[tuple[object, ...], CodeRepository] = {}
    for file, source in used.items():
        if source.base_dir == base_dir:
            continue
        is_caller = caller is not None and caller.file is not None and str(caller.file) == file
        key = (os.path.dirname(file), source.base_dir, source.commit, copied.get(file), is_caller)
        if key not in known:
            role = _role(file, source, copied.get(file), is_caller, editables, base_dir)
            known[key] = CodeRepository(role[0], source.base_dir, source.commit, source.remote, *role[1:])
        found[known[key]] = None
    return list(found)


def _role(
    file: str,
    source: FileInRepository,
    copied: tuple[str, Path | None] | None,
    is_caller: bool,
    editables: Mapping[str, Path],
    base_dir: Path | None,
) -> tuple[str, str | None, str | None, int | None]:
    if copied is not None:
        package, project = copied
        return "folder", package, None if project is None else _inside(str(project), source.base_dir), None
    if base_dir is not None and source.base_dir.is_relative_to(base_dir) and (source.base_dir / ".git").is_file():
        return "submodule", None, None, None
    if is_caller:
        return "caller", None, None, None
    real = os.path.realpath(file)
    for name, folder in editables.items():
        if real.startswith(os.path.join(os.path.realpath(folder), "")):
            return "editable", name, _inside(str(folder), source.base_dir), None
    place, entry = _import_place(file)
    return "path", None, None if entry is None else _inside(entry, source.base_dir), place


def import_folders(files: Iterable[str], base_dir: Path | None) -> list[str]:
    """Return the folders of ``sys.path`` in a repository or its submodules that files were imported from, in order."""
    used = set(map(_import_place, files))
    found = sorted((place, entry) for place, entry in used if place is not None and entry is not None)
    folders = [] if base_dir is None else [_inside(entry, base_dir) for _, entry in found]
    return list(dict.fromkeys(folder for folder in folders if folder is not None))


def _import_place(file: str) -> tuple[int | None, str | None]:
    """Return the position and the path of the innermost folder on ``sys.path`` that holds a file."""
    places = ((number, folder) for folder, number in import_places().items() if file.startswith(folder))
    return next(places, (None, None))


def _inside(folder: str, base_dir: Path) -> str | None:
    real = os.path.realpath(folder)
    return os.path.relpath(real, base_dir).replace(os.sep, "/") if Path(real).is_relative_to(base_dir) else None
