# SPDX-License-Identifier: Apache-2.0
"""Durations as the settings of what is decided write them (docs/semantics.md section 4)."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["MILLISECONDS", "parse_duration"]

MILLISECONDS: Final[Mapping[str, int]] = MappingProxyType(
    {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
)
"""Milliseconds of each unit."""

_LONGEST: Final = 36_500 * MILLISECONDS["d"]
_DURATION: Final = re.compile(r"([0-9]+)(ms|s|m|h|d)")


def parse_duration(value: object) -> int:
    """A duration in milliseconds: ``"10m"``, ``"250ms"``, or a whole number of seconds.

    Raises:
        ValueError: it is neither, or longer than 36500 days.
    """
    if isinstance(value, str) and (match := _DURATION.fullmatch(value)):
        duration = int(match[1]) * MILLISECONDS[match[2]]
    elif isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        duration = value * MILLISECONDS["s"]
    else:
        message = "must be a duration such as '10m' (ms, s, m, h, d) or a number of seconds"
        raise ValueError(message)
    if duration > _LONGEST:
        message = "must be at most 36500d"
        raise ValueError(message)
    return duration
