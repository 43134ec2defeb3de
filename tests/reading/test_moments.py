"""The words in which people say when: dates, times and how long ago."""

from __future__ import annotations

import contextlib
import time
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitmap_results.exceptions import InvalidOptionError
from gaitmap_results.reading.criteria import as_moment


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("2 days ago", 2),
        ("a day ago", 1),
        ("1 day ago", 1),
        ("2  Days  ago", 2),
        ("48 hours ago", 2),
        ("2880 minutes ago", 2),
        ("one week ago", 7),
        ("2 months ago", 60),
        ("a year ago", 365),
    ],
)
def test_how_long_ago(text, days):
    """So many hours, days or weeks ago is that long before now."""
    before = datetime.now(timezone.utc)
    found = as_moment(text, "since") + timedelta(days=days)
    assert before <= found <= datetime.now(timezone.utc)


@pytest.mark.parametrize("word", ["today", "Yesterday", " today "])
def test_days_in_words(word):
    """Today begins at midnight of local time, and as an end includes the whole day."""
    before = datetime.now().astimezone().date()
    begin, end = as_moment(word, "since"), as_moment(word, "until", end_of_day=True)
    after = datetime.now().astimezone().date()
    assert begin.timetuple()[3:6] == end.timetuple()[3:6] == (0, 0, 0)
    assert (end.date() - begin.date()).days == 1
    assert begin.date() + timedelta(days="yesterday" in word.lower()) in (before, after)


@pytest.mark.parametrize(
    ("text", "timestamp"),
    [
        ("2026-03-29T12:30+02:00", 1774780200),
        ("2026-03-29T10:30:00Z", 1774780200),
        ("2026-03-29 10:30:00.250000+00:00", 1774780200.25),
    ],
)
def test_times_with_an_offset(text, timestamp):
    """A time with an offset from UTC is that moment, wherever the reader is."""
    assert as_moment(text, "since").timestamp() == timestamp


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("2026-03-29", (2026, 3, 29)),
        ("20260329", (2026, 3, 29)),
        ("2026-03-29T12:30", (2026, 3, 29, 12, 30)),
    ],
)
def test_dates_and_times_are_local(text, parts, zone, monkeypatch):
    """What has no offset from UTC is the time of the reader's clock."""
    if not hasattr(time, "tzset"):
        pytest.skip("this system cannot change its zone in a process")
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert as_moment(text, "since").timestamp() == datetime(*parts).astimezone().timestamp()
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "value",
    ["tomorrow", "", "2 fortnights ago", "2026-13-01", "29.3.2026", "days ago", 3, True, None, "999999 years ago"],
)
def test_anything_else_is_refused_with_the_forms(value):
    """What names no moment is an error that shows what can be typed."""
    with pytest.raises(InvalidOptionError, match=r"since is .*(2 days ago|out of range)"):
        as_moment(value, "since")


@given(st.text())
def test_no_text_raises_anything_else(text):
    """Whatever is typed is a moment or a clear error."""
    with contextlib.suppress(InvalidOptionError):
        as_moment(text, "since")
