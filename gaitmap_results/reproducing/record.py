"""Read from a record what a reproduction needs; every value is checked, as records may be damaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from gaitmap_results.reading.index import RunSummary
from gaitmap_results.reading.loading import load_run_metadata

__all__ = ["RecordedEntry", "RecordedRepository", "RecordedRun"]

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
        return self.text("git_commit_hash")

    def text(self, *keys: str) -> str | None:
        """Return a text of the metadata by its keys, such as ``git`` and ``remote``."""
        found: Any = self.metadata
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        return _if_is(str, found)

    @property
    def argv(self) -> tuple[str, ...]:
        """The command line after the interpreter; empty if not stored."""
        found = self.metadata.get("orig_argv")
        return tuple(map(str, found[1:])) if isinstance(found, list) else ()

    @property
    def entry(self) -> RecordedEntry | None:
        """The recorded call, if it can be called alone."""
        found = self.part("entry")
        name, arguments = found.get("name"), found.get("arguments")
        if not isinstance(name, str) or not (found.get("module") or found.get("file")):
            return None
        module, file = _if_is(str, found.get("module")), _if_is(str, found.get("file"))
        return RecordedEntry(str(found.get("kind") or "function"), module, file, name, _if_is(dict, arguments))

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
        found = self.part("code").get("import_folders")
        return tuple(map(str, found)) if isinstance(found, list) else ()

    @property
    def python(self) -> str | None:
        """The version of Python, such as ``3.12.1``."""
        return next(iter((self.text("system_info", "python_version") or "").split()), None)

    @property
    def implementation(self) -> str:
        """The implementation of Python, in lower case."""
        return (self.text("system_info", "python_implementation") or "cpython").lower()

    @property
    def packages(self) -> Mapping[str, str | None]:
        """The versions of the installed packages."""
        found = _dict(self.part("system_info").get("packages_info"))
        return {str(name): _if_is(str, version) for name, version in found.items()}

    @property
    def sources(self) -> Mapping[str, Mapping[str, Any]]:
        """The sources of packages that are not releases from an index."""
        found = _dict(self.part("system_info").get("packages_direct_url"))
        return {str(name): each for name, each in found.items() if isinstance(each, dict)}

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment variables that set the number of threads, or seeds."""
        limits = _dict(self.part("system_info").get("limits"))
        found = _dict(limits.get("environment_variables"))
        return {str(name): str(value) for name, value in found.items()}

    def part(self, key: str) -> Mapping[str, Any]:
        """Return a dictionary of the metadata; an empty one if it is damaged."""
        return _dict(self.metadata.get(key))

    def _dicts(self, key: str, inner: str) -> list[dict[str, Any]]:
        found = self.part(key).get(inner)
        return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _if_is(kind: type[_T], value: object) -> _T | None:
    return value if isinstance(value, kind) else None
