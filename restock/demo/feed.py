# SPDX-License-Identifier: Apache-2.0
"""Platform payloads to inventory records: small pure functions, one for each shape.

A platform's payload says what its stock is in a form of its own. What restock reads
(docs/semantics.md section 1) is one absolute figure per record, with the time at which it was true.
A figure of one location and a total are different kinds, and a variant keeps to one of them: of a
product whose levels come location by location, only `product_variants` is used, for its names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.timestamps import format_timestamp

__all__ = [
    "ProductVariant",
    "from_bigcommerce_sku",
    "from_klaviyo_item",
    "from_shopify_level",
    "from_shopify_product",
    "product_variants",
]

Payload = Mapping[str, Any]
"""A JSON object as a platform sends it."""

InventoryRecord = dict[str, Any]
"""The value of a record on the inventory topic, before it is encoded."""


@dataclass(frozen=True, slots=True)
class ProductVariant:
    """What a catalogue knows of a variant, and a bare stock figure does not say.

    Attributes:
        variant_id: The variant in the form integration:::catalog:::external id.
        inventory_item_id: Under which Shopify reports its levels; 0 elsewhere.
        quantity: The total at the time of the payload.
        selling: The fields `policy` and `published` of its records.
        product: The product fields of its records.
    """

    variant_id: str
    inventory_item_id: int
    quantity: int
    selling: Mapping[str, Any] = field(default_factory=dict)
    product: Mapping[str, Any] = field(default_factory=dict)


def product_variants(payload: Payload) -> list[ProductVariant]:
    """Return the tracked variants of a Shopify ``products/update`` payload.

    Args:
        payload: The webhook's body. A variant without ``inventory_management`` has no stock figure
            worth the name and is left out.
    """
    published = payload["status"] == "active" and payload["published_at"] is not None
    return [
        ProductVariant(
            variant_id=f"$shopify:::$default:::{variant['id']}",
            inventory_item_id=variant["inventory_item_id"],
            quantity=variant["inventory_quantity"],
            selling={"policy": variant["inventory_policy"], "published": published},
            product={
                "product_id": str(payload["id"]),
                "title": payload["title"],
                "variant_title": variant["title"],
                "url": f"https://shop.example.com/products/{payload['handle']}",
                "image_url": payload["image"]["src"],
                "price": variant["price"],
            },
        )
        for variant in payload["variants"]
        if variant["inventory_management"] is not None
    ]


def from_shopify_product(payload: Payload) -> list[InventoryRecord]:
    """Return the totals of the variants in a Shopify ``products/update`` payload."""
    occurred_at = _utc(payload["updated_at"])
    return [
        {
            "variant_id": variant.variant_id,
            "quantity": variant.quantity,
            "occurred_at": occurred_at,
            **variant.selling,
            "product": dict(variant.product),
            "source": "shopify products/update",
        }
        for variant in product_variants(payload)
    ]


def from_shopify_level(
    payload: Payload, variants: Mapping[int, ProductVariant]
) -> InventoryRecord | None:
    """Return the figure of one location in a Shopify ``inventory_levels/update`` payload.

    Args:
        payload: The webhook's body. It names no variant.
        variants: The variants by ``inventory_item_id``; only ``products/update`` knows them.

    Returns:
        The record, or None when the item is unknown or its stock is not tracked.
    """
    variant = variants.get(payload["inventory_item_id"])
    if variant is None or payload["available"] is None:
        return None
    return {
        "variant_id": variant.variant_id,
        "quantity": payload["available"],
        "location_id": str(payload["location_id"]),
        "occurred_at": _utc(payload["updated_at"]),
        **variant.selling,
        "product": dict(variant.product),
        "source": "shopify inventory_levels/update",
    }


def from_bigcommerce_sku(
    payload: Payload, products: Mapping[int, ProductVariant]
) -> InventoryRecord | None:
    """Return the total in a BigCommerce ``store/sku/inventory/updated`` payload.

    Args:
        payload: The webhook's body.
        products: What is known of each variant, by BigCommerce's variant id.

    Returns:
        The record, or None when the value is a difference: that is no stock figure.
    """
    inventory = payload["data"]["inventory"]
    if inventory["method"] != "absolute":
        return None
    variant_id = inventory["variant_id"]
    known = products.get(variant_id)
    return {
        "variant_id": f"$bigcommerce:::$default:::{variant_id}",
        "quantity": inventory["value"],
        "occurred_at": format_timestamp(payload["created_at"] * 1000),
        "product": dict(known.product) if known else {"product_id": str(inventory["product_id"])},
        "event_id": payload["hash"],
        "source": f"bigcommerce {payload['scope']}",
    }


def from_klaviyo_item(item: Payload, fetched_at: int) -> InventoryRecord:
    """Return the total of one item of a Klaviyo catalogue feed.

    Args:
        item: The item. It says nothing of when it was true.
        fetched_at: When the feed was read, in epoch milliseconds: all there is.
    """
    return {
        "variant_id": f"$custom:::$default:::{item['id']}",
        "quantity": item["inventory_quantity"],
        "occurred_at": format_timestamp(fetched_at),
        "product": {
            "product_id": item["id"],
            "title": item["title"],
            "url": item["link"],
            "image_url": item["image_link"],
            "price": item["price"],
        },
        "source": "klaviyo catalog feed",
    }


def _utc(text: str) -> str:
    return format_timestamp(int(datetime.fromisoformat(text).timestamp() * 1000))
