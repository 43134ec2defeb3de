"""Select runs by version, entry, time, commit, state of the files, or a function."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Collection
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from gaitmap_results.exceptions import CorruptRunError, InvalidOptionError
from gaitmap_results.reading import index
from gaitmap_results.reading.index import RunSummary
from gaitmap_results.reading.verifying import verify_run
from gaitmap_results.store.entry_names import as_entry_name, entry_text

__all__ = ["Predicate", "as_moment", "make_criteria"]

Predicate = Callable[[dict[str, Any]], object]

_AGO: Final = re.compile(r"(?P<number>\d{1,6}|an?|one) *(?P<unit>second|minute|hour|day|week|month|year)s? +ago")
_DAYS: Final = {"today": 0, "yesterday": 1}
_MANY_DAYS: Final = {"month": 30, "year": 365}
_FORMS: Final = 'today, yesterday, "2 days ago", a date (2026-03-29), or a time (2026-03-29T12:30) in ISO 8601'
_STATES: Final = ("intact", "changed", "no manifest", "unreadable")


def make_criteria(
    *,
    challenge_version: str | None = None,
    is_debug_run: bool | None = None,
    entry: str | Collection[str] | None = None,
    since: str | date | None = None,
    until: str | date | None = None,
    commit: str | None = None,
    verification: str | Collection[str] | None = None,
    predicate: Predicate | None = None,
) -> Callable[[RunSummary], bool]:
    """Return a function that says whether a run meets the options of :func:`gaitmap_results.filter_results`.

    Raises
    ------
    InvalidOptionError
        If one of them makes no sense.
    """
    if is_debug_run is not None and not isinstance(is_debug_run, bool):
        raise InvalidOptionError(f"is_debug_run is {is_debug_run!r}; it takes True, False or None.")
    if challenge_version is not None and not isinstance(challenge_version, str):
        raise InvalidOptionError(f"challenge_version is {challenge_version!r}; it takes a string such as '1.0.0'.")
    if predicate is not None and not callable(predicate):
        raise InvalidOptionError(f"predicate is {predicate!r}; it takes a function of a run's metadata.")
    first_parts = () if entry is None else _entry(entry)
    earliest = -math.inf if since is None else as_moment(since, "since").timestamp()
    latest = math.inf if until is None else as_moment(until, "until", end_of_day=True).timestamp()
    known_start = since is not None or until is not None
    hash_start = "" if commit is None else _commit(commit)
    states = None if verification is None else _states(verification)

    def is_met(run: RunSummary) -> bool:
        return (
            challenge_version in (None, run.challenge_version)
            and is_debug_run in (None, run.is_debug_run)
            and _parts(run.entry)[: len(first_parts)] == first_parts
            and (not known_start or (run.start is not None and earliest <= run.start < latest))
            and (run.git_commit_hash or "").startswith(hash_start)
            # The slow ones last.
            and (predicate is None or bool(predicate(index.read_metadata(run.folder))))
            and (states is None or _state(run.folder) in states)
        )

    return is_met


def _parts(entry: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(entry_text(entry).split("/"))


def _entry(entry: object) -> tuple[str, ...]:
    if as_entry_name(entry) is None:
        raise InvalidOptionError(f"entry is {entry!r}; it takes a string, or a tuple of strings for nested folders.")
    parts = tuple(entry_text(entry).strip("/").split("/"))
    if not all(parts):
        raise InvalidOptionError(f"entry is {entry!r}, which has an empty part.")
    return parts


def _commit(commit: object) -> str:
    if not isinstance(commit, str) or not re.fullmatch(r"[0-9a-fA-F]{4,64}", commit):
        raise InvalidOptionError(f"commit is {commit!r}; it takes a commit's hash, or its first 4 characters or more.")
    return commit.lower()


def _states(verification: str | Collection[str]) -> frozenset[str]:
    states = frozenset([verification] if isinstance(verification, str) else verification)
    if not states or not states.issubset(_STATES):
        raise InvalidOptionError(f"verification is {verification!r}; it takes one or several of {', '.join(_STATES)}.")
    return states


def _state(folder: str) -> str:
    try:
        return verify_run(Path(folder)).status
    except CorruptRunError:
        return "unreadable"


def as_moment(value: object, name: str, *, end_of_day: bool = False) -> datetime:
    """Return the moment that an option names, with its offset from UTC; the default is local time.

    Parameters
    ----------
    value
        A date, a datetime, or a text: today, yesterday, "2 days ago", a date or a time in ISO 8601.
    name
        The name of the option, for the error.
    end_of_day
        Whether a date means the end of the day instead of its beginning.

    Raises
    ------
    InvalidOptionError
        If it names no moment.

    Examples
    --------
    >>> from gaitmap_results.reading.criteria import as_moment
    >>> as_moment("2026-03-29T12:30+02:00", "since").timestamp()
    1774780200.0
    """
    try:
        if isinstance(value, str):
            value = _parsed_date(" ".join(value.split()))
        if isinstance(value, datetime):
            # A datetime without an offset from UTC is local time.
            return value.astimezone()
        if isinstance(value, date):
            day = value + timedelta(days=1) if end_of_day else value
            return datetime.combine(day, time()).astimezone()
    except (OverflowError, OSError) as error:
        raise InvalidOptionError(f"{name} is {value!r}, which is out of range: {error}.") from error
    except ValueError as error:
        raise InvalidOptionError(f"{name} is {value!r}; it takes {_FORMS}.") from error
    raise InvalidOptionError(f"{name} is {value!r}; it takes a date, a datetime, or a text: {_FORMS}.")


def _parsed_date(text: str) -> date:
    if text.lower() in _DAYS:
        return date.today() - timedelta(days=_DAYS[text.lower()])  # noqa: DTZ011  # the day on the wall's calendar
    ago = _AGO.fullmatch(text.lower())
    if ago is not None:
        number = int(ago["number"]) if ago["number"].isdigit() else 1
        days = _MANY_DAYS.get(ago["unit"])
        duration = timedelta(days=days) if days else timedelta(**{f"{ago['unit']}s": 1})
        return datetime.now().astimezone() - number * duration
    with contextlib.suppress(ValueError):
        # Python 3.10 cannot parse a date without hyphens.
        return date.fromisoformat(re.sub(r"\A(\d{4})(\d{2})(\d{2})\Z", r"\1-\2-\3", text))
    # Python 3.10 cannot parse Z as UTC.
    return datetime.fromisoformat(re.sub(r"(?<=\d)[zZ]$", "+00:00", text))
