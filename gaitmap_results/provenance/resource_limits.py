"""Describe the part of the machine that this process may use."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from gaitmap_results.store.safe_text import safe_text

__all__ = ["THREAD_VARIABLES", "cgroup_limits", "environment_variables", "process_limits", "slurm_job_peak_memory"]

# The only variables that are read: they change how many threads or devices an algorithm uses, or its randomness.
# The whole environment is never stored, because it holds passwords and names.
THREAD_VARIABLES = (
    "BLIS_NUM_THREADS",
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_VISIBLE_DEVICES",
    "GOTO_NUM_THREADS",
    "JOBLIB_MULTIPROCESSING",
    "LOKY_MAX_CPU_COUNT",
    "MKL_CBWR",
    "MKL_DYNAMIC",
    "MKL_NUM_THREADS",
    "NUMBA_DISABLE_JIT",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_DYNAMIC",
    "OMP_NUM_THREADS",
    "OMP_PLACES",
    "OMP_PROC_BIND",
    "OMP_THREAD_LIMIT",
    "OPENBLAS_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "PYTHONHASHSEED",
    "PYTHON_CPU_COUNT",
    "RAYON_NUM_THREADS",
    "TF_DETERMINISTIC_OPS",
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
# cgroup v1 expresses "no limit" as the largest multiple of a memory page below 2**63.
_NO_MEMORY_LIMIT = 2**62


def process_limits() -> dict[str, Any]:
    """Describe the processors, the memory and the threads that this process may use.

    Returns
    -------
    info
        ``cpu_affinity``: number of processors this process may run on, None where only psutil can tell.
        ``cgroup``: ``version``, ``cpu_quota`` (processors, such as 1.5) and ``memory_limit`` (bytes), the latter two
        None for no limit; None as a whole where there are no control groups.
        ``ulimits``: ``open_files``, ``processes``, ``address_space`` (bytes), ``data`` (bytes), ``stack`` (bytes) and
        ``cpu_time`` (seconds), None for no limit; None as a whole on systems without them.
        ``environment_variables``: those of ``THREAD_VARIABLES`` that are set.

    Examples
    --------
    >>> from gaitmap_results.provenance.resource_limits import process_limits
    >>> sorted(process_limits())
    ['cgroup', 'cpu_affinity', 'environment_variables', 'ulimits']
    """
    return {
        "cpu_affinity": _cpu_affinity(),
        "cgroup": cgroup_limits(),
        "ulimits": _ulimits(),
        "environment_variables": environment_variables(),
    }


def environment_variables() -> dict[str, str]:
    """Return those of ``THREAD_VARIABLES`` that are set in this process."""
    values = ((name, os.environ.get(name)) for name in THREAD_VARIABLES)
    # Bytes that are not text would make the whole record impossible to write.
    return {name: safe_text(value) for name, value in values if value is not None}


def _cpu_affinity() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def _ulimits() -> dict[str, int | None] | None:
    if sys.platform == "win32":
        return None
    import resource

    names = {
        "open_files": "RLIMIT_NOFILE",
        "processes": "RLIMIT_NPROC",
        "address_space": "RLIMIT_AS",
        "data": "RLIMIT_DATA",
        "stack": "RLIMIT_STACK",
        "cpu_time": "RLIMIT_CPU",
    }
    limits: dict[str, int | None] = {}
    for name, constant in names.items():
        number = getattr(resource, constant, None)
        if number is not None:  # systems differ in the limits they have
            soft = resource.getrlimit(number)[0]
            limits[name] = None if soft == resource.RLIM_INFINITY else soft
    return limits


# The version, controllers, mounted group and mount point of a control group tree.
_Mount: TypeAlias = tuple[int, list[str], str, Path]


def cgroup_limits(proc: Path = Path("/proc/self")) -> dict[str, Any] | None:
    """Return the limits of this process's control group, as set by containers and Slurm.

    A group's limit holds for all groups below it, so the smallest on the way up counts.

    Parameters
    ----------
    proc
        The folder that describes the process.

    Returns
    -------
    limits
        ``version``, ``cpu_quota`` and ``memory_limit``; None where there are no control groups.
    """
    cpu, memory = _group_folders(proc, "cpu", "memory")
    if cpu is None and memory is None:
        return None
    quotas = [_cpu_quota(folder) for folder in cpu[1]] if cpu else []
    limits = [_memory_limit(folder) for folder in memory[1]] if memory else []
    return {
        "version": (memory or cpu or (None,))[0],
        "cpu_quota": min((quota for quota in quotas if quota is not None), default=None),
        "memory_limit": min((limit for limit in limits if limit is not None), default=None),
    }


def slurm_job_peak_memory(job_id: str, proc: Path = Path("/proc/self")) -> int | None:
    """Return the peak memory of a Slurm job on this machine in bytes, from its control group.

    It covers all processes of the job and the files that the kernel caches for them.
    """
    (found,) = _group_folders(proc, "memory")
    for folder in found[1] if found else ():
        if folder.name == f"job_{job_id}":
            for name in ("memory.peak", "memory.max_usage_in_bytes"):
                value = _content(folder / name)
                if value.isdecimal():
                    return int(value)
    return None


def _group_folders(proc: Path, *controllers: str) -> list[tuple[int, tuple[Path, ...]] | None]:
    """Return the version and folders, innermost first, of the process's control group, per controller."""
    try:
        groups, mountinfo = ((proc / name).read_text(errors="surrogateescape") for name in ("cgroup", "mountinfo"))
    except OSError:
        return [None] * len(controllers)
    return [_folders_of_controller(groups, mountinfo, controller) for controller in controllers]


