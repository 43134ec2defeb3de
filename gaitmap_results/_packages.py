"""Lists the installed packages."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from gaitmap_results import _settled_file
from gaitmap_results.metadata import safe_text
from gaitmap_results.privacy import redact_url

__all__ = ["InstalledPackages", "installed_packages"]

_HEADER_BYTES = 1024
# What nearly every tool writes first. Whole lines only: the last one may have been cut off.
_USUAL_HEADER = re.compile(rb"Metadata-Version: [\d.]+\r?\nName: (\S+)\r?\nVersion: (\S+)\r?\n")
_NAME, _VERSION = (
    re.compile(rb"^%s:[ \t]*(\S[^\r\n]*?)[ \t\r]*$" % field_name, re.MULTILINE | re.IGNORECASE)
    for field_name in (b"Name", b"Version")
)
_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
_SEPARATORS = re.compile(r"[-_.]+")
_FOLDER_NAME = re.compile(r"([^-]+(?:-(?!\d)[^-]+)*)(?:-(\d[^-]*).*)?\.(?:dist|egg)-info", re.IGNORECASE)
_METADATA_IN_ZIP = re.compile(
    r"([^/]+\.dist-info(?=/METADATA)|[^/]+\.egg-info|EGG-INFO)(?:/METADATA|/PKG-INFO)?", re.IGNORECASE
)
# The last nine characters of ".dist-info", ".egg-info" and ".egg-link".
_ENDINGS = frozenset({"dist-info", ".egg-info", ".egg-link"})
# Needed on Windows, where a file is otherwise changed while it is read.
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True)
class InstalledPackages:
    """The packages that Python can import, as their own metadata describe them.

    Attributes
    ----------
    versions
        Version of each package under the package's own spelling, sorted by name; None where it is not stated.
        Where a package is installed twice, the version counts that Python would import.
    direct_urls
        Where packages come from that were not taken from a package index: ``url``, ``editable``, and what is known of
        ``vcs``, ``commit``, ``requested_revision``, ``subdirectory`` and ``archive_hash`` (PEP 610).
    shadowed
        Versions that are installed too but not imported, as another folder comes first.
    problems
        What could not be read.
    """

    versions: dict[str, str | None]
    direct_urls: dict[str, dict[str, object]]
    shadowed: dict[str, list[str]]
    problems: tuple[str, ...]


class _Distribution(NamedTuple):
    name: str
    version: str | None
    path_entry: str
    folder_name: str
    has_metadata: bool
    direct_url: dict[str, object] | None = None


@dataclass
class _Findings:
    distributions: list[_Distribution] = field(default_factory=list)
    # Projects that setuptools once installed as editable, by leaving a file with their path: {normalised name: path}.
    egg_links: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add(self, other: _Findings) -> None:
        self.distributions += other.distributions
        self.egg_links |= other.egg_links
        self.problems += other.problems


def installed_packages(path: Sequence[str] | None = None) -> InstalledPackages:
    """List the packages that can be imported.

    Parameters
    ----------
    path
        Folders and zip files to search, in this order; by default those that Python searches.

    Returns
    -------
    packages
        Packages that cannot be read are named in ``problems`` and never raise.

    Examples
    --------
    >>> from gaitmap_results._packages import installed_packages
    >>> "pip" in installed_packages([]).versions
    False
    """
    findings = _Findings()
    seen: set[object] = set()
    entries: Sequence[object] = sys.path if path is None else path
    # Python ignores what is no string, and takes an empty one for the working directory.
    for entry in (one or os.curdir for one in entries if isinstance(one, str)):
        try:
            status = os.stat(entry)
            place = _place(entry, status)
            if place not in seen:
                seen.add(place)
                _look_at(entry, status, findings)
        except FileNotFoundError:
            continue  # usual: Python puts folders on the path that need not exist
        except (OSError, ValueError) as error:
            findings.problems.append(f"A folder that packages are imported from cannot be read: {_reason(error)}.")
    return _summary_or_last(findings)


def _place(entry: str, status: os.stat_result) -> object:
    """Return what is the same for all ways to one folder; some file systems do not number theirs."""
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.normcase(os.path.realpath(entry))


# The distributions of the last listing, and what they came to.
_last: tuple[list[_Distribution], InstalledPackages] | None = None


def _summary_or_last(findings: _Findings) -> InstalledPackages:
    """Sum up, unless it is the usual environment of the last time, in which nothing is installed twice."""
    global _last  # noqa: PLW0603
    is_usual = not findings.problems and not findings.egg_links
    if is_usual and _last is not None and _last[0] == findings.distributions:
        return _last[1]
    summary = _summary(findings)
    if is_usual and not summary.problems and not summary.shadowed:  # else it also depends on when they were installed
        _last = findings.distributions, summary
    return summary


def _summary(findings: _Findings) -> InstalledPackages:
    by_name: dict[str, list[_Distribution]] = {}
    for distribution in findings.distributions:
        by_name.setdefault(_normalised(distribution.name), []).append(distribution)
    versions, direct_urls, shadowed = {}, {}, {}
    for key, found in sorted(by_name.items()):
        if len(found) == 1 and found[0].direct_url is None and key not in findings.egg_links:
            versions[found[0].name] = found[0].version
            continue
        winner, hidden = _imported_one(found, findings.problems)
        versions[winner.name] = winner.version
        url = _direct_url_of(winner, hidden, findings.egg_links.get(key))
        if url is not None:
            direct_urls[winner.name] = url
        hidden_versions = [other.version for other in hidden if other.version is not None]
        if hidden_versions:
            shadowed[winner.name] = hidden_versions
    return InstalledPackages(_sorted(versions), _sorted(direct_urls), _sorted(shadowed), tuple(findings.problems))


def _sorted(values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in sorted(values, key=lambda name: (name.lower(), name))}


@lru_cache(maxsize=4096)
def _normalised(name: str) -> str:
    """Return the form in which all spellings of a package's name are equal (PEP 503)."""
    return _SEPARATORS.sub("-", name).lower()


