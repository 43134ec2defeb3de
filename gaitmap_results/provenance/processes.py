"""Read the CPU time and memory of processes with psutil."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

__all__ = [
    "PEAK_SOURCE",
    "ProcessSample",
    "check_numbering",
    "descendants",
    "descendants_of",
    "look_at",
    "peak_memory",
    "start_ticks",
]

#: The source of a process's peak memory.
PEAK_SOURCE: Final = "vmhwm" if sys.platform == "linux" else "peak_wset"


@dataclass(frozen=True)
class ProcessSample:
    """The state of a process at one moment.

    Attributes
    ----------
    cpu_s
        CPU time of the process itself in seconds.
    waited_cpu_s
        CPU time in seconds of its children that ended and were waited for; None if the system does not report it.
    resident_bytes
        Its resident memory in bytes.
    """

    process: psutil.Process
    is_zombie: bool
    cpu_s: float
    waited_cpu_s: float | None
    resident_bytes: int


def check_numbering() -> None:
    """Ensure that ``/proc`` numbers processes as this process does; in a container it may be that of the host.

    Raises
    ------
    PermissionError
        If it does not: ``/proc`` would describe another process.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            if Path("/proc/self").readlink() == Path(str(os.getpid())):
                return
        raise PermissionError("/proc does not show the processes that this process can see.")


def look_at(process: psutil.Process) -> ProcessSample:
    """Return the state of one process.

    Raises
    ------
    psutil.Error
        If it has ended or permission is missing.
    """
    with process.oneshot():
        times = process.cpu_times()
        return ProcessSample(
            process=process,
            is_zombie=process.status() == psutil.STATUS_ZOMBIE,
            cpu_s=times.user + times.system,
            # macOS and Windows report zero for these, which is wrong.
            waited_cpu_s=times.children_user + times.children_system if sys.platform == "linux" else None,
            resident_bytes=process.memory_info().rss,
        )


def descendants() -> dict[psutil.Process, ProcessSample]:
    """Return the state of every direct or indirect child process of this one.

    This reads every process of the machine, because most kernels keep no list of a process's children.
    In the usual case, without any child, it reads none.

    Raises
    ------
    OSError
        If the processes cannot be listed.
    """
    if _has_no_children():
        return {}
    check_numbering()
    samples = {}
    try:
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error, OSError):  # it ended meanwhile
                samples[process] = look_at(process)
    except psutil.Error as error:
        raise PermissionError(f"The processes that come from this one cannot be listed: {error}") from error
    return samples


def descendants_of(pid: int) -> list[psutil.Process]:
    """Return the visible direct and indirect child processes of another process."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def _has_no_children() -> bool:
    """Return whether this process has no children, without waiting or collecting any exit status."""
    if not hasattr(os, "waitid"):
        return False
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    except OSError:
        return False
    return False


def peak_memory(pid: int) -> int | None:
    """Return the peak of a process's resident memory in bytes since its program started; None if unknown.

    On Linux, the peak of ``getrusage`` is inherited from the parent process.
    """
    try:
        if sys.platform != "linux":
            return getattr(psutil.Process(pid).memory_info(), "peak_wset", None)  # on Windows only
        check_numbering()
        found = re.search(rb"^VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_bytes(), re.MULTILINE)
        return int(found[1]) * 1024 if found else None
    except (psutil.Error, OSError):
        return None


def start_ticks(pid: int) -> int | None:
    """Return the clock ticks from the machine's boot to a process's start; ``None`` without ``/proc``.

    psutil derives the start from the wall clock, which may be adjusted.

    Raises
    ------
    OSError
        If permission is missing.
    """
    if sys.platform != "linux":
        return None
    content = Path(f"/proc/{pid}/stat").read_bytes()
    # The program's name is in parentheses and may contain some, so count fields from the last one.
    return int(content[content.rfind(b")") + 2 :].split()[19])
