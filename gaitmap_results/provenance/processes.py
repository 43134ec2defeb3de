"""Reads what Linux tells about a process in its ``/proc`` folder."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = [
    "PROC_READER",
    "ProcessKey",
    "ProcessReader",
    "ProcessSample",
    "descendants_of",
    "is_readable",
    "memory_figures",
    "parse_stat",
    "peak_memory",
    "sample",
    "select_descendants",
]


# More than the line of a process ever has.
_STAT_BYTES: Final = 8192

#: Number and start of a process, which together no other one has.
ProcessKey = tuple[int, float]


@dataclass(frozen=True)
class ProcessSample:
    """What is seen of a process at one moment.

    Attributes
    ----------
    start
        When the process started: clock ticks since the machine's boot where ``/proc`` is read, else seconds since 1970.
        Together with ``pid`` it tells a process from a later one that got the same number.
    cpu_s
        CPU time of the process itself in seconds.
    waited_cpu_s
        CPU time in seconds of those of its children that ended and were waited for; None where the system does not say.
    resident_bytes
        Its resident memory in bytes; None where that is not known.
    """

    pid: int
    parent_pid: int
    start: float
    is_zombie: bool
    cpu_s: float
    waited_cpu_s: float | None
    resident_bytes: int | None = None


@dataclass(frozen=True)
class ProcessReader:
    """One way of looking at processes.

    Attributes
    ----------
    name
        How the way is called in a record.
    sample
        Gives the sample of a process, or None if there is no such process; an OSError if it may not be looked at.
    descendants
        Gives the samples of all processes that come from a process.
    peak_memory
        Gives the peak of a process's resident memory in bytes, or None if it is unknown.
    peak_memory_name
        How the source of that peak is called in a record.
    """

    name: str
    sample: Callable[[int], ProcessSample | None]
    descendants: Callable[[int], list[ProcessSample]]
    peak_memory: Callable[[int], int | None]
    peak_memory_name: str


def is_readable() -> bool:
    """Tell whether ``/proc`` is Linux's and shows the processes of this process's own namespace."""
    try:
        return sys.platform == "linux" and Path("/proc/self").readlink() == Path(str(os.getpid()))
    except OSError:
        return False


def _check_readable() -> None:
    # Another namespace's processes have other numbers: reading on would describe a stranger.
    if not is_readable():
        raise PermissionError("/proc does not show the processes that this process can see.")


def parse_stat(content: bytes) -> ProcessSample:
    """Read the content of a ``stat`` file (proc(5)).

    The second field is the program's name in parentheses and may itself hold spaces and parentheses, so everything
    is counted from the last closing one.
    """
    pid, _, rest = content.partition(b" (")
    fields = rest.rpartition(b")")[2].split()
    ticks_per_second: float = os.sysconf("SC_CLK_TCK")
    user, system, waited_user, waited_system = (int(field) / ticks_per_second for field in fields[11:15])
    return ProcessSample(
        pid=int(pid),
        parent_pid=int(fields[1]),
        start=int(fields[19]),
        # Z: ended and not waited for yet; X and x: about to disappear.
        is_zombie=fields[0] in (b"Z", b"X", b"x"),
        cpu_s=user + system,
        waited_cpu_s=waited_user + waited_system,
        resident_bytes=int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
    )


def _read_stat(pid: int) -> ProcessSample | None:
    content = _stat_content(pid)
    return None if content is None else parse_stat(content)


def _stat_content(pid: int) -> bytes | None:
    try:
        # All processes of the machine are read in one go: a file object would take twice the time.
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(descriptor, _STAT_BYTES)
        finally:
            os.close(descriptor)
    except (FileNotFoundError, ProcessLookupError):
        return None


def sample(pid: int) -> ProcessSample | None:
    """Look at one process.

    Returns
    -------
    sample
        None if there is certainly no such process.

    Raises
    ------
    OSError
        If the process cannot be looked at, for example because the system hides the processes of other users.
    """
    _check_readable()
    found = _read_stat(pid)
    if found is None:
        try:
            os.kill(pid, 0)  # signal 0 only asks whether the process exists
        except ProcessLookupError:
            return None
        # It may have started in between; otherwise it is hidden from us.
        found = _read_stat(pid)
        if found is None:
            raise PermissionError(f"The process {pid} exists but /proc does not show it.")
    return found


def select_descendants(parents: Mapping[int, int], pid: int) -> list[int]:
    """Pick the processes that come from ``pid``, directly or through others, from the parent of each process."""
    children: dict[int, list[int]] = {}
    for one, parent in parents.items():
        children.setdefault(parent, []).append(one)
    found: list[int] = []
    pending = [pid]
    while pending:
        # Taking the children out ends the walk even if process numbers were given anew while they were being read.
        of_this = children.pop(pending.pop(), [])
        found += of_this
        pending += of_this
    return found


def _this_process_has_no_children() -> bool:
    """Ask the kernel, without waiting for anything and without taking any child's exit status away."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    except OSError:
        return False
    return False


def descendants_of(pid: int) -> list[ProcessSample]:
    """Look at all processes that come from ``pid``.

    Every process of the machine has to be read for that, as most kernels keep no list of a process's children.
    It is avoided where this process has none at all, which is the usual case.

    Raises
    ------
    OSError
        If the processes cannot be listed.
    """
    if pid == os.getpid() and _this_process_has_no_children():
        return []
    _check_readable()
    contents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):  # a process of somebody else that the system hides
                contents[int(name)] = _stat_content(int(name))
    parents = {one: _parent_pid(content) for one, content in contents.items() if content}
    return [parse_stat(contents[one] or b"") for one in select_descendants(parents, pid)]


def _parent_pid(content: bytes) -> int:
    """Read only that from the content of a ``stat`` file."""
    return int(content[content.rfind(b")") + 2 :].split(b" ", 2)[1])


def peak_memory(pid: int) -> int | None:
    """Return the peak of a process's resident memory in bytes since its program was started (``VmHWM``).

    ``getrusage`` would not do: its peak is inherited from the process that started this one.
    """
    try:
        _check_readable()
        found = re.search(rb"^VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_bytes(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def memory_figures(meminfo: str) -> dict[str, int]:
    """Read the content of ``/proc/meminfo``; the values are in bytes."""
    return {key: int(value) * 1024 for key, value in re.findall(r"^(\w+):\s*(\d+) kB$", meminfo, re.MULTILINE)}


PROC_READER = ProcessReader(
    name="procfs", sample=sample, descendants=descendants_of, peak_memory=peak_memory, peak_memory_name="vmhwm"
)
