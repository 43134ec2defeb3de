"""Describe the part of the machine that this process may use."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

from gaitmap_results.store.safe_text import safe_text

__all__ = ["THREAD_VARIABLES", "cgroup_limits", "limits_info", "slurm_job_peak_memory"]

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
_OWN_GROUPS = Path("/proc/self/cgroup")
_ALL_GROUPS = Path("/sys/fs/cgroup")


def limits_info() -> dict[str, Any]:
    """Describe the processors, the memory and the threads that this process may use.

    Returns
    -------
    info
        ``cpu_affinity``: number of processors this process may run on, None if the system does not tell.
        ``cgroup``: ``version``, ``cpu_quota`` (processors, such as 1.5) and ``memory_limit`` (bytes), the latter two
        None for no limit; None as a whole where there are no control groups.
        ``ulimits``: ``open_files``, ``processes``, ``address_space`` (bytes), ``data`` (bytes), ``stack`` (bytes) and
        ``cpu_time`` (seconds), None for no limit; None as a whole on systems without them.
        ``environment_variables``: those of ``THREAD_VARIABLES`` that are set.

    Examples
    --------
    >>> from gaitmap_results.provenance.resource_limits import limits_info
    >>> sorted(limits_info())
    ['cgroup', 'cpu_affinity', 'environment_variables', 'ulimits']
    """
    import psutil

    affinity = getattr(psutil.Process(), "cpu_affinity", lambda: ())()
    variables = ((name, os.environ.get(name)) for name in THREAD_VARIABLES)
    return {
        "cpu_affinity": len(affinity or ()) or None,
        "cgroup": cgroup_limits(),
        "ulimits": _ulimits(),
        # Bytes that are not text would make the whole record impossible to write.
        "environment_variables": {name: safe_text(value) for name, value in variables if value is not None},
    }


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


def cgroup_limits(own: Path = _OWN_GROUPS, tree: Path = _ALL_GROUPS) -> dict[str, Any] | None:
    """Return the limits of this process's control group, as set by containers and Slurm.

    A group's limit holds for all groups below it, so the smallest on the way up counts.

    Parameters
    ----------
    own
        The file that names the groups of the process.
    tree
        The folder of all groups.

    Returns
    -------
    limits
        ``version``, ``cpu_quota`` and ``memory_limit``; None where there are no control groups.
    """
    cpu, memory = (_groups(controller, own, tree) for controller in ("cpu", "memory"))
    if cpu is None and memory is None:
        return None
    quotas = map(_cpu_quota, cpu[1] if cpu else ())
    limits = map(_memory_limit, memory[1] if memory else ())
    return {
        "version": (memory or cpu or (None,))[0],
        "cpu_quota": min((quota for quota in quotas if quota is not None), default=None),
        "memory_limit": min((limit for limit in limits if limit is not None), default=None),
    }


def slurm_job_peak_memory(job_id: str, own: Path = _OWN_GROUPS, tree: Path = _ALL_GROUPS) -> int | None:
    """Return the peak memory of a Slurm job on this machine in bytes, from its control group.

    It covers all processes of the job and the files that the kernel caches for them.
    """
    found = _groups("memory", own, tree)
    for folder in found[1] if found else ():
        if os.path.basename(folder) == f"job_{job_id}":
            peak = _content(f"{folder}/memory.peak") or _content(f"{folder}/memory.max_usage_in_bytes")
            return int(peak) if peak.isdecimal() else None
    return None


def _groups(controller: str, own: Path, tree: Path) -> tuple[int, list[str]] | None:
    """Return the version and the folders, innermost first, of the process's control group for a controller."""
    # Version 1 has one tree of groups per controller; version 2 has one unnamed tree for all.
    for line in _content(str(own)).splitlines():
        _, names, path = line.split(":", 2)
        if controller in names.split(","):
            top = tree / (names if (tree / names).is_dir() else controller)
            return 1, _folders_upwards(top, path)
        if names == "" and (tree / "cgroup.controllers").exists():
            return 2, _folders_upwards(tree, path)
    return None


def _folders_upwards(top: Path, path: str) -> list[str]:
    # In a container, the mounted tree is often the container's own, while the path is still the machine's.
    # Its folders are then missing, or it leads to a group that this process cannot see.
    parts = [] if ".." in path.split("/") else path.strip("/").split("/")
    return ["/".join((str(top), *parts[:depth])) for depth in range(len(parts), -1, -1)]


def _cpu_quota(folder: str) -> float | None:
    stated = _content(f"{folder}/cpu.max")
    if not stated:
        stated = f"{_content(f'{folder}/cpu.cfs_quota_us')} {_content(f'{folder}/cpu.cfs_period_us')}"
    # "max" (version 2) and -1 (version 1) stand for no limit.
    found = re.fullmatch(r"(\d+) ([1-9]\d*)", stated)
    return int(found[1]) / int(found[2]) if found else None


def _memory_limit(folder: str) -> int | None:
    stated = _content(f"{folder}/memory.max") or _content(f"{folder}/memory.limit_in_bytes")
    return int(stated) if stated.isdecimal() and int(stated) < _NO_MEMORY_LIMIT else None


def _content(file: str) -> str:
    try:
        with open(file, "rb") as content:
            return content.read().decode("utf-8", "replace").strip()
    except OSError:
        return ""
