"""Read from a record what a reproduction needs; every value is checked, as records may be damaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gaitmap_results.reading.index import RunSummary
from gaitmap_results.reading.loading import load_run_metadata
from gaitmap_results.store.secrets_in_text import REDACTED

__all__ = ["RecordedEntry", "RecordedRepository", "RecordedRun", "expanded"]

_T = TypeVar("_T")


@dataclass(frozen=True)
class RecordedEntry:
    """The recorded call: a decorated function, or an entry of a suite.

    Attributes
    ----------
    kind
        ``function`` or ``suite``.
    module, file, name
        Where it is defined, and its name.
    arguments
        The arguments by name; ``None`` if they are not stored.
    """

    kind: str
    module: str | None
    file: str | None
    name: str
    arguments: Mapping[str, Any] | None


@dataclass(frozen=True)
class RecordedRepository:
    """A repository of ``code.repositories``; that of the working directory has no role."""

    role: str | None
    path: str | None
    commit: str | None
    remote: str | None
    package: str | None = None
    folder: str | None = None
    place: int | None = None


@dataclass(frozen=True)
class RecordedRun:
    """The parts of a record that a reproduction needs.

    Attributes
    ----------
    summary
        The summary that identifies the run.
    metadata
        The whole metadata.
    """

    summary: RunSummary
    metadata: Mapping[str, Any]

    @classmethod
    def read(cls, summary: RunSummary) -> RecordedRun:
        """Read the record of a run."""
        return cls(summary, load_run_metadata(summary.path))

    @property
    def commit(self) -> str | None:
        """The commit of the repository of the working directory."""
        return _if_is(str, self.metadata.get("git_commit_hash"))

    @property
    def base_dir(self) -> str | None:
        """The recorded path of that repository."""
        return _if_is(str, self.metadata.get("git_base_dir"))

    @property
    def remote(self) -> str | None:
        """The remote of that repository."""
        return _if_is(str, self._part("git").get("remote"))

    @property
    def is_pushed(self) -> bool | None:
        """Whether the commit was on a remote."""
        return _if_is(bool, self._part("git").get("pushed"))

    @property
    def caller_kind(self) -> str | None:
        """The kind of caller: a file, a notebook or a prompt."""
        return _if_is(str, self._part("caller").get("kind"))

    @property
    def cwd(self) -> str | None:
        """The working directory, relative to the repository if it was inside."""
        return _if_is(str, self.metadata.get("cwd"))

    @property
    def argv(self) -> tuple[str, ...]:
        """The command line after the interpreter; empty if not stored."""
        found = self.metadata.get("orig_argv")
        return tuple(map(str, found[1:])) if isinstance(found, list) else ()

    @property
    def entry(self) -> RecordedEntry | None:
        """The recorded call, if it can be called alone."""
        found = self._part("entry")
        name, arguments = found.get("name"), found.get("arguments")
        if not isinstance(name, str) or not (found.get("module") or found.get("file")):
            return None
        module, file = _if_is(str, found.get("module")), _if_is(str, found.get("file"))
        return RecordedEntry(
            str(found.get("kind") or "function"), module, file, name, arguments if isinstance(arguments, dict) else None
        )

    @property
    def repositories(self) -> tuple[RecordedRepository, ...]:
        """The other repositories of the code."""
        return tuple(
            RecordedRepository(
                role=str(each.get("role")),
                place=_if_is(int, each.get("place")),
                **{key: _if_is(str, each.get(key)) for key in ("path", "commit", "remote", "package", "folder")},
            )
            for each in self._dicts("code", "repositories")
        )

    @property
    def vouched(self) -> tuple[tuple[str, str | None], ...]:
        """Files that only the user vouched for, with their hashes."""
        found = self._dicts("code", "vouched")
        return tuple((str(each.get("path")), _if_is(str, each.get("sha256"))) for each in found)

    @property
    def import_folders(self) -> tuple[str, ...]:
        """Folders of the repository that modules were imported from."""
        found = self._part("code").get("import_folders")
        return tuple(map(str, found)) if isinstance(found, list) else ()

    @property
    def python(self) -> str | None:
        """The version of Python, such as ``3.12.1``."""
        found = self._part("system_info").get("python_version")
        return found.split()[0] if isinstance(found, str) and found.strip() else None

    @property
    def implementation(self) -> str:
        """The implementation of Python, in lower case."""
        return str(self._part("system_info").get("python_implementation") or "cpython").lower()

    @property
    def packages(self) -> Mapping[str, str | None]:
        """The versions of the installed packages."""
        found = self._part("system_info").get("packages_info")
        return {str(name): _if_is(str, version) for name, version in found.items()} if isinstance(found, dict) else {}

    @property
    def sources(self) -> Mapping[str, Mapping[str, Any]]:
        """The sources of packages that are not releases from an index."""
        found = self._part("system_info").get("packages_direct_url")
        items = found.items() if isinstance(found, dict) else ()
        return {str(name): each for name, each in items if isinstance(each, dict)}

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment variables that set the number of threads, or seeds."""
        limits = self._part("system_info").get("limits")
        found = limits.get("environment_variables") if isinstance(limits, dict) else None
        return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}

    def holds_redacted(self) -> bool:
        """Say whether the command or the arguments were redacted."""
        entry = self.entry
        return any(REDACTED in word for word in self.argv) or (
            entry is not None and entry.arguments is not None and REDACTED in str(entry.arguments)
        )

    def _part(self, key: str) -> Mapping[str, Any]:
        found = self.metadata.get(key)
        return found if isinstance(found, dict) else {}

    def _dicts(self, key: str, inner: str) -> list[dict[str, Any]]:
        found = self._part(key).get(inner)
        return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _if_is(kind: type[_T], value: object) -> _T | None:
    return value if isinstance(value, kind) else None


def expanded(path: str) -> Path:
    """Return a stored path with ``~`` expanded to the home folder."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # no home folder
        return Path(path)
