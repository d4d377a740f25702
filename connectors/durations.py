# SPDX-License-Identifier: Apache-2.0
"""Durations as settings write them: `"250ms"`, `"10s"`, `"5m"`, or whole seconds as a number."""

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainSerializer

__all__ = ["Duration", "format_duration", "parse_duration"]

_PATTERN: Final = re.compile(r"([0-9]+)(ms|s|m|h|d)", re.ASCII)
_MILLISECONDS: Final = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_LONGEST: Final = timedelta(days=36_500)


def parse_duration(value: object) -> timedelta:
    """Read a duration: digits and one of `ms s m h d`, or a non-negative number of seconds.

    Raises:
        ValueError: It is neither, or longer than 36500 days.
    """
    if isinstance(value, timedelta):
        return value
    match = _PATTERN.fullmatch(value) if isinstance(value, str) else None
    if match:
        milliseconds = int(match[1]) * _MILLISECONDS[match[2]]
    elif isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        milliseconds = value * 1000
    else:
        message = 'expected a duration such as "250ms", "10s" or "5m", or 0 or more whole seconds'
        raise ValueError(message)
    if milliseconds > _LONGEST // timedelta(milliseconds=1):
        message = "a duration cannot be longer than 36500 days"
        raise ValueError(message)
    return timedelta(milliseconds=milliseconds)


def format_duration(value: timedelta) -> str:
    """Write a duration in its largest whole unit, so that `parse_duration` reads it back."""
    milliseconds = value // timedelta(milliseconds=1)
    for unit, size in _MILLISECONDS.items():
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return "0s"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
]
"""A pydantic field type: takes what `parse_duration` takes, is written as text."""
