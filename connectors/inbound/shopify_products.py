# SPDX-License-Identifier: Apache-2.0
"""What a product of Shopify says of each of its variants, as figures.

**When.** A message shows the whole product at one moment: the later of the product's `updated_at`
and the variant's. By the variant's alone, a variant that has not been touched for years would make
the unpublishing of its product look older than what is already known.

**By location**, `products/*` bring no figure but all the rest, as the figure 0 of a location that
no shop has, `products`. It adds nothing to the sum. It is not null, though that would add nothing
either: while a variant has no figure at all, whatever is older than its newest event is stale, so
that a new variant's first real figure, which mostly is a little older than its product, would be
lost. With the 0 in force, each location is compared with itself alone.
"""

from contextlib import suppress
from typing import Final, Literal

from msgspec import UNSET

from connectors.inbound.contract import Learned
from connectors.inbound.records import StockEvent, Unfit
from connectors.inbound.shopify_settings import ShopifySettings, shopify_variant
from connectors.inbound.shopify_shapes import Product, Variant
from connectors.inbound.shopify_stamps import Stamp, to_second
from connectors.inbound.webhook_reading import known_fields, moment, text_of_id, whole_units

__all__ = ["PRODUCTS", "ProductReader", "VariantReader", "learned_of"]

PRODUCTS: Final = "products"
"""The location of what products say; Shopify's own locations are numbers."""

_POLICIES: Final[dict[str, Literal["deny", "continue"]]] = {"deny": "deny", "continue": "continue"}
_ONLY_VARIANT: Final = "Default Title"


class ProductReader:
    """Reads products.

    Args:
        settings: of the shop.
    """

    def __init__(self, settings: ShopifySettings) -> None:
        self._by_location = settings.figures == "locations"
        self._storefront = (settings.storefront or "").rstrip("/")
        self._currency = settings.currency

    def of(self, product: Product, stamp: Stamp, arrived_at: int) -> "VariantReader":
        """Begin with a product, given the stamp of its message and when that came.

        Raises:
            Unfit: the product's id is unfit.
        """
        link = None
        if self._storefront and product.handle:
            link = f"{self._storefront}/products/{product.handle}?variant="
        shared = known_fields(
            {
                "product_id": text_of_id(product.id, "the product's id"),
                "title": product.title,
                "currency": self._currency,
            }
        )
        return VariantReader(
            product, stamp, arrived_at, shared, link, by_location=self._by_location
        )


class VariantReader:
    """Reads the variants of one product.

    Args:
        product: the product.
        stamp: what all its figures bear.
        arrived_at: when its message came.
        shared: fields that are the same for all its variants.
        link: to the product; a variant's id belongs behind it.
        by_location: whether figures come from elsewhere.
    """

    def __init__(
        self,
        product: Product,
        stamp: Stamp,
        arrived_at: int,
        shared: dict[str, str | int | float] | None,
        link: str | None,
        *,
        by_location: bool,
    ) -> None:
        self._stamp = stamp
        self._arrived_at = arrived_at
        self._shared = shared
        self._link = link
        self._by_location = by_location
        self._published = _published(product)
        self._image = product.image.src if product.image is not None else None
        self._images = {
            str(image.id): image.src for image in product.images or () if image.id is not None
        }

    def event_of(self, variant: Variant) -> StockEvent:
        """Make the figure of a variant.

        Raises:
            Unfit: an id, a time, the policy or the quantity is unfit, or there is no quantity.
        """
        stamp = self._stamp
        at = stamp.at
        if variant.updated_at is not None:
            own = moment(variant.updated_at, "a variant's updated_at", self._arrived_at)
            at = max(at, to_second(own))
        return StockEvent(
            variant_id=shopify_variant(text_of_id(variant.id, "a variant's id")),
            quantity=0 if self._by_location else _quantity(variant),
            occurred_at=at,
            location_id=PRODUCTS if self._by_location else None,
            sequence=stamp.sequence,
            policy=_policy(variant),
            published=self._published,
            product=self._product(variant),
            event_id=stamp.event_id,
            source=stamp.source,
        )

    def _product(self, variant: Variant) -> dict[str, str | int | float] | None:
        image = None if variant.image_id is None else self._images.get(str(variant.image_id))
        own = known_fields(
            {
                "variant_title": None if variant.title == _ONLY_VARIANT else variant.title,
                "url": f"{self._link}{variant.id}" if self._link else None,
                "image_url": image or self._image,
                "price": variant.price,
            }
        )
        return {**(self._shared or {}), **(own or {})} or None


def learned_of(product: Product, product_id: str) -> list[Learned]:
    """Return which inventory item is which variant."""
    learned = []
    for variant in product.variants or ():
        if variant.inventory_item_id is None:
            continue
        # What is unfit here has made its figure unfit, or names no level that could come.
        with suppress(Unfit):
            item_id = text_of_id(variant.inventory_item_id, "inventory_item_id")
            variant_id = shopify_variant(text_of_id(variant.id, "a variant's id"))
            learned.append(Learned(item_id, variant_id, product_id))
    return learned


def _published(product: Product) -> bool | None:
    """Whether the shop sells it; the scope is of no account, since both have the shop online."""
    if product.published_at is None:
        return False
    if product.status is not None:
        return product.status.lower() == "active"
    return None if product.published_at is UNSET else True


def _policy(variant: Variant) -> Literal["deny", "continue"] | None:
    if variant.inventory_management is None:
        # Not counted: it can be bought whatever its quantity.
        return "continue"
    if variant.inventory_policy is None:
        return None
    policy = _POLICIES.get(variant.inventory_policy.lower())
    if policy is None:
        raise Unfit("unknown_policy", "inventory_policy is neither deny nor continue")
    return policy


def _quantity(variant: Variant) -> int:
    if variant.inventory_quantity is None:
        # As null it would remove the figure that is known.
        raise Unfit("no_figure", "a variant has no inventory_quantity")
    return whole_units(variant.inventory_quantity, "inventory_quantity")
