"""Determine where somebody else can fetch each file that the process has loaded."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from gaitmap_results.provenance.code_problems import (
    VOUCH,
    FileState,
    Unidentified,
    original_of_copy,
    why_unidentified,
)
from gaitmap_results.provenance.code_repositories import (
    CodeRepository,
    Repositories,
    import_folders,
    roles,
)
from gaitmap_results.provenance.file_origin import Origin, file_origin
from gaitmap_results.provenance.git.ignoring import IgnoreList
from gaitmap_results.provenance.git.tracking import FileInRepository
from gaitmap_results.provenance.stale_imports import changed_after_import, reinstalled_after_import
from gaitmap_results.user_code.caller import Caller
from gaitmap_results.user_code.entry import Entry
from gaitmap_results.user_code.imported_sources import imported_files, plain_path

__all__ = ["CodeQuestion", "LoadedCode", "audit_loaded_code"]

_TYPED_IN = {
    "notebook": "code typed into a notebook",
    "interactive": "code typed into a prompt",
    "command": "code given with -c",
    "stdin": "code from the standard input",
}


class CodeQuestion(NamedTuple):
    """The input of an audit of the loaded code.

    Attributes
    ----------
    base_dir, commit
        The repository of the working directory and the commit that is stored; None if there is none.
    ignore
        The validated entries of ``git_dirty_ignore``.
    caller, entry
        The code that asked for the record, and the decorated function, if there is one.
    editables
        The folders of editable installs, by package name.
    """

    base_dir: Path | None
    commit: str | None
    ignore: Sequence[str]
    caller: Caller | None
    entry: Entry | None
    editables: Mapping[str, Path]


@dataclass(frozen=True)
class LoadedCode:
    """Where the loaded code can be fetched.

    Attributes
    ----------
    repositories
        Repositories, other than that of the working directory, from which files were loaded.
    unidentified
        Code that nobody else can fetch.
    vouched
        Files that only the user vouches for, with their SHA-256.
    tooling
        Files of tools around the run.
    import_folders
        Folders of the working directory's repository that files were imported from, relative to its top.
    provided
        Packages that the user cannot change, such as a cluster's modules, by name and version.
    notes
        What could not be determined, in sentences.
    """

    repositories: tuple[CodeRepository, ...] = ()
    unidentified: tuple[Unidentified, ...] = ()
    vouched: tuple[tuple[str, str | None], ...] = ()
    tooling: tuple[str, ...] = ()
    import_folders: tuple[str, ...] = ()
    provided: Mapping[str, str | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_json(self, path: Callable[[str | Path], str | None]) -> dict[str, Any]:
        """Return what is stored; ``path`` converts each path to its stored form."""
        return {
            "repositories": [repository.to_json(path) for repository in self.repositories],
            "unidentified": [each._asdict() | {"file": path(each.file)} for each in self.unidentified],
            "vouched": [{"path": path(file), "sha256": sha256} for file, sha256 in self.vouched],
            "tooling": [{"path": path(file)} for file in self.tooling],
            "import_folders": list(self.import_folders),
            "provided": dict(self.provided),
        }


# The origin of each file, valid for its state.
_known: dict[str, tuple[FileState, Origin]] = {}
_repositories = Repositories()


def _loaded_files(taken_as_known: Sequence[str]) -> Iterator[tuple[str, ModuleType]]:
    """Yield the file of every loaded module, except built-in and frozen ones and files of some known origins."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__dict__", {}).get("__file__")
        if not isinstance(file, str):
            continue
        known = _known.get(file)
        if known is not None:
            if known[1].kind not in taken_as_known:
                yield file, module
        elif not file.startswith("<") and "\0" not in file:
            yield plain_path(file), module


def audit_loaded_code(question: CodeQuestion, *, will_be_reread: bool = False) -> LoadedCode:
    """Determine where somebody else can fetch each loaded file and the caller's file.

    A file is judged again only if its size or modification time changed.

    Parameters
    ----------
    question
        The input of the audit.
    will_be_reread
        Whether another audit follows at the end of the run. Then files of installed packages that were judged before
        are left to that: they are hundreds, and hardly ever change.
    """
    audit = _Audit(question)
    files: dict[str, ModuleType | None] = dict(
        _loaded_files(("library", "package") if will_be_reread else ("library",))
    )
    own = (question.caller and question.caller.file, question.entry and question.entry.file)
    for file in (*imported_files(), *(str(file) for file in own if file is not None)):
        files.setdefault(file, None)
    audit.look_at(files)
    audit.ask_repositories()
    audit.judge_what_was_typed_in()
    return audit.result()


