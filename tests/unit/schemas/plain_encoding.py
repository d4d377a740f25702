# SPDX-License-Identifier: Apache-2.0
"""Notifications and waitlist records in the plainest way: what faster ways are compared with."""

import json
from hashlib import sha256

import msgspec

from schemas.events import Product, Profile, SubscribeEvent, WaitlistStatus, WaveHeader
from schemas.timestamps import format_timestamp

__all__ = ["plain_notification", "plain_status"]


def plain_notification(
    header: WaveHeader, position: int, entry: SubscribeEvent
) -> tuple[bytes, bytes]:
    """Return key and value of one person's record, from the sign-up itself."""
    key = entry.identifiers[0]
    subscription = f"{header.variant_id}\0{key}\0{entry.occurred_at}"
    profile = {name: getattr(entry.profile, name) for name in Profile.__struct_fields__}
    value = _json(
        {
            "id": sha256(subscription.encode()).hexdigest()[:32],
            "variant_id": header.variant_id,
            "profile": {name: value for name, value in profile.items() if value is not None},
            "product": _product({**(entry.product or {}), **header.product}),
            "channels": entry.channels,
            "consent": entry.consent,
            "locale": entry.locale,
            "market": entry.market,
            "priority": entry.priority,
            "cycle": header.cycle,
            "cycle_opened_at": format_timestamp(header.cycle_opened_at),
            "wave": header.wave,
            "position": position,
            "quantity": header.quantity,
            "subscribed_at": format_timestamp(entry.occurred_at),
            "triggered_at": format_timestamp(header.triggered_at),
        }
    )
    return key.encode(), value


def plain_status(status: WaitlistStatus) -> tuple[bytes, bytes]:
    """Return key and value of a waitlist record."""
    fields = {name: getattr(status, name) for name in status.__struct_fields__}
    for name in ("cycle_opened_at", "next_wave_at", "updated_at"):
        if fields[name] is not None:
            fields[name] = format_timestamp(fields[name])
    fields["product"] = _product(status.product)
    return status.variant_id.encode(), _json(fields)


def _product(product: Product) -> msgspec.Raw:
    try:
        return msgspec.Raw(_json(product))
    except TypeError:
        return msgspec.Raw(json.dumps(product, ensure_ascii=False, separators=(",", ":")).encode())


def _json(fields: object) -> bytes:
    return msgspec.json.encode(fields)
