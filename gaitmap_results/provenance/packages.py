"""List the installed packages with their versions and sources."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from gaitmap_results.provenance.local_wheels import hash_of_wheel
from gaitmap_results.store.files import is_settled
from gaitmap_results.store.privacy import redact_url
from gaitmap_results.store.safe_text import safe_text

__all__ = ["InstalledPackages", "folder_of_url", "installed_packages", "normalised"]

# The usual first lines of METADATA. importlib.metadata parses the whole file, which takes 30 times as long.
_USUAL_HEADER = re.compile(rb"Metadata-Version: [\d.]+\r?\nName: ([!-~]+)\r?\nVersion: ([!-~]+)\r?\n")
_HEADER_BYTES = 1024
_FOLDER_NAME = re.compile(r"([^-]+(?:-(?!\d)[^-]+)*)(?:-(\d[^-]*).*)?\.(?:dist|egg)-info", re.IGNORECASE)
_SEPARATORS = re.compile(r"[-_.]+")
# Non-blocking: a named pipe in place of a file would never return.
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True)
class InstalledPackages:
    """The packages that Python can import, according to their own metadata.

    Attributes
    ----------
    versions
        The version of each package under the package's own spelling, sorted by name; None if it is not stated.
        If a package is installed twice, it is the version that Python would import.
    direct_urls
        The sources of packages that are not from an index: ``url``, ``editable``, and, where known, ``vcs``,
        ``commit``, ``requested_revision``, ``subdirectory`` and ``archive_hash`` (PEP 610).
    shadowed
        Versions that are also installed but not imported, because another folder comes first.
    problems
        What could not be read.
    """

    versions: dict[str, str | None]
    direct_urls: dict[str, dict[str, object]]
    shadowed: dict[str, list[str]]
    problems: tuple[str, ...]


class _Found(NamedTuple):
    """One package, according to its metadata in one place."""

    name: str
    version: str | None
    place: str
    info: str
    direct_url: dict[str, object] | None = None
    is_whole: bool = True


# A folder's path, its real path, and its modification time.
_State: TypeAlias = tuple[str, str, int]


@lru_cache(maxsize=4096)
def normalised(name: str) -> str:
    """Return a package name's normalised spelling (PEP 503)."""
    return _SEPARATORS.sub("-", name).lower()


def installed_packages(path: Sequence[str] | None = None) -> InstalledPackages:
    """List the packages that can be imported.

    Parameters
    ----------
    path
        Folders and zip files to search, in this order; by default ``sys.path``.

    Returns
    -------
    packages
        Unreadable packages are listed in ``problems`` and never raise.

    Examples
    --------
    >>> from gaitmap_results.provenance.packages import installed_packages
    >>> "pip" in installed_packages([]).versions
    False
    """
    problems: list[str] = []
    states = tuple(_states(sys.path if path is None else path, problems))
    known = _listed.get(states)
    if known is not None and not problems:
        return known
    packages = _list_packages(states, problems)
    if all(is_settled(modified_ns) for _, _, modified_ns in states):
        _listed.clear()
        _listed[states] = packages
    return packages


def _list_packages(states: Iterable[_State], problems: list[str]) -> InstalledPackages:
    by_name: dict[str, list[_Found]] = {}
    for state in states:
        entry = state[0]
        try:
            for found in _distributions_in(entry, state, problems):
                by_name.setdefault(normalised(found.name), []).append(found)
        except (OSError, ValueError) as error:
            problems.append(f"A folder that packages are imported from cannot be read: {_reason(error)}.")
    versions, direct_urls, shadowed = {}, {}, {}
    for found_ones in by_name.values():
        winner, hidden = _imported_one(found_ones, problems)
        versions[winner.name] = winner.version
        url = winner.direct_url or _url_of_own_project(winner, hidden)
        if url is not None:
            direct_urls[winner.name] = url
        if hidden_versions := [other.version for other in hidden if other.version is not None]:
            shadowed[winner.name] = hidden_versions
    return InstalledPackages(_sorted(versions), _sorted(direct_urls), _sorted(shadowed), tuple(problems))


