# SPDX-License-Identifier: Apache-2.0
"""The keyed step while lost state is rebuilt: it reads the past, tells nobody and sets no timer."""

from dataclasses import dataclass, field
from datetime import datetime

from typing_extensions import override

from connectors.kafka.records import Outgoing
from dataflows.decoding import slot_of
from dataflows.items import SlotBatch
from dataflows.waitlist_step import StepSettings, WaitlistStep
from waitlist.past import Past
from waitlist.recall import RecallingSlot

__all__ = ["Recall", "RecallingStep"]

_STOCK_RECORDS_AT_LEAST = 32
_EVENTS_A_STOCK_RECORD = 8


@dataclass(slots=True)
class Recall:
    """What all slots share while they read the past.

    Attributes:
        past: who was told.
        slots: how many there are.
        caught_up: set it once all of the past has been read; the next batch that opens an epoch
            lets every slot go on from there.
        continued: the slots that do.
    """

    past: Past
    slots: int
    caught_up: bool = False
    continued: set[int] = field(default_factory=set)

    @property
    def complete(self) -> bool:
        """Whether every slot goes on from where the past ends: durably, once the flow has ended."""
        return len(self.continued) == self.slots


class RecallingStep(WaitlistStep):
    """A slot that reads its history again; see `waitlist.recall`."""

    def __init__(self, settings: StepSettings, recall: Recall, marker: bytes | None) -> None:
        super().__init__(settings, marker)
        self._recall = recall
        self._recalling = RecallingSlot(settings.policies, recall.past)
        self._slot = self._recalling

    @override
    def on_batch(self, values: list[SlotBatch]) -> tuple[list[Outgoing], bool]:
        slot = values[0].slot
        with self._reporting():
            self._open(slot)
            if any(batch.opens_epoch for batch in values):
                self._remembered(slot)
            events = 0
            for batch in values:
                self._recalling.recall(batch.events, batch.arrivals)
                events += len(batch.events)
            if self._recall.caught_up and slot not in self._recall.continued:
                self._continue(slot)
            self._write_down(max(_STOCK_RECORDS_AT_LEAST, events // _EVENTS_A_STOCK_RECORD))
        return [], self.RETAIN

    @override
    def on_notify(self) -> tuple[list[Outgoing], bool]:
        return [], self.RETAIN

    @override
    def on_eof(self) -> tuple[list[Outgoing], bool]:
        return [], self.RETAIN

    @override
    def notify_at(self) -> datetime | None:
        return None

    def _continue(self, slot: int) -> None:
        for variant_id, history in self._recall.past.histories.items():
            if slot_of(variant_id, self._recall.slots) == slot:
                self._recalling.continue_after(variant_id, history)
        self._recall.continued.add(slot)
