# SPDX-License-Identifier: Apache-2.0
"""Which of Shopify's inventory items is which variant, and figures of items that nobody knows yet.

Shopify speaks of stock by inventory item, and says only in a product which variant that is. A
figure of an item that no product has named so far is kept, the newest of each location, until one
does. It is given out with every message that names the item, until a newer one has come in the
usual way: so nothing is lost when the records of one such message could not be written. What is
kept is lost when the process ends; the message was refused then, and is a dead letter.
"""

from collections import OrderedDict
from collections.abc import Iterable

import msgspec

from connectors.inbound.contract import Learned
from connectors.inbound.records import StockEvent
from connectors.inbound.shopify_stamps import Stamp

__all__ = ["HeldLevels", "Items", "PlacedLevel"]


class PlacedLevel(msgspec.Struct, frozen=True, gc=False):
    """A figure of a location.

    Attributes:
        quantity: None: the location has none any more.
        stamp: when it was true.
    """

    location_id: str
    quantity: int | None
    stamp: Stamp

    def event(self, variant_id: str) -> StockEvent:
        """Make it the figure of a variant."""
        stamp = self.stamp
        return StockEvent(
            variant_id=variant_id,
            quantity=self.quantity,
            occurred_at=stamp.at,
            location_id=self.location_id,
            sequence=stamp.sequence,
            event_id=stamp.event_id,
            source=stamp.source,
        )

    def is_newer(self, other: "PlacedLevel") -> bool:
        """Say whether it was true after the other."""
        return (self.stamp.at, self.stamp.sequence) > (other.stamp.at, other.stamp.sequence)


class HeldLevels:
    """Figures of items that nobody knows yet.

    Args:
        most: how many at most; of more, the items that were first in line are forgotten.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._items: OrderedDict[str, dict[str, PlacedLevel]] = OrderedDict()

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._items

    def hold(self, item_id: str, level: PlacedLevel) -> None:
        """Keep a figure, unless a newer one of its location is kept."""
        levels = self._items.setdefault(item_id, {})
        before = levels.get(level.location_id)
        if before is not None and before.is_newer(level):
            return
        levels[level.location_id] = level
        self._count += before is None
        while self._count > self._most:
            _, dropped = self._items.popitem(last=False)
            self._count -= len(dropped)

    def of(self, item_id: str) -> list[PlacedLevel]:
        """The figures of an item that is known now; it is the first to be forgotten from here."""
        if item_id not in self._items:
            return []
        self._items.move_to_end(item_id, last=False)
        return list(self._items[item_id].values())

    def forget(self, item_id: str, location_id: str | None = None) -> None:
        """Forget the figure of a location, or all of an item."""
        levels = self._items.get(item_id)
        if levels is None:
            return
        self._count -= len(levels)
        if location_id is not None:
            levels.pop(location_id, None)
            self._count += len(levels)
        if location_id is None or not levels:
            del self._items[item_id]


class Items:
    """Which item is which variant, and which items a product has."""

    def __init__(self) -> None:
        self._variants: dict[str, str | None] = {}
        self._products: dict[str, dict[str, str]] = {}
        self._newest: dict[str, int] = {}

    def knows(self, item_id: str) -> bool:
        """Say whether the item is a variant, or was one."""
        return item_id in self._variants

    def variant_of(self, item_id: str) -> str | None:
        """The variant's id; None: the item is no more, or not known."""
        return self._variants.get(item_id)

    def knows_product(self, product_id: str) -> bool:
        """Say whether the product has variants, or had some."""
        return product_id in self._products

    def of_product(self, product_id: str) -> dict[str, str]:
        """The variants of a product, by item."""
        return dict(self._products.get(product_id, {}))

    def is_newest(self, product_id: str, at: int) -> bool:
        """Say whether nothing later is known of a product, and note that it is as of now.

        Args:
            product_id: of the platform.
            at: when the message was true, in epoch milliseconds.
        """
        if at < self._newest.get(product_id, at):
            return False
        self._newest[product_id] = at
        return True

    def learn(self, learned: Learned) -> None:
        """Take in which item is which variant, or that it is none any more."""
        self._variants[learned.item_id] = learned.variant_id
        if learned.product_id is None:
            return
        items = self._products.setdefault(learned.product_id, {})
        if learned.variant_id is None:
            items.pop(learned.item_id, None)
        else:
            items[learned.item_id] = learned.variant_id

    def gone(self, product_id: str, present: Iterable[str] = ()) -> list[Learned]:
        """What must be learned so that a product has no variants but those that are present.

        Args:
            product_id: of the platform.
            present: ids of variants, ours.
        """
        stays = set(present)
        return [
            Learned(item_id, None, product_id)
            for item_id, variant_id in self.of_product(product_id).items()
            if variant_id not in stays
        ]
