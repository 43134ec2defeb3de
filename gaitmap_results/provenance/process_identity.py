"""Identify a process and determine whether it is still alive."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from gaitmap_results.provenance.processes import check_numbering, start_ticks

__all__ = ["ProcessIdentity", "current_process", "process_is_gone"]

# Names that many computers share.
_SHARED_HOST_NAMES = ("", "(none)", "localhost", "localhost.localdomain", "localhost.local")
# On some systems psutil derives a process's start from the wall clock, which may be adjusted.
_CREATE_TIME_TOLERANCE_S = 2.0


@dataclass(frozen=True)
class ProcessIdentity:
    """The facts that tell a process from every other one, on any machine and after a restart.

    Attributes
    ----------
    host
        Name of the computer.
    boot_id
        Changes each time the computer starts (Linux).
    pid
        Number of the process, which is reused after its end.
    start_ticks
        Clock ticks from the computer's start to the process's start (Linux).
    create_time
        Start of the process in seconds since 1970, on other systems.
    pid_namespace
        The namespace of ``pid``: each container has its own (Linux).
    slurm_job_id
        Slurm job that the process belongs to.

    Examples
    --------
    >>> from gaitmap_results.provenance.process_identity import ProcessIdentity, current_process
    >>> ProcessIdentity.from_json(current_process().to_json()) == current_process()
    True
    """

    host: str
    boot_id: str | None
    pid: int
    start_ticks: int | None
    create_time: float | None
    pid_namespace: str | None
    slurm_job_id: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the identity as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ProcessIdentity:
        """Read the result of :meth:`to_json`; missing and invalid values become unknown.

        Nothing can be said about an identity without a host or with a ``pid`` of 0.
        """

        def known(key: str, *kinds: type) -> Any:
            value = data.get(key)
            return value if isinstance(value, kinds) and not isinstance(value, bool) else None

        return cls(
            host=known("host", str) or "",
            boot_id=known("boot_id", str),
            pid=max(0, known("pid", int) or 0),
            start_ticks=known("start_ticks", int),
            create_time=known("create_time", int, float),
            pid_namespace=known("pid_namespace", str),
            slurm_job_id=known("slurm_job_id", str),
        )


def current_process() -> ProcessIdentity:
    """Return the identity of the calling process.

    Returns
    -------
    identity
        Store it, and pass it to :func:`process_is_gone` later in any process.
    """
    pid = os.getpid()
    ticks = create_time = None
    # Without these, only its number is known, and nobody can tell for sure that it is alive.
    with contextlib.suppress(psutil.Error, OSError):
        check_numbering()
        ticks = start_ticks(pid)
        create_time = None if ticks is not None else psutil.Process(pid).create_time()
    return ProcessIdentity(
        host=platform.node(),
        boot_id=_boot_id(),
        pid=pid,
        start_ticks=ticks,
        create_time=create_time,
        pid_namespace=_pid_namespace(),
        slurm_job_id=os.environ.get("SLURM_JOB_ID") or None,
    )


def _boot_id() -> str | None:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip() or None
    except OSError:
        return None


def _pid_namespace() -> str | None:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return None


def process_is_gone(identity: ProcessIdentity) -> bool | None:
    """Determine whether a process has ended.

    Parameters
    ----------
    identity
        The result of :func:`current_process` in that process.

    Returns
    -------
    gone
        True if it has certainly ended, False if it is certainly alive.
        None if this process cannot know: on another computer, from another container, or without permission.

    Examples
    --------
    >>> from gaitmap_results.provenance.process_identity import current_process, process_is_gone
    >>> process_is_gone(current_process())
    False
    """
    host, boot_id, pid_namespace = platform.node(), _boot_id(), _pid_namespace()
    # Linux and another system can share one name, as in WSL, but not their processes.
    same_system = (identity.pid_namespace is None) == (pid_namespace is None)
    same_boot = boot_id is not None and identity.boot_id == boot_id
    if identity.pid <= 0 or identity.host != host or not same_system:
        return None
    if not same_boot and host.lower() in _SHARED_HOST_NAMES:
        return None
    if not same_boot and boot_id is not None and identity.boot_id is not None:
        return True
    try:
        return _gone_here(identity) if identity.pid_namespace == pid_namespace else None
    except (OSError, OverflowError):
        return None


def _gone_here(identity: ProcessIdentity) -> bool | None:
    """Look up the process on this computer."""
    check_numbering()
    try:
        process = psutil.Process(identity.pid)
        # A zombie has ended; only its parent has not waited for it.
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        ticks = start_ticks(identity.pid)
        create_time = None if ticks is not None else process.create_time()
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return _is_free(identity.pid)
    except psutil.Error:
        return None
    if ticks is not None:
        return None if identity.start_ticks is None else ticks != identity.start_ticks
    if identity.create_time is None or create_time is None:
        return None
    return abs(create_time - identity.create_time) > _CREATE_TIME_TOLERANCE_S


def _is_free(pid: int) -> bool | None:
    """Return whether a process number is free; a system may hide other users' processes from psutil."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)  # signal 0 only checks that the process exists
    except ProcessLookupError:
        return True
    return None
