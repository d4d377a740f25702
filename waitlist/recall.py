# SPDX-License-Identifier: Apache-2.0
"""A slot that reads its own history again, because its state is lost (docs/upgrading.md).

What was waited for and what was in stock follows from the topics as ever; who was told, from the
notifications (`waitlist.past`). No wave starts: the figures that are read are of the past, until
all of them have been read.

The clock of each record is its arrival. A sign-up

* that a notification answers (same variant, profile key and ``occurred_at``) counts as told when
  that one says: its markers are set, and it does not join;
* dated at or before a time at which somebody of its profile key was told does not join either,
  unless it arrived after that was forgotten: it was a duplicate, had made room, or met the marker;
* is otherwise judged as ever, by the markers that were there when it arrived: of being told, those
  that the notifications stand for.
"""

from collections.abc import Collection, Iterable

from typing_extensions import override

from schemas.events import Event, StockBlock, SubscribeEvent
from waitlist import tags
from waitlist.index import fingerprint
from waitlist.past import History, Past
from waitlist.policy import Policy, PolicyBook
from waitlist.slot import Slot
from waitlist.variant import Variant

__all__ = ["RecallingSlot"]


class RecallingSlot(Slot):
    """Applies events of the past.

    Args:
        policies: who is told when.
        past: who was told.
    """

    def __init__(self, policies: PolicyBook, past: Past) -> None:
        super().__init__(policies)
        self._past = past
        self._told_in: set[int] = set()

    def recall(self, events: Iterable[Event | StockBlock], arrivals: Iterable[int]) -> None:
        """Apply events, no blocks, in their order, each at its arrival (epoch milliseconds)."""
        for event, arrival in zip(events, arrivals, strict=True):
            self.apply((event,), arrival)

    def continue_after(self, variant_id: str, history: History) -> None:
        """Let a variant go on from where the notifications end, once all else has been read.

        See `History.continue_with`. Doing it twice is doing it once.
        """
        self._settle()
        variant = self._state.variant(variant_id)
        history.continue_with(variant)
        self._log.note(variant)
        self._state.count_told(variant, history.told)
        self._log.continued(variant, history.told)

    @override
    def _subscribe(self, event: SubscribeEvent, now: int) -> None:
        variant = self._state.variant(event.variant_id)
        keys = [fingerprint(event.variant_id, identifier) for identifier in event.identifiers]
        answer = self._past.answer(event.variant_id, keys[0], event.occurred_at)
        if answer is not None:
            self._state.answer(keys, *answer)
            self._log.answered(keys, *answer)
            return
        remember, asked = variant.policy.remember, event.occurred_at
        # What arrived at the very time of a wave was applied before the wave was started.
        told = [
            (at, cycle)
            for key in keys
            for at, cycle in self._past.told_under(event.variant_id, key)
            if 0 < now - at <= remember
        ]
        by_then = [at for at in self._past.told_at(keys[0]) if now - at <= remember]
        if any(at >= asked for at, _ in told) or any(at >= asked for at in by_then):
            self.counts.refused_by_marker += 1
            return
        self._told_in = {cycle for _, cycle in told}
        super()._subscribe(event, now)

    @override
    def _counts(self, kind: int, age: int, policy: Policy) -> bool:
        # The index holds markers of being told that had not been set by then, in the place of
        # those that had.
        return not tags.is_told(kind) and super()._counts(kind, age, policy)

    @override
    def _parked_in(self, variant: Variant, told_in: Collection[int]) -> int:
        # Notifications bear the lost state's numbers; only its last cycle can still be open.
        last = self._past.last_cycle(variant.variant_id)
        return last if last in self._told_in else 0
