# SPDX-License-Identifier: Apache-2.0
"""What sinks read of a notification record."""

import msgspec

__all__ = ["Notified", "Person", "Product", "read_notification"]


class Person(msgspec.Struct, frozen=True, gc=False):
    """Who is told; as many of these as the sign-up gave."""

    id: str | None = None
    external_id: str | None = None
    email: str | None = None
    phone_number: str | None = None


class Product(msgspec.Struct, frozen=True, gc=False):
    """What is back; as many of these as are known. A price is carried as it was given."""

    product_id: str | None = None
    title: str | None = None
    variant_title: str | None = None
    url: str | None = None
    image_url: str | None = None
    currency: str | None = None
    price: str | int | float | None = None


class Notified(msgspec.Struct, frozen=True, gc=False):
    """A notification record (docs/semantics.md section 1), as far as sinks need it.

    Attributes:
        id: a function of the subscription alone.
        variant_id: what is back.
        profile: who is told.
        product: what is known of it.
        quantity: sellable units when the wave started.
        subscribed_at: when they signed up, RFC 3339 in UTC.
        triggered_at: when the wave started, RFC 3339 in UTC.
        locale: of the sign-up, such as "sv-SE".
        market: of the sign-up.
    """

    id: str
    variant_id: str
    profile: Person
    product: Product
    quantity: int
    subscribed_at: str
    triggered_at: str
    locale: str | None = None
    market: str | None = None


_decode = msgspec.json.Decoder(Notified).decode


def read_notification(value: bytes) -> Notified:
    """Read the value of a notification record.

    Raises:
        msgspec.DecodeError: it is none; the flow before has let only valid ones through.
    """
    return _decode(value)
