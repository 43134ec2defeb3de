"""Describe the processor under the key names of py-cpuinfo."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
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
    (r"ppc|ppc32|powerpc", "PPC_32"),
    (r"s390x", "S390X"),
    (r"riscv64", "RISCV_64"),
    (r"loongarch64", "LOONG_64"),
)
_CACHE_NAMES = {
    ("1", "Data"): "l1_data_cache_size",
    ("1", "Instruction"): "l1_instruction_cache_size",
    ("2", "Unified"): "l2_cache_size",
    ("3", "Unified"): "l3_cache_size",
}
_CACHE_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


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
    readers = {"linux": _of_linux, "darwin": _of_macos, "win32": _of_windows}
    return readers.get(sys.platform, _of_other_systems)()


def _of_other_systems() -> dict[str, Any]:
    return {"brand_raw": platform.processor() or None}


def _of_linux() -> dict[str, Any]:
    lines: list[str] = []
    with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
        # One block is enough: the file has one per processor, and a cluster node has hundreds.
        for line in file:
            if not line.strip() and lines:
                break
            lines.append(line)
    info = from_cpuinfo("".join(lines))
    if info["brand_raw"] is None:
        with contextlib.suppress(OSError):  # the only place where small ARM computers give their name
            info["brand_raw"] = Path("/proc/device-tree/model").read_text(errors="replace").strip("\0 \n") or None
    return info | _linux_caches(Path("/sys/devices/system/cpu/cpu0/cache"))


def from_cpuinfo(content: str) -> dict[str, Any]:
    """Read one block of ``/proc/cpuinfo``."""
    values = {}
    for line in content.splitlines():
        key, _, value = line.partition(":")
        values[key.strip().lower()] = value.strip()
    brand = values.get("model name") or values.get("cpu model") or values.get("cpu") or values.get("hardware")
    if not brand and "cpu part" in values:
        # ARM servers give no name, but these two numbers identify the core.
        brand = f"ARM implementer {values.get('cpu implementer', '?')} part {values['cpu part']}"
    return {
        "brand_raw": brand or None,
        "vendor_id_raw": values.get("vendor_id") or values.get("cpu implementer") or None,
        "family": _integer(values.get("cpu family")),
        "model": _integer(values.get("model")),
        "stepping": _integer(values.get("stepping")),
    }


def _linux_caches(folder: Path) -> dict[str, int]:
    sizes = {}
    for index in sorted(folder.glob("index*")):
        try:
            level, kind, size = ((index / name).read_text().strip() for name in ("level", "type", "size"))
        except OSError:
            continue
        found = re.fullmatch(r"(\d+)([KMG]?)", size)
        if found and (level, kind) in _CACHE_NAMES:
            sizes[_CACHE_NAMES[level, kind]] = int(found[1]) * _CACHE_UNITS[found[2]]
    return sizes


def _of_macos() -> dict[str, Any]:
    # With -n, a name that this machine lacks would shift the values of the others.
    names = ["machdep.cpu", "hw.l2cachesize", "hw.l3cachesize"]
    answer = subprocess.run(["/usr/sbin/sysctl", *names], capture_output=True, timeout=5, check=False)
    return from_sysctl(answer.stdout.decode("utf-8", "replace"))


def from_sysctl(content: str) -> dict[str, Any]:
    """Read the ``name: value`` lines that macOS's ``sysctl`` writes."""
    values = dict(line.split(": ", 1) for line in content.splitlines() if ": " in line)
    return {
        "brand_raw": values.get("machdep.cpu.brand_string"),
        "vendor_id_raw": values.get("machdep.cpu.vendor"),
        "family": _integer(values.get("machdep.cpu.family")),
        "model": _integer(values.get("machdep.cpu.model")),
        "stepping": _integer(values.get("machdep.cpu.stepping")),
        "l2_cache_size": _integer(values.get("hw.l2cachesize")),
        "l3_cache_size": _integer(values.get("hw.l3cachesize")),
    }


def _of_windows() -> dict[str, Any]:
    values: Mapping[str, str] = {}
    if sys.platform == "win32":  # repeated for the type checker
        import winreg

        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"HARDWARE\DESCRIPTION\System\CentralProcessor\0") as key:
            values = {name: str(winreg.QueryValueEx(key, name)[0]) for name in ("ProcessorNameString", "Identifier")}
    return {"brand_raw": values["ProcessorNameString"].strip() or None} | from_identifier(platform.processor())


def from_identifier(identifier: str) -> dict[str, Any]:
    """Read Windows' description of a processor, such as ``Intel64 Family 6 Model 142 Stepping 10, GenuineIntel``."""
    numbers = dict(re.findall(r"(Family|Model|Stepping) (\d+)", identifier))
    return {
        "vendor_id_raw": identifier.partition(", ")[2] or None,
        "family": _integer(numbers.get("Family")),
        "model": _integer(numbers.get("Model")),
        "stepping": _integer(numbers.get("Stepping")),
    }


def _integer(value: str | None) -> int | None:
    return int(value) if value is not None and value.isdecimal() else None
