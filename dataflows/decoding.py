# SPDX-License-Identifier: Apache-2.0
"""From raw records to the events of each slot, and dead letters for the rest."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby, repeat
from typing import Any, Final, NamedTuple

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from connectors.kafka.records import Outgoing, RawBatch
from dataflows.dealing import Columns, Input, deal, slot_of, slots_of
from dataflows.items import SlotBatch, slot_key
from schemas.batches import (
    Refuse,
    decode_inventory_batch,
    decode_inventory_columns,
    decode_subscription_batch,
)
from schemas.columns import are_plain, sample_of
from schemas.errors import DeadLetterReason, InvalidRecord

__all__ = ["Decoder", "DecodingCounts", "slot_of", "slots_of"]

_SINK_KEY: Final = "records"
_PIECE: Final = 256
_COLUMN: Final = 2048
_COLUMNS_AT_LEAST: Final = 128
_OFTEN: Final = 4

_Items = list[tuple[str, SlotBatch | Outgoing]]
_Decode = Callable[[Sequence[Any], Sequence[int], Refuse], Sequence[Input]]

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
        self._many = _COLUMNS_AT_LEAST * slots

    def __call__(self, batch: RawBatch) -> Iterable[tuple[str, SlotBatch | Outgoing]]:
        """The items for the keyed step, and for the sink."""
        items: _Items = []
        self.counts.records += len(batch.messages)
        arrivals: list[list[int]] = [[] for _ in range(self._slots)]
        if len(batch.messages) >= self._many and self._suits_columns(batch.messages):
            inputs = self._dealt_by_column(batch.messages, items)
        else:
            inputs = self._dealt_one_by_one(batch.messages, arrivals, items)
        if batch.opens_epoch:
            items.append((_SINK_KEY, self._tick))
        items += [
            (slot_key(slot), SlotBatch(slot, own, batch.opens_epoch, arrivals[slot]))
            for slot, own in enumerate(inputs)
            if own or batch.opens_epoch
        ]
        return items

    def _suits_columns(self, messages: Sequence[Message]) -> bool:
        """Whether there are enough plain figures among many records."""
        if self._with_arrivals:
            return False
        sample = sample_of(messages)
        stock = decode_inventory_columns
        values = [message.value() for message in sample]
        figures = [
            value
            for value, message in zip(values, sample, strict=True)
            if value is not None and self._way(value, message.topic(), stock) is stock
        ]
        return len(figures) * _OFTEN > len(sample) and are_plain(figures)

    def _dealt_one_by_one(
        self, messages: Sequence[Message], arrivals: list[list[int]], items: _Items
    ) -> list[list[Input]]:
        parts: list[list[Input]] = [[] for _ in range(self._slots)]
        # A piece and what is made of it stay in the processor's cache.
        for first in range(0, len(messages), _PIECE):
            piece = messages[first : first + _PIECE]
            decoded = self._decode(piece, decode_inventory_batch, items)
            slots = slots_of(decoded.inputs, self._slots)  # type: ignore[arg-type]  # no blocks
            deal(decoded.inputs, slots, parts)
            deal(decoded.arrivals, slots, arrivals)
            self.counts.events += len(slots)
        return parts

    def _dealt_by_column(self, messages: Sequence[Message], items: _Items) -> list[list[Input]]:
        columns = Columns(self._slots)
        for first in range(0, len(messages), _COLUMN):
            piece = messages[first : first + _COLUMN]
            columns.take(self._decode(piece, decode_inventory_columns, items).inputs)
        self.counts.events += len(columns)
        return columns.dealt()

    def _decode(self, messages: Sequence[Message], stock: _Decode, items: _Items) -> "_Decoded":
        """Decode some messages, stock in one way or another; dead letters become items."""
        # Asked of the class, a method needs no look-up for each message.
        kind = type(messages[0])
        values = [message.value() for message in messages]
        topics = list(map(kind.topic, messages))
        arrivals = self._arrivals(list(map(kind.timestamp, messages)))
        decoded = _Decoded([], [])
        for decode, run in self._runs(values, topics, stock):
            refused: list[int] = []
            refuse = partial(self._refuse, messages[run], refused, items)
            inputs = decode(values[run], arrivals[run], refuse)
            decoded.inputs.extend(inputs)
            if inputs and self._with_arrivals:
                own = enumerate(arrivals[run])
                decoded.arrivals.extend(arrival for place, arrival in own if place not in refused)
        return decoded

    def _runs(
        self, values: Sequence[bytes | None], topics: Sequence[str | None], stock: _Decode
    ) -> Iterator[tuple[_Decode, slice]]:
        """Consecutive records that are decoded in the same way, nearly always all of them."""
        figures = topics.count(self._inventory)
        if figures in {0, len(topics)} and self._are_fit(values):
            yield stock if figures else decode_subscription_batch, slice(len(values))
            return
        begin = 0
        for decode, records in groupby(map(self._way, values, topics, repeat(stock))):
            end = begin + len([*records])
            yield decode, slice(begin, end)
            begin = end

    def _are_fit(self, values: Sequence[bytes | None]) -> bool:
        try:
            return max(map(len, values)) <= self._max_record_bytes  # type: ignore[arg-type]
        except TypeError:  # of a tombstone
            return False

    def _way(self, value: bytes | None, topic: str | None, stock: _Decode) -> _Decode:
        if value is None:
            return self._pass_over
        if len(value) > self._max_record_bytes:
            return self._refuse_large
        return stock if topic == self._inventory else decode_subscription_batch

    def _pass_over(self, values: Sequence[bytes], _: Sequence[int], __: Refuse) -> list[Input]:
        self.counts.tombstones += len(values)
        return []

    def _refuse_large(
        self, values: Sequence[bytes], _: Sequence[int], refuse: Refuse
    ) -> list[Input]:
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
    """What has been decoded, and its arrivals if these are wanted."""

    inputs: list[Input]
    arrivals: list[int]
