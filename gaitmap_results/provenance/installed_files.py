"""Determine which installed package a file belongs to, and whether it was changed since."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import math
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from gaitmap_results.provenance.packages import normalised

__all__ = ["InstalledPackage", "SiteFolder", "conda_has", "is_of_debian", "is_out_of_reach", "site_folder"]

_PATH = re.compile(rb'^"?([^",\n]+)', re.MULTILINE)
_INFO = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)?.*\.(?:dist|egg)-info", re.IGNORECASE)
# Installers other than the user's pip: their packages can be installed again by name and version.
_SYSTEM_INSTALLERS = frozenset({"conda", "rpm", "debian", "dpkg", "apt", "apk", "pacman", "portage", "nix", "guix"})


@dataclass(frozen=True)
class InstalledPackage:
    """An installed package, identified by its metadata folder."""

    info: Path

    @property
    def name(self) -> str:
        """The package's name, as spelled by its metadata folder."""
        found = _INFO.fullmatch(self.info.name)
        return found["name"] if found else self.info.stem

    @property
    def version(self) -> str | None:
        """The package's version, as spelled by its metadata folder."""
        found = _INFO.fullmatch(self.info.name)
        return found["version"] if found else None

    @cached_property
    def record(self) -> bytes:
        """The content of its RECORD, which lists every installed file; empty if there is none."""
        return _content(self.info / "RECORD")

    @cached_property
    def files(self) -> frozenset[str]:
        """The installed files, relative to the site folder."""
        return frozenset(b"\n".join(_PATH.findall(self.record)).decode("utf-8", "replace").split("\n"))

    @cached_property
    def top_level(self) -> frozenset[str]:
        """The names of its modules, if it declares them."""
        return frozenset(_content(self.info / "top_level.txt").decode("utf-8", "replace").split())

    @cached_property
    def direct_url(self) -> dict[str, object] | None:
        """The source of the package if it was not an index."""
        content = _content(self.info / "direct_url.json")
        try:
            data = json.loads(content) if content else None
        except ValueError:
            data = {}
        return data if isinstance(data, dict) else None

    @cached_property
    def is_of_the_system(self) -> bool:
        """Whether conda or the system's package manager installed it."""
        installer = _content(self.info / "INSTALLER").decode("utf-8", "replace").strip().lower()
        return installer in _SYSTEM_INSTALLERS or is_of_debian(self.info.as_posix())

    @cached_property
    def scripts(self) -> frozenset[str]:
        """The commands that the installer generated for it."""
        content = _content(self.info / "entry_points.txt").decode("utf-8", "replace")
        return frozenset(re.findall(r"^\s*([\w.-]+)\s*=", content, re.MULTILINE))

    def is_as_installed(self, relative: str, file: str, changed: float) -> bool:
        """Return whether a file has its hash in RECORD; True if it is older than RECORD, or has no hash there.

        Parameters
        ----------
        relative
            Its path relative to the site folder.
        file
            The file.
        changed
            Its modification time.
        """
        if changed <= self.installed:
            return True
        row = re.search(rb'^"?%s"?,sha256=([\w-]+)' % re.escape(relative.encode()), self.record, re.MULTILINE)
        try:
            found = hashlib.sha256(Path(file).read_bytes()).digest()
        except OSError:
            return True
        return row is None or base64.urlsafe_b64encode(found).rstrip(b"=") == row[1]

    @cached_property
    def installed(self) -> float:
        """The time of the installation."""
        try:
            return (self.info / "RECORD").stat().st_mtime
        except OSError:
            return math.inf


# Top folders and modules of packages with other names. Only where to look first: the RECORD there decides.
_USUAL_OWNERS: Final = {
    "_distutils_hack": "setuptools",  # loaded by Python itself wherever setuptools is installed
    "_yaml": "pyyaml",
    "attr": "attrs",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "git": "gitpython",
    "ipykernel_launcher": "ipykernel",
    "mpl_toolkits": "matplotlib",
    "PIL": "pillow",
    "pkg_resources": "setuptools",
    "pylab": "matplotlib",
    "pywt": "pywavelets",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "tlz": "toolz",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}
