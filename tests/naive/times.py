# SPDX-License-Identifier: Apache-2.0
"""Points in time of the reference model: epoch milliseconds, read from either written form."""

import re

__all__ = ["EARLIEST", "LATEST", "BadTimeError", "is_whole", "read_time", "write_time"]

EARLIEST = 978_307_200_000
"""2001-01-01T00:00:00.000Z, the first valid point in time."""
LATEST = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z, the last valid point in time."""

_TEXT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:([Zz])|([+-])([0-9]{2}):([0-9]{2}))"
)
_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DAY = 86_400_000
_MINUTE = 60_000


class BadTimeError(ValueError):
    """The value is not a timestamp as in docs/semantics.md section 1."""


def read_time(value: object) -> int:
    """Epoch milliseconds of a parsed JSON value, text or number.

    Raises:
        BadTimeError: The value is neither form, or out of range.
    """
    if isinstance(value, str):
        point = _read_text(value)
    elif not isinstance(value, int | float) or not is_whole(value):
        raise BadTimeError(f"not a timestamp: {value!r}")
    else:
        point = int(value)
    if not EARLIEST <= point <= LATEST:
        raise BadTimeError(f"out of range: {value!r}")
    return point


def write_time(point: int) -> str:
    """The text form in UTC with milliseconds and ``Z``."""
    days, rest = divmod(point, _DAY)
    year = 1970
    while days >= (length := 366 if _is_leap(year) else 365):
        days -= length
        year += 1
    month = 1
    while days >= (length := _days_in(year, month)):
        days -= length
        month += 1
    seconds, millis = divmod(rest, 1000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{millis:03}"
    return f"{year:04}-{month:02}-{days + 1:02}T{clock}Z"


def is_whole(number: float) -> bool:
    """Whether a JSON number is an integer: 7 and 7.0 are, true is not."""
    if isinstance(number, bool):
        return False
    return isinstance(number, int) or number.is_integer()


def _read_text(text: str) -> int:
    match = _TEXT.fullmatch(text)
    if match is None:
        raise BadTimeError(f"not RFC 3339 with an offset: {text!r}")
    year, month, day, hour, minute, second = (int(digits) for digits in match.groups()[:6])
    if not 1 <= month <= 12 or not 1 <= day <= _days_in(year, month):
        raise BadTimeError(f"no such day: {text!r}")
    if hour > 23 or minute > 59 or second > 59:
        raise BadTimeError(f"no such time of day: {text!r}")
    millis = int(((match[7] or "") + "000")[:3])
    offset = 0
    if match[8] is None:
        offset_hours, offset_minutes = int(match[10]), int(match[11])
        if offset_hours > 23 or offset_minutes > 59:
            raise BadTimeError(f"no such offset: {text!r}")
        offset = (offset_hours * 60 + offset_minutes) * (-1 if match[9] == "-" else 1)
    days = _days_before(year) + sum(_days_in(year, m) for m in range(1, month)) + day - 1
    clock = (hour * 3600 + minute * 60 + second) * 1000 + millis
    return days * _DAY + clock - offset * _MINUTE


def _days_before(year: int) -> int:
    if year >= 1970:
        return sum(366 if _is_leap(y) else 365 for y in range(1970, year))
    return -sum(366 if _is_leap(y) else 365 for y in range(year, 1970))


def _days_in(year: int, month: int) -> int:
    return 29 if month == 2 and _is_leap(year) else _MONTHS[month - 1]


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
