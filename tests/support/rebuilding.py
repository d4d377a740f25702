# SPDX-License-Identifier: Apache-2.0
"""Slots that come back from what an earlier one wrote down, as after a crash."""

import random
from collections.abc import Mapping

from tests.support.compare import DisagreementError
from waitlist.policy import load_policy
from waitlist.slot import Slot

__all__ = ["RandomRebuild"]


class RandomRebuild:
    """Journals a slot and now and then replaces it by one rebuilt from base and records.

    Args:
        policy: The ``[policy]`` table.
        chance: Decides when.
        share: How often a call gives a rebuilt slot.
    """

    def __init__(self, policy: Mapping[str, object], chance: random.Random, share: float) -> None:
        self._policy = policy
        self._chance = chance
        self._share = share
        self._base: list[bytes] | None = None
        self._records: list[bytes] = []

    def __call__(self, slot: Slot) -> Slot:
        """The slot, or another that has to behave in the same way.

        Raises:
            DisagreementError: The rebuilt slot's dump is not that of the slot.
        """
        luck = self._chance.random()
        if luck < self._share / 2:
            self._records += slot.take_records(self._chance.randrange(3))
        if luck >= self._share:
            return slot
        self._records += slot.take_records()
        rebuilt = Slot(load_policy(self._policy))
        if self._base is not None:
            rebuilt.load(iter(self._base))
        for record in self._records:
            rebuilt.apply_record(record)
        _compare_dumps(slot, rebuilt)
        if self._chance.random() < 0.4:
            self._base, self._records = list(slot.dump()), []
        return rebuilt if self._chance.random() < 0.8 else slot


def _compare_dumps(slot: Slot, rebuilt: Slot) -> None:
    expected, got = list(slot.dump()), list(rebuilt.dump())
    if expected != got:
        raise DisagreementError(f"dump of the rebuilt slot: expected {expected}, got {got}")
