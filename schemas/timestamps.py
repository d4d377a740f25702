# SPDX-License-Identifier: Apache-2.0
"""Timestamps as they travel: RFC 3339 text or integer epoch milliseconds.

Within the program a timestamp is an ``int``: milliseconds since 1970-01-01T00:00:00Z. The rules are
those of docs/semantics.md section 1.
"""

import re
from datetime import date
from functools import lru_cache
from typing import Final

__all__ = ["MAX_TIMESTAMP", "MIN_TIMESTAMP", "format_timestamp", "parse_timestamp"]

MIN_TIMESTAMP: Final = 978_307_200_000
"""2001-01-01T00:00:00.000Z: whatever is earlier are seconds given for milliseconds."""
MAX_TIMESTAMP: Final = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z."""

_DAY: Final = 86_400_000
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_GENERAL: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
_MILLISECONDS: Final = {f".{number:03d}Z": number for number in range(1000)}
_FRACTIONS: Final = tuple(_MILLISECONDS)
_MINUTES: Final = tuple(f"T{number // 60:02d}:{number % 60:02d}:" for number in range(1440))
_SECONDS: Final = tuple(f"{number:02d}" for number in range(60))

_SECOND_LENGTH: Final = len("2026-11-20T10:00:00")


def parse_timestamp(value: str | int) -> int:
    """Return the epoch milliseconds of a timestamp in either of its forms.

    Args:
        value: RFC 3339 text with an offset, or integer epoch milliseconds. Digits finer than
            milliseconds are cut off, not rounded.

    Raises:
        ValueError: it is neither, names no real time, or lies outside 2001 to 9999 (UTC).
    """
    if isinstance(value, str):
        fraction = _MILLISECONDS.get(value[_SECOND_LENGTH:])
        if fraction is None:
            return _parse_general(value)
        return _parse_second(value[:_SECOND_LENGTH]) + fraction
    if type(value) is int and MIN_TIMESTAMP <= value <= MAX_TIMESTAMP:
        return value
    raise ValueError("neither RFC 3339 text with an offset nor milliseconds from 2001 to 9999")


def format_timestamp(ms: int) -> str:
    """Return epoch milliseconds as RFC 3339 text in UTC, such as ``2026-11-20T10:00:00.123Z``."""
    second, fraction = divmod(ms, 1000)
    return _format_second(second) + _FRACTIONS[fraction]


# What is written at one time lies mostly in few seconds.
@lru_cache(maxsize=4096)
def _format_second(seconds: int) -> str:
    day, second = divmod(seconds, _DAY // 1000)
    minute, second = divmod(second, 60)
    return _format_day(day) + _MINUTES[minute] + _SECONDS[second]


@lru_cache(maxsize=4096)
def _format_day(day: int) -> str:
    return date.fromordinal(_EPOCH_ORDINAL + day).isoformat()


# Events of one second arrive together, so that nearly all of them are found here.
@lru_cache(maxsize=4096)
def _parse_second(text: str) -> int:
    return _parse_general(text + "Z")


def _parse_general(text: str) -> int:
    match = _GENERAL.fullmatch(text)
    if match is None:
        raise ValueError("not RFC 3339 with an offset")
    year, month, day, hour, minute, second, fraction, sign, *offset = match.groups()
    if int(hour) > 23 or int(minute) > 59 or int(second) > 59:  # noqa: PLR2004 - a clock
        raise ValueError("no such time of day")
    days = date(int(year), int(month), int(day)).toordinal() - _EPOCH_ORDINAL
    seconds = (int(hour) * 60 + int(minute)) * 60 + int(second)
    # Plain numbers, because a datetime cannot leave the year 9999 even for a moment.
    result = days * _DAY + seconds * 1000 + int(f"{fraction or '':0<3.3}")
    if sign:
        result -= _offset(sign, int(offset[0]), int(offset[1]))
    if not MIN_TIMESTAMP <= result <= MAX_TIMESTAMP:
        raise ValueError("before 2001 or after 9999")
    return result


def _offset(sign: str, hours: int, minutes: int) -> int:
    if hours > 23 or minutes > 59:  # noqa: PLR2004 - a clock
        raise ValueError("no such offset")
    size = (hours * 60 + minutes) * 60_000
    return size if sign == "+" else -size
