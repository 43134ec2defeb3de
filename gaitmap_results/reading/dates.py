"""Parse the dates that people type: dates, times, and "2 days ago"."""

from __future__ import annotations

import contextlib
import re
from datetime import date, datetime, time, timedelta
from typing import Final

from gaitmap_results.exceptions import InvalidOptionError

__all__ = ["as_moment"]

_AGO: Final = re.compile(r"(?P<number>\d{1,6}|an?|one) *(?P<unit>second|minute|hour|day|week|month|year)s? +ago")
_DAYS: Final = {"today": 0, "yesterday": 1}
_MANY_DAYS: Final = {"month": 30, "year": 365}
_FORMS: Final = 'today, yesterday, "2 days ago", a date (2026-03-29), or a time (2026-03-29T12:30) in ISO 8601'


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
    >>> from gaitmap_results.reading.dates import as_moment
    >>> as_moment("2026-03-29T12:30+02:00", "since").timestamp()
    1774780200.0
    """
    try:
        if isinstance(value, str):
            value = _parsed(" ".join(value.split()))
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


def _parsed(text: str) -> date:
    if text.lower() in _DAYS:
        return date.today() - timedelta(days=_DAYS[text.lower()])  # noqa: DTZ011  # the day on the wall's calendar
    ago = _AGO.fullmatch(text.lower())
    if ago is not None:
        number = int(ago["number"]) if ago["number"].isdigit() else 1
        days = _MANY_DAYS.get(ago["unit"])
        duration = timedelta(days=days) if days else timedelta(**{f"{ago['unit']}s": 1})
        return datetime.now().astimezone() - number * duration
    with contextlib.suppress(ValueError):
        return date.fromisoformat(text)
    # Python 3.10 cannot parse Z as UTC.
    return datetime.fromisoformat(re.sub(r"(?<=\d)[zZ]$", "+00:00", text))
