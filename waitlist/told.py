# SPDX-License-Identifier: Apache-2.0
"""Who has been told, known by the waves: nothing is written down person by person.

A wave takes a prefix of each priority's line. So whoever joined before it, stood at or before
where it cut, and was not parked, was taken by it: a few numbers for each wave say that of a
million people. Who left in another way has no record in the index any more.
"""

from collections.abc import Iterable

from msgspec import Struct

from waitlist import tags

__all__ = ["TakenWave", "taken_by"]

Cut = tuple[int, int, int]
"""(priority, ``occurred_at``, arrival) of the last person taken from a line."""


class TakenWave(Struct, frozen=True, gc=False, array_like=True):
    """What a wave took.

    Attributes:
        cycle: in which it was.
        triggered_at: when it started, in epoch milliseconds.
        arrivals: number of the last entry of the slot that had joined by then.
        parked_from: number of the first entry that it stepped over as parked; 0: none was.
        cuts: see `Cut`; one for each line that it took somebody from.
    """

    cycle: int
    triggered_at: int
    arrivals: int
    parked_from: int
    cuts: tuple[Cut, ...]

    def took(self, time: int, tag: int) -> bool:
        """Whether it took the entry of this record, which nothing else has removed earlier."""
        number = tags.arrival_of(tag)
        if number > self.arrivals:
            return False
        if 0 < self.parked_from <= number and tags.is_parked(tag):
            return False
        priority = tags.priority_of(tag)
        return any(
            own == priority and (time, number) <= (last_time, last_number)
            for own, last_time, last_number in self.cuts
        )


def taken_by(waves: Iterable[TakenWave], time: int, tag: int) -> TakenWave | None:
    """The wave that took the entry of a record which is in no queue; None: it is forgotten.

    Args:
        waves: of the entry's variant, in the order of their starts.
        time: the record's.
        tag: the record's.
    """
    return next((wave for wave in waves if wave.took(time, tag)), None)
