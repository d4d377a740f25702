# SPDX-License-Identifier: Apache-2.0
"""What levels and products of Shopify come to, given what was learned before.

Shopify speaks of stock by inventory item and location, and of variants by product; the join comes
from products, and from a file.

**Deleted** variants lose all figures: by `products/delete`, by `inventory_items/delete`, and when
they are missing in a later message of their product. `products/delete` has only the product's id,
so its variants must have been learned.

**Learned** is what every message of a product says, also where it was known: what could not be kept
is learned again when the message is repeated. So are removals: a message whose records could not be
written comes again, and takes away again what it took away.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from connectors.inbound.contract import Learned, Mapped, Message
from connectors.inbound.held import MOST_HELD, HeldFigures
from connectors.inbound.records import StockEvent, Unfit
from connectors.inbound.shopify_items import Items, Removals
from connectors.inbound.shopify_products import ProductReader, learned_of
from connectors.inbound.shopify_settings import ShopifySettings, shopify_variant
from connectors.inbound.shopify_shapes import Level, OnlyId, Product
from connectors.inbound.shopify_stamps import Stamp, stamp_of
from connectors.inbound.webhook_reading import text_of_id
from connectors.inbound.webhook_source import gather, mapped, together

__all__ = ["ShopifyStock"]

_MOST_REMOVALS: Final = 10_000
_IGNORED_LEVEL: Final = Mapped(ignored="levels")
_GONE: Final = Mapped(ignored="gone_item")


class ShopifyStock:
    """Turns what Shopify says into records.

    Args:
        settings: of the shop.
        source: name of the source, for the records.
    """

    def __init__(self, settings: ShopifySettings, source: str) -> None:
        self._by_location = settings.figures == "locations"
        self._source = source
        self._products = ProductReader(settings)
        self._items = Items()
        self._held = HeldFigures(MOST_HELD)
        self._removals = Removals(_MOST_REMOVALS)

    def learn(self, learned: Learned) -> bool:
        """Take in which item is which variant.

        Returns:
            Whether figures wait for that.
        """
        self._items.learn(learned)
        if learned.variant_id is None:
            self._held.forget(learned.item_id)
        return learned.item_id in self._held

    def released(self, item_ids: Iterable[str]) -> Mapped:
        """Make records of the figures that waited for items, where these are known now."""
        known = [(item_id, self._items.variant_of(item_id)) for item_id in item_ids]
        return gather(
            [each for item, v in known if v is not None for each in self._held.of(item, v)],
            _unchanged,
        )

    def level(self, message: Message, level: Level, quantity: int | None) -> Mapped:
        """Take a figure of a location.

        Args:
            message: that it is in.
            level: which item and which location.
            quantity: None: there is none any more, or the item is not tracked.

        Raises:
            Unfit: its item is not known, or something of it is unfit.
        """
        if not self._by_location:
            return _IGNORED_LEVEL
        item_id = text_of_id(level.inventory_item_id, "inventory_item_id")
        location_id = text_of_id(level.location_id, "location_id")
        variant_id = self._items.variant_of(item_id)
        stamp = stamp_of(message, level.updated_at, self._source)
        figure = stamp.figure(variant_id or "", location_id, quantity)
        if variant_id is not None:
            self._held.forget(item_id, location_id)
            return mapped(figure)
        # An older message may have taken it for gone; then a newer one of its product names it.
        self._held.hold(item_id, figure)
        if self._items.knows(item_id):
            return _GONE
        raise Unfit(
            "unknown_item",
            f"inventory item {item_id} is of no product seen so far; its figure waits for one",
        )

    def product(self, message: Message, product: Product) -> Mapped:
        """Take a product with its variants.

        Raises:
            Unfit: its id or its time is unfit.
        """
        stamp = stamp_of(message, product.updated_at, self._source)
        product_id = text_of_id(product.id, "the product's id")
        reader = self._products.of(product, stamp, message.arrived_at)
        variants, present = product.variants or (), product.all_variants()
        if not self._items.note(product_id, stamp.key, present):
            # What an older message knows of may be gone since.
            still = [each for each in variants if self._items.may_have(product_id, str(each.id))]
            again = self._remove(product_id, (), stamp)
            return together([gather(still, reader.event_of), again])
        found = gather(variants, reader.event_of)
        removals = self._remove(product_id, self._vanished(product_id, present), stamp)
        learned = learned_of(product, product_id)
        waiting = [each.item_id for each in learned if self.learn(each)]
        said = together([found, removals, self.released(waiting)])
        return replace(said, learned=(*learned, *said.learned))

    def deleted_product(self, message: Message, deleted: OnlyId) -> Mapped:
        """Take the deletion of a product.

        Raises:
            Unfit: its variants are not known.
        """
        product_id = text_of_id(deleted.id, "the product's id")
        stamp = stamp_of(message, None, self._source)
        self._items.note(product_id, stamp.key, frozenset())
        if not self._items.knows_product(product_id):
            raise Unfit("unknown_product", f"product {product_id} is deleted, its variants unknown")
        found = self._remove(product_id, self._items.gone(product_id), stamp)
        return found if found.learned else _GONE

    def deleted_item(self, message: Message, deleted: OnlyId) -> Mapped:
        """Take the deletion of an inventory item, and so of its variant.

        Raises:
            Unfit: the item's id is unfit.
        """
        item_id = text_of_id(deleted.id, "the item's id")
        found = self._remove(
            item_id, [Learned(item_id, None)], stamp_of(message, None, self._source)
        )
        return found if found.records else replace(_GONE, learned=found.learned)

    def _vanished(self, product_id: str, present: Iterable[str] | None) -> list[Learned]:
        if present is None:
            return []
        return self._items.gone(product_id, map(shopify_variant, present))

    def _remove(self, subject: str, gone: Iterable[Learned], stamp: Stamp) -> Mapped:
        """Take away what is gone, and what this very message has taken away before."""
        variants = {each: self._items.variant_of(each.item_id) for each in gone}
        for each in variants:
            self.learn(each)
        taken = self._removals.add(
            (subject, stamp.key),
            {each: variant for each, variant in variants.items() if variant is not None},
        )
        # What a newer message has named again in the meantime stays.
        still = {
            each: variant
            for each, variant in taken.items()
            if self._items.variant_of(each.item_id) is None
        }
        removed = gather(still.values(), lambda variant: stamp.figure(variant, None, None))
        return replace(removed, learned=tuple(variants | still))


def _unchanged(event: StockEvent) -> StockEvent:
    return event
