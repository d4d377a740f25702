# SPDX-License-Identifier: Apache-2.0
"""The source `bigcommerce`: inventory hooks.

Their shapes: https://developer.bigcommerce.com/docs/integrations/webhooks

`created_at` has seconds and hooks have no number, so two figures of one second are in the order in
which they come. Hooks are not signed: a header with a secret, set when the hook is made, shows who
sends them.

**Repeats** are told by the hook's hash, together with its second and the body: the hash alone is
that of the content, the same whenever a variant has the same figure again.

**Products.** A hook of a product has the product's id, while people wait for variants. It is taken
only where a file says which variant a product without options is (`items`), or where variants of
such products go by the product's id (`products`).

**Relative** values are refused unless `relative = "add"`; see `bigcommerce_changes` for what is
safe about that.
"""

import re
from hashlib import blake2b
from pathlib import Path
from typing import Final, Literal

import msgspec
from pydantic import Field
from typing_extensions import override

from connectors.inbound.bigcommerce_changes import Change, Changes, Figure
from connectors.inbound.contract import Learned, Mapped, Message
from connectors.inbound.records import StockEvent, Unfit, variant_id_of
from connectors.inbound.webhook_joins import read_join
from connectors.inbound.webhook_reading import (
    Amount,
    Id,
    moment,
    read_body,
    short_text,
    text_of_id,
    whole_units,
)
from connectors.inbound.webhook_source import LearningSource, SharedSecretSettings, mapped

__all__ = ["BigCommerceSettings", "BigCommerceSource", "bigcommerce_variant"]

_SCOPES: Final = frozenset(
    f"store/{subject}/inventory/{event}"
    for subject in ("sku", "product")
    for event in ("updated", "order/updated")
)
_IDS_ONLY: Final = re.compile(r"store/channel/[^/]+/inventory/product/stock_changed")
_OTHER_TOPIC: Final = Mapped(ignored="other_topic")


class BigCommerceSettings(SharedSecretSettings):
    """A shop at BigCommerce: an `[ingest.NAME]` table of this kind.

    Attributes:
        kind: Always `"bigcommerce"`.
        products: What a hook of a product without options is: `"refuse"`: nothing, unless `items`
            knows its variant; `"id"`: the variant by the product's id.
        items: A file of which product without options is which variant: CSV or JSON lines with
            `product_id` and `variant_id`.
        relative: What becomes of relative values: `"refuse"`, or `"add"`: they are added to the
            last absolute figure. That needs every hook to come to one process.
    """

    kind: Literal["bigcommerce"] = "bigcommerce"
    products: Literal["refuse", "id"] = "refuse"
    items: Path | None = Field(default=None, strict=False)
    relative: Literal["refuse", "add"] = "refuse"

    def read_items(self) -> list[Learned]:
        """Read the file that says which product is which variant; none: there is none.

        Raises:
            InboundError: it cannot be read, or a line of it is wrong.
        """
        return read_join(self.items, "product_id", bigcommerce_variant) if self.items else []


class _Inventory(msgspec.Struct, frozen=True, gc=False):
    value: Amount
    method: str | None = None
    product_id: Id | None = None
    variant_id: Id | None = None


class _Data(msgspec.Struct, frozen=True, gc=False):
    inventory: _Inventory | None = None
    id: Id | None = None


class _Hook(msgspec.Struct, frozen=True, gc=False):
    scope: str
    data: _Data
    created_at: int
    hash: str | None = None


class _Head(msgspec.Struct, frozen=True, gc=False):
    scope: str
    hash: str | None = None
    created_at: int | None = None


_read_hook: Final = msgspec.json.Decoder(_Hook).decode
_read_head: Final = msgspec.json.Decoder(_Head).decode


class BigCommerceSource(LearningSource):
    """Reads the hooks of a shop.

    Args:
        settings: of the shop.
        name: of its table.
    """

    def __init__(self, settings: BigCommerceSettings, name: str) -> None:
        super().__init__(settings.kind, name, settings)
        self._by_product = settings.products == "id"
        self._changes = Changes() if settings.relative == "add" else None

    @override
    def event_id(self, message: Message) -> str | None:
        """Return the hook's hash, its second and a digest of the body; None: it has no hash."""
        try:
            head = read_body(_read_head, message.body)
        except Unfit:
            return None
        identifier = short_text(head.hash)
        if identifier is None:
            return None
        digest = blake2b(message.body, digest_size=16).hexdigest()
        return f"{identifier}:{head.created_at}:{digest}"

    @override
    def _map(self, message: Message) -> Mapped:
        try:
            hook = read_body(_read_hook, message.body)
        except Unfit:
            # Hooks of other things have other shapes.
            head = read_body(_read_head, message.body)
            if head.scope in _SCOPES:
                raise
            return _without_figure(head.scope)
        if hook.scope not in _SCOPES or hook.data.inventory is None:
            return _without_figure(hook.scope)
        return self._map_inventory(message, hook, hook.data.inventory)

    def _map_inventory(self, message: Message, hook: _Hook, inventory: _Inventory) -> Mapped:
        variant_id = self._variant_of(hook, inventory)
        value = whole_units(inventory.value, "value")
        moment(hook.created_at * 1000, "created_at", message.arrived_at)
        if inventory.method == "relative":
            figure = self._added(variant_id, Change(value, hook.created_at, hook.hash))
        elif inventory.method == "absolute":
            figure = self._set(variant_id, value, hook.created_at)
        else:
            raise Unfit("unknown_method", "method is neither absolute nor relative")
        return mapped(
            StockEvent(
                variant_id=variant_id,
                quantity=figure.quantity,
                occurred_at=figure.second * 1000,
                sequence=figure.sequence,
                event_id=short_text(hook.hash),
                source=self._source,
            )
        )

    def _set(self, variant_id: str, value: int, second: int) -> Figure:
        if self._changes is None:
            return Figure(value, second, 0)
        return self._changes.set(variant_id, value, second)

    def _added(self, variant_id: str, change: Change) -> Figure:
        if self._changes is None:
            raise Unfit("relative", "a relative value is no figure; see the setting relative")
        return self._changes.add(variant_id, change)

    def _variant_of(self, hook: _Hook, inventory: _Inventory) -> str:
        if inventory.variant_id is not None:
            return bigcommerce_variant(text_of_id(inventory.variant_id, "variant_id"))
        # The id of a hook of a SKU is the SKU's, never the variant's.
        if inventory.product_id is None or not hook.scope.startswith("store/product/"):
            raise Unfit("no_variant", "the hook names no variant")
        product_id = text_of_id(inventory.product_id, "product_id")
        known = self._variants.get(product_id)
        if known is not None:
            return known
        if self._by_product:
            return bigcommerce_variant(product_id)
        raise Unfit("no_variant", "a hook of a product; see the settings items and products")


def bigcommerce_variant(external_id: str) -> str:
    """Return our id of one of BigCommerce's variants."""
    return variant_id_of("$bigcommerce", external_id)


def _without_figure(scope: str) -> Mapped:
    if _IDS_ONLY.fullmatch(scope):
        raise Unfit("must_be_fetched", "the hook has ids only; the figure must be fetched")
    if scope in _SCOPES:
        raise Unfit("no_figure", "an inventory hook without the inventory that it is about")
    return _OTHER_TOPIC
