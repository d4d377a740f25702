# SPDX-License-Identifier: Apache-2.0
"""What `restock ingest` learns, and the figures that wait for it, outlive a run."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from typing_extensions import override

from connectors.errors import DeliveryFailed, TopicMissing
from connectors.inbound.contract import Learned, Mapped, Message, Refusal
from connectors.inbound.items import Rows
from connectors.inbound.mapping import MappingSource
from connectors.inbound.shopify import ShopifySource
from connectors.inbound.shopify_settings import ShopifySettings
from connectors.kafka.writer import Writer
from restock.ingesting_items import SharedItems
from restock.ingesting_taking import Taker, Written
from restock.ingesting_waiting import take_again
from restock.ingesting_wanted import Wanted
from schemas.records import Item
from schemas.validation import validate_record
from tests.support.ingesting import AT, CLOCK, MAPPING, Reading, Shop, reading
from tests.support.kafka import committed, produce, read, until, values

PRODUCT = b"""{"id": 1, "updated_at": "2025-11-20T12:00:00Z", "variants": [
    {"id": 8, "inventory_item_id": 271878346596884015, "inventory_management": "shopify"}]}"""


def level(available: int, at: int) -> bytes:
    """Of the item of the product, so many seconds past noon."""
    return (
        b'{"inventory_item_id": 271878346596884015, "location_id": 3, "available": %d,'
        b' "updated_at": "2025-11-20T12:00:%02dZ"}' % (available, at)
    )


@contextmanager
def reading_shopify(shop: Shop) -> Iterator[Reading]:
    """A run of a source that learns, from its very beginning."""
    source = ShopifySource(ShopifySettings(), "erp")
    with ExitStack() as stack:

        def make(writer: Writer) -> Taker:
            items = stack.enter_context(SharedItems(shop.kafka, shop.items, "erp", writer.write))
            taker = Taker(source, Written(writer, shop.inventory), lambda: CLOCK, memory=items)
            take_again(shop.kafka, shop.inventory, shop.group, taker)
            return taker

        yield stack.enter_context(reading(shop, make))


def figures(shop: Shop) -> list[tuple[str, int]]:
    """Variant and figure of each record of the level's location, in their order."""
    found = [json.loads(value or b"") for value in values(read(shop.kafka, shop.inventory))]
    return [(one["variant_id"], one["quantity"]) for one in found if one.get("location_id") == "3"]


def test_what_was_learned_outlives_the_run(shop: Shop) -> None:
    """An item that a product has named is known at the next start, also to other programs."""
    shop.say(PRODUCT, PRODUCT)
    with reading_shopify(shop) as first:
        until(lambda: first.taker.tally.messages == 2)
    (row,) = read(shop.kafka, shop.items)
    assert b"erp 271878346596884015" == row.key()
    assert "$shopify:::$default:::8" == validate_record(Item, row.value() or b"").variant_id
    shop.say(level(4, 1))
    with reading_shopify(shop) as second:
        until(lambda: second.taker.tally.messages == 1)
    assert {"taken": 1} == dict(second.taker.tally.outcomes)
    assert [("$shopify:::$default:::8", 4)] == figures(shop)


def test_a_level_that_waits_for_its_product_outlives_the_run(shop: Shop) -> None:
    """It is a dead letter, taken again at each start: the product may come whenever it likes."""
    shop.say(level(4, 1), b"{")
    with reading_shopify(shop) as first:
        until(lambda: first.taker.tally.messages == 2)
    assert [] == figures(shop)
    with reading_shopify(shop) as second:
        shop.say(PRODUCT)
        until(lambda: second.taker.tally.messages == 1)
    assert [("$shopify:::$default:::8", 4)] == figures(shop)
    letters = read(shop.kafka, f"{shop.inventory}.dlq")
    assert [level(4, 1), b"{"] == values(letters)


def test_a_level_is_no_longer_waited_for_once_its_item_is_known(shop: Shop) -> None:
    """Here another program has learned it: the next start makes a record of the letter."""
    shop.say(level(4, 1))
    with reading_shopify(shop) as first:
        until(lambda: first.taker.tally.messages == 1)
    (row,) = Rows(["erp"]).news("erp", [Learned("271878346596884015", "$custom:::$default:::8")])
    produce(shop.kafka.bootstrap_servers, shop.items, [row])
    with reading_shopify(shop) as second:
        assert 1 == second.taker.tally.records
    assert [("$custom:::$default:::8", 4)] == figures(shop)


