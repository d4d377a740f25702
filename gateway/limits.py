# SPDX-License-Identifier: Apache-2.0
"""How many requests each caller may make: fixed windows of a second and of a minute.

The windows and what is said about them are Klaviyo's ("Rate limits, status codes, and errors"):
`RateLimit-Limit`, `-Remaining` and `-Reset` speak of the minute, and 429 comes with `Retry-After`.
Each gateway counts for itself.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

__all__ = ["Allowance", "FixedWindows"]

_SECOND: Final = 1.0
_MINUTE: Final = 60.0
_MOST_CALLERS: Final = 100_000
"""Whoever was not seen for longest is forgotten, and begins anew: some 20 MB."""


@dataclass(slots=True)
class _Count:
    second: int
    in_second: int
    minute: int
    in_minute: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a caller may do.

    Attributes:
        headers: of the answer, whatever it is.
        retry_after: seconds to wait; None: this request is within the limits.
    """

    headers: dict[str, str]
    retry_after: int | None


class FixedWindows:
    """Counts the requests of each caller.

    Args:
        burst: requests a second; 0: as many as come.
        steady: requests a minute; 0: as many as come.
        clock: seconds, of a clock that never goes back.
    """

    def __init__(self, burst: int, steady: int, clock: Callable[[], float]) -> None:
        self._burst = burst or math.inf
        self._steady = steady or math.inf
        self._clock = clock
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    def take(self, caller: str) -> Allowance:
        """Count a request, and say whether it is within the limits; those beyond do not count."""
        now = self._clock()
        second, minute = int(now // _SECOND), int(now // _MINUTE)
        count = self._count(caller, second, minute)
        over_minute = count.in_minute >= self._steady
        over_second = count.in_second >= self._burst
        if not (over_minute or over_second):
            count.in_second += 1
            count.in_minute += 1
        headers = self._headers(count, now)
        if over_minute:
            return Allowance(headers, math.ceil((minute + 1) * _MINUTE - now))
        return Allowance(headers, 1 if over_second else None)

    def _count(self, caller: str, second: int, minute: int) -> _Count:
        count = self._counts.get(caller)
        if count is None:
            count = self._counts[caller] = _Count(second, 0, minute, 0)
            if len(self._counts) > _MOST_CALLERS:
                self._counts.popitem(last=False)
            return count
        self._counts.move_to_end(caller)
        if count.second != second:
            count.second, count.in_second = second, 0
        if count.minute != minute:
            count.minute, count.in_minute = minute, 0
        return count

    def _headers(self, count: _Count, now: float) -> dict[str, str]:
        if math.isinf(self._steady):
            return {}
        return {
            "RateLimit-Limit": str(self._steady),
            "RateLimit-Remaining": str(int(self._steady) - count.in_minute),
            "RateLimit-Reset": str(math.ceil((count.minute + 1) * _MINUTE - now)),
        }
