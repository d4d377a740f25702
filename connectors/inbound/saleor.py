# SPDX-License-Identifier: Apache-2.0
"""The source `saleor`: `ProductVariantStockUpdated` and `ProductVariantDeleted`.

A subscription says what a webhook holds. This one gives all that is read::

    subscription { event { __typename issuedAt
      ... on ProductVariantStockUpdated { productVariant {
        id sku name trackInventory product { id name }
        stocks { quantity quantityAllocated warehouse { id } } } }
      ... on ProductVariantDeleted { productVariant { id sku } } } }

**Figures** are `quantity` less `quantityAllocated`, what is ordered but not yet sent, of each
warehouse; without the allocations they would offer what is sold, and are refused. What is reserved
by checkouts is not taken off, since nothing is told when it is free again. A message lists all
warehouses of its variant: the figure of any other is removed, behind those, lest the variant look
sold out for a moment. With `figures =
"totals"` they are `quantityAvailable`, which Saleor caps at what one checkout may buy.

`ProductVariantBackInStock` and its like are ignored: they take no account of allocations
(https://github.com/saleor/saleor/issues/11637), and carry no figure that the stock's own event does
not.
"""

import re
from contextlib import suppress
from typing import Final, Literal, Self

import msgspec
from msgspec import UNSET, UnsetType
from pydantic import Field, model_validator
from typing_extensions import override

from connectors.inbound.contract import Mapped, Message
from connectors.inbound.records import StockEvent, Unfit
from connectors.inbound.saleor_signatures import DetachedSignatures, read_keys
from connectors.inbound.webhook_reading import (
    Id,
    known_fields,
    moment,
    read_body,
    text_of_id,
    whole_units,
)
from connectors.inbound.webhook_secrets import HmacSecrets, Secret
from connectors.inbound.webhook_source import HookSettings, WebhookSource, gather, mapped, together

__all__ = ["SaleorSettings", "SaleorSource"]

_WITHOUT_ALLOCATIONS: Final = re.compile(r"productvariantbackinstock.*")
_WRAPPINGS: Final = 2
"""GraphQL answers with `data`, and in it the `event`; each is read by itself."""
_LISTED: Final = 1
"""Sequence of the figures of a list: the removal of all others, of the same time, has 0."""
_OTHER_TOPIC: Final = Mapped(ignored="other_topic")
_IGNORES_ALLOCATIONS: Final = Mapped(ignored="ignores_allocations")


class SaleorSettings(HookSettings):
    """A shop with Saleor: an `[ingest.NAME]` table of this kind.

    Attributes:
        kind: Always `"saleor"`.
        keys: The keys that Saleor signs with: the text of its `/.well-known/jwks.json`.
        secrets: Secret keys of webhooks, which Saleor has deprecated. Without both, everybody may
            send.
        prefix: What stands before an id of Saleor's in ours.
        variant: What variants go by: `"id"` or `"sku"`.
        figures: `"warehouses"`: of each of them; `"totals"`: `quantityAvailable`.
    """

    kind: Literal["saleor"] = "saleor"
    keys: str | None = None
    secrets: list[Secret] = Field(default_factory=list)
    prefix: str = "$custom:::$default:::"
    variant: Literal["id", "sku"] = "id"
    figures: Literal["warehouses", "totals"] = "warehouses"

    @model_validator(mode="after")
    def _can_verify(self) -> Self:
        if self.keys is not None:
            try:
                read_keys(self.keys)
            except ValueError as error:
                raise ValueError(f"keys {error}") from None
        return self


class _Node(msgspec.Struct, frozen=True, gc=False):
    id: Id | None = None
    name: str | None = None


