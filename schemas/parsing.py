# SPDX-License-Identifier: Apache-2.0
"""Strict JSON: bytes to plain Python values, or the reason why not.

The rules are those of docs/semantics.md section 1: UTF-8 without a byte-order mark, the last of
duplicate keys counts, ``NaN`` and the like are not JSON, and no number is beyond double range.
Unpaired surrogates pass: only the fields that are looked at are judged for them.
"""

import json
import math
import re
from typing import Final, Never

from schemas.errors import DeadLetterReason, InvalidRecord

__all__ = ["MAX_DEPTH", "parse_json"]

MAX_DEPTH: Final = 500
"""Arrays and objects within each other; deeper text is refused, whatever the stack would bear."""

_MAX_INTEGER_DIGITS: Final = 309
# A string that never closes is one match too, lest each of its quotes be tried in turn.
_STRUCTURE: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def parse_json(value: bytes) -> object:
    """Return the JSON value that the bytes stand for.

    Integers stay integers whatever their size; other numbers become floats.

    Args:
        value: one JSON text.

    Raises:
        InvalidRecord: the bytes are not UTF-8 (``undecodable``), not JSON or nested more than
            `MAX_DEPTH` deep (``not_json``), or hold a number beyond double range
            (``out_of_range``).
    """
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        detail = f"not UTF-8 at byte {error.start}"
        raise InvalidRecord(DeadLetterReason.UNDECODABLE, detail=detail) from error
    if text.startswith("\ufeff"):
        raise InvalidRecord(DeadLetterReason.UNDECODABLE, detail="starts with a byte-order mark")
    if _too_deep(value):
        detail = f"nested more than {MAX_DEPTH} deep"
        raise InvalidRecord(DeadLetterReason.NOT_JSON, detail=detail)
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        detail = f"not JSON at character {error.pos}: {error.msg}"
        raise InvalidRecord(DeadLetterReason.NOT_JSON, detail=detail) from error
    except RecursionError as error:
        raise InvalidRecord(DeadLetterReason.NOT_JSON, detail="nested too deep") from error


def _too_deep(value: bytes) -> bool:
    if value.count(b"[") + value.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for match in _STRUCTURE.finditer(value):
        token = match[0]
        if token in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif token in b"]}":
            depth -= 1
    return False


def _parse_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise InvalidRecord(DeadLetterReason.OUT_OF_RANGE, detail="a number beyond double range")
    return number


def _parse_integer(text: str) -> int:
    # Python refuses to convert thousands of digits, and no double is as long.
    if len(text) >= _MAX_INTEGER_DIGITS:
        _parse_float(text)
    return int(text)


def _reject_constant(name: str) -> Never:
    raise InvalidRecord(DeadLetterReason.NOT_JSON, detail=f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(
    parse_float=_parse_float, parse_int=_parse_integer, parse_constant=_reject_constant
)
