# SPDX-License-Identifier: Apache-2.0
"""Settings of the source `shopify`."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from connectors.inbound.contract import Learned
from connectors.inbound.records import variant_id_of
from connectors.inbound.webhook_joins import read_join
from connectors.inbound.webhook_secrets import Secret
from connectors.inbound.webhook_source import HookSettings

__all__ = ["ShopifySettings", "shopify_variant"]


class ShopifySettings(HookSettings):
    """A shop at Shopify: an `[ingest.NAME]` table of this kind.

    Attributes:
        kind: Always `"shopify"`.
        secrets: What Shopify signs webhooks with: the app's client secret, or the one shown under
            Notifications; two while one is replaced by the other. Without any, everybody may send.
        shop: The shop's own domain (`example.myshopify.com`): webhooks of other shops are refused.
            None: all are taken.
        figures: `"locations"`: figures come from `inventory_levels/*`, for each location, and
            `products/*` bring the rest; subscribe to both. `"totals"`: `products/*` bring
            everything, with the sum over all locations. A change of this setting takes effect for
            a variant only when its figures were removed.
        items: A file of which inventory item is which variant, for items whose product has not
            changed since: CSV or JSON lines with `inventory_item_id`, `variant_id` and, if known,
            `product_id`.
        storefront: Where the shop sells (`https://example.com`), for links to products. None:
            records have no links.
        currency: Of the prices, such as `"EUR"`.
    """

    kind: Literal["shopify"] = "shopify"
    secrets: list[Secret] = Field(default_factory=list)
    shop: str | None = Field(default=None, min_length=1)
    figures: Literal["locations", "totals"] = "locations"
    items: Path | None = Field(default=None, strict=False)
    storefront: str | None = Field(default=None, pattern=r"^https?://\S+$")
    currency: str | None = Field(default=None, min_length=1)

    def read_items(self) -> list[Learned]:
        """Read the file that says which item is which variant; none: there is none.

        Raises:
            InboundError: it cannot be read, or a line of it is wrong.
        """
        return read_join(self.items, "inventory_item_id", shopify_variant) if self.items else []


def shopify_variant(external_id: str) -> str:
    """Return our id of one of Shopify's variants."""
    return variant_id_of("$shopify", external_id)
