# SPDX-License-Identifier: Apache-2.0
"""A slot for replays: events of many moments at a time, and nothing written down for a journal.

A live slot is given what has arrived and then asked for waves. In a trace nearly every line has a
moment of its own and starts no wave, so that asking after each would cost more than applying it.
"""

from collections.abc import Sequence

from typing_extensions import override

from schemas.events import Event, WaveHeader
from waitlist.policy import PolicyBook
from waitlist.redo import RedoLog
from waitlist.slot import Slot
from waitlist.variant import Variant

__all__ = ["ReplaySlot"]


class ReplaySlot(Slot):
    """Decides as `Slot` does; what it cannot do is to be restored.

    Args:
        policies: who is told when.
    """

    def __init__(self, policies: PolicyBook) -> None:
        super().__init__(policies, _NoLog)

    def apply_in_time(self, events: Sequence[Event], arrivals: Sequence[int], start: int) -> int:
        """Apply events, each at its arrival, until a wave may have to start before the next.

        Entries that expire are let go by the next `start_due_waves`; until then they count as
        absent all the same.

        Args:
            events: in their order.
            arrivals: of each event, in epoch milliseconds, never decreasing.
            start: the place of the first to apply; no wave may be due before its arrival.

        Returns:
            The place of the first event that was not applied. If there is one, its arrival is
            later than that of the one before.
        """
        moments = arrivals[start:]
        return start + self._apply(zip(events[start:], moments, strict=True), moments[0])

    def take_nobody(self, limit: int) -> int:
        """Hand over the next people of started waves to nobody; how many they are.

        Args:
            limit: at most so many.
        """
        return sum(len(part.people) for part in self._state.hand_over(limit, None))


class _NoLog(RedoLog):
    """Writes down nothing; nobody takes what `note` collects, each variant once."""

    @override
    def joined(
        self,
        variant: Variant,
        time: int,
        priority: int,
        payload: bytes,
        parked_in: int,
        keys: Sequence[bytes],
    ) -> None:
        """Nothing is kept."""

    @override
    def signed_off(self, variant: Variant, occurred_at: int, identifiers: Sequence[str]) -> None:
        """Nothing is kept."""

    @override
    def expired(self, variant: Variant, now: int, expired_before: int | None) -> None:
        """Nothing is kept."""

    @override
    def wave_started(self, header: WaveHeader, until: int, limit: int | None) -> None:
        """Nothing is kept."""

    @override
    def handed_over(self, limit: int, share: int | None) -> None:
        """Nothing is kept."""

    @override
    def swept(self, buckets: int, told_before: int, signed_off_before: int) -> None:
        """Nothing is kept."""

    @override
    def take(self, stock: int | None) -> list[bytes]:
        """Nothing was kept."""
        return []
