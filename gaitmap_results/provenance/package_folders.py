"""Reads what is installed in one folder or zip file that Python imports from."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from gaitmap_results.store.files import read_regular_file
from gaitmap_results.store.json_values import safe_text
from gaitmap_results.store.privacy import redact_url

__all__ = ["Distribution", "Findings", "normalised", "read_path_entry", "reason"]

_HEADER_BYTES = 1024
# What nearly every tool writes first. Whole lines only: the last one may have been cut off.
_USUAL_HEADER = re.compile(rb"Metadata-Version: [\d.]+\r?\nName: ([!-~]+)\r?\nVersion: ([!-~]+)\r?\n")
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
# Without O_BINARY Windows changes what is read, and without O_NONBLOCK a named pipe would be waited for.
_OPEN_FLAGS = os.O_RDONLY
for _name in ("O_BINARY", "O_CLOEXEC", "O_NONBLOCK"):
    _OPEN_FLAGS |= getattr(os, _name, 0)


class Distribution(NamedTuple):
    """One package, as its metadata in one place describe it."""

    name: str
    version: str | None
    path_entry: str
    folder_name: str
    has_metadata: bool
    direct_url: dict[str, object] | None = None


@dataclass
class Findings:
    """What was found in one place or more."""

    distributions: list[Distribution] = field(default_factory=list)
    # Projects that setuptools once installed as editable, by leaving a file with their path: {normalised name: path}.
    egg_links: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add(self, other: Findings) -> None:
        """Add what was found elsewhere."""
        self.distributions += other.distributions
        self.egg_links |= other.egg_links
        self.problems += other.problems


@lru_cache(maxsize=4096)
def normalised(name: str) -> str:
    """Return the form in which all spellings of a package's name are equal (PEP 503)."""
    return _SEPARATORS.sub("-", name).lower()


def read_path_entry(entry: str, status: os.stat_result, findings: Findings) -> None:
    """Add what is installed in a folder or zip file.

    Raises
    ------
    OSError
        If it cannot be looked into.
    """
    if stat.S_ISREG(status.st_mode):
        if zipfile.is_zipfile(entry):
            _read_zip(entry, findings)
        return
    if entry.lower().endswith(".egg"):
        _add(entry, "EGG-INFO", f"{entry}/EGG-INFO", findings)
    names = sorted(name for name in os.listdir(entry) if name[-9:].lower() in _ENDINGS)
    # pip renames what it is about to remove: "~umpy" is no package, although its metadata still say numpy.
    names = [name for name in names if name[0] not in "~-"]
    for name, usual in zip(names, _usual_distributions(entry, names), strict=True):
        if usual is not None:
            findings.distributions.append(usual)
        elif name[-9:].lower() == ".egg-link":
            _add_egg_link(entry, name, findings)
        else:
            _add(entry, name, f"{entry}/{name}", findings)


def _usual_distributions(entry: str, folder_names: Iterable[str]) -> Iterator[Distribution | None]:
    """Yield for each folder the package, if it is from an index and its metadata begin as nearly all do.

    An environment has hundreds of them, hence this asks as little as it can.
    """
    with _opened(entry) as (handle, prefix):
        for folder_name in folder_names:
            try:
                descriptor = os.open(f"{prefix}{folder_name}/METADATA", _OPEN_FLAGS, dir_fd=handle)
                try:
                    usual = _USUAL_HEADER.match(os.read(descriptor, _HEADER_BYTES))
                finally:
                    os.close(descriptor)
            except OSError:
                usual = None
            if usual is None or os.access(f"{prefix}{folder_name}/direct_url.json", os.F_OK, dir_fd=handle):
                yield None
                continue
            name, version = usual.groups()
            yield Distribution(name.decode("ascii"), version.decode("ascii"), entry, folder_name, True)


@contextlib.contextmanager
def _opened(folder: str) -> Iterator[tuple[int | None, str]]:
    """Open a folder, so that the system need not look for it anew for each file in it; not all systems can do that."""
    if not {os.open, os.access} <= os.supports_dir_fd:
        yield None, f"{folder}/"
        return
    handle = os.open(folder, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        yield handle, ""
    finally:
        os.close(handle)


def _add(entry: str, folder_name: str, folder: str, findings: Findings) -> None:
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
        findings.problems.append(f"{safe_text(folder_name)} has no metadata that can be read: {reason(error)}.")
    if has_metadata and is_dist_info and os.access(f"{folder}/direct_url.json", os.F_OK):
        url = _read_direct_url(Path(folder), findings)
    if has_metadata and (name is None or version is None):
        findings.problems.append(f"{safe_text(folder_name)} does not state its name and version.")
    name = name or _name_of_folder(safe_text(folder_name))
    if name is not None:
        findings.distributions.append(Distribution(name, version, entry, folder_name, has_metadata, url))


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
        return name.decode("ascii"), version.decode("ascii")
    return _header_fields(content)


def _header_fields(content: bytes) -> tuple[str | None, str | None]:
    header = _END_OF_HEADER.split(content, maxsplit=1)[0]
    name, version = (pattern.search(header) for pattern in (_NAME, _VERSION))
    return (
        name[1].decode("utf-8", "replace") if name else None,
        version[1].decode("utf-8", "replace") if version else None,
    )


def _add_egg_link(entry: str, name: str, findings: Findings) -> None:
    try:
        with Path(entry, name).open(encoding="utf-8", errors="surrogateescape") as file:
            findings.egg_links[normalised(name[: -len(".egg-link")])] = file.readline().strip()
    except OSError as error:
        findings.problems.append(f"{safe_text(name)} cannot be read: {reason(error)}.")


def _read_zip(entry: str, findings: Findings) -> None:
    try:
        with zipfile.ZipFile(entry) as archive:
            for member in sorted(archive.namelist()):
                found = _METADATA_IN_ZIP.fullmatch(member)
                if found:
                    name, version = _header_fields(archive.read(member))
                    if name is not None:
                        findings.distributions.append(Distribution(name, version, entry, found[1], True))
                    else:
                        findings.problems.append(f"{safe_text(member)} does not state its name and version.")
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        findings.problems.append(f"{safe_text(Path(entry).name)} cannot be read: {reason(error)}.")


def _read_direct_url(folder: Path, findings: Findings) -> dict[str, object] | None:
    try:
        return _direct_url(json.loads(read_regular_file(folder / "direct_url.json")))
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        findings.problems.append(f"direct_url.json of {safe_text(folder.name)} cannot be read: {reason(error)}.")
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


def reason(error: Exception) -> str:
    """Return what went wrong without the path, which may name the user."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{type(error).__name__} ({safe_text(text)})"
