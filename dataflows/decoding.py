# SPDX-License-Identifier: Apache-2.0
"""From raw records to the events of each slot, and dead letters for the rest."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zlib import crc32

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from connectors.kafka.records import Outgoing, RawBatch
from dataflows.items import SlotBatch, slot_key
from schemas.decode import decode_inventory, decode_subscription
from schemas.errors import DeadLetterReason, InvalidRecord

if TYPE_CHECKING:
    from schemas.events import Event

__all__ = ["Decoder", "DecodingCounts", "slot_of"]

_SINK_KEY = "records"

DeadLetterWriter = Callable[[Message, InvalidRecord], Outgoing]


@dataclass(slots=True)
class DecodingCounts:
    """What came in since the start.

    Attributes:
        records: taken from Kafka.
        events: of these, decoded.
        tombstones: of these, without a value.
        dead_lettered: of these, refused.
    """

    records: int = 0
    events: int = 0
    tombstones: int = 0
    dead_lettered: int = 0


def slot_of(variant_id: str, slots: int) -> int:
    """The slot that keeps a variant. Part of the durable format: never change it."""
    return crc32(variant_id.encode()) % slots


class Decoder:
    """Turns each `RawBatch` into one `SlotBatch` per slot concerned, and dead letters.

    The first batch of an epoch gives an item for every slot and one for the sink, so that
    each of them takes part in the epoch: Bytewax 0.21.1 may restore a snapshot that was
    never committed, unless the epoch that is run again overwrites it.
    """

    def __init__(
        self,
        *,
        inventory: str,
        slots: int,
        max_record_bytes: int,
        dead_letter: DeadLetterWriter,
        tick: Outgoing,
        clock: Callable[[], int],
        with_arrivals: bool = False,
    ) -> None:
        """Decode for a number of slots.

        Args:
            inventory: the topic whose records are stock figures; all others are sign-ups.
            slots: how many there are.
            max_record_bytes: a longer value is a dead letter.
            dead_letter: makes the record for the dead-letter topic.
            tick: an empty item for the sink.
            clock: epoch milliseconds, for records that carry no timestamp.
            with_arrivals: hand on the arrivals of the events as well.
        """
        self.counts = DecodingCounts()
        self._inventory = inventory
        self._slots = slots
        self._max_record_bytes = max_record_bytes
        self._dead_letter = dead_letter
        self._tick = tick
        self._clock = clock
        self._with_arrivals = with_arrivals

    def __call__(self, batch: RawBatch) -> Iterable[tuple[str, SlotBatch | Outgoing]]:
        """The items for the keyed step, and for the sink."""
        slots, largest, inventory = self._slots, self._max_record_bytes, self._inventory
        events: list[list[Event]] = [[] for _ in range(slots)]
        arrivals: list[list[int]] = [[] for _ in range(slots)]
        items: list[tuple[str, SlotBatch | Outgoing]] = []
        event: Event
        self.counts.records += len(batch.messages)
        for message in batch.messages:
            value = message.value()
            if value is None:
                self.counts.tombstones += 1
                continue
            kind, arrival = message.timestamp()
            if kind == TIMESTAMP_NOT_AVAILABLE:
                arrival = self._clock()
            try:
                if len(value) > largest:
                    raise self._too_large(value)
                if message.topic() == inventory:
                    event = decode_inventory(value, arrival)
                else:
                    event = decode_subscription(value, arrival)
            except InvalidRecord as error:
                self.counts.dead_lettered += 1
                items.append((_SINK_KEY, self._dead_letter(message, error)))
            else:
                slot = slot_of(event.variant_id, slots)
                events[slot].append(event)
                if self._with_arrivals:
                    arrivals[slot].append(arrival)
        self.counts.events += sum(map(len, events))
        if batch.opens_epoch:
            items.append((_SINK_KEY, self._tick))
        items += [
            (slot_key(slot), SlotBatch(slot, own, batch.opens_epoch, arrivals[slot]))
            for slot, own in enumerate(events)
            if own or batch.opens_epoch
        ]
        return items

    def _too_large(self, value: bytes) -> InvalidRecord:
        problem = f"{len(value)} bytes; at most {self._max_record_bytes} are read"
        return InvalidRecord(DeadLetterReason.TOO_LARGE, "", problem)
