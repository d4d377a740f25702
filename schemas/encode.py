# SPDX-License-Identifier: Apache-2.0
"""Decisions to bytes of output records: the hot path of a wave.

What a wave's people have in common is written once per slice. The result satisfies
`schemas.records.Notification`; docs/semantics.md section 1 has the fields.
"""

import json
import re
from hashlib import sha256
from typing import Final

import msgspec

from schemas.events import Product, SubscribeEvent, WaitlistStatus, WaveSlice
from schemas.timestamps import format_timestamp

__all__ = ["encode_slice", "encode_status", "notification_id", "notification_id_of"]

_ID_LENGTH: Final = 32
_WRITTEN_ID: Final = re.compile(rb'\{"id":"([0-9a-f]{32})"')

_write: Final = msgspec.json.Encoder().encode


class _Identified(msgspec.Struct, gc=False):
    id: str


_read_identified: Final = msgspec.json.Decoder(_Identified).decode


def notification_id(variant_id: str, profile_key: str, subscribed_at: int) -> str:
    """Return the id of the notification that answers a subscription.

    Args:
        variant_id: the variant.
        profile_key: the person's first identifier.
        subscribed_at: the subscription's ``occurred_at``, in epoch milliseconds.

    Returns:
        32 hexadecimal digits: the same for the same subscription, whatever crashed in between.
    """
    text = f"{variant_id}\0{profile_key}\0{subscribed_at}"
    return sha256(text.encode()).hexdigest()[:_ID_LENGTH]


def notification_id_of(value: bytes) -> str | None:
    """Return the id of an encoded notification, or ``None`` if the bytes hold no id."""
    match = _WRITTEN_ID.match(value)
    if match is not None:
        return match[1].decode()
    try:
        return _read_identified(value).id
    except (ValueError, RecursionError):
        return None


def encode_slice(wave_slice: WaveSlice) -> list[tuple[bytes, bytes]]:
    """Return the notifications of consecutive people of a wave.

    Args:
        wave_slice: the people and their wave.

    Returns:
        For each person, in order, the record's key (the profile key, UTF-8) and value (JSON).
    """
    header = wave_slice.header
    variant_id = header.variant_id
    before_profile = b'","variant_id":' + _write(variant_id) + b',"profile":'
    before_position = b',"cycle":%d,"cycle_opened_at":"%b","wave":%d,"position":' % (
        header.cycle,
        format_timestamp(header.cycle_opened_at).encode(),
        header.wave,
    )
    before_subscribed = b',"quantity":%d,"subscribed_at":"' % header.quantity
    after_subscribed = b'","triggered_at":"%b"}' % format_timestamp(header.triggered_at).encode()
    shown = _write_product(header.product)
    wishes: dict[object, bytes] = {}
    records = []
    for position, entry in enumerate(wave_slice.entries, wave_slice.first_position):
        profile_key = entry.identifiers[0]
        product = shown if entry.product is None else _write_product(entry.product | header.product)
        kind = (entry.channels, entry.consent, entry.locale, entry.market, entry.priority)
        wish = wishes.get(kind)
        if wish is None:
            wish = wishes[kind] = _wish(entry)
        value = b"".join(
            (
                b'{"id":"',
                notification_id(variant_id, profile_key, entry.occurred_at).encode(),
                before_profile,
                _write(entry.profile),
                b',"product":',
                product,
                wish,
                before_position,
                b"%d" % position,
                before_subscribed,
                format_timestamp(entry.occurred_at).encode(),
                after_subscribed,
            )
        )
        records.append((profile_key.encode(), value))
    return records


def encode_status(status: WaitlistStatus) -> tuple[bytes, bytes]:
    """Return the key (the variant's id, UTF-8) and value (JSON) of a waitlist record."""
    fields = {
        "variant_id": status.variant_id,
        "quantity": status.quantity,
        "offered": status.offered,
        "cycle": status.cycle,
        "cycle_opened_at": _moment(status.cycle_opened_at),
        "waiting": status.waiting,
        "told": status.told,
        "next_wave_at": _moment(status.next_wave_at),
        "updated_at": format_timestamp(status.updated_at),
        "product": msgspec.Raw(_write_product(status.product)),
    }
    return status.variant_id.encode(), _write(fields)


def _wish(entry: SubscribeEvent) -> bytes:
    fields = {
        "channels": entry.channels,
        "consent": entry.consent,
        "locale": entry.locale,
        "market": entry.market,
        "priority": entry.priority,
    }
    return b"," + _write(fields)[1:-1]


def _write_product(product: Product) -> bytes:
    try:
        return _write(product)
    except TypeError:
        # A price may be an integer of more than 64 bits, which only the slow way can write.
        return json.dumps(product, ensure_ascii=False, separators=(",", ":")).encode()


def _moment(ms: int | None) -> str | None:
    return None if ms is None else format_timestamp(ms)
