"""Find packages whose imported version differs from the listed one."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache

from gaitmap_results.provenance.file_origin import import_places
from gaitmap_results.provenance.installed_files import InstalledPackage, site_folder
from gaitmap_results.provenance.packages import normalised
from gaitmap_results.provenance.stale_imports import start_of_process

__all__ = ["same_version", "versions_in_use"]

_PRE = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc", "r": "post", "rev": "post"}


def versions_in_use(listed: Mapping[str, str | None]) -> tuple[tuple[str, str, str], ...]:
    """Return the name, imported version and listed version of each package where these differ.

    Modules in the place of the listed version are skipped, because some packages number their modules differently.
    They are checked if that version was installed after Python started: another one may have been imported before.
    """
    return _differences(_Listed(listed), tuple(_stated_versions()))


class _Listed:
    """The listed packages; equal only if they are the same object, as long as nothing is installed."""

    def __init__(self, versions: Mapping[str, str | None]) -> None:
        self.versions = versions

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Listed) and other.versions is self.versions

    def __hash__(self) -> int:
        return id(self.versions)


def _stated_versions() -> Iterator[tuple[str, str, str]]:
    """Yield the name, version and file of each top-level module that states its version."""
    for name in [name for name in list(sys.modules) if "." not in name]:
        names = getattr(sys.modules.get(name), "__dict__", {})
        version, file = names.get("__version__"), names.get("__file__")
        if isinstance(version, str) and isinstance(file, str):
            yield name, version, file


# The end of a run asks the same as its start, as long as nothing is installed or imported.
@lru_cache(maxsize=1)
def _differences(listed: _Listed, stated: tuple[tuple[str, str, str], ...]) -> tuple[tuple[str, str, str], ...]:
    by_name = {normalised(name): (name, version) for name, version in listed.versions.items() if version}
    found = []
    for module_name, used, file in stated:
        owner = _owner(file)
        listed_as = owner or _hidden(module_name)
        name, version = by_name.get(normalised(module_name if listed_as is None else listed_as.name), (None, None))
        if name is None or version is None or (owner is not None and owner.version == version and not _is_new(owner)):
            continue
        if not same_version(used, version):
            found.append((name, used, version))
    return tuple(found)


def _owner(file: str) -> InstalledPackage | None:
    """Return the installed package that owns the file of a top-level module."""
    folder, name = os.path.split(file)
    entry = os.path.dirname(folder) if name.startswith("__init__.") else folder
    site = site_folder(entry)
    package = None if site is None else site.owner(file[len(entry) :].replace(os.sep, "/").lstrip("/"))
    return package if package is not None and package.record else None


def _hidden(module: str) -> InstalledPackage | None:
    """Return the installed package that a module of the same name hides; packages often have another name."""
    files = (f"{place}{module}{end}" for place in import_places() for end in (f"{os.sep}__init__.py", ".py"))
    return next(filter(None, map(_owner, filter(os.path.isfile, files))), None)


def _is_new(package: InstalledPackage) -> bool:
    return package.installed > start_of_process() + 2.0


def same_version(one: str, other: str) -> bool:
    """Return whether two versions are the same release (PEP 440), whatever their local labels.

    Examples
    --------
    >>> from gaitmap_results.provenance.package_versions import same_version
    >>> same_version("v1.0.0+cu118", "1.0"), same_version("1.0rc1", "1.0")
    (True, False)
    """
    return _canonical(one) == _canonical(other)


def _canonical(version: str) -> tuple[list[str], list[str]]:
    public = version.strip().lower().partition("+")[0].removeprefix("v")
    release, rest = re.findall(r"([\d.!]*)(.*)", public)[0]
    release = re.sub(r"(\.0+)+$", "", release.removeprefix("0!").rstrip("."))
    return _parts(release), _parts(rest)


def _parts(text: str) -> list[str]:
    return [_PRE.get(part, part.lstrip("0") or "0") for part in re.findall(r"[a-z]+|\d+|!", text)]
