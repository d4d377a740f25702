# SPDX-License-Identifier: Apache-2.0
"""The source `scayle`: `product-variant-stock-updated` and `product-variant-deleted`.

Their shapes: https://scayle.dev/documentation/architecture/webhooks/product-events

An event has the time at which it occurred, its warehouse, and whether the variant is sold without
stock. Merchants may have stock in one warehouse, so both together are the location.
"""

from typing import Final, Literal

import msgspec
from typing_extensions import override

from connectors.inbound.contract import Mapped, Message
from connectors.inbound.records import StockEvent, Unfit
from connectors.inbound.webhook_reading import (
    Amount,
    Id,
    known_fields,
    moment,
    read_body,
    short_text,
    text_of_id,
    whole_units,
)
from connectors.inbound.webhook_source import HeaderSource, SharedSecretSettings, mapped

__all__ = ["ScayleSettings", "ScayleSource"]

_UPDATED: Final = "product-variant-stock-updated"
_DELETED: Final = "product-variant-deleted"
_OTHER_TOPIC: Final = Mapped(ignored="other_topic")


class ScayleSettings(SharedSecretSettings):
    """A shop with SCAYLE: an `[ingest.NAME]` table of this kind.

    Attributes:
        kind: Always `"scayle"`.
        prefix: What stands before an id of SCAYLE's in ours.
        variant: What variants and warehouses go by: `"id"`, or `"referenceKey"`, the shop's own.
    """

    kind: Literal["scayle"] = "scayle"
    prefix: str = "$custom:::$default:::"
    variant: Literal["id", "referenceKey"] = "id"


class _Entity(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    id: Id | None = None
    reference_key: str | None = None


class _Payload(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    product_variant: _Entity
    product: _Entity | None = None
    warehouse: _Entity | None = None
    quantity: Amount | None = None
    sellable_without_stock: bool | None = None
    merchant_reference_key: str | None = None


class _Event(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    occurred_at: str
    payload: _Payload
    type: str = _UPDATED
    key: str | None = None


class _Typed(msgspec.Struct, frozen=True, gc=False):
    type: str = _UPDATED
    key: str | None = None


_read_event: Final = msgspec.json.Decoder(_Event).decode
_read_type: Final = msgspec.json.Decoder(_Typed).decode


class ScayleSource(HeaderSource):
    """Reads SCAYLE's events.

    Args:
        settings: of the shop.
        name: of its table.
    """

    def __init__(self, settings: ScayleSettings, name: str) -> None:
        super().__init__(settings.kind, name, settings)
        self._prefix = settings.prefix
        self._by_reference = settings.variant == "referenceKey"

    @override
    def event_id(self, message: Message) -> str | None:
        """Return the event's key."""
        try:
            return short_text(read_body(_read_type, message.body).key)
        except Unfit:
            return None

    @override
    def _map(self, message: Message) -> Mapped:
        try:
            event = read_body(_read_event, message.body)
        except Unfit:
            # Events of other things have other payloads.
            if read_body(_read_type, message.body).type in {_UPDATED, _DELETED}:
                raise
            return _OTHER_TOPIC
        if event.type == _UPDATED:
            return mapped(self._figure(event, message.arrived_at))
        if event.type == _DELETED:
            return mapped(self._removal(event, message.arrived_at))
        return _OTHER_TOPIC

    def _figure(self, event: _Event, arrived_at: int) -> StockEvent:
        payload = event.payload
        if payload.quantity is None:
            raise Unfit("no_figure", "a stock event without quantity")
        sells_on = payload.sellable_without_stock
        return StockEvent(
            variant_id=self._variant_of(payload),
            quantity=whole_units(payload.quantity, "quantity"),
            occurred_at=moment(event.occurred_at, "occurredAt", arrived_at),
            location_id=self._location_of(payload),
            policy=None if sells_on is None else ("continue" if sells_on else "deny"),
            product=self._product_of(payload),
            event_id=short_text(event.key),
            source=self._source,
        )

    def _removal(self, event: _Event, arrived_at: int) -> StockEvent:
        return StockEvent(
            variant_id=self._variant_of(event.payload),
            quantity=None,
            occurred_at=moment(event.occurred_at, "occurredAt", arrived_at),
            event_id=short_text(event.key),
            source=self._source,
        )

    def _variant_of(self, payload: _Payload) -> str:
        found = self._name_of(payload.product_variant)
        if found is None:
            raise Unfit("no_variant", "the variant does not have the id that it goes by")
        return self._prefix + found

    def _location_of(self, payload: _Payload) -> str | None:
        warehouse = self._name_of(payload.warehouse)
        if warehouse is None or not payload.merchant_reference_key:
            return warehouse
        return f"{payload.merchant_reference_key}:{warehouse}"

    def _product_of(self, payload: _Payload) -> dict[str, str | int | float] | None:
        return known_fields({"product_id": self._name_of(payload.product)})

    def _name_of(self, entity: _Entity | None) -> str | None:
        if entity is None:
            return None
        name = entity.reference_key if self._by_reference else entity.id
        return None if name is None else text_of_id(name, "an id")
