# SPDX-License-Identifier: Apache-2.0
"""What a journey has to know of its notification record."""

from dataclasses import dataclass

from schemas.fields import Channel
from schemas.records import Notification

__all__ = ["Notified", "notified_of"]


@dataclass(frozen=True, slots=True)
class Notified:
    """A person to be told of a variant; times in epoch milliseconds.

    Attributes:
        id: the notification's id.
        variant_id: the variant that is back.
        product_id: its product, if it is known.
        profile_key: the person's first identifier, normalised.
        channels: the channels that the person chose, in their order.
        consent: the channels with explicit consent.
        has_email: whether there is an address for mail.
        has_phone: whether there is a phone number.
        market: where the person shops, if it is known; decides the time zone.
        subscribed_at: when the person signed up.
        triggered_at: when the wave that took the person started.
    """

    id: str
    variant_id: str
    product_id: str | None
    profile_key: str
    channels: tuple[Channel, ...]
    consent: tuple[Channel, ...]
    has_email: bool
    has_phone: bool
    market: str | None
    subscribed_at: int
    triggered_at: int


def notified_of(record: Notification) -> Notified:
    """Return what a journey knows of a record.

    Args:
        record: the record; its model has checked all of it (`schemas.validation`).
    """
    profile = record.profile
    return Notified(
        id=record.id,
        variant_id=record.variant_id,
        product_id=record.product.product_id,
        profile_key=profile.identifiers()[0],
        channels=tuple(record.channels),
        consent=tuple(record.consent),
        has_email=profile.email is not None,
        has_phone=profile.phone_number is not None,
        market=record.market,
        subscribed_at=record.subscribed_at,
        triggered_at=record.triggered_at,
    )