# Debian's own Python packages are in a folder that pip never uses, many without a RECORD.
_DEBIAN = "/usr/lib/python3/dist-packages/"


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


class SiteFolder:
    """A site folder and the packages that own its files."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        names = [name for name in os.listdir(folder) if name.endswith((".dist-info", ".egg-info")) and name[0] != "~"]
        self._packages = [InstalledPackage(Path(folder, name)) for name in sorted(names)]
        self._by_name = {normalised(package.name): package for package in self._packages}
        self._by_top: dict[str, list[InstalledPackage]] = {}

    def owner(self, relative: str) -> InstalledPackage | None:
        """Return the package that owns a file, by its path relative to the folder, with ``/``.

        A package nearly always has the name of its top folder, or a well-known other one; only otherwise every RECORD
        is read.
        """
        top = relative.partition("/")[0].partition(".")[0]
        guess = self._by_name.get(normalised(top))
        if guess is not None and (relative in guess.files or not guess.record):
            return guess
        usual = self._by_name.get(_USUAL_OWNERS.get(top, ""))
        for package in ([] if usual is None else [usual]) + self._by_top.setdefault(top, []):
            if relative in package.files:
                return package
        found = next(self.owners(relative), None)
        if found is not None:
            self._by_top[top].append(found)
            return found
        # System packages often have no RECORD.
        return next((each for each in self._packages if not each.record and top in each.top_level), None)

    def owners(self, relative: str) -> Iterator[InstalledPackage]:
        """Yield each package whose RECORD names a file."""
        path = relative.encode()
        return (each for each in self._packages if path in each.record and relative in each.files)

    def owner_of_script(self, name: str) -> InstalledPackage | None:
        """Return the package that provides a command."""
        return next((package for package in self._packages if name in package.scripts), None)

    def __bool__(self) -> bool:
        return bool(self._packages)


_sites: dict[str, tuple[int, SiteFolder | None]] = {}


def site_folder(folder: str) -> SiteFolder | None:
    """Return the packages installed in a folder, or None if there are none; a changed folder is read again."""
    try:
        changed = os.stat(folder).st_mtime_ns
        known = _sites.get(folder)
        if known is None or known[0] != changed:
            site = SiteFolder(folder)
            known = _sites[folder] = (changed, site or None)
    except OSError:
        return None
    return known[1]


def is_of_debian(path: str) -> bool:
    """Return whether the package manager of Debian or Ubuntu installed a file, which may have no other metadata."""
    return path.startswith(_DEBIAN)


def conda_has(prefix: str, fact: str) -> bool:
    """Return whether conda installed a file in this environment, by its path in it or by the SHA-256 of its content."""
    return any(f'"{fact}"'.encode() in content for content in _conda_packages(prefix))


@functools.lru_cache(maxsize=4)
def _conda_packages(prefix: str) -> tuple[bytes, ...]:
    folder = Path(prefix, "conda-meta")
    return tuple(_content(file) for file in folder.glob("*.json")) if folder.is_dir() else ()


def is_out_of_reach(file: str) -> bool:
    """Return whether the user can write neither a file nor any folder above it, nor change its permissions."""
    if sys.platform == "win32" or os.geteuid() == 0:
        return False
    return not _can_change(file) and _folder_is_out_of_reach(os.path.dirname(file))


@functools.lru_cache(maxsize=1024)
def _folder_is_out_of_reach(folder: str) -> bool:
    parent = os.path.dirname(folder)
    return not _can_change(folder) and (parent == folder or _folder_is_out_of_reach(parent))


def _can_change(path: str) -> bool:
    if os.access(path, os.W_OK):
        return True
    try:
        return os.stat(path).st_uid == os.geteuid()
    except OSError:
        return True
