"""The heartbeat of a run: how fresh the time stamp of its journal is."""

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

# More often would be work for a file server, and tell nothing more.
_SHORTEST_S: Final = 30.0
# So many are missed before a run is given up: its thread may be held up, and file servers tell of changes late.
_MISSED: Final = 10


class Heart(Protocol):
    """What gives the signs of life of the unfinished runs of one block."""

    def beat(self) -> None:
        """Give a sign of life."""

    def note(self, **changes: Any) -> None:
        """Change what the journals say."""


def heartbeat_interval(sampling_s: float | None) -> float | None:
    """Return the seconds between two heartbeats of a run whose processes are looked at every ``sampling_s`` seconds.

    Without a thread that looks at them there is no heartbeat.
    """
    return None if sampling_s is None else max(_SHORTEST_S, sampling_s)


def beat(journal: Path) -> None:
    """Give a sign of life; a journal that is not there (any more) is fine.

    Raises
    ------
    OSError
        If its time stamp cannot be changed.
    """
    # Without a time of ours: the computer that holds the file takes its own, which is the clock it is compared with.
    # It makes no file, and a journal that is being replaced keeps what is written to it.
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        os.utime(journal)


@dataclass(frozen=True)
class SignOfLife:
    """The last heartbeat of a run, as it is seen from outside.

    Attributes
    ----------
    expected_every_s
        How many seconds were to lie between two of them.
    age_s
        How many seconds ago the last one was.
    by_file_system
        Whether that is by the clock that gave the heartbeat its time; else it is by the clock of this computer.
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
        """What was found."""
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
        What the journal says about it.

    Returns
    -------
    sign
        ``None`` if the run has no heartbeat, or its time makes no sense.
    """
    if expected_every_s is None or expected_every_s <= 0:
        return None
    try:
        facts = os.lstat(journal)
    except OSError:
        return None
    # Not in the run's folder, whose program may be about to publish all that is in there, nor beside published runs.
    now = _file_system_time(journal.parents[journal.name == JOURNAL_FILE])
    age_s = (time.time() if now is None else now) - facts.st_mtime
    sign = SignOfLife(max(_SHORTEST_S, expected_every_s), age_s, now is not None)
    # A time far in the future would let a run seem alive for years.
    came_later = -age_s > _MISSED * sign.expected_every_s
    return None if came_later or not stat.S_ISREG(facts.st_mode) else sign


def _file_system_time(folder: Path) -> float | None:
    """Return what time it is for the computer that holds a folder, or ``None`` if nothing may be written there.

    Clocks of two computers may be minutes apart.
    """
    try:
        # Where the file system can do that, it never has a name.
        with tempfile.TemporaryFile(dir=folder, prefix=".clock_") as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return None


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
