"""Describe the machine, with psutil where Python itself does not know."""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
import warnings
from pathlib import Path
from typing import Any

import psutil

from gaitmap_results.provenance.cpu import cpu_info
from gaitmap_results.provenance.resource_limits import limits_info
from gaitmap_results.store.safe_text import safe_text

__all__ = [
    "cpu_info",
    "limits_info",
    "memory_info",
    "os_info",
    "python_build",
    "slurm_info",
]

# Only the variables that describe the size of a job, without names of users, accounts, hosts and folders.
_SLURM_TEXTS = {
    "job_id": ("SLURM_JOB_ID", "SLURM_JOBID"),
    "array_job_id": ("SLURM_ARRAY_JOB_ID",),
    "step_id": ("SLURM_STEP_ID", "SLURM_STEPID"),
    "partition": ("SLURM_JOB_PARTITION",),
    "cluster": ("SLURM_CLUSTER_NAME",),
    "gpus": ("SLURM_GPUS", "SLURM_GPUS_ON_NODE"),
    "tasks_per_node": ("SLURM_TASKS_PER_NODE",),
}
_SLURM_NUMBERS = {
    "array_task_id": ("SLURM_ARRAY_TASK_ID",),
    "restart_count": ("SLURM_RESTART_COUNT",),
    "n_nodes": ("SLURM_JOB_NUM_NODES", "SLURM_NNODES"),
    "n_tasks": ("SLURM_NTASKS", "SLURM_NPROCS"),
    "task_rank": ("SLURM_PROCID",),
    "cpus_per_task": ("SLURM_CPUS_PER_TASK",),
    "cpus_on_node": ("SLURM_CPUS_ON_NODE",),
    "memory_per_node_mib": ("SLURM_MEM_PER_NODE",),
    "memory_per_cpu_mib": ("SLURM_MEM_PER_CPU",),
}


def python_build() -> dict[str, Any]:
    """Describe how the interpreter was built.

    Returns
    -------
    info
        ``build`` (number and date), ``compiler``, ``abi``, ``free_threaded`` and ``debug``.

    Examples
    --------
    >>> from gaitmap_results.provenance.machine import python_build
    >>> sorted(python_build())
    ['abi', 'build', 'compiler', 'debug', 'free_threaded']
    """
    return {
        "build": list(platform.python_build()),
        "compiler": platform.python_compiler(),
        "abi": sysconfig.get_config_var("SOABI"),
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "debug": hasattr(sys, "gettotalrefcount"),
    }


def os_info() -> dict[str, str | None]:
    """Describe the operating system, without the names of the computer and the user.

    Returns
    -------
    info
        ``system``, ``release``, ``version``, ``machine``, ``distribution``, ``libc`` and ``container``.
        The last three are None where they do not apply or are unknown.

    Examples
    --------
    >>> from gaitmap_results.provenance.machine import os_info
    >>> sorted(os_info())
    ['container', 'distribution', 'libc', 'machine', 'release', 'system', 'version']
    """
    return {
        "system": platform.system() or None,
        "release": platform.release() or None,
        "version": platform.version() or None,
        "machine": platform.machine() or None,
        "distribution": _distribution(),
        "libc": _libc(),
        "container": _container(),
    }


def _distribution() -> str | None:
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        return None


def _libc() -> str | None:
    try:
        found = os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, OSError, ValueError):  # only Linux with glibc knows this name
        found = None
    return found or ("musl" if "musl" in (sysconfig.get_config_var("HOST_GNU_TYPE") or "") else None)


def _container() -> str | None:
    """Return the kind of container that the process seems to be in; None if nothing points to one."""
    if "APPTAINER_NAME" in os.environ or "SINGULARITY_NAME" in os.environ:
        return "apptainer"
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return "kubernetes"
    if Path("/run/.containerenv").exists():
        return "podman"
    if Path("/.dockerenv").exists():
        return "docker"
    if "microsoft" in platform.release().lower():
        return "wsl"
    return None


def memory_info() -> dict[str, int | None]:
    """Describe the memory of the machine, in bytes.

    Returns
    -------
    info
        ``total``, ``available`` (without swapping, now) and ``swap_total``.

    Examples
    --------
    >>> from gaitmap_results.provenance.machine import memory_info
    >>> list(memory_info())
    ['total', 'available', 'swap_total']
    """
    with warnings.catch_warnings():
        # psutil also warns of hidden numbers in a container that nobody asked for.
        warnings.simplefilter("ignore")
        memory = psutil.virtual_memory()
        try:
            swap = psutil.swap_memory().total
        except (psutil.Error, OSError, RuntimeError):
            swap = None
    return {"total": memory.total, "available": memory.available, "swap_total": swap}


def slurm_info() -> dict[str, Any] | None:
    """Describe the Slurm job this process belongs to.

    Returns
    -------
    info
        None outside of Slurm; each value that Slurm does not give is None.
        Memory is in MiB, ``time_limit_s`` in seconds.

    Examples
    --------
    >>> from gaitmap_results.provenance.machine import slurm_info
    >>> job = slurm_info()
    >>> job is None or "job_id" in job
    True
    """
    texts = {key: _first_set(names) for key, names in _SLURM_TEXTS.items()}
    if texts["job_id"] is None:
        return None
    numbers = {key: _as_integer(_first_set(names)) for key, names in _SLURM_NUMBERS.items()}
    start, end = (_as_integer(os.environ.get(f"SLURM_JOB_{which}_TIME")) for which in ("START", "END"))
    return {**texts, **numbers, "time_limit_s": end - start if start is not None and end is not None else None}


def _first_set(names: tuple[str, ...]) -> str | None:
    value = next((os.environ[name] for name in names if os.environ.get(name)), None)
    return None if value is None else safe_text(value)


def _as_integer(value: str | None) -> int | None:
    return int(value) if value is not None and value.isdecimal() else None