class _Audit:
    """The files of one audit by origin."""

    def __init__(self, question: CodeQuestion) -> None:
        self._question = question
        self._open: dict[str, tuple[Origin, tuple[int, int]]] = {}
        self._bad: dict[str, Unidentified] = {}
        self._tooling: list[str] = []
        self._provided: dict[str, str | None] = {}
        self._unknown: list[str] = []
        self._repositories: tuple[CodeRepository, ...] = ()
        self._import_folders: tuple[str, ...] = ()

    def look_at(self, files: Mapping[str, ModuleType | None]) -> None:
        """Sort files by what is known without asking a repository."""
        for file, module in files.items():
            try:
                status = os.stat(file)
            except (OSError, ValueError):
                self._look_at_missing(file)
                continue
            if stat.S_ISDIR(status.st_mode):
                continue  # a namespace package: its folder, not a file
            key = (status.st_size, status.st_mtime_ns)
            known = _known.get(file)
            if known is None or known[0] != key:
                found = file_origin(file, getattr(module, "__name__", ""), status.st_mtime)
                if self._is_stale(file, module, status, found):
                    continue
                known = _known[file] = (key, found)
            origin = known[1]
            if origin.kind in ("open", "folder", "tool"):
                self._open[file] = known[1], key
            elif origin.kind == "bad":
                self._bad[file] = Unidentified(file, origin.reason, origin.fix)
            elif origin.kind == "provided" and origin.package is not None:
                self._provided[origin.package.name] = origin.package.version

    def _is_stale(self, file: str, module: ModuleType | None, status: os.stat_result, origin: Origin) -> bool:
        if origin.kind == "library":
            return False
        if origin.kind in ("package", "provided"):
            changed: bool | None = reinstalled_after_import(file, status)
        else:
            changed = changed_after_import(file, module, status)
        if changed is None:
            self._unknown.append(file)
        elif changed:
            _known.pop(file, None)
            fix = "Restart the process or the kernel, and run again."
            self._bad[file] = Unidentified(file, "it was changed after it was imported", fix)
        return bool(changed)

    def _look_at_missing(self, file: str) -> None:
        """Judge a file in an archive by the archive; any other missing file was deleted."""
        archive = next((folder for folder in Path(file).parents if folder.is_file()), None)
        if archive is not None:
            self.look_at({str(archive): None})
        else:
            fix = f"Run again with the file in its place, {VOUCH}."
            self._bad[file] = Unidentified(file, "the file no longer exists", fix)

    def ask_repositories(self) -> None:
        """Ask the repositories about the files that must be in one."""
        question = self._question
        wanted: dict[str, tuple[int, int]] = {}
        for file, (origin, key) in self._open.items():
            wanted.update(dict.fromkeys(map(str, origin.counterparts) if origin.kind == "folder" else (file,), key))
        found = _repositories.ask(wanted, question.base_dir, question.commit)
        used: dict[str, FileInRepository] = {}
        for file, (origin, _) in self._open.items():
            source = original_of_copy(file, origin, found) if origin.kind == "folder" else found.get(file)
            problem = why_unidentified(file, origin, source)
            if problem is not None:
                self._bad[file] = problem
            elif source is None:
                self._tooling.append(file)
            else:
                used[file] = source
        copied = {
            file: (origin.package.name, origin.project)
            for file, (origin, _) in self._open.items()
            if origin.package is not None
        }
        self._repositories = tuple(
            roles(used, copied, caller=question.caller, editables=question.editables, base_dir=question.base_dir)
        )

        self._import_folders = tuple(import_folders([file for file in used if file not in copied], question.base_dir))

    def judge_what_was_typed_in(self) -> None:
        """Judge code that is not in a file."""
        caller, entry = self._question.caller, self._question.entry
        what = None if caller is None else _TYPED_IN.get(caller.kind)
        if what is None or caller is None:
            return
        file = what if caller.file is None else str(caller.file)
        if entry is None or entry.file is None:
            fix = "Put the code into a file of a repository, as a function with @record_run, and call it from there."
            self._bad[file] = Unidentified(file, f"{what} is in no repository", fix)
        elif entry.not_plain:
            names = ", ".join(entry.not_plain)
            fix = "Pass numbers, texts, and lists and dictionaries of them, and make the objects in the function."
            self._bad[file] = Unidentified(
                file,
                f"{what} may be reached from values that {entry.name} is given and that are not plain: {names}",
                fix,
            )

    def result(self) -> LoadedCode:
        """Return the result; what the user vouches for is not unidentified."""
        base_dir = self._question.base_dir
        # Without a repository around the working directory no run is official, even if the user vouches.
        ignored = None if base_dir is None or not self._bad else IgnoreList.of(self._question.ignore, base_dir)
        vouched = [file for file in self._bad if ignored is not None and ignored.vouches_for(Path(file))]
        notes: tuple[str, ...] = ()
        if self._unknown:
            others = f" and {len(self._unknown) - 1} more" if len(self._unknown) > 1 else ""
            notes = (
                f"Whether {self._unknown[0]}{others} is as it was imported is not known: changed since Python began.",
            )
        return LoadedCode(
            self._repositories,
            tuple(problem for file, problem in self._bad.items() if file not in vouched),
            tuple((file, _sha256(file)) for file in vouched),
            tuple(self._tooling),
            self._import_folders,
            self._provided,
            notes,
        )


def _sha256(file: str) -> str | None:
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:
        return None
