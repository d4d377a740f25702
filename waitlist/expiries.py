# SPDX-License-Identifier: Apache-2.0
"""When the entries of a queue that have an ``expires_at`` of their own expire.

24 bytes an entry in one `bytearray` per hour; only the hour at hand is a heap. What
has left the queue in the meantime stays here until its hour comes, and finds nothing; the
queue makes a new calendar before most of it is such.
"""

from collections.abc import Iterator
from heapq import heappop, heappush
from struct import Struct

__all__ = ["Expiries"]

_HOUR = 3_600_000
_ENTRY = Struct(">QQQ")
_PRIORITY = 56


class Expiries:
    """A calendar of (priority, ``occurred_at``, arrival) by expiry."""

    __slots__ = ("_hours", "_length", "_near")

    def __init__(self) -> None:
        self._length = 0
        self._hours: dict[int, bytearray] = {}
        self._near: list[bytes] = []

    def __len__(self) -> int:
        """How many were noted and have not come due, whether or not they left the queue."""
        return self._length

    def add(self, expires_at: int, priority: int, time: int, number: int) -> None:
        """Note when an entry expires."""
        packed = _ENTRY.pack(expires_at, time, priority << _PRIORITY | number)
        self._hours.setdefault(expires_at // _HOUR, bytearray()).extend(packed)
        self._length += 1

    def next(self) -> int | None:
        """A time at or before the next expiry; None when there is none."""
        times = [hour * _HOUR for hour in self._hours]
        if self._near:
            times.append(_ENTRY.unpack(self._near[0])[0])
        return min(times, default=None)

    def take_due(self, now: int) -> Iterator[tuple[int, int, int]]:
        """Take out (priority, ``occurred_at``, arrival) of all that have expired by ``now``."""
        for hour in [hour for hour in self._hours if hour <= now // _HOUR]:
            entries = self._hours.pop(hour)
            for start in range(0, len(entries), _ENTRY.size):
                heappush(self._near, bytes(entries[start : start + _ENTRY.size]))
        while self._near:
            expires_at, time, rest = _ENTRY.unpack(self._near[0])
            if expires_at > now:
                return
            heappop(self._near)
            self._length -= 1
            yield rest >> _PRIORITY, time, rest & ((1 << _PRIORITY) - 1)
