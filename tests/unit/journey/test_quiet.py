# SPDX-License-Identifier: Apache-2.0
"""Quiet hours by the clock on the wall, also when somebody changes it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from journey.quiet import QuietHours
from tests.naive.journeys import quiet_until

NIGHT = QuietHours(21 * 60, 8 * 60)
BERLIN = "Europe/Berlin"

# Moments around which clocks are changed.
CHANGES = {
    BERLIN: ("2026-10-25T01:00Z", "2027-03-28T01:00Z"),
    "America/New_York": ("2026-11-01T06:00Z", "2027-03-14T07:00Z"),
    # By half an hour.
    "Australia/Lord_Howe": ("2026-10-03T15:30Z", "2027-04-03T15:00Z"),
    # At midnight, so that a day begins at one.
    "Africa/Cairo": ("2026-04-23T22:00Z", "2026-10-29T21:00Z"),
    # A whole day was left out.
    "Pacific/Apia": ("2011-12-30T10:00Z", "2011-12-30T10:00Z"),
    "UTC": ("2026-11-18T12:00Z", "2026-11-18T12:00Z"),
}


def at(text: str) -> int:
    """Epoch milliseconds."""
    return int(datetime.fromisoformat(text).timestamp()) * 1000


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-11-18T20:59Z", None),
        ("2026-11-18T21:00Z", "2026-11-19T08:00Z"),
        ("2026-11-19T00:00Z", "2026-11-19T08:00Z"),
        ("2026-11-19T07:59Z", "2026-11-19T08:00Z"),
        ("2026-11-19T08:00Z", None),
    ],
)
def test_they_may_cross_midnight(now: str, end: str | None) -> None:
    """The first minute is quiet, the last one not any more."""
    assert NIGHT.ends_at(at(now), UTC) == (None if end is None else at(end))


def test_they_may_lie_within_a_day() -> None:
    """A siesta."""
    siesta = QuietHours(13 * 60, 15 * 60 + 30)
    assert siesta.ends_at(at("2026-11-18T12:59Z"), UTC) is None
    assert siesta.ends_at(at("2026-11-18T13:00Z"), UTC) == at("2026-11-18T15:30Z")
    assert siesta.ends_at(at("2026-11-18T15:30Z"), UTC) is None


def test_milliseconds_count() -> None:
    """The last millisecond is quiet, and the end is a whole minute."""
    end = at("2026-11-19T08:00Z")
    assert NIGHT.ends_at(end - 1, UTC) == end
    assert NIGHT.ends_at(at("2026-11-18T21:00Z") - 1, UTC) is None


@pytest.mark.parametrize(
    ("evening", "morning"),
    [
        ("2026-10-24T21:00+02:00", "2026-10-25T08:00+01:00"),
        ("2027-03-27T21:00+01:00", "2027-03-28T08:00+02:00"),
    ],
)
def test_the_morning_comes_when_the_clock_says_so(evening: str, morning: str) -> None:
    """The night in which clocks are put back is an hour longer, in spring one shorter."""
    assert NIGHT.ends_at(at(evening), ZoneInfo(BERLIN)) == at(morning)


def test_an_end_that_the_clock_skips() -> None:
    """From two the clock goes on to three: half past two is not shown, and it is quiet no more."""
    hours = QuietHours(21 * 60, 2 * 60 + 30)
    jump = at("2027-03-28T01:00Z")
    assert hours.ends_at(jump - 1, ZoneInfo(BERLIN)) == jump
    assert hours.ends_at(jump, ZoneInfo(BERLIN)) is None


def test_an_hour_shown_twice_is_quiet_twice() -> None:
    """From three the clock goes back to two, into the quiet hours again."""
    hours = QuietHours(21 * 60, 2 * 60 + 30)
    berlin = ZoneInfo(BERLIN)
    back = at("2026-10-25T01:00Z")
    half_an_hour = 30 * 60_000
    assert hours.ends_at(back - half_an_hour - 1, berlin) == back - half_an_hour
    assert hours.ends_at(back - 1, berlin) is None
    assert hours.ends_at(back, berlin) == back + half_an_hour


def test_an_end_at_the_very_change_is_put_off() -> None:
    """Quiet until three, and at three it is two again."""
    hours = QuietHours(21 * 60, 3 * 60)
    back = at("2026-10-25T01:00Z")
    assert hours.ends_at(back - 1, ZoneInfo(BERLIN)) == back + 3_600_000


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    zone=st.sampled_from(sorted(CHANGES)),
    change=st.integers(0, 1),
    minutes=st.integers(-30 * 60, 30 * 60),
    extra=st.integers(0, 59_999),
    start=st.integers(0, 1439),
    length=st.integers(1, 1439),
)
@example(zone=BERLIN, change=0, minutes=0, extra=0, start=120, length=1439)
def test_as_if_one_looked_at_the_clock_every_minute(
    *, zone: str, change: int, minutes: int, extra: int, start: int, length: int
) -> None:
    """Around any change of clocks, whatever the hours."""
    now = at(CHANGES[zone][change]) + minutes * 60_000 + extra
    end = (start + length) % 1440
    text = f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
    hours = QuietHours(start, end)
    assert quiet_until(now, text, zone) == hours.ends_at(now, ZoneInfo(zone))
