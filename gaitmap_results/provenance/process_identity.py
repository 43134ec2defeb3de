"""Tell from outside whether a process is still alive."""

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

# Names that many computers have at the same time.
_SHARED_HOST_NAMES = ("", "(none)", "localhost", "localhost.localdomain", "localhost.local")
# psutil's start of a process follows the clock of the machine on some systems.
_CREATE_TIME_TOLERANCE_S = 2.0


@dataclass(frozen=True)
class ProcessIdentity:
    """What tells a process from every other one, on this machine and elsewhere, now and after a restart.

    Attributes
    ----------
    host
        Name of the computer.
    boot_id
        Changes each time the computer starts (Linux).
    pid
        Number of the process; given anew after its end.
    start_ticks
        Clock ticks from the computer's start to the process's start (Linux).
    create_time
        Start of the process in seconds since 1970, on other systems.
    pid_namespace
        Which numbering of processes ``pid`` belongs to: containers have one each (Linux).
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
        """Read what :meth:`to_json` gave; whatever is missing or no such value becomes unknown.

        An identity without a host or with a ``pid`` of 0 is one about which nothing can be said.
        """

        def text(key: str) -> str | None:
            value = data.get(key)
            return value if isinstance(value, str) else None

        def number(key: str) -> int | float | None:
            value = data.get(key)
            return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None

        pid, start_ticks = number("pid"), number("start_ticks")
        return cls(
            host=text("host") or "",
            boot_id=text("boot_id"),
            pid=pid if isinstance(pid, int) and pid > 0 else 0,
            start_ticks=start_ticks if isinstance(start_ticks, int) else None,
            create_time=number("create_time"),
            pid_namespace=text("pid_namespace"),
            slurm_job_id=text("slurm_job_id"),
        )


def current_process() -> ProcessIdentity:
    """Return the identity of the process that calls.

    Returns
    -------
    identity
        To be stored, and to be given to :func:`process_is_gone` later, elsewhere.
    """
    pid = os.getpid()
    ticks = create_time = None
    # Otherwise the process is known by its number only, and that it is alive cannot be told for sure.
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
    """Tell whether a process has ended.

    Parameters
    ----------
    identity
        The process, as :func:`current_process` described it when it ran.

    Returns
    -------
    gone
        True if it has certainly ended, False if it is certainly alive.
        None if that cannot be known from here: on another computer, from another container, or without permission.

    Examples
    --------
    >>> from gaitmap_results.provenance.process_identity import current_process, process_is_gone
    >>> process_is_gone(current_process())
    False
    """
    host, boot_id, pid_namespace = platform.node(), _boot_id(), _pid_namespace()
    # Linux and another system can share one name, as Windows and its Linux subsystem do; their processes are separate.
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
    """Look the process up among those of this computer."""
    check_numbering()
    try:
        process = psutil.Process(identity.pid)
        # A process that has ended but was not waited for by its parent (a zombie) will never run again.
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
    """Tell whether no process has this number; a system may hide those of other users from psutil."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)  # signal 0 only asks whether the process exists
    except ProcessLookupError:
        return True
    return None
