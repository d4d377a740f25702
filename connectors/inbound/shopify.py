# SPDX-License-Identifier: Apache-2.0
"""The source `shopify`: webhooks of stock and of products.

What a webhook is stands in `X-Shopify-Topic`, in a file in its shape; there also REST's lists of
levels and of products are read. What follows from it is in `shopify_stock`.

**Times** are those of the payload. What has none in it, as what was disconnected or deleted, is as
of when its webhook was triggered, and in a file as of its arrival; see `shopify_stamps`.

**Repeats** are told by `X-Shopify-Event-Id`, topic and body together: one event of a shop has
several webhooks, all with the same id.
"""

import base64
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from msgspec import UNSET
from typing_extensions import override

from connectors.inbound.contract import Learned, Mapped, Message
from connectors.inbound.records import Unfit
from connectors.inbound.shopify_settings import ShopifySettings
from connectors.inbound.shopify_shapes import (
    Level,
    read_id,
    read_level,
    read_levels,
    read_outline,
    read_product,
    read_products,
)
from connectors.inbound.shopify_stock import ShopifyStock
from connectors.inbound.webhook_reading import read_body, whole_units
from connectors.inbound.webhook_secrets import HmacSecrets
from connectors.inbound.webhook_source import WebhookSource, each_of, together

__all__ = ["ShopifySource"]

_Read = Callable[[Message], Mapped]

_OTHER_TOPIC: Final = Mapped(ignored="other_topic")


class ShopifySource(WebhookSource):
    """Reads the webhooks of a shop.

    Args:
        settings: of the shop.
        name: of its table.
    """

    def __init__(self, settings: ShopifySettings, name: str) -> None:
        super().__init__(settings.kind, name)
        self._secrets = HmacSecrets(settings.secrets) if settings.secrets else None
        self._shop = settings.shop.lower() if settings.shop else None
        self._stock = ShopifyStock(settings, self._source)
        self._due: list[str] = []
        self._topics: dict[str, _Read] = {
            "inventory_levels/update": self._map_level,
            "inventory_levels/connect": self._map_level,
            "inventory_levels/disconnect": self._map_disconnected,
            "products/create": self._map_product,
            "products/update": self._map_product,
            "products/delete": self._map_deleted_product,
            "inventory_items/delete": self._map_deleted_item,
        }

    @override
    def event_id(self, message: Message) -> str | None:
        """Return the event's id, the topic and a digest of the body."""
        event_id = message.headers.get("x-shopify-event-id")
        if not event_id:
            return None
        topic = message.headers.get("x-shopify-topic", "").lower()
        return f"{event_id}:{topic}:{blake2b(message.body, digest_size=16).hexdigest()}"

    @override
    def map(self, message: Message) -> Mapped:
        """Turn the message into records, behind those that waited for what was learned."""
        due, self._due = self._due, []
        released = self._stock.released(due) if due else None
        found = super().map(message)
        return found if released is None else together([released, found])

    @override
    def learn(self, learned: Learned) -> None:
        """Take in which item is which variant; what waits for it comes with the next message."""
        if self._stock.learn(learned):
            self._due.append(learned.item_id)

    @override
    def _is_proven(self, message: Message) -> bool:
        if self._secrets is None:
            return True
        try:
            signature = base64.b64decode(message.headers.get("x-shopify-hmac-sha256", ""))
        except ValueError:
            return False
        return self._secrets.signed(message.body, signature)

    @override
    def _map(self, message: Message) -> Mapped:
        topic = message.headers.get("x-shopify-topic")
        if topic is None:
            return self._map_by_shape(message)
        if self._shop and message.headers.get("x-shopify-shop-domain", "").lower() != self._shop:
            raise Unfit("other_shop", "X-Shopify-Shop-Domain is not the shop of the settings")
        read = self._topics.get(topic.lower())
        return _OTHER_TOPIC if read is None else read(message)

    def _map_by_shape(self, message: Message) -> Mapped:
        outline = read_body(read_outline, message.body)
        if outline.inventory_levels is not UNSET:
            levels = read_body(read_levels, message.body).inventory_levels
            return each_of(levels, lambda level: self._level(message, level))
        if outline.products is not UNSET:
            products = read_body(read_products, message.body).products
            return each_of(products, lambda product: self._stock.product(message, product))
        if outline.inventory_item_id is not UNSET:
            gone = outline.available is UNSET
            return self._map_disconnected(message) if gone else self._map_level(message)
        if outline.variants is not UNSET:
            return self._map_product(message)
        raise Unfit("unknown_topic", "there is no X-Shopify-Topic, nor does the shape tell")

    def _map_level(self, message: Message) -> Mapped:
        return self._level(message, read_body(read_level, message.body))

    def _level(self, message: Message, level: Level) -> Mapped:
        available = level.available
        if available is UNSET:
            raise Unfit("no_figure", "a level says nothing of what is available")
        quantity = None if available is None else whole_units(available, "available")
        return self._stock.level(message, level, quantity)

    def _map_disconnected(self, message: Message) -> Mapped:
        return self._stock.level(message, read_body(read_level, message.body), None)

    def _map_product(self, message: Message) -> Mapped:
        return self._stock.product(message, read_body(read_product, message.body))

    def _map_deleted_product(self, message: Message) -> Mapped:
        return self._stock.deleted_product(message, read_body(read_id, message.body))

    def _map_deleted_item(self, message: Message) -> Mapped:
        return self._stock.deleted_item(message, read_body(read_id, message.body))
