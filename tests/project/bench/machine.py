"""Describes the machine that the numbers come from, without naming it."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
from measuring import Table

import gaitmap_results
from gaitmap_results.provenance import machine as _system

__all__ = ["describe_machine"]


def describe_machine(folder: Path) -> Table:
    """Return a table of what the numbers depend on.

    Parameters
    ----------
    folder
        Whose disk is measured.
    """
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    facts = {
        "processor": (_system.cpu_info() or {}).get("brand_raw") or platform.processor() or "unknown",
        "cores": str(cores),
        "memory": f"{psutil.virtual_memory().total / 1e9:.0f} GB",
        "disk": _disk(folder),
        "operating system": f"{platform.system()} {re.match(r'[0-9.]*', platform.release())[0]}".strip(),
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "git": git.removeprefix("git version ").strip(),
        "packages": ", ".join(f"{name} {_version(name)}" for name in ("wrapt", "orjson", "psutil")),
        "gaitmap_results": gaitmap_results.__version__,
    }
    return Table("The machine", ("what", "is"), list(facts.items()))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(none)"


def _disk(folder: Path) -> str:
    """Return the file system and the kind of disk that a folder lies on."""
    where = os.path.realpath(folder)
    found = [each for each in psutil.disk_partitions(all=True) if _lies_in(where, each.mountpoint)]
    if not found:
        return "unknown"
    mount = max(found, key=lambda each: len(each.mountpoint))
    device = os.path.basename(mount.device)
    if not mount.device.startswith("/dev/"):
        return mount.fstype
    disk = Path("/sys/class/block") / device
    disk = disk if (disk / "queue").is_dir() else disk.resolve().parent
    try:
        kind = "rotating disk" if (disk / "queue/rotational").read_text().strip() == "1" else "solid state disk"
    except OSError:
        return mount.fstype
    return f"{mount.fstype} on a " + ("virtual disk" if re.match(r"(vd|xvd)", device) else kind)


def _lies_in(path: str, folder: str) -> bool:
    return Path(path).is_relative_to(folder)