@lru_cache(maxsize=8)  # the texts change only if the process is moved or something is mounted
def _folders_of_controller(groups: str, mountinfo: str, controller: str) -> tuple[int, tuple[Path, ...]] | None:
    paths = {names: path for _, names, path in (line.split(":", 2) for line in groups.splitlines())}
    mounts = list(_cgroup_mounts(mountinfo))
    # Version 1 has one tree of groups per controller; version 2 has one unnamed tree for all.
    for names, path in paths.items():
        for version, options, root, mount_point in mounts:
            if controller in names.split(",") and version == 1 and controller in options:
                return 1, _folders_upwards(mount_point, root, path)
    for version, _, root, mount_point in mounts:
        if version != 1 and "" in paths:
            return version, _folders_upwards(mount_point, root, paths[""])
    return None


def _cgroup_mounts(mountinfo: str) -> Iterator[_Mount]:
    """Parse ``mountinfo`` (proc(5)) into version, controllers, mounted group and mount point."""
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - cgroup")
        if right.startswith((" ", "2 ")):
            system = f"cgroup{right.partition(' ')[0]}"
            # Spaces in a path are written as octal numbers.
            root, mount_point = (
                re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), part) for part in left.split()[3:5]
            )
            yield (1 if system == "cgroup" else 2), right.rpartition(" ")[2].split(","), root, Path(mount_point)


def _folders_upwards(mount_point: Path, root: str, path: str) -> tuple[Path, ...]:
    # In a container, the mounted group is often the container's own, while the path is still the machine's.
    parts = [part for part in path.split("/") if part]
    root_parts = [part for part in root.split("/") if part]
    below = parts[len(root_parts) :] if parts[: len(root_parts)] == root_parts else []
    if ".." in below:  # a group that this process cannot see
        below = []
    return tuple(mount_point.joinpath(*below[:depth]) for depth in range(len(below), -1, -1))


def _cpu_quota(folder: Path) -> float | None:
    stated = _content(folder / "cpu.max")
    if not stated:
        stated = f"{_content(folder / 'cpu.cfs_quota_us')} {_content(folder / 'cpu.cfs_period_us')}"
    # "max" (version 2) and -1 (version 1) stand for no limit.
    found = re.fullmatch(r"(\d+) ([1-9]\d*)", stated)
    return int(found[1]) / int(found[2]) if found else None


def _memory_limit(folder: Path) -> int | None:
    stated = _content(folder / "memory.max") or _content(folder / "memory.limit_in_bytes")
    return int(stated) if stated.isdecimal() and int(stated) < _NO_MEMORY_LIMIT else None


def _content(file: Path) -> str:
    try:
        with open(file, encoding="utf-8", errors="replace") as opened:
            return opened.read().strip()
    except OSError:
        return ""
