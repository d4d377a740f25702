# SPDX-License-Identifier: Apache-2.0
"""A slot that goes on after a crash, and knows whom the epoch that was cut short has told.

Their records are in the topic, beyond the last durable epoch, and cannot be taken back. So they
are facts: whoever they tell does not wait any more and is marked as told at that time, however the
repeated epoch would decide. A sign-up made later than that is a new one. People of a wave that
was durable are not concerned: they are handed over again, and the sink knows them.
"""

from collections import Counter
from collections.abc import Iterable

from typing_extensions import override

from schemas.told import Told
from waitlist import tags
from waitlist.index import fingerprint
from waitlist.past import History
from waitlist.policy import PolicyBook
from waitlist.slot import Slot
from waitlist.variant import Variant, Wave

__all__ = ["ResumedSlot"]


class ResumedSlot(Slot):
    """Applies events that may be repeated.

    Args:
        policies: who is told when.
    """

    def __init__(self, policies: PolicyBook) -> None:
        super().__init__(policies)
        self._told: list[Told] = []
        self._histories: dict[str, History] = {}
        self._taken: Counter[tuple[str, int, int, int]] = Counter()
        self._running: list[Wave] = []

    def recall(self, told: Iterable[Told]) -> None:
        """Take note of whom the topic tells; to be called once, before any event is applied.

        Who waits, and asked by the time of being told, leaves as told: it is the sign-up that was
        answered, or made room for it. Only the profile key is marked for now: others who share an
        identifier, and had signed up before, may have to be read again.
        """
        self._settle()
        self._running = list(self._state.running)
        for one in told:
            variant = self._state.variant(one.variant_id)
            key = fingerprint(one.variant_id, one.identifiers[0])
            if self._is_under_way(variant, key, one):
                continue
            self._told.append(one)
            self._histories.setdefault(one.variant_id, History()).add(one)
            self._taken[one.variant_id, one.cycle, one.cycle_opened_at, one.wave] += 1
            known = (one.triggered_at, tags.told(one.cycle))
            if known not in self._state.index.find(key):
                self._state.recall(variant, key, one.triggered_at, one.cycle)
                self._log.recalled(variant, key, one.triggered_at, one.cycle)
                self._restored(variant)

    def is_handed_over(self) -> bool:
        """Whether nobody is left of the waves that were under way when the slot was resumed."""
        return not any(wave in self._running for wave in self._state.running)

    def forget(self) -> None:
        """Everything that could be repeated has been: from now on the markers are enough."""
        for one in self._told:
            keys = [fingerprint(one.variant_id, identifier) for identifier in one.identifiers]
            self._state.answer(keys, one.triggered_at, one.cycle)
            self._log.answered(keys, one.triggered_at, one.cycle)
        for variant_id, history in self._histories.items():
            variant = self._state.variant(variant_id)
            history.continue_with(variant)
            self._log.note(variant)
            self._restored(variant)
        self._told.clear()
        self._histories.clear()
        self._taken.clear()
        self._running.clear()

    @override
    def _consider(self, variant: Variant, now: int) -> None:
        # A wave that the topic has some of goes on at once; any other keeps the pause after it.
        history = self._histories.get(variant.variant_id)
        if history is not None and not self._taken.get(_next_wave(variant)):
            variant.last_wave_at = max(variant.last_wave_at, history.last_wave_at)
            self._log.note(variant)
        super()._consider(variant, now)

    @override
    def _quota(self, variant: Variant, allowed: int) -> int:
        """Who was told in this very wave has taken a place in it."""
        return max(0, allowed - self._taken.get(_next_wave(variant), 0))

    def _is_under_way(self, variant: Variant, key: bytes, told: Told) -> bool:
        return any(
            tags.is_waiting(tag)
            and time == told.subscribed_at
            and self._state.told_in(variant, time, tag) is not None
            for time, tag in self._state.index.find(key)
        )


def _next_wave(variant: Variant) -> tuple[str, int, int, int]:
    return variant.variant_id, variant.cycle, variant.opened_at or 0, variant.waves + 1
