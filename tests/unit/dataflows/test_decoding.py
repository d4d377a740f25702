# SPDX-License-Identifier: Apache-2.0
"""Batches of records become batches of events, as if each record were looked at on its own."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, field

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_NOT_AVAILABLE, Message
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from connectors.kafka.records import Outgoing, RawBatch
from dataflows.decoding import Decoder, DecodingCounts, slot_of, slots_of
from dataflows.items import SlotBatch, slot_key
from schemas.decode import decode_inventory, decode_subscription
from schemas.errors import DeadLetterReason, InvalidRecord
from schemas.events import Event, StockBlock, UnsubscribeEvent
from tests.unit.schemas.record_texts import ARRIVAL, STEADY

SLOTS = 3
LARGEST = 150
NOW = ARRIVAL + 7
STOCK = b'{"variant_id":"V%d","quantity":7,"occurred_at":"2026-11-18T11:12:44.460Z"}'
SIGN_UP = (
    b'{"type":"subscribe","variant_id":"V%d","profile":{"id":"P"},"occurred_at":1795000364470}'
)
ENDS = {
    "located": b',"location_id":"A"}',
    "sequenced": b',"sequence":3}',
    "removal": b',"quantity":null}',
}


@dataclass
class Expected:
    """What comes out, and what is counted."""

    dead: list[tuple[int, str]] = field(default_factory=list)
    events: list[list[Event]] = field(default_factory=lambda: [[] for _ in range(SLOTS)])
    arrivals: list[list[int]] = field(default_factory=lambda: [[] for _ in range(SLOTS)])
    tombstones: int = 0


def message(topic: str, value: bytes | None, place: int, arrival: int | None = ARRIVAL) -> Message:
    """A record as it comes from Kafka; its place is its offset."""
    stamp = (TIMESTAMP_NOT_AVAILABLE, -1) if arrival is None else (TIMESTAMP_CREATE_TIME, arrival)
    return Message(topic=topic, value=value, offset=place, timestamp=stamp)


def decoder(*, with_arrivals: bool = False, slots: int = SLOTS) -> Decoder:
    """A decoder whose dead letters hold the place and the fault of their record."""
    return Decoder(
        inventory="inventory",
        slots=slots,
        max_record_bytes=LARGEST,
        dead_letter=lambda record, error: Outgoing(
            f"dlq {record.offset()}", [(None, repr(error).encode())]
        ),
        tick=Outgoing("tick", []),
        clock=lambda: NOW,
        with_arrivals=with_arrivals,
    )


def one_by_one(messages: list[Message]) -> Expected:
    """What must come out."""
    expected = Expected()
    for record in messages:
        value, (kind, arrival) = record.value(), record.timestamp()
        arrival = NOW if kind == TIMESTAMP_NOT_AVAILABLE else arrival
        if value is None:
            expected.tombstones += 1
            continue
        try:
            event = _decoded(record.topic(), value, arrival)
        except InvalidRecord as error:
            expected.dead.append((record.offset() or 0, repr(error)))
        else:
            slot = slot_of(event.variant_id, SLOTS)
            expected.events[slot].append(event)
            expected.arrivals[slot].append(arrival)
    return expected


def _decoded(topic: str | None, value: bytes, arrival: int) -> Event:
    if len(value) > LARGEST:
        detail = f"{len(value)} bytes; at most {LARGEST} are read"
        raise InvalidRecord(DeadLetterReason.TOO_LARGE, "", detail)
    if topic == "inventory":
        return decode_inventory(value, arrival)
    return decode_subscription(value, arrival)


def without_blocks(item: tuple[str, SlotBatch | Outgoing]) -> tuple[str, SlotBatch | Outgoing]:
    """An item with the events of its blocks in their places."""
    key, batch = item
    if isinstance(batch, Outgoing):
        return item
    events = list[Event | StockBlock]()
    for piece in batch.events:
        events += piece.events() if isinstance(piece, StockBlock) else [piece]
    return key, replace(batch, events=events)


def blocks_of(item: tuple[str, SlotBatch | Outgoing]) -> list[StockBlock]:
    """The blocks that an item has."""
    inputs = item[1].events if isinstance(item[1], SlotBatch) else []
    return [given for given in inputs if isinstance(given, StockBlock)]


def expect_same(messages: list[Message]) -> None:
    """A batch comes out as its records would one by one, whether arrivals are wanted or not."""
    expected = one_by_one(messages)
    dead = [("records", Outgoing(f"dlq {at}", [(None, fault.encode())]))
            for at, fault in expected.dead]  # fmt: skip
    for with_arrivals in (False, True):
        tested = decoder(with_arrivals=with_arrivals)
        batches = [
            (slot_key(slot), _batch(slot, own, arrivals if with_arrivals else []))
            for slot, (own, arrivals) in enumerate(
                zip(expected.events, expected.arrivals, strict=True)
            )
            if own
        ]
        items = list(tested(RawBatch(messages, opens_epoch=False)))
        assert not (with_arrivals and any(map(blocks_of, items)))
        assert dead + batches == list(map(without_blocks, items))
        counts = DecodingCounts(
            len(messages), sum(map(len, expected.events)), expected.tombstones, len(dead)
        )
        assert counts == tested.counts


def _batch(
    slot: int, events: Iterable[Event], arrivals: list[int], *, opens_epoch: bool = False
) -> SlotBatch:
    return SlotBatch(slot, [*events], opens_epoch, arrivals)


@st.composite
def batches_of_messages(draw: st.DrawFn) -> list[Message]:
    """Stretches of records of one sort each, some of them long."""
    messages: list[Message] = []
    sorts = st.sampled_from(
        [
            "stock", "stock", "stock", "sign-up", "tombstone", "large", "wrong topic", "broken",
            "undated", "located", "sequenced", "removal",
        ]
    )  # fmt: skip
    for sort in draw(st.lists(sorts, max_size=6)):
        for _ in range(draw(st.sampled_from([1, 2, 9, 300, 700]))):
            number = len(messages)
            topic, value, arrival = "inventory", STOCK % number, ARRIVAL + number % 5
            if sort == "sign-up":
                topic, value = "subscriptions", SIGN_UP % number
            elif sort in ENDS:
                value = value[:-1] + ENDS[sort]
            elif sort == "large":
                value += b" " * LARGEST
            elif sort == "wrong topic":
                topic = "subscriptions"
            elif sort == "broken":
                value = value[: number % len(value)]
            messages.append(
                message(
                    topic,
                    None if sort == "tombstone" else value,
                    number,
                    None if sort == "undated" else arrival,
                )
            )
    return messages


@settings(STEADY, max_examples=60)
@given(batches_of_messages())
def test_any_batch(messages: list[Message]) -> None:
    """Events, arrivals, dead letters and counts are those of the records one by one, in order."""
    expect_same(messages)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 1000])
def test_one_odd_record(size: int) -> None:
    """The first or the last record of a batch may be a tombstone, too large, or a sign-up."""
    for odd in (None, b"x" * (LARGEST + 1), b"{", SIGN_UP % 1):
        topic = "subscriptions" if odd == SIGN_UP % 1 else "inventory"
        for place in (0, size - 1):
            messages = [message("inventory", STOCK % number, number) for number in range(size)]
            messages[place] = message(topic, odd, place)
            expect_same(messages)


@pytest.mark.parametrize(
    "odd", [SIGN_UP, STOCK[:-1] + ENDS["located"], STOCK[:-1] + ENDS["removal"]]
)
def test_figures_come_in_blocks(odd: bytes) -> None:
    """A slot gets all its figures in one block, cut only by what comes between them there."""
    messages = [message("inventory", STOCK % number, number) for number in range(3000)]
    inputs = inputs_of_slots(messages)
    assert [["StockBlock"]] * SLOTS == [[*map(kind_of, own)] for own in inputs]
    topic = "subscriptions" if odd == SIGN_UP else "inventory"
    messages[1500] = message(topic, odd % 1500, 1500)
    messages[1501] = message("inventory", b"{", 1501)
    for slot, own in enumerate(inputs_of_slots(messages)):
        expected = ["StockBlock"]
        if slot == slot_of("V1500", SLOTS):
            expected += ["SubscribeEvent" if odd == SIGN_UP else "StockEvent", "StockBlock"]
        assert expected == [*map(kind_of, own)]
    expect_same(messages)


@pytest.mark.parametrize("size", [1, 50, 300])
def test_few_figures_come_without_blocks(size: int) -> None:
    """What would be a short block comes as events, also at the end of a large batch."""
    messages = [message("inventory", STOCK % number, number) for number in range(size)]
    assert {"StockEvent"} == {kind_of(given) for own in inputs_of_slots(messages) for given in own}
    messages = [message("inventory", STOCK % 7, number) for number in range(1000)]
    messages += [message("inventory", STOCK % number, 0) for number in range(100)]
    kinds = [{*map(kind_of, own)} for own in inputs_of_slots(messages)]
    own_slot = slot_of("V7", SLOTS)
    assert [
        {"StockBlock"} if slot == own_slot else {"StockEvent"} for slot in range(SLOTS)
    ] == kinds
    expect_same(messages)


def test_many_slots() -> None:
    """Most of many slots get nothing, and nobody gets what is another's."""
    tested = decoder(slots=1024)
    messages = [message("inventory", STOCK % (number % 2), number) for number in range(150_000)]
    items = tested(RawBatch(messages, opens_epoch=False))
    (first, second) = (blocks_of(item) for item in items)
    assert [75_000, 75_000] == [len(block) for block in (*first, *second)]
    assert {"V0", "V1"} == {*first[0].variant_ids, *second[0].variant_ids}
    assert 1 == len({*first[0].variant_ids})


def inputs_of_slots(messages: list[Message]) -> list[Sequence[Event | StockBlock]]:
    """What each slot is given."""
    items = decoder()(RawBatch(messages, opens_epoch=True))
    return [item.events for _, item in items if isinstance(item, SlotBatch)]


def kind_of(given: Event | StockBlock) -> str:
    """What is given."""
    return type(given).__name__


def test_an_epoch_wakes_everybody() -> None:
    """The batch that opens an epoch has an item for the sink and one for each slot."""
    expected = [
        ("records", Outgoing("tick", [])),
        *[(slot_key(slot), _batch(slot, [], [], opens_epoch=True)) for slot in range(SLOTS)],
    ]
    assert expected == list(decoder()(RawBatch([], opens_epoch=True)))
    assert (0, 0, 0, 0) == astuple(decoder().counts)


@settings(STEADY)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1)), st.integers(1, 64))
def test_slots_of_many(variant_ids: list[str], slots: int) -> None:
    """Many events at once fall into the slots that their variants fall into."""
    events = [UnsubscribeEvent(variant_id, 0, ()) for variant_id in variant_ids]
    assert [slot_of(variant_id, slots) for variant_id in variant_ids] == slots_of(events, slots)
