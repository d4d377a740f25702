# SPDX-License-Identifier: Apache-2.0
"""Platform payloads become inventory records that the contract accepts."""

import json
from importlib.resources import files
from typing import Any

import orjson
import pytest

from restock.demo import feed
from restock.demo.catalogue import Item, load_items
from schemas.decode import decode_inventory
from schemas.timestamps import parse_timestamp

AT = 1_795_168_805_600


def payload(name: str) -> Any:  # noqa: ANN401 - any JSON
    """A platform's payload as it stands in the fixtures."""
    return json.loads(files("restock.demo").joinpath(f"fixtures/{name}.json").read_text("utf-8"))


def test_a_shopify_level_is_the_figure_of_a_location() -> None:
    """Location and time come from the level, names and policy from the product it belongs to."""
    known = feed.product_variants(payload("shopify_products_update_sneakers"))
    by_item = {variant.inventory_item_id: variant for variant in known}
    record = feed.from_shopify_level(payload("shopify_inventory_levels_update"), by_item)
    assert record is not None
    assert "$shopify:::$default:::44100100041" == record["variant_id"]
    assert (12, "88100001", "deny", True) == (
        record["quantity"], record["location_id"], record["policy"], record["published"],
    )  # fmt: skip
    assert "2026-11-20T09:00:00.000Z" == record["occurred_at"]
    assert "EU 41" == record["product"]["variant_title"]


@pytest.mark.parametrize("change", [{"available": None}, {"inventory_item_id": 1}])
def test_a_shopify_level_that_says_nothing_is_left_out(change: dict[str, Any]) -> None:
    """Stock that is not tracked and items that nobody knows give no record."""
    known = feed.product_variants(payload("shopify_products_update_sneakers"))
    by_item = {variant.inventory_item_id: variant for variant in known}
    level = payload("shopify_inventory_levels_update") | change
    assert feed.from_shopify_level(level, by_item) is None


def test_a_shopify_product_gives_totals() -> None:
    """Each variant has one total, without a location."""
    product = payload("shopify_products_update_jacket")
    product["variants"][1]["inventory_quantity"] = 9
    records = feed.from_shopify_product(product)
    assert [0, 9] == [record["quantity"] for record in records]
    assert all("location_id" not in record for record in records)


def test_an_untracked_shopify_variant_is_left_out() -> None:
    """A variant without inventory management has no figure worth the name."""
    product = payload("shopify_products_update_jacket")
    product["variants"][0]["inventory_management"] = None
    assert ["$shopify:::$default:::44100200002"] == [
        record["variant_id"] for record in feed.from_shopify_product(product)
    ]


@pytest.mark.parametrize("change", [{"status": "draft"}, {"published_at": None}])
def test_a_hidden_shopify_product_is_not_published(change: dict[str, Any]) -> None:
    """A draft, and a product that is not on sale, offer nothing."""
    product = payload("shopify_products_update_jacket") | change
    assert [False, False] == [item["published"] for item in feed.from_shopify_product(product)]


def test_a_bigcommerce_figure_is_a_total() -> None:
    """Seconds become milliseconds, and the hash is kept for tracing."""
    webhook = payload("bigcommerce_sku_inventory_updated")
    record = feed.from_bigcommerce_sku(webhook, {})
    assert record is not None
    assert ("$bigcommerce:::$default:::704", 30) == (record["variant_id"], record["quantity"])
    assert webhook["created_at"] * 1000 == parse_timestamp(record["occurred_at"])
    assert webhook["hash"] == record["event_id"]


def test_a_bigcommerce_difference_is_no_figure() -> None:
    """A relative value must never be taken for a total."""
    webhook = payload("bigcommerce_sku_inventory_updated")
    webhook["data"]["inventory"]["method"] = "relative"
    assert feed.from_bigcommerce_sku(webhook, {}) is None


def test_a_klaviyo_item_is_dated_by_when_it_was_read() -> None:
    """A feed does not say when its figures were true."""
    record = feed.from_klaviyo_item(payload("klaviyo_catalog_items")[0], AT)
    assert AT == parse_timestamp(record["occurred_at"])
    assert ("$custom:::$default:::NF-LP-SIGNED", 25) == (record["variant_id"], record["quantity"])


@pytest.mark.parametrize("item", load_items(), ids=lambda item: item.label)
@pytest.mark.parametrize("quantity", [0, 1, 37])
def test_what_an_item_reports_adds_up(item: Item, quantity: int) -> None:
    """The records of an item are valid, of one kind, and their figures add up to its stock."""
    events = [
        decode_inventory(orjson.dumps(record), AT + 1) for record in item.report(quantity, AT)
    ]
    assert {item.variant_id} == {event.variant_id for event in events}
    assert quantity == sum(event.quantity or 0 for event in events)
    assert 1 == len({event.location_id is None for event in events})
    assert all(AT - 1000 < event.occurred_at <= AT for event in events)
