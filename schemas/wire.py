# SPDX-License-Identifier: Apache-2.0
"""Input records as msgspec reads them, for the hot path of `schemas.decode`.

The structs know every field and refuse any other, because msgspec does not check what it skips;
the lenient ones are for what has been checked before. They are no looser than `schemas.records`;
what they cannot express (timestamps in text, control characters, a person without identifiers, a
price beyond double range) is checked after them.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from schemas.events import Profile
from schemas.fields import MAX_INTEGER, Channel
from schemas.timestamps import MAX_TIMESTAMP, MIN_TIMESTAMP

__all__ = [
    "LenientInventory",
    "LenientProduct",
    "PlainInventory",
    "TotalInventory",
    "WireInventory",
    "WireProduct",
    "WireSubscription",
]

_Text = Annotated[str, Meta(min_length=1)]
_Identifier = Annotated[str, Meta(min_length=1, max_length=255)]
_Timestamp = str | Annotated[int, Meta(ge=MIN_TIMESTAMP, le=MAX_TIMESTAMP)]
_Integer = Annotated[int, Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]


class WireProduct(Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """The known product fields; turned into builtins, only those that were given."""

    product_id: _Text | None = None
    title: _Text | None = None
    variant_title: _Text | None = None
    url: _Text | None = None
    image_url: _Text | None = None
    currency: _Text | None = None
    price: _Text | int | float | None = None


class WireInventory(Struct, forbid_unknown_fields=True, gc=False):
    """The fields of `schemas.records.Inventory`."""

    variant_id: _Identifier
    quantity: _Integer | None
    occurred_at: _Timestamp
    location_id: _Identifier | None = None
    sequence: _Integer | None = None
    policy: Literal["deny", "continue"] | None = None
    available: bool | None = None
    published: bool | None = None
    product: WireProduct | None = None
    event_id: _Text | None = None
    source: _Text | None = None


class TotalInventory(Struct, forbid_unknown_fields=True, gc=False):
    """A figure over all locations, and nothing else that matters; for `schemas.batches`."""

    variant_id: _Identifier
    quantity: _Integer | None
    occurred_at: _Timestamp
    event_id: _Text | None = None
    source: _Text | None = None


class PlainInventory(Struct, forbid_unknown_fields=True, gc=False):
    """A figure that comes without details, as most do; for `schemas.batches`."""

    variant_id: _Identifier
    quantity: _Integer | None
    occurred_at: _Timestamp
    location_id: _Identifier | None = None
    sequence: _Integer = 0
    event_id: _Text | None = None
    source: _Text | None = None


class LenientProduct(WireProduct, forbid_unknown_fields=False):
    """The same beside unknown fields."""


class LenientInventory(WireInventory, forbid_unknown_fields=False):
    """The same beside unknown fields; only for bytes that are known to be strict JSON."""

    product: LenientProduct | None = None


class WireSubscription(Struct, forbid_unknown_fields=True, gc=False):
    """The fields of `schemas.records.Subscription`, of either type."""

    type: Literal["subscribe", "unsubscribe"]
    variant_id: _Identifier
    occurred_at: _Timestamp
    profile: Profile
    channels: Annotated[tuple[Channel, ...], Meta(min_length=1)] | None = None
    priority: Annotated[int, Meta(ge=0, le=9)] | None = None
    expires_at: _Timestamp | None = None
    consent: tuple[Channel, ...] | None = None
    locale: _Text | None = None
    market: _Text | None = None
    product: WireProduct | None = None
    event_id: _Text | None = None