def _sorted(values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in sorted(sorted(values), key=str.lower)}


def _states(path: Sequence[object], problems: list[str]) -> Iterator[_State]:
    """Yield the state of each place on the path once; Python ignores entries that are not text."""
    seen: set[str] = set()
    for entry in (one or os.curdir for one in path if isinstance(one, str)):
        try:
            status = os.stat(entry)
        except FileNotFoundError:
            continue  # usual: Python adds folders to the path that need not exist
        except (OSError, ValueError) as error:
            problems.append(f"A folder that packages are imported from cannot be read: {_reason(error)}.")
            continue
        place = os.path.normcase(os.path.realpath(entry))
        if place not in seen:
            seen.add(place)
            yield entry, place, status.st_mtime_ns


# The packages that were listed last.
_listed: dict[tuple[_State, ...], InstalledPackages] = {}
# What a folder lists: the name of each metadata folder, and the package if its metadata have the usual form.
# An installer that adds, removes or replaces a package changes the modification time of the folder.
_known: dict[_State, list[tuple[str, _Found | None]]] = {}


def _distributions_in(entry: str, state: _State, problems: list[str]) -> Iterator[_Found]:
    if os.path.isfile(entry) or entry.lower().endswith(".egg"):  # an archive, or an egg of easy_install
        for distribution in importlib.metadata.distributions(path=[entry]):
            yield from _described(distribution, entry, os.path.basename(entry), problems)
        return
    listed = _known.get(state)
    if listed is None:
        listed = [(name, _usual(entry, name)) for name in sorted(os.listdir(entry)) if _is_metadata(name)]
        if is_settled(state[2]):
            _known[state] = listed
    for name, usual in listed:
        if usual is not None:
            yield usual
        else:
            yield from _described(importlib.metadata.Distribution.at(f"{entry}/{name}"), entry, name, problems)


def _is_metadata(name: str) -> bool:
    # pip renames what it is about to remove: "~umpy" is not a package, although its metadata still say numpy.
    return name[-9:].lower() in ("dist-info", ".egg-info") and name[0] not in "~-"


def _usual(entry: str, name: str) -> _Found | None:
    """Read the first lines of METADATA and direct_url.json, if they have the usual form."""
    try:
        descriptor = os.open(f"{entry}/{name}/METADATA", _OPEN_FLAGS)
        try:
            header = _USUAL_HEADER.match(os.read(descriptor, _HEADER_BYTES))
        finally:
            os.close(descriptor)
    except OSError:
        return None
    if header is None:
        return None
    problems: list[str] = []
    url = _read_direct_url(f"{entry}/{name}", problems)
    return None if problems else _Found(header[1].decode("ascii"), header[2].decode("ascii"), entry, name, url)


def _described(
    distribution: importlib.metadata.Distribution, entry: str, info: str, problems: list[str]
) -> Iterator[_Found]:
    """Read the metadata of one package with importlib.metadata."""
    name = version = url = None
    shown, has_metadata = safe_text(info), True
    try:
        for file in ("", "/METADATA", "/PKG-INFO"):
            _refuse_what_is_no_file(f"{entry}/{info}{file}")
        # A package without metadata gives None or an empty message.
        metadata: Any = distribution.metadata
        has_metadata = metadata is not None and len(metadata.keys()) > 0
        name, version = (_text(metadata[key]) for key in ("Name", "Version")) if has_metadata else (None, None)
        if not has_metadata:
            problems.append(f"{shown} has no metadata that can be read.")
        elif name is None or version is None:
            problems.append(f"{shown} does not state its name and version.")
        url = _read_direct_url(f"{entry}/{info}", problems) if has_metadata else None
    except Exception as error:  # noqa: BLE001 - metadata that are broken in any way cost only themselves
        has_metadata = False
        problems.append(f"{shown} has no metadata that can be read: {_reason(error)}.")
    if name is None:
        found = _FOLDER_NAME.fullmatch(shown)
        name = found[1] if found else None
    if name is not None:
        yield _Found(name, version, entry, info, url, has_metadata)


