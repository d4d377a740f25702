# SPDX-License-Identifier: Apache-2.0
"""What sources have learned outlives them."""

import asyncio
from collections.abc import Callable

from connectors.inbound.contract import Learned, Mapped, Message
from gateway.items import Items
from schemas.records import Item
from schemas.validation import validate_record

LEARNED = Learned("271878346596884015", "$shopify:::$default:::1", "8")


class Pupil:
    """A source that notes what it is taught."""

    def __init__(self) -> None:
        self.learned: list[Learned] = []

    def is_authentic(self, message: Message) -> bool:
        """Of no use here."""
        raise NotImplementedError

    def event_id(self, message: Message) -> str | None:
        """Of no use here."""
        raise NotImplementedError

    def map(self, message: Message) -> Mapped:
        """Of no use here."""
        raise NotImplementedError

    def learn(self, learned: Learned) -> None:
        """Note it."""
        self.learned.append(learned)


class Topic:
    """A compacted topic."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes, bytes | None]] = []

    async def send(self, topic: str, key: bytes, value: bytes | None) -> None:
        """Keep a record."""
        assert "items" == topic
        self.records.append((key, value))


def items(pupil: Pupil, topic: Topic) -> Items:
    """Items of one source, called `shop`."""

    def at_once(call: Callable[[], None]) -> None:
        call()

    return Items({"shop": pupil}, topic, "items", at_once)


def test_what_was_learned_is_told_again() -> None:
    """Also that an item is no more."""
    pupil, topic = Pupil(), Topic()
    asyncio.run(items(pupil, topic).keep("shop", [LEARNED, Learned("9", None)]))
    assert [] == pupil.learned
    for key, value in topic.records:
        items(pupil, topic).take(key, value)
    assert [LEARNED, Learned("9", None)] == pupil.learned


def test_a_row_is_as_the_contract_says() -> None:
    """Key and value, ids with all their digits."""
    topic = Topic()
    asyncio.run(items(Pupil(), topic).keep("shop", [LEARNED]))
    ((key, value),) = topic.records
    assert b"shop 271878346596884015" == key
    assert value is not None
    assert Item(
        source="shop",
        item_id="271878346596884015",
        variant_id="$shopify:::$default:::1",
        product_id="8",
    ) == validate_record(Item, value)


def test_what_is_in_the_topic_is_not_written_again() -> None:
    """Not by whom it was learned first, nor by another; what has changed is."""
    pupil, topic = Pupil(), Topic()
    first, second = items(pupil, topic), items(pupil, topic)
    asyncio.run(first.keep("shop", [LEARNED]))
    second.take(*topic.records[0])
    asyncio.run(first.keep("shop", [LEARNED]))
    asyncio.run(second.keep("shop", [LEARNED]))
    assert 1 == len(topic.records)
    asyncio.run(second.keep("shop", [Learned(LEARNED.item_id, None)]))
    asyncio.run(second.keep("shop", [Learned(LEARNED.item_id, None)]))
    assert [None] == [value for _, value in topic.records[1:]]


def test_a_source_is_not_told_what_it_has_learned_itself() -> None:
    """Its own rows come back from the topic; those of others it is told once."""
    pupil, topic = Pupil(), Topic()
    ours, theirs = items(pupil, topic), items(Pupil(), topic)
    asyncio.run(ours.keep("shop", [LEARNED]))
    asyncio.run(theirs.keep("shop", [Learned("9", "v")]))
    for row in (*topic.records, *topic.records):
        ours.take(*row)
    assert [Learned("9", "v")] == pupil.learned


def test_rows_of_others_are_passed_over() -> None:
    """Of a table that is no more, and what is no item."""
    pupil, topic = Pupil(), Topic()
    for key, value in ((b"other 1", b"{}"), (b"shop 1", b"{}"), (b"shop 1", b"\xff"), (b"", None)):
        items(pupil, topic).take(key, value)
    assert [] == pupil.learned
