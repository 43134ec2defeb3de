"""Describes the machine, with psutil where Python itself does not know."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import sysconfig
from pathlib import Path
from typing import Any

import psutil

from gaitmap_results.provenance.cpu import cpu_info
from gaitmap_results.provenance.limits import process_limits
from gaitmap_results.provenance.processes import PROC_READER, ProcessReader, ProcessSample, memory_figures
from gaitmap_results.store.json_values import safe_text

__all__ = [
    "PSUTIL_READER",
    "cpu_info",
    "limits_info",
    "memory_info",
    "os_info",
    "process_reader",
    "psutil_descendants",
    "psutil_peak_memory",
    "psutil_sample",
    "python_info",
    "slurm_info",
]

# Allow-list: what describes the size of a job. Names of users, accounts, hosts and folders are left out.
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


def python_info() -> dict[str, str]:
    """Describe the Python interpreter.

    Returns
    -------
    info
        ``python_version`` and ``python_implementation``.

    Examples
    --------
    >>> from gaitmap_results.provenance.machine import python_info
    >>> list(python_info())
    ['python_version', 'python_implementation']
    """
    return {"python_version": sys.version, "python_implementation": sys.implementation.name}


def os_info() -> dict[str, str | None]:
    """Describe the operating system, without the names of the computer and the user.

    Returns
    -------
    info
        ``system``, ``release``, ``version``, ``machine``, ``distribution``, ``libc`` and ``container``.
        The latter three are None where they do not apply or nothing points to them.

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
    """Name the kind of container that the process seems to be in; None if nothing points to one."""
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
        ``total``, ``available`` (without swapping, at this moment) and ``swap_total``.

    Examples
    --------
    >>> from gaitmap_results.provenance.machine import memory_info
    >>> list(memory_info())
    ['total', 'available', 'swap_total']
    """
    try:
        # psutil reads the same file, but warns the user about numbers in it that are not even asked for.
        figures = memory_figures(Path("/proc/meminfo").read_text())
    except OSError:
        figures = {}
    if "MemTotal" in figures and "MemAvailable" in figures:
        return {
            "total": figures["MemTotal"],
            "available": figures["MemAvailable"],
            "swap_total": figures.get("SwapTotal"),
        }
    return _psutil_memory_info()


def _psutil_memory_info() -> dict[str, int | None]:
    memory = psutil.virtual_memory()
    try:
        swap = psutil.swap_memory().total
    except (psutil.Error, OSError, RuntimeError, Warning):
        swap = None
    return {"total": memory.total, "available": memory.available, "swap_total": swap}


def limits_info() -> dict[str, Any]:
    """Describe the processors, the memory and the threads that this process may use.

    Returns
    -------
    info
        ``cpu_affinity``, ``cgroup``, ``ulimits`` and ``environment_variables``, as described at
        :func:`gaitmap_results.provenance.limits.process_limits`.
    """
    info = process_limits()
    if info["cpu_affinity"] is None and hasattr(psutil.Process, "cpu_affinity"):
        info["cpu_affinity"] = len(psutil.Process().cpu_affinity() or ()) or None
    return info


def slurm_info() -> dict[str, Any] | None:
    """Describe the Slurm job this process belongs to.

    Returns
    -------
    info
        None outside of Slurm; what Slurm does not tell is None.
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


def psutil_sample(pid: int) -> ProcessSample | None:
    """Look at one process through psutil; see :class:`gaitmap_results.provenance.processes.ProcessReader`.

    A process that has ended counts as none at all where the system tells nothing about it any more.
    """
    try:
        return _sample(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return None
    except psutil.Error as error:
        raise PermissionError(f"The process {pid} cannot be looked at: {error}") from error


def _sample(process: psutil.Process) -> ProcessSample:
    with process.oneshot():
        times = process.cpu_times()
        # macOS and Windows report zero for these, which would be a lie.
        waited = times.children_user + times.children_system if sys.platform == "linux" else None
        return ProcessSample(
            pid=process.pid,
            parent_pid=process.ppid(),
            start=process.create_time(),
            is_zombie=process.status() == psutil.STATUS_ZOMBIE,
            cpu_s=times.user + times.system,
            waited_cpu_s=waited,
            resident_bytes=process.memory_info().rss,
        )


def psutil_descendants(pid: int) -> list[ProcessSample]:
    """Look at all processes that come from ``pid`` through psutil, leaving out those that end meanwhile."""
    samples = []
    try:
        for process in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.Error, OSError):
                samples.append(_sample(process))
    except psutil.Error as error:
        raise PermissionError(f"The processes that come from {pid} cannot be listed: {error}") from error
    return samples


def psutil_peak_memory(pid: int) -> int | None:
    """Return the peak of a process's resident memory in bytes, which psutil knows on Windows only."""
    try:
        peak = getattr(psutil.Process(pid).memory_info(), "peak_wset", None)
    except (psutil.Error, OSError):
        return None
    return None if peak is None else int(peak)


PSUTIL_READER = ProcessReader(
    name="psutil",
    sample=psutil_sample,
    descendants=psutil_descendants,
    peak_memory=psutil_peak_memory,
    peak_memory_name="peak_wset",
)


def process_reader() -> ProcessReader:
    """Return the way of looking at processes that tells most on this system."""
    return PROC_READER if sys.platform == "linux" else PSUTIL_READER
