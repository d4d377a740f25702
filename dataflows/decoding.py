# SPDX-License-Identifier: Apache-2.0
"""From raw records to the events of each slot, and dead letters for the rest."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby, repeat
from operator import attrgetter, call, mod
from typing import Any, Final, NamedTuple, TypeVar
from zlib import crc32

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from connectors.kafka.records import Outgoing, RawBatch
from dataflows.items import SlotBatch, slot_key
from schemas.batches import Refuse, decode_inventory_batch, decode_subscription_batch
from schemas.errors import DeadLetterReason, InvalidRecord
from schemas.events import Event

__all__ = ["Decoder", "DecodingCounts", "slot_of", "slots_of"]

_SINK_KEY: Final = "records"
_PIECE: Final = 256

_Items = list[tuple[str, SlotBatch | Outgoing]]
_Decode = Callable[[Sequence[Any], Sequence[int], Refuse], Sequence[Event]]
_Thing = TypeVar("_Thing")

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


def slots_of(events: Iterable[Event], slots: int) -> list[int]:
    """`slot_of` of the variant of each of many events, at half the cost."""
    return list(map(mod, map(crc32, map(str.encode, map(_variant_id, events))), repeat(slots)))


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
        items: _Items = []
        events: list[list[Event]] = [[] for _ in range(self._slots)]
        arrivals: list[list[int]] = [[] for _ in range(self._slots)]
        self.counts.records += len(batch.messages)
        # A piece and what is made of it stay in the processor's cache.
        for first in range(0, len(batch.messages), _PIECE):
            decoded = self._decode(batch.messages[first : first + _PIECE], items)
            slots = slots_of(decoded.events, self._slots)
            _distribute(decoded.events, slots, events)
            _distribute(decoded.arrivals, slots, arrivals)
            self.counts.events += len(slots)
        if batch.opens_epoch:
            items.append((_SINK_KEY, self._tick))
        items += [
            (slot_key(slot), SlotBatch(slot, own, batch.opens_epoch, arrivals[slot]))
            for slot, own in enumerate(events)
            if own or batch.opens_epoch
        ]
        return items

    def _decode(self, messages: Sequence[Message], items: _Items) -> "_Decoded":
        """Decode some messages; dead letters become items."""
        # Asked of the class, a method needs no look-up for each message.
        kind = type(messages[0])
        values = list(map(kind.value, messages))
        topics = list(map(kind.topic, messages))
        arrivals = self._arrivals(list(map(kind.timestamp, messages)))
        decoded = _Decoded([], [])
        for decode, run in self._runs(values, topics):
            refused: list[int] = []
            refuse = partial(self._refuse, messages[run], refused, items)
            events = decode(values[run], arrivals[run], refuse)
            decoded.events.extend(events)
            if events and self._with_arrivals:
                own = enumerate(arrivals[run])
                decoded.arrivals.extend(arrival for place, arrival in own if place not in refused)
        return decoded

    def _runs(
        self, values: Sequence[bytes | None], topics: Sequence[str | None]
    ) -> Iterator[tuple[_Decode, slice]]:
        """Consecutive records that are decoded in the same way, nearly always all of them."""
        stock = topics.count(self._inventory)
        if stock in {0, len(topics)} and self._are_fit(values):
            yield decode_inventory_batch if stock else decode_subscription_batch, slice(len(values))
            return
        begin = 0
        for decode, records in groupby(map(self._way, values, topics)):
            end = begin + sum(1 for _ in records)
            yield decode, slice(begin, end)
            begin = end

    def _are_fit(self, values: Sequence[bytes | None]) -> bool:
        try:
            return max(map(len, values)) <= self._max_record_bytes  # type: ignore[arg-type]
        except TypeError:  # of a tombstone
            return False

    def _way(self, value: bytes | None, topic: str | None) -> _Decode:
        if value is None:
            return self._pass_over
        if len(value) > self._max_record_bytes:
            return self._refuse_large
        return decode_inventory_batch if topic == self._inventory else decode_subscription_batch

    def _pass_over(self, values: Sequence[bytes], _: Sequence[int], __: Refuse) -> list[Event]:
        self.counts.tombstones += len(values)
        return []

    def _refuse_large(
        self, values: Sequence[bytes], _: Sequence[int], refuse: Refuse
    ) -> list[Event]:
        for place, value in enumerate(values):
            problem = f"{len(value)} bytes; at most {self._max_record_bytes} are read"
            refuse(place, InvalidRecord(DeadLetterReason.TOO_LARGE, "", problem))
        return []

    def _refuse(
        self,
        messages: Sequence[Message],
        refused: list[int],
        items: _Items,
        place: int,
        error: InvalidRecord,
    ) -> None:
        self.counts.dead_lettered += 1
        refused.append(place)
        items.append((_SINK_KEY, self._dead_letter(messages[place], error)))

    def _arrivals(self, stamps: Sequence[tuple[int, int]]) -> Sequence[int]:
        kinds, arrivals = zip(*stamps, strict=True)
        if TIMESTAMP_NOT_AVAILABLE not in kinds:
            return arrivals
        return [
            self._clock() if kind == TIMESTAMP_NOT_AVAILABLE else arrival
            for kind, arrival in stamps
        ]


class _Decoded(NamedTuple):
    """Events, and their arrivals if these are wanted."""

    events: list[Event]
    arrivals: list[int]


def _distribute(
    things: Iterable[_Thing], slots: Iterable[int], parts: Sequence[list[_Thing]]
) -> None:
    appends = [part.append for part in parts]
    # Nothing but calls in C; the deque only drives them.
    deque(map(call, map(appends.__getitem__, slots), things), maxlen=0)


_variant_id: Final = attrgetter("variant_id")
