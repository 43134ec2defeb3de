"""Find out from where each recorded package can be installed again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gaitmap_results.provenance.packages import folder_of_url, normalised
from gaitmap_results.reproducing.record import RecordedRun
from gaitmap_results.reproducing.repositories import LocalRepository
from gaitmap_results.reproducing.restored_paths import Places
from gaitmap_results.showing.requirements import requirement_lines
from gaitmap_results.store.files import expanded, hash_file

__all__ = ["LocalArchive", "PackagePlan", "Project", "plan_packages"]


@dataclass(frozen=True)
class Project:
    """A package to install from a working tree."""

    name: str
    version: str | None
    folder: Path
    editable: bool
    repository: LocalRepository
    subdirectory: str


@dataclass(frozen=True)
class LocalArchive:
    """A package to install from a file that still exists."""

    name: str
    version: str | None
    file: Path
    sha256: str


@dataclass
class PackagePlan:
    """The sources of the packages of a record.

    Attributes
    ----------
    requirements
        The requirements for an index by name, and those with a URL.
    archives, projects
        The packages to install from a file, and from a working tree.
    notes
        Notes about some packages for the reader.
    """

    requirements: dict[str, str] = field(default_factory=dict)
    archives: list[LocalArchive] = field(default_factory=list)
    projects: list[Project] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def names(self) -> set[str]:
        """The names of the packages."""
        return {*self.requirements, *(each.name for each in self.archives), *(each.name for each in self.projects)}


def plan_packages(record: RecordedRun, places: Places) -> PackagePlan:
    """Return a source for each recorded package."""
    plan = PackagePlan()
    lines = requirement_lines(dict(record.metadata))
    for (name, version), line in zip(record.packages.items(), lines, strict=True):
        source = record.sources.get(name)
        if not line.startswith("#"):
            plan.requirements[name] = line
        elif source is None:
            plan.notes.append(f"{name}: its version is not known, so it is left out")
        else:
            _plan_local(plan, name, version, source, places)
    return plan


def _plan_local(plan: PackagePlan, name: str, version: str | None, source: Mapping[str, Any], places: Places) -> None:
    """Plan a package that came from this machine."""
    project = _project(name, version, source, places)
    file = _local_path(source)
    digest = str(source.get("archive_hash") or "").partition("sha256=")[2]
    if project is not None:
        plan.projects.append(project)
    elif digest and file is not None and file.is_file() and hash_file(file) == digest:
        plan.archives.append(LocalArchive(name, version, file, digest))
    elif source.get("editable"):
        plan.notes.append(f"{name}: nothing of this editable package was loaded, so it is left out")
    elif version is not None:
        # conda records its own build folder, and a file that is gone may still be on an index.
        plan.requirements[name] = f"{name}=={version}"
        gone = "the archive that it came from no longer exists" if digest else "it came from a folder"
        plan.notes.append(f"{name}: {gone}; the index is searched for its name and version")


def _project(name: str, version: str | None, source: Mapping[str, Any], places: Places) -> Project | None:
    """Return a package whose folder is in one of the repositories; ``None`` otherwise."""
    editable = bool(source.get("editable"))
    for repository, target in places.targets.items():
        recorded = repository.recorded
        if recorded.role in ("editable", "folder") and normalised(recorded.package or "") == normalised(name):
            folder = recorded.folder or "."
            return Project(name, version, target / folder, editable, repository, folder)
    where = None if source.get("archive_hash") else _local_path(source)
    inside = None if where is None else places.of(where)
    if inside is None or not inside.is_relative_to(places.top):
        return None
    subdirectory = Path(os.path.relpath(inside, places.top)).as_posix()
    return Project(name, version, inside, editable, places.main, subdirectory)


def _local_path(source: Mapping[str, Any]) -> Path | None:
    found = folder_of_url(str(source.get("url") or ""))
    # A redacted home folder in a URL leaves file:///~/…
    return None if found is None else expanded(str(found).lstrip("/") if str(found).startswith("/~") else str(found))