def test_what_another_program_learns_meanwhile_is_told(shop: Shop) -> None:
    """Levels and products may come to different processes."""
    with reading_shopify(shop) as one:
        (row,) = Rows(["erp"]).news("erp", [Learned("271878346596884015", "v")])
        produce(shop.kafka.bootstrap_servers, shop.items, [row])

        def level_is_taken() -> bool:
            shop.say(level(4, 1))
            return one.taker.tally.records > 0

        until(level_is_taken)
    assert {("v", 4)} == set(figures(shop))


def test_one_level_of_many_may_wait(shop: Shop) -> None:
    """It is taken again although something else of its message is wrong, and comes first."""
    levels = b'{"inventory_levels": [{"inventory_item_id": 1, "location_id": 3}, %s]}' % level(4, 1)
    shop.say(levels)
    with reading_shopify(shop) as first:
        until(lambda: first.taker.tally.messages == 1)
    assert {"no_figure": 1, "unknown_item": 1} == dict(first.taker.tally.refusals)
    shop.say(PRODUCT)
    with reading_shopify(shop) as second:
        until(lambda: second.taker.tally.messages == 1)
    assert [("$shopify:::$default:::8", 4)] == figures(shop)


def test_letters_of_others_are_not_taken_again(shop: Shop) -> None:
    """Neither those of another group, nor those that were cut or wait for nothing."""
    mine = [("__connect.errors.connector.name", shop.group.encode())]
    reason = [("restock-dlq-reason", b"unknown_item")]
    letters = f"{shop.inventory}.dlq"
    for headers in (
        [*reason, ("__connect.errors.connector.name", b"other")],
        mine,
        [*mine, ("restock-dlq-reason", b"not_json")],
        [*mine, *reason, ("restock-dlq-truncated", b"true")],
    ):
        produce(shop.kafka.bootstrap_servers, letters, [(b"k", b"x")], headers=[*headers])
    produce(
        shop.kafka.bootstrap_servers, letters, [(b"k", b"x"), (b"k", None)],
        headers=[*mine, *reason, ("restock-dlq-timestamp", b"%d" % AT)],
    )  # fmt: skip
    seen: list[Message] = []

    class Source(MappingSource):
        @override
        def map(self, one: Message) -> Mapped:
            seen.append(one)
            return Mapped(refusals=(Refusal("unknown_item", "still"),))

    writer = Writer(shop.kafka)
    taker = Taker(Source(MAPPING), Written(writer, shop.inventory), lambda: CLOCK)
    assert 1 == take_again(shop.kafka, shop.inventory, shop.group, taker)
    writer.close()
    assert [(b"x", AT)] == [(one.body, one.arrived_at) for one in seen]
    assert 0 == taker.tally.messages


def test_a_topic_of_items_that_is_missing_is_named(shop: Shop) -> None:
    """With what to do; sources that learn nothing do not need it."""
    shop.items = "no-items"
    with pytest.raises(TopicMissing, match=r"no-items.*restock topics create"):
        shop.run("shopify", Wanted(topic=shop.inbox))
    shop.run("restock", Wanted(topic=shop.inbox, dry_run=True))


def test_what_was_learned_is_written_before_anything_is_marked_as_read(shop: Shop) -> None:
    """Where it cannot be written, the message will be read again."""

    def to_nowhere(writer: Writer) -> Taker:
        items = SharedItems(shop.kafka, "nowhere", "erp", writer.write)
        source = ShopifySource(ShopifySettings(), "erp")
        return Taker(source, Written(writer, shop.inventory), lambda: CLOCK, memory=items)

    shop.say(PRODUCT)
    with reading(shop, to_nowhere) as one:
        until(lambda: one.error is not None)
    assert isinstance(one.error, DeliveryFailed)
    group = shop.kafka.model_copy(update={"group_id": shop.group})
    assert {(shop.inbox, 0): -1001} == committed(group, [(shop.inbox, 0)])


def test_files_learn_for_others_too(shop: Shop, tmp_path: Path) -> None:
    """From them and for them; a dry run asks nobody."""
    product, figure = tmp_path / "product.json", tmp_path / "level.json"
    product.write_bytes(PRODUCT)
    figure.write_bytes(level(4, 1))
    shop.run("erp", Wanted([product], dry_run=True), erp={"kind": "shopify"})
    assert [] == read(shop.kafka, shop.items)
    shop.run("erp", Wanted([product]), erp={"kind": "shopify"})
    shop.run("erp", Wanted([figure]), erp={"kind": "shopify"})
    assert [("$shopify:::$default:::8", 4)] == figures(shop)