def _changed(distribution: _Distribution) -> float:
    """Return when a package's folder of metadata was written, which an installer does last."""
    try:
        return Path(distribution.path_entry, distribution.folder_name).stat().st_mtime
    except OSError:
        return 0.0


def _imported_one(found: list[_Distribution], problems: list[str]) -> tuple[_Distribution, list[_Distribution]]:
    """Choose among distributions of one name the one that Python imports, and return the others beside it."""
    if len(found) == 1:
        return found[0], []
    # Folders without metadata are what a failed removal leaves behind: any other one is better.
    candidates = [one for one in found if one.has_metadata] or found[:1]
    same_place = [one for one in candidates if one.path_entry == candidates[0].path_entry]
    winner = same_place[0]
    if len(same_place) > 1:
        # They are left by a failed update, and the files are those of the later one.
        winner = max(same_place, key=lambda one: (_changed(one), one.folder_name))
        names = ", ".join(sorted(safe_text(one.folder_name) for one in same_place))
        problems.append(f"{winner.name} is described more than once in one folder ({names}); the newest is stored.")
    return winner, [one for one in candidates if one is not winner]


def _direct_url_of(
    winner: _Distribution, hidden: list[_Distribution], egg_link: str | None
) -> dict[str, object] | None:
    if winner.direct_url is not None:
        return winner.direct_url
    if not hidden and egg_link is None:
        return None
    # The project's own folder may come before site-packages, where it is said that it is editable.
    place = os.path.realpath(winner.path_entry)
    for other in hidden:
        if other.direct_url is not None and other.direct_url["editable"]:
            project = os.path.realpath(_path_of_url(str(other.direct_url["url"])))
            if place == project or place.startswith(project + os.sep):
                return other.direct_url
    if egg_link is not None and os.path.realpath(egg_link) == place:
        return {"url": "file://" + egg_link.replace(os.sep, "/"), "editable": True}
    return None


def _path_of_url(url: str) -> str:
    path = unquote(urlsplit(url).path)
    return path[1:] if re.match(r"/[A-Za-z]:", path) else path


# What was found in folders of installed packages, with their signatures: {folder: (signature, distributions)}.
# Whatever installs or removes a package changes the list of names in its folder, and with it the signature.
_known: dict[str, tuple[tuple[int, ...], tuple[_Distribution, ...]]] = {}


def _look_at(entry: str, status: os.stat_result, findings: _Findings) -> None:
    seen = _settled_file.signature(status)
    known = _known.get(entry)
    if known is not None and known[0] == seen and os.path.isabs(entry):
        findings.distributions += known[1]
        return
    found = _Findings()
    _read_path_entry(entry, status, found)
    findings.add(found)
    # Not where something could not be read, nor where metadata lie in folders of source code, which change in place.
    installed = all(each.folder_name[-9:].lower() == "dist-info" for each in found.distributions)
    if installed and not found.problems and not found.egg_links and _settled_file.is_settled(status):
        _known[entry] = (seen, tuple(found.distributions))


def _read_path_entry(entry: str, status: os.stat_result, findings: _Findings) -> None:
    if stat.S_ISREG(status.st_mode):
        if zipfile.is_zipfile(entry):
            _read_zip(entry, findings)
        return
    if entry.lower().endswith(".egg"):
        _add(entry, "EGG-INFO", f"{entry}/EGG-INFO", findings)
    with os.scandir(entry) as listing:
        # Names are enough to choose; everything else about an entry would be one more question to the file server.
        names = [item.name for item in listing if item.name[-9:].lower() in _ENDINGS]
    for name in sorted(names):
        # pip renames what it is about to remove: "~umpy" is no package, although its metadata still say numpy.
        if name.startswith(("~", "-")):
            continue
        usual = _usual_distribution(entry, name)
        if usual is not None:
            findings.distributions.append(usual)
        elif name[-9:].lower() == ".egg-link":
            _add_egg_link(entry, name, findings)
        else:
            _add(entry, name, f"{entry}/{name}", findings)


