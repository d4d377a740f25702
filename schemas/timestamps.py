# SPDX-License-Identifier: Apache-2.0
"""Timestamps as they travel: RFC 3339 text or integer epoch milliseconds.

Within the program a timestamp is an ``int``: milliseconds since 1970-01-01T00:00:00Z. The rules are
those of docs/semantics.md section 1.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from operator import add, itemgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MAX_TIMESTAMP",
    "MIN_TIMESTAMP",
    "format_timestamp",
    "parse_timestamp",
    "parse_timestamp_column",
    "parse_timestamps",
]

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
_FRACTIONS: Final = tuple(f".{number:03d}Z" for number in range(1000))
_MINUTES: Final = tuple(f"T{number // 60:02d}:{number % 60:02d}:" for number in range(1440))
_SECONDS: Final = tuple(f"{number:02d}" for number in range(60))

_SOME_SECOND: Final = "2026-11-20T10:00:00"
_SECOND_LENGTH: Final = len(_SOME_SECOND)
_USUAL_LENGTH: Final = len("2026-11-20T10:00:00.000Z,")
_TIME_OF_DAY: Final = (11, 12, 14, 15, 17, 18, 20, 21, 22)
_LAST_HOUR: Final = 23
_FIVE: Final = 5
_DIGIT: Final = np.uint8(15)
_MANY: Final = 192
_REMEMBERED: Final = 8192
_LONGEST_REMEMBERED: Final = 40


def parse_timestamp(value: str | int) -> int:
    """Return the epoch milliseconds of a timestamp in either of its forms.

    Args:
        value: RFC 3339 text with an offset, or integer epoch milliseconds. Digits finer than
            milliseconds are cut off, not rounded.

    Raises:
        ValueError: it is neither, names no real time, or lies outside 2001 to 9999 (UTC).
    """
    if isinstance(value, str):
        try:
            return _KNOWN_SECONDS[value[:_SECOND_LENGTH]] + _KNOWN_RESTS[value[_SECOND_LENGTH:]]
        except ValueError:
            return _parse_general(value)
    if type(value) is int and MIN_TIMESTAMP <= value <= MAX_TIMESTAMP:
        return value
    raise ValueError("neither RFC 3339 text with an offset nor milliseconds from 2001 to 9999")


def parse_timestamps(values: Sequence[str | int]) -> list[int]:
    """Return what `parse_timestamp` returns for each of the values, at a fraction of its cost.

    Raises:
        ValueError: `parse_timestamp` raises it for one of them.
    """
    column = _parse_usual(values)
    return _parse_unusual(values) if column is None else column.tolist()


def parse_timestamp_column(values: Sequence[str | int]) -> NDArray[np.int64]:
    """Return the same as a column.

    Raises:
        ValueError: as above.
    """
    column = _parse_usual(values)
    return np.array(_parse_unusual(values), np.int64) if column is None else column


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


def _within_limits(least: int, most: int) -> bool:
    return least >= MIN_TIMESTAMP and most <= MAX_TIMESTAMP


def _parse_usual(values: Sequence[str | int]) -> NDArray[np.int64] | None:
    """Parse timestamps such as ``2026-11-20T10:00:59.123Z``, all of one day, column by column.

    Returns:
        None unless they are just that, and many.
    """
    count = len(values)
    if count < _MANY:
        return None
    try:
        written = ",".join(values)  # type: ignore[arg-type]  # then it raises
    except TypeError:
        return None
    if len(written) != _USUAL_LENGTH * count - 1 or not written.isascii():
        return None
    text = bytearray(written + ",", "ascii")
    digits = b"".join([text[place::_USUAL_LENGTH] for place in _TIME_OF_DAY])
    if not digits.isdigit():
        return None
    zeros = b"0" * count
    for place in _TIME_OF_DAY:
        text[place::_USUAL_LENGTH] = zeros
    first = text[:_USUAL_LENGTH]
    # A comma at each end and nowhere else, so that no two timestamps lean on each other: that the
    # first is a timestamp follows from parsing it.
    if text != first * count or first[-1:] != b",":
        return None
    return _moments_of_day(first[:-1].decode(), np.frombuffer(digits, np.uint8) & _DIGIT)


def _moments_of_day(midnight: str, digits: NDArray[np.uint8]) -> NDArray[np.int64] | None:
    """Return the moments of a day, given the digits of `_TIME_OF_DAY` one column after the other.

    Returns:
        None when one of them is no time of day.
    """
    columns = digits.reshape(len(_TIME_OF_DAY), -1)
    hours = columns[0] * 10 + columns[1]
    if hours.max() > _LAST_HOUR or columns[2].max() > _FIVE or columns[4].max() > _FIVE:
        return None
    moments: NDArray[np.int64] = hours.astype(np.int64)
    moments *= 60
    moments += columns[2] * 10 + columns[3]
    moments *= 60
    moments += columns[4] * 10 + columns[5]
    moments *= 10
    moments += columns[6]
    moments *= 100
    moments += columns[7] * 10 + columns[8]
    # What is written like a midnight may be no day, or lie before all that is allowed.
    moments += _parse_general(midnight)
    return moments


def _parse_unusual(values: Sequence[str | int]) -> list[int]:
    try:
        seconds = map(_KNOWN_SECONDS.__getitem__, map(_second_of, values))
        return list(map(add, seconds, map(_KNOWN_RESTS.__getitem__, map(_rest_of, values))))
    except TypeError:
        numbers = [value for value in values if type(value) is int]
        if len(numbers) == len(values) and _within_limits(min(numbers), max(numbers)):
            return numbers
    except ValueError:
        pass
    return list(map(parse_timestamp, values))


def _offset(sign: str, hours: int, minutes: int) -> int:
    if hours > 23 or minutes > 59:  # noqa: PLR2004 - a clock
        raise ValueError("no such offset")
    size = (hours * 60 + minutes) * 60_000
    return size if sign == "+" else -size


class _Seconds(dict[str, int]):
    """The text before the fraction to milliseconds; events of one second arrive together.

    Seconds within a day of the limits are not for it: no offset leads across a limit then.
    """

    def __missing__(self, text: str) -> int:
        moment = _parse_general(text + "Z")
        if not MIN_TIMESTAMP + _DAY <= moment <= MAX_TIMESTAMP - _DAY:
            raise ValueError("close to a limit")
        if len(self) >= _REMEMBERED:
            self.clear()
        self[text] = moment
        return moment


class _Rests(dict[str, int]):
    """Fraction and offset to the milliseconds that they add to the second before them."""

    def __missing__(self, text: str) -> int:
        rest = _parse_general(_SOME_SECOND + text) - _parse_general(_SOME_SECOND + "Z")
        # However many digits a fraction has, and whoever makes up new ones.
        if len(text) <= _LONGEST_REMEMBERED:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[text] = rest
        return rest


_KNOWN_SECONDS: Final = _Seconds()
_KNOWN_RESTS: Final = _Rests()
_second_of: Final[Callable[[Any], str]] = itemgetter(slice(_SECOND_LENGTH))
_rest_of: Final[Callable[[Any], str]] = itemgetter(slice(_SECOND_LENGTH, None))
