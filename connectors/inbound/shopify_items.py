# SPDX-License-Identifier: Apache-2.0
"""Which of Shopify's inventory items is which variant, and what its messages have taken away."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from connectors.inbound.contract import Learned

__all__ = ["Items", "Removals"]

Key = tuple[int, int]
"""When something was true: epoch milliseconds and tie-break."""

Cause = tuple[str, Key]
"""What a message is about, and when it was true: the same whenever it comes."""


class Removals:
    """Which variants a message has taken away.

    When its records could not be written it comes again, and must say the same: what it took away
    is known no more by then.

    Args:
        most: so many messages are kept at most, the last ones.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._causes: OrderedDict[Cause, dict[Learned, str]] = OrderedDict()

    def add(self, cause: Cause, gone: Mapping[Learned, str]) -> Mapping[Learned, str]:
        """Keep what a message takes away, and return all that it has ever taken away.

        Args:
            cause: the message.
            gone: what is to be learned, and the variant that is no more.
        """
        if gone:
            self._causes[cause] = self._causes.get(cause, {}) | dict(gone)
            if len(self._causes) > self._most:
                self._causes.popitem(last=False)
        return self._causes.get(cause, {})


class Items:
    """Which item is which variant, and which items a product has."""

    def __init__(self) -> None:
        self._variants: dict[str, str | None] = {}
        self._products: dict[str, dict[str, str]] = {}
        self._newest: dict[str, tuple[Key, AbstractSet[str] | None]] = {}

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

    def note(self, product_id: str, key: Key, present: AbstractSet[str] | None) -> bool:
        """Note which variants a product has, unless something later is known of it.

        Args:
            product_id: of the platform.
            key: when that was so.
            present: ids of variants, the platform's; None: there may be others.

        Returns:
            Whether nothing later is known.
        """
        before = self._newest.get(product_id)
        if before is not None and key < before[0]:
            return False
        self._newest[product_id] = key, present
        return True

    def may_have(self, product_id: str, external_id: str) -> bool:
        """Say whether the product still has a variant, by the latest that is known of it."""
        _, present = self._newest.get(product_id, (None, None))
        return present is None or external_id in present

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
