# SPDX-License-Identifier: Apache-2.0
"""What the demo's shop sells, and how its platforms report the stock.

Every stock figure of the demo starts as a payload in a platform's own shape (`fixtures/`, with
invented values), in which only the figure and the time are replaced, and goes through the same
mapping as a real one (`restock.demo.feed`).
"""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.resources import files
from typing import Any

from restock.demo import feed
from restock.demo.feed import InventoryRecord, ProductVariant

__all__ = ["Course", "Item", "labels", "load_items"]

Course = str
"""How the sale of an item goes: ``drop``, ``threshold``, ``flapping``, ``scarce``, ``everyone``."""

_WAREHOUSE = 88100001
_STORE = 88100002
_IN_THE_WAREHOUSE = 0.6


@dataclass(frozen=True, slots=True)
class Item:
    """One variant for sale.

    Attributes:
        variant_id: The variant.
        label: Its name for people, at most 27 characters.
        share: How many of the people want it, as a weight.
        course: How its sale goes.
        report: Makes the inventory records that say that its stock is a quantity at a time
            (epoch milliseconds).
    """

    variant_id: str
    label: str
    share: int
    course: Course
    report: Callable[[int, int], list[InventoryRecord]]


def load_items() -> tuple[Item, ...]:
    """Return everything that is for sale, in the order of the table."""
    return (*_sneakers(), *_jackets(), *_consoles(), *_catalogue_items())


def _sneakers() -> list[Item]:
    """Shopify, one figure for each location."""
    product = _fixture("shopify_products_update_sneakers")
    level = _fixture("shopify_inventory_levels_update")
    variants = {variant.inventory_item_id: variant for variant in feed.product_variants(product)}

    def report(item_id: int, quantity: int, at: int) -> list[InventoryRecord]:
        stored = round(quantity * _IN_THE_WAREHOUSE)
        payloads = [
            {
                **level,
                "inventory_item_id": item_id,
                "location_id": location,
                "available": available,
                "updated_at": _local(at),
                "admin_graphql_api_id": f"gid://shopify/InventoryLevel/{location}"
                f"?inventory_item_id={item_id}",
            }
            for location, available in ((_WAREHOUSE, stored), (_STORE, quantity - stored))
        ]
        records = (feed.from_shopify_level(payload, variants) for payload in payloads)
        return [record for record in records if record is not None]

    return [
        Item(variant.variant_id, _label("Vela Runner 2", variant), share, "drop", _of(report, id_))
        for (id_, variant), share in zip(variants.items(), (9, 14, 12, 8), strict=True)
    ]


def _jackets() -> list[Item]:
    """Shopify, totals out of the product."""
    product = _fixture("shopify_products_update_jacket")

    def report(number: int, quantity: int, at: int) -> list[InventoryRecord]:
        payload = deepcopy(product)
        payload["updated_at"] = _local(at)
        variant = payload["variants"][number]
        variant["old_inventory_quantity"] = variant["inventory_quantity"]
        variant["inventory_quantity"] = quantity
        return [feed.from_shopify_product(payload)[number]]

    return [
        Item(variant.variant_id, _label("Fjell Storm Shell", variant), 8, "threshold", of)
        for number, variant in enumerate(feed.product_variants(product))
        for of in [_of(report, number)]
    ]


def _consoles() -> list[Item]:
    """BigCommerce, one total for each SKU; the names come from the shop's own catalogue."""
    payload_shape = _fixture("bigcommerce_sku_inventory_updated")
    products = {
        number: ProductVariant(
            variant_id=f"$bigcommerce:::$default:::{number}",
            inventory_item_id=0,
            quantity=0,
            product={
                "product_id": "312",
                "title": "Orbit One handheld console",
                "variant_title": size,
                "url": "https://shop.example.com/products/orbit-one",
                "price": price,
                "currency": "EUR",
            },
        )
        for number, size, price in ((704, "512 GB", 449), (705, "1 TB", 549))
    }

    def report(number: int, quantity: int, at: int) -> list[InventoryRecord]:
        payload = deepcopy(payload_shape)
        payload["data"]["inventory"] |= {"value": quantity, "variant_id": number}
        payload["hash"] = f"{number:08x}{quantity:016x}{at:016x}"
        payload["created_at"] = at // 1000
        record = feed.from_bigcommerce_sku(payload, products)
        return [] if record is None else [record]

    return [
        Item(variant.variant_id, _label("Orbit One", variant), share, "flapping", _of(report, id_))
        for (id_, variant), share in zip(products.items(), (12, 8), strict=True)
    ]


def _catalogue_items() -> list[Item]:
    """A feed of catalogue items, read now and then."""
    items = _fixture("klaviyo_catalog_items")

    def report(number: int, quantity: int, at: int) -> list[InventoryRecord]:
        return [feed.from_klaviyo_item({**items[number], "inventory_quantity": quantity}, at)]

    return [
        Item(
            variant_id=feed.from_klaviyo_item(item, 0)["variant_id"],
            label=item["title"],
            share=share,
            course=course,
            report=_of(report, number),
        )
        for number, (item, share, course) in enumerate(
            zip(items, (8, 7, 6), ("scarce", "everyone", "everyone"), strict=True)
        )
    ]


def _of(
    report: Callable[[int, int, int], list[InventoryRecord]], number: int
) -> Callable[[int, int], list[InventoryRecord]]:
    return partial(report, number)


def _label(title: str, variant: ProductVariant) -> str:
    return f"{title} {variant.product['variant_title']}"


def _local(at: int) -> str:
    """Write a time as Shopify does: whole seconds."""
    return datetime.fromtimestamp(at // 1000, UTC).isoformat()


def _fixture(name: str) -> Any:  # noqa: ANN401 - any JSON
    return json.loads(files("restock.demo").joinpath(f"fixtures/{name}.json").read_text("utf-8"))


def labels(items: tuple[Item, ...]) -> Mapping[str, str]:
    """Return the names of items by variant."""
    return {item.variant_id: item.label for item in items}
