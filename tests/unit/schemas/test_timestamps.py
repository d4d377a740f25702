# SPDX-License-Identifier: Apache-2.0
"""Timestamps in both forms (docs/semantics.md section 1)."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import timestamps
from schemas.timestamps import (
    MAX_TIMESTAMP,
    MIN_TIMESTAMP,
    format_timestamp,
    parse_timestamp,
    parse_timestamp_column,
    parse_timestamps,
)
from tests.unit.schemas.record_texts import STEADY

MOMENT = 1_795_000_364_460
DAY = 86_400_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ODD_VALUES: st.SearchStrategy[str | int] = st.sampled_from(
    [
        MOMENT,
        -1,
        "",
        "2026-11-18",
        "2026-11-18T11:12:44Z",
        "2026-11-18T12:12:44.460+01:00",
        "2026-11-18T11:12:44.460000Z",
        "2001-01-01T00:30:00.000+01:00",
        "2000-12-31T23:30:00.000-01:00",
    ]
)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-18T11:12:44.460Z",
        "2026-11-18t11:12:44.460z",
        "2026-11-18T11:12:44.46Z",
        "2026-11-18T11:12:44.460999999999Z",
        "2026-11-18T11:12:44.460+00:00",
        "2026-11-18T11:12:44.460-00:00",
        "2026-11-18T12:12:44.460+01:00",
        "2026-11-17T11:13:44.460-23:59",
        "2026-11-19T11:11:44.460+23:59",
    ],
)
def test_forms_of_one_moment(text: str) -> None:
    """Case, offset and digits finer than milliseconds make no difference."""
    assert parse_timestamp(text) == MOMENT


@pytest.mark.parametrize(
    ("text", "fraction"),
    [
        ("2026-11-18T11:12:44Z", 0),
        ("2026-11-18T11:12:44.0009Z", 0),
        ("2026-11-18T11:12:44.9999Z", 999),
        ("2026-11-18T11:12:44.5Z", 500),
        ("2026-11-18T11:12:44.05+00:00", 50),
    ],
)
def test_fractions_are_cut_off(text: str, fraction: int) -> None:
    """Fewer digits than three are filled up, more are cut off and never rounded."""
    assert MOMENT - 460 + fraction == parse_timestamp(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-18",
        "2026-11-18T11:12:44",
        "2026-11-18T11:12:44.460",
        "2026-11-18 11:12:44Z",
        "2026-11-18T11:12Z",
        "2026-11-18T11:12:44.Z",
        "2026-11-18T11:12:44,460Z",
        "2026-11-18T11:12:44.460ZZ",
        "2026-11-18T11:12:44.460Z\n",
        " 2026-11-18T11:12:44.460Z",
        "2026-11-18T11:12:44.460+0100",
        "2026-11-18T11:12:44.460+01",
        "2026-11-18T11:12:44.460+24:00",
        "2026-11-18T11:12:44.460+01:60",
        "2026-11-18T11:12:44.460\u221201:00",
        "2026-11-18T11:12:60.000Z",
        "2026-11-18T23:59:60Z",
        "2026-11-18T24:00:00.000Z",
        "2026-11-18T11:60:44.460Z",
        "2026-02-29T11:12:44.460Z",
        "2026-00-18T11:12:44.460Z",
        "2026-13-18T11:12:44.460Z",
        "2026-11-00T11:12:44.460Z",
        "2026-11-31T11:12:44.460Z",
        "0000-11-18T11:12:44.460Z",
        "12026-11-18T11:12:44.460Z",
        "2026-11-18T11:12:44.\u0664\u0666\u0660Z",
        "\u0662026-11-18T11:12:44.460Z",
        "1795000364460",
        "2026-11-18T11:12:44.460[UTC]",
    ],
)
def test_other_text_is_no_timestamp(text: str) -> None:
    """Whatever is not RFC 3339 with an offset, or names no real time, is refused."""
    with pytest.raises(ValueError, match=r"RFC 3339|time of day|offset|month|day|year"):
        parse_timestamp(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2001-01-01T00:00:00.000Z", MIN_TIMESTAMP),
        ("2001-01-01T01:00:00.000+01:00", MIN_TIMESTAMP),
        ("2000-12-31T23:00:00.000-01:00", MIN_TIMESTAMP),
        ("9999-12-31T23:59:59.999Z", MAX_TIMESTAMP),
        ("9999-12-31T22:59:59.999-01:00", MAX_TIMESTAMP),
        (MIN_TIMESTAMP, MIN_TIMESTAMP),
        (MAX_TIMESTAMP, MAX_TIMESTAMP),
    ],
)
def test_limits_are_valid(text: str | int, expected: int) -> None:
    """The first and the last millisecond count, judged in UTC."""
    assert expected == parse_timestamp(text)


@pytest.mark.parametrize(
    "value",
    [
        "2000-12-31T23:59:59.999Z",
        "2001-01-01T00:59:59.999+01:00",
        "9999-12-31T23:59:59.999-01:00",
        "9999-12-31T23:59:59.999-23:59",
        "0001-01-01T00:00:00+23:59",
        MIN_TIMESTAMP - 1,
        MAX_TIMESTAMP + 1,
        1_795_000_364,
        -1,
    ],
)
def test_beyond_the_limits(value: str | int) -> None:
    """Seconds given for milliseconds and whatever leaves 2001 to 9999 in UTC are refused."""
    with pytest.raises(ValueError, match="2001"):
        parse_timestamp(value)


def test_a_boolean_is_no_timestamp() -> None:
    """``True`` is an ``int`` to Python, but not to the contract."""
    with pytest.raises(ValueError, match="neither"):
        parse_timestamp(True)  # noqa: FBT003 - that is the point


@settings(STEADY, max_examples=200)
@given(st.integers(MIN_TIMESTAMP, MAX_TIMESTAMP))
def test_text_round_trip(moment: int) -> None:
    """What is written is what the calendar says, and is read back as it was."""
    written = (EPOCH + timedelta(milliseconds=moment)).isoformat(timespec="milliseconds")
    assert written.replace("+00:00", "Z") == format_timestamp(moment)
    assert moment == parse_timestamp(format_timestamp(moment))


@settings(STEADY, max_examples=200)
@given(
    st.datetimes(datetime(2002, 1, 1), datetime(9998, 1, 1)),  # noqa: DTZ001 - zones are drawn
    st.integers(-1439, 1439),
)
def test_any_offset(local: datetime, offset: int) -> None:
    """An offset shifts the moment as the standard library shifts it."""
    sign = "-" if offset < 0 else "+"
    text = f"{local.isoformat(timespec='microseconds')}{sign}{abs(offset) // 60:02}:"
    moment = local.replace(tzinfo=UTC) - timedelta(minutes=offset)
    expected = (moment - EPOCH) // timedelta(milliseconds=1)
    assert expected == parse_timestamp(f"{text}{abs(offset) % 60:02}")


@settings(STEADY, max_examples=200)
@given(st.data())
def test_many_at_once(data: st.DataObject) -> None:
    """Many timestamps are parsed, or refused, as each of them is."""
    second = st.integers(MOMENT // 1000 - 70, MOMENT // 1000 + 70)
    if data.draw(st.booleans()):
        second = st.integers(MOMENT // 60_000 * 60, MOMENT // 60_000 * 60 + 59)
    moments = data.draw(st.lists(second, min_size=1, max_size=90))
    values: list[str | int] = [
        format_timestamp(1000 * moment + 7 * place) for place, moment in enumerate(moments)
    ]
    values *= 200 // len(values) + 1
    for place, value in data.draw(
        st.dictionaries(st.integers(0, 199), ODD_VALUES, max_size=2)
    ).items():
        values[place] = value
    expect_same(values)


@pytest.mark.parametrize(
    "odd",
    [
        ("2026-11-18T11:12:44.460", "Z2026-11-18T11:12:44.460Z"),
        ("2026-11-18T11:12:44.460Z,", "026-11-18T11:12:44.460Z"),
        ("2026-11-18T11:12:44.460Z,2026-11-18T11:12:44.460Z", ""),
        ("", "2026-11-18T11:12:44.460Z,2026-11-18T11:12:44.460Z"),
        ("2026-11-18T11:12:60.000Z", "2026-11-18T11:12:59.999Z"),
        ("2026-11-18T11:12:4a.000Z", "2026-11-18T11:12:59.999Z"),
        ("2026-11-18T11:12:44.46\u0660Z", "2026-11-18T11:12:59.999Z"),
        ("2026-11-18T11:12:44,460Z", "2026-11-18T11:12:59.999Z"),
        ("2026-11-18T11:13:44.460Z", "2026-11-18T11:12:59.999Z"),
        ("2026-11-18T11:60:00.000Z", "2026-11-18T11:59:59.999Z"),
        ("2026-11-18T24:00:00.000Z", "2026-11-18T23:59:59.999Z"),
        ("2026-11-18T29:00:00.000Z", "2026-11-18T20:00:00.000Z"),
        ("2026-11-18T30:00:00.000Z", "2026-11-18T19:00:00.000Z"),
        ("2026-11-18T99:99:99.999Z", "2026-11-19T00:00:00.000Z"),
        ("2026-11-18T11:12:44.460z", "2026-11-18T11:12:59.999Z"),
        ("2026-11-18T11:12:+4.460Z", "2026-11-18T11:12: 4.460Z"),
        ("2026-11-18T11:12:1e.460Z", "2026-11-18T11:12:44.-60Z"),
        (MOMENT, MOMENT + 1),
        (True, 7),
    ],
)
@pytest.mark.parametrize("others", ["2026-11-18T11:12:44.460Z", "2026-11-18t11:12:44.460z", MOMENT])
@pytest.mark.parametrize("place", [0, 50, 248])
def test_odd_ones_among_many(
    odd: tuple[str | int, str | int], others: str | int, place: int
) -> None:
    """Nothing becomes valid, invalid or another time by what stands beside it."""
    values = [others] * 250
    values[place : place + 2] = odd
    expect_same(values)
    expect_same([odd[0]] * 250)


@pytest.mark.parametrize("day", [MIN_TIMESTAMP, MOMENT // DAY * DAY, MAX_TIMESTAMP + 1 - DAY])
def test_times_of_a_day(day: int) -> None:
    """Many times from all over a day, and of two days, are what each of them is."""
    moments = [*range(day, day + DAY, 86_399), day + DAY - 1]
    expect_same([format_timestamp(moment) for moment in moments])
    expect_same([format_timestamp(moment - 5 * DAY // 2) for moment in moments])


@pytest.mark.parametrize(
    "text",
    [
        "2001-01-01T00:00:00.000Z",
        "9999-12-31T23:59:59.999Z",
        "2000-12-31T23:59:59.999Z",
        "0000-01-01T00:00:00.000Z",
        "2026-02-29T00:00:00.000Z",
        "2026-11-18T24:00:00.000Z",
    ],
)
def test_many_at_the_limits(text: str) -> None:
    """The limits are the same for many."""
    expect_same([text] * 250)


def expect_same(values: list[str | int]) -> None:
    """Many are parsed as each of them is, and refused when one of them is."""
    try:
        expected = [parse_timestamp(value) for value in values]
    except ValueError:
        for parse in (parse_timestamps, parse_timestamp_column):
            with pytest.raises(ValueError, match=r"."):
                parse(values)
    else:
        assert expected == parse_timestamps(values)
        assert {int} == set(map(type, parse_timestamps(values)))
        column = parse_timestamp_column(values)
        assert expected == column.tolist()
        assert np.dtype(np.int64) == column.dtype


def test_what_is_remembered_is_bounded() -> None:
    """However many forms there are, little of them is kept, and all are parsed."""
    for number in range(20_000):
        text = f"2026-11-18T11:12:44.460{number:05}Z"
        assert MOMENT == parse_timestamp(text)
        assert MOMENT - 44_460 + 1000 * (number % 60) == parse_timestamp(
            f"2026-11-18T11:12:{number % 60:02}{'.' + '0' * (number % 50 + 1)}Z"
        )
    assert len(timestamps._KNOWN_RESTS) <= 8192
    assert max(map(len, timestamps._KNOWN_RESTS)) <= 40
