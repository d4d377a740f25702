# SPDX-License-Identifier: Apache-2.0
"""The source `magento`: stock items, and source items of Multi-Source Inventory (MSI).

Magento sends no webhooks by itself; what is read are the bodies of its REST API, as extensions and
integrations send them on: one stock item as in `GET /V1/stockItems/{sku}`, or as `stockItem`;
source items as `sourceItems` (`POST /V1/inventory/source-items`), as `items`, as a list, or one
(https://developer.adobe.com/commerce/webapi/rest/inventory/manage-source-items/).

**Stock items** are totals. `min_qty` is the quantity at which Magento calls an item out of stock,
so it is taken off. `is_in_stock` is true also for what is on backorder: the policy `continue` of
backorders, and of what is not managed, is what holds such variants back. Where it is false somebody
has put the item out of stock, whatever its quantity.

**Source items** are figures of a location. One with the status 0 has nothing to sell, one that was
unassigned (its address ends in `source-items-delete`) is removed. Reservations are in no message:
what is ordered and not yet shipped still counts. With `figures = "sources"` a stock item brings its
policy and no figure, as the figure 0 of a location of its own, `stock_item`.

**Times** are in none of them, unless a field is named that somebody has added: it is RFC 3339,
epoch milliseconds, or Magento's own `2026-11-20 10:00:00`, which is UTC. Without, they are as of
their arrival.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

import msgspec
from pydantic import Field
from typing_extensions import override

from connectors.inbound.contract import Learned, Mapped, Message
from connectors.inbound.held import MOST_HELD, HeldFigures
from connectors.inbound.records import StockEvent, Unfit, variant_id_of
from connectors.inbound.webhook_joins import read_join
from connectors.inbound.webhook_reading import (
    Amount,
    Id,
    moment,
    read_body,
    text_of_id,
    whole_units,
)
from connectors.inbound.webhook_source import (
    LearningSource,
    SharedSecretSettings,
    each_of,
    mapped,
    together,
)

__all__ = ["STOCK_ITEM", "MagentoSettings", "MagentoSource"]

STOCK_ITEM: Final = "stock_item"
"""The location of what stock items say where figures are of sources."""

_OWN_TIME: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9]{2}:[0-9]{2}:[0-9]{2})", re.ASCII
)
_UNASSIGNED: Final = "source-items-delete"
_WRAPPINGS: Final = ("sourceItems", "items", "stockItem")
_IGNORED_SOURCE: Final = Mapped(ignored="sources")


class MagentoSettings(SharedSecretSettings):
    """A shop with Magento 2: an `[ingest.NAME]` table of this kind.

    Attributes:
        kind: Always `"magento"`.
        catalog: The part of variants' ids that says which website and store: `"<website>-<store>"`.
        variant: What variants go by: `"product_id"`, Magento's number of a product, or `"sku"`.
            Source items have only a SKU: by the number, they need `items`, or stock items with a
            `sku` that came before.
        figures: `"totals"`: from stock items. `"sources"`: from source items.
        items: A file of which SKU is which variant: CSV or JSON lines with `sku` and `variant_id`.
        time: Name of the field that holds when it was true; None: all is as of its arrival.
    """

    kind: Literal["magento"] = "magento"
    catalog: str = Field(min_length=1)
    variant: Literal["product_id", "sku"] = "product_id"
    figures: Literal["totals", "sources"] = "totals"
    items: Path | None = Field(default=None, strict=False)
    time: str | None = Field(default=None, min_length=1)

    def variant_of(self, external_id: str) -> str:
        """Return our id of one of the shop's variants."""
        return variant_id_of("$magento_two", external_id, self.catalog)

    def read_items(self) -> list[Learned]:
        """Read the file that says which SKU is which variant; none: there is none.

        Raises:
            InboundError: it cannot be read, or a line of it is wrong.
        """
        return read_join(self.items, "sku", self.variant_of) if self.items else []


class _Item(msgspec.Struct, frozen=True, gc=False):
    sku: Id | None = None
    product_id: Id | None = None
    qty: Amount | None = None
    min_qty: Amount | None = None
    is_in_stock: bool | int | str | None = None
    manage_stock: bool | int | str | None = None
    backorders: int | str | None = None
    source_code: str | None = None
    quantity: Amount | None = None
    status: int | str | None = None


_read: Final = msgspec.json.Decoder().decode
_NUMBERS: Final[Mapping[int | str, int]] = {
    0: 0, 1: 1, 2: 2, "0": 0, "1": 1, "2": 2, "false": 0, "true": 1,
}  # fmt: skip
"""Magento writes flags as JSON's, as numbers and as text."""


