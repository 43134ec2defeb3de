"""Describe the processor under the key names of py-cpuinfo."""

from __future__ import annotations

import contextlib
import itertools
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

__all__ = ["cpu_info", "from_cpuinfo", "from_identifier", "from_sysctl", "normalised_architecture"]

# py-cpuinfo's names of architectures, as in the records of gaitmap_challenges 0.1.0.
_ARCHITECTURES = (
    (r"i[3-6]86|x86|i86pc|x86_32", "X86_32"),
    (r"x64|x86_64|amd64", "X86_64"),
    (r"armv8\w*|aarch64|arm64", "ARM_8"),
    (r"armv7\w*|armv6\w*", "ARM_7"),
    (r"ppc64(le)?|powerpc64(le)?", "PPC_64"),
    (r"riscv64", "RISCV_64"),
)
_NUMBERS = ("family", "model", "stepping")


def cpu_info() -> dict[str, Any]:
    """Describe the processor, with the key names of py-cpuinfo.

    Returns
    -------
    info
        ``brand_raw``, ``arch``, ``bits``, ``count`` (logical processors of the machine, whether or not this process
        may use them), ``arch_string_raw``, ``vendor_id_raw``, ``family``, ``model`` and ``stepping``.
        Unknown values are None.
        Cache sizes in bytes are included where the system reports them.

    Examples
    --------
    >>> from gaitmap_results.provenance.cpu import cpu_info
    >>> sorted(cpu_info())[:4]
    ['arch', 'arch_string_raw', 'bits', 'brand_raw']
    """
    machine = platform.machine()
    info: dict[str, Any] = {
        "arch_string_raw": machine or None,
        "arch": normalised_architecture(machine),
        "bits": 64 if sys.maxsize > 2**32 else 32,
        "count": os.cpu_count(),
        "brand_raw": None,
        "vendor_id_raw": None,
        "family": None,
        "model": None,
        "stepping": None,
    }
    try:
        found = _of_this_system()
    except (OSError, ValueError, subprocess.SubprocessError):
        found = {}
    return info | {key: value for key, value in found.items() if value is not None}


def normalised_architecture(machine: str) -> str | None:
    """Return py-cpuinfo's name of an architecture, or None if it has none."""
    for pattern, name in _ARCHITECTURES:
        if re.fullmatch(pattern, machine, re.IGNORECASE):
            return name
    return None


@lru_cache(maxsize=1)
def _of_this_system() -> dict[str, Any]:
    # Cached: the processor of a running program does not change.
    system = platform.system()
    if system == "Linux":
        return _of_linux()
    if system == "Darwin":
        return _of_macos()
    if system == "Windows":
        return _of_windows()
    return {"brand_raw": platform.processor() or None}


def _of_linux() -> dict[str, Any]:
    with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
        # One block is enough: the file has one per processor, and a cluster node has hundreds.
        info = from_cpuinfo("".join(itertools.takewhile(str.strip, file)))
    if info["brand_raw"] is None:
        with contextlib.suppress(OSError):  # the only place where small ARM computers give their name
            info["brand_raw"] = Path("/proc/device-tree/model").read_text(errors="replace").strip("\0 \n") or None
    return info | _linux_caches(Path("/sys/devices/system/cpu/cpu0/cache"))


def from_cpuinfo(content: str) -> dict[str, Any]:
    """Read one block of ``/proc/cpuinfo``."""
    pairs = (line.partition(":") for line in content.splitlines())
    values = {key.strip().lower(): value.strip() for key, _, value in pairs}
    brand = values.get("model name") or values.get("cpu model") or values.get("cpu") or values.get("hardware")
    if not brand and "cpu part" in values:
        # ARM servers give no name, but these two numbers identify the core.
        brand = f"ARM implementer {values.get('cpu implementer', '?')} part {values['cpu part']}"
    vendor = values.get("vendor_id") or values.get("cpu implementer")
    return _described(brand, vendor, values, ("cpu family", "model", "stepping"))


def _linux_caches(folder: Path) -> dict[str, int]:
    sizes = {}
    for index in folder.glob("index*"):
        with contextlib.suppress(OSError, ValueError):
            level, kind, size = ((index / name).read_text().strip() for name in ("level", "type", "size"))
            kind = "" if kind == "Unified" else f"{kind.lower()}_"
            sizes[f"l{level}_{kind}cache_size"] = int(size.removesuffix("K")) * 1024
    return sizes


def _of_macos() -> dict[str, Any]:
    # With -n, a name that this machine lacks would shift the values of the others.
    names = ["machdep.cpu", "hw.l2cachesize", "hw.l3cachesize"]
    answer = subprocess.run(["/usr/sbin/sysctl", *names], capture_output=True, timeout=5, check=False)
    return from_sysctl(answer.stdout.decode("utf-8", "replace"))


def from_sysctl(content: str) -> dict[str, Any]:
    """Read the ``name: value`` lines that macOS's ``sysctl`` writes."""
    values = dict(line.removeprefix("machdep.cpu.").split(": ", 1) for line in content.splitlines() if ": " in line)
    caches = {f"l{level}_cache_size": _integer(values.get(f"hw.l{level}cachesize")) for level in (2, 3)}
    return _described(values.get("brand_string"), values.get("vendor"), values, _NUMBERS) | caches


def _of_windows() -> dict[str, Any]:
    brand = ""
    if sys.platform == "win32":  # repeated for the type checker
        import winreg

        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"HARDWARE\DESCRIPTION\System\CentralProcessor\0") as key:
            brand = str(winreg.QueryValueEx(key, "ProcessorNameString")[0])
    return from_identifier(brand.strip(), platform.processor())


def from_identifier(brand: str, identifier: str) -> dict[str, Any]:
    """Read Windows' description of a processor, such as ``Intel64 Family 6 Model 142 Stepping 10, GenuineIntel``."""
    numbers = dict(re.findall(r"(Family|Model|Stepping) (\d+)", identifier))
    return _described(brand, identifier.partition(", ")[2], numbers, ("Family", "Model", "Stepping"))


def _described(brand: str | None, vendor: str | None, values: Mapping[str, str], keys: Iterable[str]) -> dict[str, Any]:
    numbers = {name: _integer(values.get(key)) for name, key in zip(_NUMBERS, keys, strict=True)}
    return {"brand_raw": brand or None, "vendor_id_raw": vendor or None, **numbers}


def _integer(value: str | None) -> int | None:
    return int(value) if value is not None and value.isdecimal() else None