class _Stock(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    warehouse: _Node
    quantity: int
    quantity_allocated: int | None = None


class _Variant(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    id: Id | None = None
    sku: str | None = None
    name: str | None = None
    track_inventory: bool | None = None
    quantity_available: int | None = None
    stocks: list[_Stock] | None = None
    product: _Node | None = None


class _Event(msgspec.Struct, frozen=True, gc=False):
    issued_at: str | None = msgspec.field(name="issuedAt", default=None)
    product_variant: _Variant | None = msgspec.field(name="productVariant", default=None)


class _Head(msgspec.Struct, frozen=True, gc=False):
    type: str | None = msgspec.field(name="__typename", default=None)
    event: msgspec.Raw | UnsetType = UNSET
    data: msgspec.Raw | UnsetType = UNSET


_read_event: Final = msgspec.json.Decoder(_Event).decode
_read_head: Final = msgspec.json.Decoder(_Head).decode


class SaleorSource(WebhookSource):
    """Reads Saleor's webhooks.

    Args:
        settings: of the shop.
        name: of its table.
    """

    def __init__(self, settings: SaleorSettings, name: str) -> None:
        super().__init__(settings.kind, name)
        self._settings = settings
        self._secrets = HmacSecrets(settings.secrets)
        self._signatures = DetachedSignatures(read_keys(settings.keys) if settings.keys else ())

    @override
    def _is_proven(self, message: Message) -> bool:
        if not self._settings.secrets and self._settings.keys is None:
            return True
        signature = message.headers.get("saleor-signature", "")
        with suppress(ValueError):
            if self._secrets.signed(message.body, bytes.fromhex(signature)):
                return True
        return self._signatures.signed(message.body, signature)

    @override
    def _map(self, message: Message) -> Mapped:
        head, body = read_body(_read_head, message.body), message.body
        for _ in range(_WRAPPINGS):
            inner = head.data if head.event is UNSET else head.event
            if inner is UNSET:
                break
            body = bytes(inner)
            head = read_body(_read_head, body)
        kind = head.type or message.headers.get("saleor-event", "productvariantstockupdated")
        kind = kind.replace("_", "").lower()
        if _WITHOUT_ALLOCATIONS.fullmatch(kind):
            return _IGNORES_ALLOCATIONS
        if kind not in {"productvariantstockupdated", "productvariantdeleted"}:
            return _OTHER_TOPIC
        event = read_body(_read_event, body)
        if event.product_variant is None or event.issued_at is None:
            raise Unfit(
                "missing_field", "the subscription must ask for issuedAt and productVariant"
            )
        at = moment(event.issued_at, "issuedAt", message.arrived_at)
        if kind == "productvariantdeleted":
            return mapped(self._removal(event.product_variant, at))
        return self._figures(event.product_variant, at)

    def _figures(self, variant: _Variant, at: int) -> Mapped:
        if self._settings.figures == "totals":
            if variant.quantity_available is None:
                raise Unfit("no_figure", "the subscription must ask for quantityAvailable")
            return mapped(self._figure(variant, at, variant.quantity_available))
        if variant.stocks is None:
            raise Unfit("no_figure", "the subscription must ask for stocks")
        found = gather(variant.stocks, lambda stock: self._of_warehouse(variant, at, stock))
        if found.refusals:
            return found
        return together([found, mapped(self._removal(variant, at))])

    def _of_warehouse(self, variant: _Variant, at: int, stock: _Stock) -> StockEvent:
        if stock.quantity_allocated is None or stock.warehouse.id is None:
            raise Unfit(
                "no_figure", "the subscription must ask for quantityAllocated and warehouse"
            )
        left = whole_units(stock.quantity - stock.quantity_allocated, "quantity")
        place = text_of_id(stock.warehouse.id, "a warehouse's id")
        return self._figure(variant, at, left, place)

    def _removal(self, variant: _Variant, at: int) -> StockEvent:
        return StockEvent(
            variant_id=self._id_of(variant), quantity=None, occurred_at=at, source=self._source
        )

    def _id_of(self, variant: _Variant) -> str:
        external_id = variant.sku if self._settings.variant == "sku" else variant.id
        if external_id is None:
            raise Unfit("no_variant", "the variant does not have the id that it goes by")
        return self._settings.prefix + text_of_id(external_id, "the variant's id")

    def _figure(
        self, variant: _Variant, at: int, quantity: int, location_id: str | None = None
    ) -> StockEvent:
        tracked = variant.track_inventory
        product = variant.product
        return StockEvent(
            variant_id=self._id_of(variant),
            quantity=quantity,
            occurred_at=at,
            location_id=location_id,
            sequence=0 if location_id is None else _LISTED,
            policy=None if tracked is None else ("deny" if tracked else "continue"),
            product=known_fields(
                {
                    "product_id": None if product is None else _text(product.id),
                    "title": None if product is None else product.name,
                    "variant_title": variant.name,
                }
            ),
            source=self._source,
        )


def _text(value: Id | None) -> str | None:
    return None if value is None else str(value)
