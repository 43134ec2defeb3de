"""Give and read the heartbeat of a run: the modification time of its journal."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from gaitmap_results.store.layout import JOURNAL_FILE

__all__ = ["Heart", "SignOfLife", "beat", "heartbeat_interval", "last_sign_of_life"]

# A shorter interval would burden a file server and tell nothing more.
_SHORTEST_S: Final = 30.0
# This many missed heartbeats mark a run as lost: its thread may be held up, and file servers report changes late.
_MISSED: Final = 10


class Heart(Protocol):
    """The heart of one block: gives signs of life for its unfinished runs."""

    def beat(self) -> None:
        """Give a sign of life."""

    def note(self, **changes: Any) -> None:
        """Change the content of the journals."""


def heartbeat_interval(sampling_s: float | None) -> float | None:
    """Return the seconds between two heartbeats of a run that samples its processes every ``sampling_s`` seconds.

    Without a sampling thread there is no heartbeat.
    """
    return None if sampling_s is None else max(_SHORTEST_S, sampling_s)


def beat(journal: Path) -> None:
    """Give a sign of life; a missing journal is fine.

    Raises
    ------
    OSError
        If the journal's modification time cannot be changed.
    """
    # Without a time argument, the computer that holds the file uses its own clock, which readers compare with.
    # utime creates no file, and does not disturb a concurrent replacement of the journal.
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        os.utime(journal)


@dataclass(frozen=True)
class SignOfLife:
    """The last heartbeat of a run, as seen from outside.

    Attributes
    ----------
    expected_every_s
        The expected seconds between two heartbeats.
    age_s
        Seconds since the last one.
    by_file_system
        Whether the age is by the clock that set the heartbeat's time; else it is by the clock of this computer.
    """

    expected_every_s: float
    age_s: float
    by_file_system: bool

    @property
    def is_overdue(self) -> bool:
        """Whether so many are missing that the run's program has probably ended."""
        return self.age_s > _MISSED * self.expected_every_s

    @property
    def words(self) -> str:
        """The finding in words, for a message."""
        clock = "" if self.by_file_system else " by this computer's clock, which may differ from that of the other"
        return (
            f"it gives a sign of life every {_duration(self.expected_every_s)}, "
            f"and the last one was {_duration(max(0.0, self.age_s))} ago{clock}"
        )


def last_sign_of_life(journal: Path, expected_every_s: float | None) -> SignOfLife | None:
    """Return the last heartbeat of a run.

    Parameters
    ----------
    journal
        The journal's file.
    expected_every_s
        The interval that the journal states.

    Returns
    -------
    sign
        ``None`` if the run has no heartbeat, or its time is implausible.
    """
    if expected_every_s is None or expected_every_s <= 0:
        return None
    try:
        facts = os.lstat(journal)
    except OSError:
        return None
    # Not in the run's folder, which its program may be about to publish, nor beside published runs.
    now = _file_system_time(journal.parents[journal.name == JOURNAL_FILE])
    age_s = (time.time() if now is None else now) - facts.st_mtime
    sign = SignOfLife(max(_SHORTEST_S, expected_every_s), age_s, now is not None)
    # A time far in the future would make a run seem alive for years.
    came_later = -age_s > _MISSED * sign.expected_every_s
    return None if came_later or not stat.S_ISREG(facts.st_mode) else sign


def _file_system_time(folder: Path) -> float | None:
    """Return the current time of the computer that holds a folder, or ``None`` without write access.

    The clocks of two computers may differ by minutes.
    """
    try:
        # Where the file system supports it, the file never has a name.
        with tempfile.TemporaryFile(dir=folder, prefix=".clock_") as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return None


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
