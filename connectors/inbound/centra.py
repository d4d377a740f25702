# SPDX-License-Identifier: Apache-2.0
"""The source `centra`: products of the Checkout API with the stock of their sizes.

**Webhooks** are forms with lists of changed ids by type, signed by `X-Centra-Signature`:
`t=<seconds>,v1=<HMAC-SHA256 of "t.body" in hexadecimal digits>`
(https://centra.dev/docs/extend-with-plugins/integrations/centra-webhooks). There is no figure in
them: those of products are refused as what must be fetched, all others are ignored.

**Products** are what is fetched then: a product as the Checkout API gives it, as `product`, or many
as `products`, with `items` of `{"item": "<display item>-<size>", "stock": ..}`. A size is a variant
of each market (`12366_SE_00_23400`), as Centra multiplies them for back in stock; which markets a
body is good for is set here. There is no time in it: it is as of its arrival.
"""

from contextlib import suppress
from typing import Annotated, Final, Literal
from urllib.parse import parse_qs

import msgspec
from msgspec import UNSET, UnsetType
from pydantic import Field
from typing_extensions import override

from connectors.inbound.contract import Mapped, Message
from connectors.inbound.records import StockEvent, Unfit
from connectors.inbound.webhook_reading import (
    Amount,
    Id,
    known_fields,
    read_body,
    whole_units,
)
from connectors.inbound.webhook_secrets import HmacSecrets, Secret
from connectors.inbound.webhook_source import HookSettings, WebhookSource, each_of, gather

__all__ = ["CentraSettings", "CentraSource"]

_OF_STOCK: Final = frozenset({"products", "displayitems", "warehouses", "warehousegroups"})
_OTHER_TOPIC: Final = Mapped(ignored="other_topic")


class CentraSettings(HookSettings):
    """A shop with Centra: an `[ingest.NAME]` table of this kind.

    Attributes:
        kind: Always `"centra"`.
        secrets: The endpoint secrets of webhooks; two while one is replaced by the other. Without
            any, everybody may send.
        markets: Countries with their states that products are good for, such as `"SE_00"`.
        prefix: What stands before an id of Centra's in ours.
        yes: The figure of a size of which Centra says only that there is some. None: it is refused.
    """

    kind: Literal["centra"] = "centra"
    secrets: list[Secret] = Field(default_factory=list)
    markets: list[Annotated[str, Field(pattern=r"^[A-Z]{2}_[A-Z0-9]{1,8}$")]] = Field(min_length=1)
    prefix: str = "$custom:::$default:::"
    yes: int | None = Field(default=None, ge=1)


class _Size(msgspec.Struct, frozen=True, gc=False):
    item: str
    stock: Amount | None = None
    name: str | None = None


class _Product(msgspec.Struct, frozen=True, gc=False):
    items: list[_Size]
    product: Id | None = None
    name: str | None = None
    available: bool | None = None


class _One(msgspec.Struct, frozen=True, gc=False):
    product: _Product


class _Many(msgspec.Struct, frozen=True, gc=False):
    products: list[_Product]


class _Outline(msgspec.Struct, frozen=True, gc=False):
    items: msgspec.Raw | UnsetType = UNSET
    product: msgspec.Raw | UnsetType = UNSET
    products: msgspec.Raw | UnsetType = UNSET


_read_outline: Final = msgspec.json.Decoder(_Outline).decode
_read_product: Final = msgspec.json.Decoder(_Product).decode
_read_one: Final = msgspec.json.Decoder(_One).decode
_read_many: Final = msgspec.json.Decoder(_Many).decode
_read_changes: Final = msgspec.json.Decoder(dict[str, list[msgspec.Raw]]).decode


class CentraSource(WebhookSource):
    """Reads Centra's webhooks and products.

    Args:
        settings: of the shop.
        name: of its table.
    """

    def __init__(self, settings: CentraSettings, name: str) -> None:
        super().__init__(settings.kind, name)
        self._settings = settings
        self._secrets = HmacSecrets(settings.secrets)

    @override
    def _is_proven(self, message: Message) -> bool:
        if not self._settings.secrets:
            return True
        header = message.headers.get("x-centra-signature", "")
        fields = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
        moment = fields.get("t", "")
        with suppress(ValueError):
            signature = bytes.fromhex(fields.get("v1", ""))
            return self._secrets.signed(b"%b.%b" % (moment.encode(), message.body), signature)
        return False

    @override
    def _map(self, message: Message) -> Mapped:
        if message.body.startswith(b"payload="):
            return _changes(_payload_of(message.body))
        products = _products_of(message.body)
        return each_of(products, lambda product: self._sizes(product, message.arrived_at))

    def _sizes(self, product: _Product, arrived_at: int) -> Mapped:
        each = [(size, market) for size in product.items for market in self._settings.markets]
        return gather(each, lambda pair: self._event(product, *pair, arrived_at))

    def _event(self, product: _Product, size: _Size, market: str, at: int) -> StockEvent:
        display_item, dash, size_id = size.item.rpartition("-")
        if not dash or not display_item or not size_id:
            raise Unfit("no_variant", "an item is not <display item>-<size>")
        return StockEvent(
            variant_id=f"{self._settings.prefix}{display_item}_{market}_{size_id}",
            quantity=self._figure(size.stock),
            occurred_at=at,
            available=product.available,
            product=known_fields(
                {
                    "product_id": f"{display_item}_{market}",
                    "title": product.name,
                    "variant_title": size.name,
                }
            ),
            source=self._source,
        )

    def _figure(self, stock: Amount | None) -> int:
        if stock == "no":
            return 0
        if stock == "yes" and self._settings.yes is not None:
            return self._settings.yes
        if stock is None or stock == "yes":
            raise Unfit("no_figure", "a size without a number in stock; see the setting yes")
        return whole_units(stock, "stock")


def _payload_of(body: bytes) -> bytes:
    try:
        return parse_qs(body.decode("ascii"), strict_parsing=True)["payload"][-1].encode()
    except (ValueError, KeyError):
        raise Unfit("undecodable", "a webhook is no form with a payload") from None


def _changes(payload: bytes) -> Mapped:
    changed = read_body(_read_changes, payload)
    if not any(ids and name.lower() in _OF_STOCK for name, ids in changed.items()):
        return _OTHER_TOPIC
    raise Unfit("must_be_fetched", "the webhook has ids only; the products must be fetched")


def _products_of(body: bytes) -> list[_Product]:
    outline = read_body(_read_outline, body)
    if outline.items is not UNSET:
        return [read_body(_read_product, body)]
    if outline.products is not UNSET:
        return read_body(_read_many, body).products
    if outline.product is not UNSET:
        return [read_body(_read_one, body).product]
    raise Unfit("wrong_shape", "neither a product nor a list of products")
