"""The description of the processor."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import pytest

from gaitmap_results.provenance.cpu import cpu_info, from_cpuinfo, from_identifier, from_sysctl, normalised_architecture

CPUINFO_OF_AN_ARM_SERVER = """\
processor	: 0
BogoMIPS	: 243.75
Features	: fp asimd evtstrm aes
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x3
CPU part	: 0xd0c
CPU revision	: 1
"""
SYSCTL_OF_AN_INTEL_MAC = """\
machdep.cpu.mwait.linesize_min: 64
machdep.cpu.vendor: GenuineIntel
machdep.cpu.brand_string: Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz
machdep.cpu.family: 6
machdep.cpu.model: 158
machdep.cpu.stepping: 10
hw.l2cachesize: 262144
hw.l3cachesize: 12582912
"""


def test_it_has_the_keys_that_old_records_have():
    """The keys that readers of gaitmap_challenges' records use are always there."""
    assert {"brand_raw", "arch", "bits", "count", "arch_string_raw", "vendor_id_raw"} <= cpu_info().keys()


def test_count_and_width_are_those_of_this_machine():
    """The number of processors is the machine's, the width the interpreter's."""
    info = cpu_info()
    assert info["count"] == os.cpu_count()
    assert info["bits"] == (64 if sys.maxsize > 2**32 else 32)
    assert info["arch_string_raw"] == platform.machine()


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's own description")
def test_it_says_what_linux_says():
    """Every stated fact stands in the kernel's own files."""
    info = cpu_info()
    content = Path("/proc/cpuinfo").read_text()
    for key in ("brand_raw", "vendor_id_raw", "family", "model", "stepping"):
        if info[key] is not None and "implementer" not in str(info[key]):
            assert f": {info[key]}\n" in content, key
    sizes = [file.read_text().strip() for file in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")]
    for key in [key for key in info if key.endswith("cache_size")]:
        assert f"{info[key] // 1024}K" in sizes


def test_an_arm_server_is_told_by_its_numbers():
    """A processor without a name is described by what its maker calls it."""
    info = from_cpuinfo(CPUINFO_OF_AN_ARM_SERVER)
    assert info["brand_raw"] == "ARM implementer 0x41 part 0xd0c"
    assert info["vendor_id_raw"] == "0x41"
    assert info["family"] is None


def test_an_empty_description_is_unknown():
    """Nothing is made up where the system says nothing."""
    assert set(from_cpuinfo("").values()) == {None}
    assert set(from_sysctl("").values()) == {None}
    assert set(from_identifier("", "").values()) == {None}


def test_what_macos_says_is_understood():
    """The lines of macOS's sysctl give the same keys."""
    assert from_sysctl(SYSCTL_OF_AN_INTEL_MAC) == {
        "brand_raw": "Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz",
        "vendor_id_raw": "GenuineIntel",
        "family": 6,
        "model": 158,
        "stepping": 10,
        "l2_cache_size": 262144,
        "l3_cache_size": 12582912,
    }


def test_what_windows_says_is_understood():
    """Windows' line of text gives the same keys."""
    assert from_identifier("Intel(R) Core(TM) i7", "Intel64 Family 6 Model 142 Stepping 10, GenuineIntel") == {
        "brand_raw": "Intel(R) Core(TM) i7",
        "vendor_id_raw": "GenuineIntel",
        "family": 6,
        "model": 142,
        "stepping": 10,
    }


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        ("x86_64", "X86_64"),
        ("AMD64", "X86_64"),
        ("i686", "X86_32"),
        ("aarch64", "ARM_8"),
        ("arm64", "ARM_8"),
        ("armv7l", "ARM_7"),
        ("ppc64le", "PPC_64"),
        ("mystery", None),
        ("", None),
    ],
)
def test_architectures_have_the_names_of_old_records(machine, name):
    """An architecture is called as in records of gaitmap_challenges, and an unknown one is unknown."""
    assert normalised_architecture(machine) == name
