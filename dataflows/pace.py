# SPDX-License-Identifier: Apache-2.0
"""How fast a great wave is handed over, so that nobody else waits behind it.

A million notifications are work for seconds. In between the flow has to read, and records of other
variants must not stand behind a long queue of the producer's. So a slot hands over one portion
each time the source has been asked for records, and no more than the output takes at once.

While an epoch ends Bytewax 0.21.1 goes round some twenty times without reading, and fires a timer
that is due each time: 70,000 people were measured to be handed over in such a moment, for a second.
"""

from collections.abc import Callable
from itertools import count

__all__ = ["Pace"]

_PORTION = 2_000
"""People handed over before the next records are looked at: some milliseconds of work."""

_LEAST = 100
"""Handed over even while there is no room: no slot waits for ever behind another's."""

_PAUSE = 2
"""Milliseconds until room is asked for again."""


def _plenty() -> int:
    return _PORTION


class Pace:
    """What the slots of a process share while they hand over people.

    Args:
        polls: how often the source has been asked for records; None: that is not known, and a
            slot may act whenever it is woken.
        room: how many more records the output takes at once; None: as many as there are.
    """

    def __init__(
        self, polls: Callable[[], int] | None = None, room: Callable[[], int] | None = None
    ) -> None:
        self.polls = polls or count().__next__
        self._room = room or _plenty
        self._busy: set[int] = set()

    def portion(self) -> int:
        """How many people a slot may hand over now."""
        return max(_LEAST, min(_PORTION, self._room()))

    def pause(self) -> int:
        """Milliseconds until it should ask again."""
        return 0 if self._room() >= _LEAST else _PAUSE

    def note(self, slot: int, *, is_busy: bool) -> None:
        """Take note whether a slot has more people to hand over."""
        (self._busy.add if is_busy else self._busy.discard)(slot)

    def is_busy(self) -> bool:
        """Whether some slot has: the source should then not wait for records."""
        return bool(self._busy)