def _usual_distribution(entry: str, folder_name: str) -> _Distribution | None:
    """Return a package from an index whose metadata begin as nearly all do; an environment has hundreds of them."""
    folder = f"{entry}/{folder_name}"
    try:
        descriptor = os.open(f"{folder}/METADATA", _OPEN_FLAGS)
        try:
            usual = _USUAL_HEADER.match(os.read(descriptor, _HEADER_BYTES))
        finally:
            os.close(descriptor)
    except OSError:
        return None
    if usual is None or os.access(f"{folder}/direct_url.json", os.F_OK):
        return None
    name, version = usual.groups()
    return _Distribution(name.decode("utf-8", "replace"), version.decode("utf-8", "replace"), entry, folder_name, True)


def _add(entry: str, folder_name: str, folder: str, findings: _Findings) -> None:
    """Read the metadata of one package; ``folder`` may itself be the file that holds them."""
    is_dist_info = folder_name[-9:].lower() == "dist-info"
    name = version = url = None
    has_metadata = True
    try:
        try:
            name, version = _read_header(f"{folder}/METADATA" if is_dist_info else f"{folder}/PKG-INFO")
        except NotADirectoryError:
            name, version = _read_header(folder)
    except OSError as error:
        if folder_name == "EGG-INFO" and isinstance(error, FileNotFoundError):
            return  # not an egg, only called like one
        has_metadata = False
        findings.problems.append(f"{safe_text(folder_name)} has no metadata that can be read: {_reason(error)}.")
    if has_metadata and is_dist_info and os.access(f"{folder}/direct_url.json", os.F_OK):
        url = _read_direct_url(Path(folder), findings)
    if has_metadata and (name is None or version is None):
        findings.problems.append(f"{safe_text(folder_name)} does not state its name and version.")
    name = name or _name_of_folder(safe_text(folder_name))
    if name is not None:
        findings.distributions.append(_Distribution(name, version, entry, folder_name, has_metadata, url))


def _name_of_folder(folder_name: str) -> str | None:
    found = _FOLDER_NAME.fullmatch(folder_name)
    return found[1] if found else None


def _read_header(file: str) -> tuple[str | None, str | None]:
    """Read name and version from the part of a metadata file that comes before the description."""
    descriptor = os.open(file, _OPEN_FLAGS)
    try:
        content = os.read(descriptor, _HEADER_BYTES)
        usual = _USUAL_HEADER.match(content)
        if usual is None:
            while more := os.read(descriptor, _HEADER_BYTES):
                content += more
    finally:
        os.close(descriptor)
    if usual is not None:
        name, version = usual.groups()
        return name.decode("utf-8", "replace"), version.decode("utf-8", "replace")
    return _header_fields(content)


def _header_fields(content: bytes) -> tuple[str | None, str | None]:
    header = _END_OF_HEADER.split(content, maxsplit=1)[0]
    name, version = (pattern.search(header) for pattern in (_NAME, _VERSION))
    return (
        name[1].decode("utf-8", "replace") if name else None,
        version[1].decode("utf-8", "replace") if version else None,
    )


def _add_egg_link(entry: str, name: str, findings: _Findings) -> None:
    try:
        with Path(entry, name).open(encoding="utf-8", errors="surrogateescape") as file:
            findings.egg_links[_normalised(name[: -len(".egg-link")])] = file.readline().strip()
    except OSError as error:
        findings.problems.append(f"{safe_text(name)} cannot be read: {_reason(error)}.")


def _read_zip(entry: str, findings: _Findings) -> None:
    try:
        with zipfile.ZipFile(entry) as archive:
            for member in sorted(archive.namelist()):
                found = _METADATA_IN_ZIP.fullmatch(member)
                if found:
                    name, version = _header_fields(archive.read(member))
                    if name is not None:
                        findings.distributions.append(_Distribution(name, version, entry, found[1], True))
                    else:
                        findings.problems.append(f"{safe_text(member)} does not state its name and version.")
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        findings.problems.append(f"{safe_text(Path(entry).name)} cannot be read: {_reason(error)}.")


def _read_direct_url(folder: Path, findings: _Findings) -> dict[str, object] | None:
    try:
        return _direct_url(json.loads((folder / "direct_url.json").read_bytes()))
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        findings.problems.append(f"direct_url.json of {safe_text(folder.name)} cannot be read: {_reason(error)}.")
        return None


def _direct_url(data: dict[str, Any]) -> dict[str, object]:
    vcs, archive = data.get("vcs_info", {}), data.get("archive_info", {})
    hashes = [f"{name}={value}" for name, value in sorted((archive.get("hashes") or {}).items())]
    stated = {
        "vcs": vcs.get("vcs"),
        "commit": vcs.get("commit_id"),
        "requested_revision": vcs.get("requested_revision"),
        "subdirectory": data.get("subdirectory"),
        "archive_hash": next(iter(hashes), archive.get("hash")),
    }
    editable = data.get("dir_info", {}).get("editable") is True
    url = {"url": redact_url(data["url"]), "editable": editable}
    return url | {key: safe_text(value) for key, value in stated.items() if isinstance(value, str)}


def _reason(error: Exception) -> str:
    """Return what went wrong without the path, which may name the user."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{type(error).__name__} ({safe_text(text)})"