class MagentoSource(LearningSource):
    """Reads Magento's stock items and source items.

    Args:
        settings: of the shop.
        name: of its table.
    """

    def __init__(self, settings: MagentoSettings, name: str) -> None:
        super().__init__(settings.kind, name, settings)
        self._name = name
        self._settings = settings
        self._by_source = settings.figures == "sources"
        self._held = HeldFigures(MOST_HELD)
        self._due: dict[str, str] = {}

    @override
    def learn(self, learned: Learned) -> None:
        """Take in which SKU is which variant; what waits for it comes with the next message."""
        super().learn(learned)
        if learned.variant_id is not None and learned.item_id in self._held:
            self._due[learned.item_id] = learned.variant_id

    @override
    def _map(self, message: Message) -> Mapped:
        body = read_body(_read, message.body)
        found = each_of(_items_of(body), lambda item: self._map_item(item, message))
        due, self._due = self._due, {}
        waited = [each for sku, name in due.items() for each in self._held.of(sku, name)]
        return together([found, each_of(waited, mapped)]) if waited else found

    def _map_item(self, fields: object, message: Message) -> Mapped:
        if not isinstance(fields, dict):
            raise Unfit("wrong_shape", "an item is no object")
        try:
            item = msgspec.convert(fields, _Item)
        except msgspec.ValidationError as error:
            raise Unfit("wrong_shape", str(error)) from None
        at = self._moment(fields, message.arrived_at)
        if item.source_code is None:
            return self._map_stock_item(item, message, at)
        return self._map_source_item(item, message, at) if self._by_source else _IGNORED_SOURCE

    def _map_stock_item(self, item: _Item, message: Message, at: int) -> Mapped:
        variant_id, learned = self._variant_of_stock_item(item, message)
        found = mapped(
            StockEvent(
                variant_id=variant_id,
                quantity=0 if self._by_source else _sellable(item),
                occurred_at=at,
                location_id=STOCK_ITEM if self._by_source else None,
                policy=_policy(item),
                available=_flag(item.is_in_stock, "is_in_stock"),
                source=self._source,
            )
        )
        for each in learned:
            self.learn(each)
        return replace(found, learned=learned)

    def _map_source_item(self, item: _Item, message: Message, at: int) -> Mapped:
        if item.sku is None:
            raise Unfit("no_variant", "a source item without sku")
        sku = text_of_id(item.sku, "sku")
        variant_id = self._variants.get(sku)
        if variant_id is None and self._settings.variant == "sku":
            variant_id = self._settings.variant_of(sku)
        figure = StockEvent(
            variant_id=variant_id or "",
            quantity=None if message.place == _UNASSIGNED else _at_source(item),
            occurred_at=at,
            location_id=text_of_id(item.source_code or "", "source_code"),
            source=self._source,
        )
        if variant_id is None:
            self._held.hold(sku, figure)
            raise Unfit(
                "unknown_item", "a source item of no variant known; its figure waits for one"
            )
        self._held.forget(sku, figure.location_id)
        return mapped(figure)

    def _variant_of_stock_item(
        self, item: _Item, message: Message
    ) -> tuple[str, tuple[Learned, ...]]:
        if self._settings.variant == "sku":
            sku = message.place if item.sku is None and message.place != self._name else item.sku
            if not sku:
                raise Unfit("no_variant", "neither the stock item nor its address has a SKU")
            return self._settings.variant_of(text_of_id(sku, "sku")), ()
        if item.product_id is None:
            raise Unfit("no_variant", "a stock item without product_id")
        variant_id = self._settings.variant_of(text_of_id(item.product_id, "product_id"))
        if item.sku is None:
            return variant_id, ()
        return variant_id, (Learned(text_of_id(item.sku, "sku"), variant_id),)

    def _moment(self, fields: Mapping[str, object], arrived_at: int) -> int:
        name = self._settings.time
        if name is None:
            return arrived_at
        value = fields.get(name)
        if not isinstance(value, str | int):
            raise Unfit("bad_timestamp", f"{name} is no time")
        own = _OWN_TIME.fullmatch(value) if isinstance(value, str) else None
        return moment(f"{own[1]}T{own[2]}Z" if own else value, name, arrived_at)


def _items_of(body: object) -> list[object]:
    if isinstance(body, dict):
        inner = next((body[name] for name in _WRAPPINGS if name in body), body)
        return inner if isinstance(inner, list) else [inner]
    return body if isinstance(body, list) else [body]


def _sellable(item: _Item) -> int:
    if item.qty is None:
        raise Unfit("no_figure", "a stock item without qty")
    kept = 0 if item.min_qty is None else whole_units(item.min_qty, "min_qty")
    # Below zero it says how far backorders may go.
    return whole_units(item.qty, "qty") - max(0, kept)


def _at_source(item: _Item) -> int:
    if item.quantity is None:
        raise Unfit("no_figure", "a source item without quantity")
    quantity = whole_units(item.quantity, "quantity")
    return 0 if _flag(item.status, "status") is False else quantity


def _policy(item: _Item) -> Literal["deny", "continue"] | None:
    if _flag(item.manage_stock, "manage_stock") is False:
        return "continue"
    if item.backorders is None:
        return None
    return "deny" if _number(item.backorders, "backorders") == 0 else "continue"


def _flag(value: bool | int | str | None, name: str) -> bool | None:  # noqa: FBT001 - as it came
    return None if value is None else _number(value, name) != 0


def _number(value: int | str, name: str) -> int:
    number = _NUMBERS.get(value)
    if number is None:
        raise Unfit("wrong_shape", f"{name} is neither 0, 1 nor 2")
    return number
