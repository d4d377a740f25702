# SPDX-License-Identifier: Apache-2.0
"""Hours in which nobody is disturbed, by the clock on the person's wall.

It is quiet whenever that clock shows a time within the hours. So where clocks are put forward over
the end of the hours, it ends with the jump; where they are put back, an hour that is shown twice
is quiet twice.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

__all__ = ["QuietHours"]

_SECOND: Final = 1000
_MINUTE: Final = 60 * _SECOND
_DAY: Final = 24 * 60 * _MINUTE


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A span of the day, which may cross midnight.

    Attributes:
        start_minute: the first quiet minute of the day, 0 to 1439.
        end_minute: the first minute that is not quiet any more, 0 to 1439; not the start.
    """

    start_minute: int
    end_minute: int

    def length(self) -> int:
        """How long they last on a day without a change of clocks, in milliseconds."""
        return (self.end_minute - self.start_minute) * _MINUTE % _DAY

    def ends_at(self, now: int, zone: tzinfo) -> int | None:
        """Return the first moment after ``now`` that is not quiet; None: ``now`` is not quiet.

        Args:
            now: epoch milliseconds.
            zone: the time zone of the person.
        """
        moment = now
        while left := self._left(moment, zone):
            change = _next_change(moment, moment + left, zone)
            if change is None:
                return moment + left
            moment = change
        return None if moment == now else moment

    def _left(self, moment: int, zone: tzinfo) -> int:
        """Milliseconds until the wall clock shows the end, if nobody touches it; 0: not quiet."""
        shown = (moment + _offset(moment, zone)) % _DAY
        since_start = (shown - self.start_minute * _MINUTE) % _DAY
        return max(0, self.length() - since_start)


def _offset(moment: int, zone: tzinfo) -> int:
    """Milliseconds by which the wall clock is ahead of UTC."""
    offset = datetime.fromtimestamp(moment // _SECOND, zone).utcoffset() or timedelta()
    return offset // timedelta(milliseconds=1)


def _next_change(moment: int, limit: int, zone: tzinfo) -> int | None:
    """The moment after ``moment``, at most ``limit``, when clocks are changed; None: they are not.

    No zone changes its clocks twice within a day.
    """
    before = _offset(moment, zone)
    if _offset(limit, zone) == before:
        return None
    low, high = moment // _SECOND, limit // _SECOND
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(middle * _SECOND, zone) == before:
            low = middle
        else:
            high = middle
    return high * _SECOND