def _text(value: object) -> str | None:
    return safe_text(str(value)).strip() or None if value is not None else None


def _refuse_what_is_no_file(path: str) -> None:
    # importlib.metadata would wait for a writer of a named pipe.
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise OSError("It is not a file")


def _read_direct_url(folder: str, problems: list[str]) -> dict[str, object] | None:
    file = f"{folder}/direct_url.json"
    if not os.access(file, os.F_OK):
        return None
    try:
        _refuse_what_is_no_file(file)
        return _direct_url(json.loads(Path(file).read_bytes()), Path(folder, "RECORD"))
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        problems.append(f"direct_url.json of {safe_text(os.path.basename(folder))} cannot be read: {_reason(error)}.")
        return None


def _direct_url(data: dict[str, Any], record: Path) -> dict[str, object]:
    vcs, archive = data.get("vcs_info", {}), data.get("archive_info", {})
    hashes = [f"{name}={value}" for name, value in sorted((archive.get("hashes") or {}).items())]
    digest = next(iter(hashes), archive.get("hash"))
    if "archive_info" in data and not digest:
        digest = hash_of_wheel(folder_of_url(data["url"]), record)
    stated = {
        "vcs": vcs.get("vcs"),
        "commit": vcs.get("commit_id"),
        "requested_revision": vcs.get("requested_revision"),
        "subdirectory": data.get("subdirectory"),
        "archive_hash": digest,
    }
    editable = data.get("dir_info", {}).get("editable") is True
    url = {"url": redact_url(data["url"]), "editable": editable}
    return url | {key: safe_text(value) for key, value in stated.items() if isinstance(value, str)}


def _reason(error: Exception) -> str:
    """Return the reason for an error without the path, which may name the user."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{type(error).__name__} ({safe_text(text)})"


def _imported_one(found: list[_Found], problems: list[str]) -> tuple[_Found, list[_Found]]:
    """Return the package that Python imports among those of one name, and the others."""
    if len(found) == 1:
        return found[0], []
    # A failed removal leaves folders without metadata behind: any other one is better.
    candidates = [one for one in found if one.is_whole] or found[:1]
    same_place = [one for one in candidates if one.place == candidates[0].place]
    winner = same_place[0]
    if len(same_place) > 1:
        # A failed update left both, and the files are those of the later one.
        winner = max(same_place, key=lambda one: (_changed(one), one.info))
        names = ", ".join(sorted(safe_text(one.info) for one in same_place))
        problems.append(f"{winner.name} is described more than once in one folder ({names}); the newest is stored.")
    return winner, [one for one in candidates if one is not winner]


def _changed(found: _Found) -> float:
    """Return the modification time of a package's metadata folder, which an installer writes last."""
    try:
        return os.stat(f"{found.place}/{found.info}").st_mtime
    except OSError:
        return 0.0


def _url_of_own_project(winner: _Found, hidden: list[_Found]) -> dict[str, object] | None:
    """Return the editable source of a package whose own project folder hides the editable install."""
    for other in hidden:
        if other.direct_url is not None and other.direct_url["editable"]:
            project = folder_of_url(str(other.direct_url["url"]))
            if project is not None and Path(winner.place).resolve().is_relative_to(project.resolve()):
                return other.direct_url
    return None


def folder_of_url(url: str) -> Path | None:
    """Return the local path of a ``file`` URL, or ``None`` for any other URL."""
    parts = urlsplit(url)
    return Path(url2pathname(unquote(parts.path))) if parts.scheme == "file" else None
