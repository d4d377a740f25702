# SPDX-License-Identifier: Apache-2.0
"""Strict JSON (docs/semantics.md section 1)."""

import json

import pytest

from schemas.errors import DeadLetterReason, InvalidRecord
from schemas.parsing import MAX_DEPTH, parse_json


@pytest.mark.parametrize(
    "value",
    [b"", b" ", b"{", b"nul", b"{'a':1}", b"[1,]", b'{"a":1,}', b"{}{}", b"{} x", b"{}\0", b"01",
     b"+1", b"1.", b".5", b"-", b"1e", b"0x1", b"NaN", b"[Infinity]", b'{"a":-Infinity}',
     b'"\t"', rb'"\x41"', rb'"\u12"', b"/**/1", "\u00a01".encode(), "\uff11".encode()],
)  # fmt: skip
def test_not_json(value: bytes) -> None:
    """Whatever RFC 8259 does not allow is not JSON, ``NaN`` and the like included."""
    assert DeadLetterReason.NOT_JSON == _reason(value)


@pytest.mark.parametrize(
    "value",
    [b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xe2\x82', b"\xef\xbb\xbf{}",
     '{"a":1}'.encode("utf-16"), '"é"'.encode("latin-1")],
)  # fmt: skip
def test_not_utf_8(value: bytes) -> None:
    """Bytes that are not UTF-8, or start with a byte-order mark, are refused."""
    assert DeadLetterReason.UNDECODABLE == _reason(value)


@pytest.mark.parametrize(
    "number", [b"1e309", b"-1e309", b"1.8e308", b"9" * 309, b"-" + b"9" * 400, b"9" * 5000]
)
@pytest.mark.parametrize("around", [b"%b", b'{"unknown":[%b]}'])
def test_beyond_double_range(number: bytes, around: bytes) -> None:
    """A number that no double can hold is refused wherever it stands."""
    assert DeadLetterReason.OUT_OF_RANGE == _reason(around % number)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"7", 7),
        (b"-0", 0),
        (b"7.0", 7.0),
        (b"9" * 308, int("9" * 308)),
        (b"18446744073709551616", 2**64),
        (b"1e-400", 0.0),
        (b'{"a":1,"a":2}', {"a": 2}),
        (rb'"\ud800"', "\ud800"),
        (b"\r\n\t [] ", []),
    ],
)
def test_values(value: bytes, expected: object) -> None:
    """Integers stay integers of any size, the last duplicate counts, lone surrogates pass."""
    assert repr(expected) == repr(parse_json(value))


@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")])
def test_depth(brackets: tuple[bytes, bytes]) -> None:
    """Nesting is allowed to a fixed depth, and refused beyond it without exhausting the stack."""
    opening, closing = brackets
    deepest = opening * MAX_DEPTH + b"1" + closing * MAX_DEPTH
    assert json.loads(deepest) == parse_json(deepest)
    assert DeadLetterReason.NOT_JSON == _reason(opening + deepest + closing)
    assert DeadLetterReason.NOT_JSON == _reason(opening * 500_000)


def test_depth_counts_structure_only() -> None:
    """Brackets within strings, and many values side by side, are not deep."""
    value = b'["' + b'[{\\"' * 1000 + b'"' + b",[]" * 1000 + b"]"
    assert json.loads(value) == parse_json(value)


def test_a_string_that_never_closes() -> None:
    """A large broken record is refused as quickly as any other."""
    assert DeadLetterReason.NOT_JSON == _reason(b"[" * 400 + b'"' + rb"\"[" * 300_000)


def _reason(value: bytes) -> DeadLetterReason:
    with pytest.raises(InvalidRecord) as raised:
        parse_json(value)
    assert "\n" not in str(raised.value)
    return raised.value.reason
