# SPDX-License-Identifier: Apache-2.0
"""Timestamps in both forms (docs/semantics.md section 1)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.timestamps import MAX_TIMESTAMP, MIN_TIMESTAMP, format_timestamp, parse_timestamp
from tests.unit.schemas.record_texts import STEADY

MOMENT = 1_795_000_364_460
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
