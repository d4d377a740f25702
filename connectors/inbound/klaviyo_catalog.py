# SPDX-License-Identifier: Apache-2.0
"""The source `klaviyo`: what shops send to Klaviyo's catalogue, sent here instead.

Read are the bodies of `PATCH /api/catalog-variants/{id}`, `POST /api/catalog-variants` and of the
bulk jobs that create or update up to 100 of them
(https://developers.klaviyo.com/en/reference/update_catalog_variant). There is no time in them: they
are as of their arrival.

**Quantities** are numbers to Klaviyo; of 25.5 there are 25. `inventory_policy` says only whether a
variant is shown where it is out of stock, and has no part in this.

**Without a quantity** a body is no figure: null would remove the one that is known, and the last
one that this process has seen may be old where there are several. It is ignored, unless figures
have a `location`: then its other fields come as the figure 0 of a place of its own, `attributes`.
"""

from typing import Final, Literal

import msgspec
from pydantic import Field
from typing_extensions import override

from connectors.inbound.contract import Mapped, Message
from connectors.inbound.records import StockEvent, Unfit, variant_id_of
from connectors.inbound.webhook_reading import (
    Amount,
    known_fields,
    read_body,
    text_of_id,
    whole_units,
)
from connectors.inbound.webhook_secrets import HEADER
from connectors.inbound.webhook_source import (
    HeaderSource,
    SharedSecretSettings,
    gather,
    mapped,
)

__all__ = ["ATTRIBUTES", "KlaviyoCatalogSettings", "KlaviyoCatalogSource"]

ATTRIBUTES: Final = "attributes"
"""The location of what is said without a figure."""

_VARIANT: Final = "catalog-variant"
_JOBS: Final = frozenset({f"{_VARIANT}-bulk-update-job", f"{_VARIANT}-bulk-create-job"})
_NO_FIGURE: Final = Mapped(ignored="no_figure")


class KlaviyoCatalogSettings(SharedSecretSettings):
    """A shop that speaks to Klaviyo's catalogue: an `[ingest.NAME]` table of this kind.

    Attributes:
        kind: Always `"klaviyo"`.
        header: Where the key is; Klaviyo's own is `Authorization`.
        secrets: Values of this header, such as `"Klaviyo-API-Key pk_..."`.
        location: Name of the place that figures are of; with it, what is said without a figure is
            taken too. The variants must have no totals from elsewhere, such as a feed. None:
            figures are totals.
    """

    kind: Literal["klaviyo"] = "klaviyo"
    header: str = Field(default="Authorization", pattern=HEADER)
    location: str | None = Field(default=None, min_length=1, max_length=255)


class _Attributes(msgspec.Struct, frozen=True, gc=False):
    inventory_quantity: Amount | None = None
    published: bool | None = None
    title: str | None = None
    url: str | None = None
    image_full_url: str | None = None
    price: Amount | None = None
    external_id: str | None = None
    integration_type: str | None = None
    catalog_type: str | None = None


class _Variant(msgspec.Struct, frozen=True, gc=False):
    attributes: _Attributes
    id: str | None = None
    type: str = _VARIANT


class _Variants(msgspec.Struct, frozen=True, gc=False):
    data: list[_Variant]


class _Job(msgspec.Struct, frozen=True, gc=False):
    variants: _Variants


class _JobData(msgspec.Struct, frozen=True, gc=False):
    attributes: _Job


class _JobBody(msgspec.Struct, frozen=True, gc=False):
    data: _JobData


class _VariantBody(msgspec.Struct, frozen=True, gc=False):
    data: _Variant


class _Typed(msgspec.Struct, frozen=True, gc=False):
    type: str


class _TypedBody(msgspec.Struct, frozen=True, gc=False):
    data: _Typed


_read_variant: Final = msgspec.json.Decoder(_VariantBody).decode
_read_job: Final = msgspec.json.Decoder(_JobBody).decode
_read_type: Final = msgspec.json.Decoder(_TypedBody).decode


class KlaviyoCatalogSource(HeaderSource):
    """Reads bodies meant for Klaviyo's catalogue.

    Args:
        settings: of the table.
        name: of the table.
    """

    def __init__(self, settings: KlaviyoCatalogSettings, name: str) -> None:
        super().__init__(settings.kind, name, settings)
        self._location = settings.location

    @override
    def _map(self, message: Message) -> Mapped:
        try:
            body = read_body(_read_variant, message.body)
        except Unfit as error:
            return self._map_job(message, error)
        if body.data.type != _VARIANT:
            return self._map_job(message, None)
        event = self._event(body.data, message.arrived_at)
        return _NO_FIGURE if event is None else mapped(event)

    def _map_job(self, message: Message, error: Unfit | None) -> Mapped:
        kind = read_body(_read_type, message.body).data.type
        if kind in _JOBS:
            variants = read_body(_read_job, message.body).data.attributes.variants.data
            found = gather(variants, lambda each: self._event(each, message.arrived_at))
            return found if found.ignored is None else _NO_FIGURE
        if error is not None and kind == _VARIANT:
            raise error
        return Mapped(ignored="other_topic")

    def _event(self, variant: _Variant, arrived_at: int) -> StockEvent | None:
        attributes = variant.attributes
        amount = attributes.inventory_quantity
        if amount is None and self._location is None:
            return None
        return StockEvent(
            variant_id=_variant_id(variant),
            quantity=0 if amount is None else whole_units(amount, "inventory_quantity"),
            occurred_at=arrived_at,
            location_id=ATTRIBUTES if amount is None else self._location,
            published=attributes.published,
            product=known_fields(
                {
                    "variant_title": attributes.title,
                    "url": attributes.url,
                    "image_url": attributes.image_full_url,
                    "price": attributes.price,
                }
            ),
            source=self._source,
        )


def _variant_id(variant: _Variant) -> str:
    if variant.id:
        return text_of_id(variant.id, "id")
    attributes = variant.attributes
    if not attributes.external_id:
        raise Unfit("no_variant", "neither id nor external_id says which variant it is")
    return variant_id_of(
        attributes.integration_type or "$custom",
        attributes.external_id,
        attributes.catalog_type or "$default",
    )
