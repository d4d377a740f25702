# SPDX-License-Identifier: Apache-2.0
"""The lines of a trace: what is read, and every reason for which a line ends the replay."""

import json

import pytest

from restock.errors import ReplayError
from restock.replay_lines import Line, parse_until, read_lines

AT = 1_795_000_000_000


def read(*lines: bytes, until: int | None = None) -> list[Line]:
    """Read lines as those of a file `trace.jsonl`."""
    return list(read_lines(lines, "trace.jsonl", until))


def line(value: bytes = b"1", at: bytes = b"1795000000000", topic: bytes = b'"inventory"') -> bytes:
    """Return the text of a line with these parts."""
    return b'{"at": ' + at + b', "topic": ' + topic + b', "value": ' + value + b"}\n"


@pytest.mark.parametrize(
    "at",
    [b"1795000000000", b"1795000000000.0", b"1.795e12", b'"2026-11-18T12:06:40.0009+01:00"'],
)
def test_every_form_of_a_time_is_an_arrival(at: bytes) -> None:
    """Text with an offset and whole milliseconds, written as any JSON number, mean the same."""
    assert [Line(AT, "inventory", b"1")] == read(line(at=at))


def test_the_bytes_of_the_value_are_kept() -> None:
    """Duplicate keys, escapes and the spelling of numbers reach the decoder as they stand."""
    value = b'{"a": 1.50, "a": "\\u00e9",  "price": 123456789012345678901234567890}'
    assert [Line(AT, "subscriptions", value)] == read(line(value, topic=b'"subscriptions"'))


def test_of_duplicate_keys_the_last_counts() -> None:
    """Also in the line itself, and also when a key is spelt with an escape."""
    text = (
        b'{"at": 1, "value": 1, "topic": "x", "v\\u0061lue": [2], "topic": "inventory", '
        b'"at": 1795000000000}'
    )
    assert [Line(AT, "inventory", b"[2]")] == read(text)


def test_further_fields_are_ignored() -> None:
    """A line may carry more than is asked for."""
    assert 1 == len(read(b'{"x": {}, "at": 1795000000000, "topic": "inventory", "value": null}'))


@pytest.mark.parametrize("value", [b"null", b" null "])
def test_a_null_is_a_tombstone(value: bytes) -> None:
    """The value null is handed on as such, whatever surrounds it."""
    assert [Line(AT, "inventory", b"null")] == read(line(value))


@pytest.mark.parametrize("blank", [b"\n", b"  \t \r\n", b"\x0b\n", b"\xc2\xa0\n"])
def test_blank_lines_are_passed_over_but_numbered(blank: bytes) -> None:
    """White space alone is no line, yet errors count it as the file does."""
    assert 2 == len(read(line(), blank, line()))
    with pytest.raises(ReplayError, match=r"^trace\.jsonl:2: "):
        read(blank, b"x")


def test_a_line_may_end_as_on_windows() -> None:
    """A carriage return before the line feed is white space."""
    assert 1 == len(read(line().replace(b"\n", b"\r\n")))


def test_odd_json_is_still_json() -> None:
    """What only fast parsers refuse is left for the decoder to judge."""
    (odd,) = read(line(b'{"x": "\\ud800", "y": [1e999]}'))
    assert odd.at == AT
    assert b"\\ud800" in odd.value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"x", "is not JSON"),
        (b"\xef\xbb\xbf" + line(), "is not JSON"),
        (line(b"NaN"), "NaN is no number"),
        (line(b"[-Infinity]"), "-Infinity is no number"),
        (line(b"01"), "is not JSON"),
        (line(b'"\xff"'), "is not UTF-8"),
        (line(b'"\xed\xa0\x80"'), "is not UTF-8"),
        (line(b'"\x01"'), "is not JSON"),
        (line(b'"\\x"'), "is not JSON"),
        (line(b"1,"), "is not JSON"),
        (line() + line(), "is not JSON"),
        (b"{} {}", "is not JSON"),
        (line(b"[" * 100_000 + b"]" * 100_000), "nested too deeply"),
        (b"[]", "is not an object"),
        (b"null", "is not an object"),
        (b'{"topic": "inventory", "value": 1}', '"at" must be'),
        (line(at=b"null"), '"at" must be'),
        (line(at=b"true"), '"at" must be'),
        (line(at=b"[]"), '"at" must be'),
        (line(at=b"1795000000000.5"), '"at" must be'),
        (line(at=b"1e999"), '"at" must be'),
        (line(at=b"1795000000"), '"at": '),
        (line(at=b"1" + b"0" * 40), '"at": '),
        (line(at=b'"2026-11-18T11:06:40"'), '"at": '),
        (line(at=b'"1795000000000"'), '"at": '),
        (b'{"at": 1795000000000, "value": 1}', '"topic" must be'),
        (line(topic=b'"orders"'), '"topic" must be'),
        (line(topic=b"[]"), '"topic" must be'),
        (b'{"at": 1795000000000, "topic": "inventory"}', '"value" is missing'),
    ],
)
def test_any_other_line_is_an_error_with_its_place(text: bytes, problem: str) -> None:
    """File, line and problem are named in one line."""
    with pytest.raises(ReplayError) as caught:
        read(line(), text)
    assert str(caught.value).startswith("trace.jsonl:2: ")
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_missing_at_the_end_of_a_line_is_missing_there() -> None:
    """The place is behind the last character of the line, not before the first of the next."""
    with pytest.raises(ReplayError, match=r"^trace\.jsonl:1: .* at character 21$"):
        read(b'{"at": 1795000000000\n')


def test_time_must_not_go_back() -> None:
    """Instants are compared, not their texts; the same instant twice is in order."""
    later, same = b'"2026-11-18T11:06:40Z"', b'"2026-11-18T10:06:40.000-01:00"'
    assert 3 == len(read(line(at=later), line(at=same), line()))
    with pytest.raises(ReplayError, match=r"trace\.jsonl:2: goes back in time"):
        read(line(at=later), line(at=b'"2026-11-18T11:06:39.999Z"'))


def test_reading_stops_at_the_first_later_line() -> None:
    """Neither that line's other fields nor anything behind it is looked at."""
    later = b'{"at": 1795000000001}'
    assert [AT] == [read_.at for read_ in read(line(), later, b"rubbish", until=AT)]


def test_the_last_moment_is_given_in_either_form() -> None:
    """Digits are epoch milliseconds, anything else must be RFC 3339."""
    assert AT == parse_until("1795000000000")
    assert AT == parse_until("2026-11-18T11:06:40Z")


@pytest.mark.parametrize("text", ["", "later", "1795000000", "-1", "1795000000000.0", "9" * 5000])
def test_other_last_moments_are_refused(text: str) -> None:
    """The flag is named."""
    with pytest.raises(ReplayError, match="--until"):
        parse_until(text)


def test_lines_written_by_json_are_read_as_they_were() -> None:
    """A value survives the trip through a line."""
    value = {"variant_id": "A\u2028B", "quantity": -3, "product": {"price": 19.90}}
    text = json.dumps({"at": AT, "topic": "inventory", "value": value}).encode()
    assert value == json.loads(read(text)[0].value)
