# SPDX-License-Identifier: Apache-2.0
"""Durations as settings write them: `"250ms"`, `"10s"`, `"5m"`, or whole seconds as a number."""

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

from schemas import durations

__all__ = ["Duration", "format_duration", "parse_duration"]


def parse_duration(value: object) -> timedelta:
    """Read a duration: digits and one of `ms s m h d`, or a non-negative number of seconds.

    Raises:
        ValueError: It is neither, or longer than 36500 days.
    """
    if isinstance(value, timedelta):
        return value
    return timedelta(milliseconds=durations.parse_duration(value))


def format_duration(value: timedelta) -> str:
    """Write a duration in its largest whole unit, so that `parse_duration` reads it back."""
    milliseconds = value // timedelta(milliseconds=1)
    # The largest unit first.
    for unit, size in reversed(tuple(durations.MILLISECONDS.items())):
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return "0s"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
]
"""A pydantic field type: takes what `parse_duration` takes, is written as text."""
