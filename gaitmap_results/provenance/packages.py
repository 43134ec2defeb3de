"""Lists the installed packages."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from gaitmap_results.provenance.package_folders import Distribution, Findings, normalised, read_path_entry, reason
from gaitmap_results.store import settled_file as _settled_file
from gaitmap_results.store.json_values import safe_text

__all__ = ["InstalledPackages", "installed_packages"]


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
    >>> from gaitmap_results.provenance.packages import installed_packages
    >>> "pip" in installed_packages([]).versions
    False
    """
    findings = Findings()
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
            findings.problems.append(f"A folder that packages are imported from cannot be read: {reason(error)}.")
    return _summary_or_last(findings)


def _place(entry: str, status: os.stat_result) -> object:
    """Return what is the same for all ways to one folder; some file systems do not number theirs."""
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.normcase(os.path.realpath(entry))


# The distributions of the last listing, and what they came to.
_last: tuple[list[Distribution], InstalledPackages] | None = None


def _summary_or_last(findings: Findings) -> InstalledPackages:
    """Sum up, unless it is the usual environment of the last time, in which nothing is installed twice."""
    global _last  # noqa: PLW0603
    is_usual = not findings.problems and not findings.egg_links
    if is_usual and _last is not None and _last[0] == findings.distributions:
        return _last[1]
    summary = _summary(findings)
    if is_usual and not summary.problems and not summary.shadowed:  # else it also depends on when they were installed
        _last = findings.distributions, summary
    return summary


def _summary(findings: Findings) -> InstalledPackages:
    by_name: dict[str, list[Distribution]] = {}
    for distribution in findings.distributions:
        by_name.setdefault(normalised(distribution.name), []).append(distribution)
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
    return {name: values[name] for name in sorted(sorted(values), key=str.lower)}


def _changed(distribution: Distribution) -> float:
    """Return when a package's folder of metadata was written, which an installer does last."""
    try:
        return Path(distribution.path_entry, distribution.folder_name).stat().st_mtime
    except OSError:
        return 0.0


def _imported_one(found: list[Distribution], problems: list[str]) -> tuple[Distribution, list[Distribution]]:
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


def _direct_url_of(winner: Distribution, hidden: list[Distribution], egg_link: str | None) -> dict[str, object] | None:
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
_known: dict[str, tuple[tuple[int, ...], tuple[Distribution, ...]]] = {}


def _look_at(entry: str, status: os.stat_result, findings: Findings) -> None:
    seen = _settled_file.signature(status)
    known = _known.get(entry)
    if known is not None and known[0] == seen and os.path.isabs(entry):
        findings.distributions += known[1]
        return
    found = Findings()
    read_path_entry(entry, status, found)
    findings.add(found)
    # Not where something could not be read, nor where metadata lie in folders of source code, which change in place.
    installed = all(each.folder_name.endswith(".dist-info") for each in found.distributions)
    if installed and not found.problems and not found.egg_links and _settled_file.is_settled(status):
        _known[entry] = (seen, tuple(found.distributions))
