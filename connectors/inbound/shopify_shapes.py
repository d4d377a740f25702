# SPDX-License-Identifier: Apache-2.0
"""Shapes of Shopify's webhooks and of its REST answers (https://shopify.dev/docs/api/webhooks).

Only what is looked at. A subscription may leave fields out (`include_fields`), so that nearly all
are optional; where null has a meaning of its own, what is left out is `UNSET`.
"""

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from connectors.inbound.webhook_reading import Amount, Id

__all__ = [
    "Image",
    "Level",
    "OnlyId",
    "Product",
    "Variant",
    "read_id",
    "read_level",
    "read_levels",
    "read_outline",
    "read_product",
    "read_products",
]


class OnlyId(msgspec.Struct, frozen=True, gc=False):
    """`products/delete`, `inventory_items/delete`, and members of lists of ids."""

    id: Id


class Level(msgspec.Struct, frozen=True, gc=False):
    """`inventory_levels/*`; a disconnected one has its two ids and nothing else.

    Attributes:
        available: what can be sold; null: the item is not tracked.
    """

    inventory_item_id: Id
    location_id: Id
    available: Amount | UnsetType | None = UNSET
    updated_at: str | None = None


class Image(msgspec.Struct, frozen=True, gc=False):
    """An image of a product."""

    id: Id | None = None
    src: str | None = None


class Variant(msgspec.Struct, frozen=True, gc=False):
    """A variant in a product.

    Attributes:
        inventory_management: null: nobody counts it, it can always be bought.
        inventory_quantity: the sum over all locations.
    """

    id: Id
    inventory_item_id: Id | None = None
    inventory_policy: str | None = None
    inventory_management: str | UnsetType | None = UNSET
    inventory_quantity: Amount | None = None
    updated_at: str | None = None
    title: str | None = None
    price: Amount | None = None
    image_id: Id | None = None


class _GlobalId(msgspec.Struct, frozen=True, gc=False):
    admin_graphql_api_id: str


class Product(msgspec.Struct, frozen=True, gc=False):
    """`products/create` and `products/update`.

    Attributes:
        variants: at most 100 of them.
        variant_ids: of all of them; of newer versions `variant_gids`.
    """

    id: Id
    variants: list[Variant] | None = None
    updated_at: str | None = None
    published_at: str | UnsetType | None = UNSET
    status: str | None = None
    title: str | None = None
    handle: str | None = None
    image: Image | None = None
    images: list[Image] | None = None
    variant_ids: list[OnlyId] | None = None
    variant_gids: list[_GlobalId] | None = None

    def all_variants(self) -> set[str] | None:
        """Ids of all its variants; None: not all of them are in the message."""
        if self.variants is None:
            return None
        ids = {str(variant.id) for variant in self.variants}
        if self.variant_gids is not None:
            ids.update(each.admin_graphql_api_id.rpartition("/")[2] for each in self.variant_gids)
        elif self.variant_ids is not None:
            ids.update(str(each.id) for each in self.variant_ids)
        elif len(self.variants) >= _MOST_VARIANTS:
            return None
        return ids


class _Levels(msgspec.Struct, frozen=True, gc=False):
    inventory_levels: list[Level]


class _Products(msgspec.Struct, frozen=True, gc=False):
    products: list[Product]


class _Outline(msgspec.Struct, frozen=True, gc=False):
    inventory_levels: msgspec.Raw | UnsetType = UNSET
    products: msgspec.Raw | UnsetType = UNSET
    inventory_item_id: msgspec.Raw | UnsetType = UNSET
    available: msgspec.Raw | UnsetType = UNSET
    variants: msgspec.Raw | UnsetType = UNSET


_MOST_VARIANTS: Final = 100

read_id: Final = msgspec.json.Decoder(OnlyId).decode
read_level: Final = msgspec.json.Decoder(Level).decode
read_levels: Final = msgspec.json.Decoder(_Levels).decode
read_product: Final = msgspec.json.Decoder(Product).decode
read_products: Final = msgspec.json.Decoder(_Products).decode
read_outline: Final = msgspec.json.Decoder(_Outline).decode
"""Which of its fields say what a message without a topic is."""
