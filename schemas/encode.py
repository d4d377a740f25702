# SPDX-License-Identifier: Apache-2.0
"""Decisions to bytes of output records: the hot path of a wave.

What people of a wave have in common is written once for many of them. The result satisfies
`schemas.records.Notification`; docs/semantics.md section 1 has the fields.
"""

import json
import re
from binascii import hexlify
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from itertools import count
from typing import Final, cast

import msgspec

from schemas.events import (
    Addressee,
    Product,
    Profile,
    WaitlistStatus,
    WaveHeader,
    WaveSlice,
)
from schemas.identifiers import normalise_email, normalise_phone_number
from schemas.timestamps import format_timestamp

__all__ = [
    "encode_slice",
    "encode_status",
    "encode_statuses",
    "notification_id",
    "notification_id_of",
    "profile_key",
]

_ID_LENGTH: Final = 32
_WRITTEN_ID: Final = re.compile(rb'\{"id":"([0-9a-f]{32})"')

_DEFAULT_CHANNELS: Final = ("EMAIL",)
_HOUR: Final = 3_600_000
_HOUR_LENGTH: Final = len("2026-11-20T10:")
_IN_HOUR: Final = tuple(b"%02d:%02d" % divmod(number, 60) for number in range(3600))
_FRACTIONS: Final = tuple(b".%03dZ" % number for number in range(1000))

_NOTIFICATION: Final = (
    b'{"id":"%%.32b","variant_id":%%b,"profile":%%b,"product":%b%b,"cycle":%d,"cycle_opened_at":"%b%b%b",'
    b'"wave":%d,"position":%%d,"quantity":%d,"subscribed_at":"%%b%%b%%b","triggered_at":%b}'
)
"""To be filled twice: with what a wave's people have in common, then for each person."""

_STATUS: Final = (
    b'{"variant_id":%b,"quantity":%b,"offered":%b,"cycle":%d,"cycle_opened_at":%b,"waiting":%d,'
    b'"told":%d,"next_wave_at":%b,"updated_at":%b,"product":%b}'
)

_begun: Final = sha256().copy
"""A new digest, for a third less than ``sha256()``."""

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


def profile_key(person: Addressee) -> str:
    """Return the person's first identifier, normalised."""
    if person.id is not None:
        return "id:" + person.id
    if person.external_id is not None:
        return "external:" + person.external_id
    if person.email is not None:
        return "email:" + normalise_email(person.email)
    return "phone:" + normalise_phone_number(person.phone_number or "")


def encode_slice(wave_slice: WaveSlice) -> list[tuple[bytes, bytes]]:
    """Return the notifications of consecutive people of a wave.

    Args:
        wave_slice: the people and their wave.

    Returns:
        For each person, in order, the record's key (the profile key, UTF-8) and value (JSON).
    """
    header, priority = wave_slice.header, wave_slice.priority
    variant_id, shown_id = header.variant_id.encode(), _write(header.variant_id)
    templates: dict[object, bytes] = {}
    template, last = b"", cast("object", None)
    records: list[tuple[bytes, bytes]] = []
    first, times, people = wave_slice.first_position, wave_slice.times, wave_slice.people
    for position, time, person in zip(count(first), times, people):
        # As text, because 1, 1.0 and True are equal, and dictionaries have no hash.
        product = None if person.product is None else _write_product(person.product)
        kind = (person.channels, person.consent, person.locale, person.market, product)
        if kind != last:
            last = kind
            if kind not in templates:
                templates[kind] = _template(header, priority, person)
            template = templates[kind]
        key = b"id:" + person.id.encode() if person.id is not None else profile_key(person).encode()
        digest = _begun()
        digest.update(b"%b\0%b\0%d" % (variant_id, key, time))
        hour, rest = divmod(time, _HOUR)
        value = template % (
            hexlify(digest.digest()),
            shown_id,
            _write(Profile(person.id, person.external_id, person.email, person.phone_number)),
            position,
            _hour(hour),
            _IN_HOUR[rest // 1000],
            _FRACTIONS[rest % 1000],
        )
        records.append((key, value))
    return records


def encode_statuses(statuses: Iterable[WaitlistStatus]) -> list[tuple[bytes, bytes]]:
    """Return for each status the key (the variant's id, UTF-8) and value (JSON) of its record."""
    records = []
    for status in statuses:
        quantity = status.quantity
        opened_at, next_wave_at = status.cycle_opened_at, status.next_wave_at
        value = _STATUS % (
            _write(status.variant_id),
            b"null" if quantity is None else b"%d" % quantity,
            b"true" if status.offered else b"false",
            status.cycle,
            b"null" if opened_at is None else _time(opened_at),
            status.waiting,
            status.told,
            b"null" if next_wave_at is None else _time(next_wave_at),
            _shared_time(status.updated_at),
            _write_product(status.product) if status.product else b"{}",
        )
        records.append((status.variant_id.encode(), value))
    return records


def encode_status(status: WaitlistStatus) -> tuple[bytes, bytes]:
    """Return the key (the variant's id, UTF-8) and value (JSON) of a waitlist record."""
    return encode_statuses([status])[0]


def _template(header: WaveHeader, priority: int, person: Addressee) -> bytes:
    """What is written for everybody who wishes the same as the person."""
    product = header.product
    if person.product is not None:
        product = person.product | product
    channels = person.channels or _DEFAULT_CHANNELS
    hour, rest = divmod(header.cycle_opened_at, _HOUR)
    return _NOTIFICATION % (
        _literally(_write_product(product)) if product else b"{}",
        _wish(channels, person.consent, person.locale, person.market, priority),
        header.cycle,
        _hour(hour),
        _IN_HOUR[rest // 1000],
        _FRACTIONS[rest % 1000],
        header.wave,
        header.quantity,
        _shared_time(header.triggered_at),
    )


def _literally(text: bytes) -> bytes:
    return text.replace(b"%", b"%%")


@lru_cache(maxsize=1024)
def _wish(
    channels: tuple[str, ...],
    consent: tuple[str, ...],
    locale: str | None,
    market: str | None,
    priority: int,
) -> bytes:
    fields = {
        "channels": channels,
        "consent": consent,
        "locale": locale,
        "market": market,
        "priority": priority,
    }
    return _literally(b"," + _write(fields)[1:-1])


def _write_product(product: Product) -> bytes:
    try:
        return _write(product)
    except TypeError:
        # A price may be an integer of more than 64 bits, which only the slow way can write.
        return json.dumps(product, ensure_ascii=False, separators=(",", ":")).encode()


def _time(ms: int) -> bytes:
    hour, rest = divmod(ms, _HOUR)
    return b'"%b%b%b"' % (_hour(hour), _IN_HOUR[rest // 1000], _FRACTIONS[rest % 1000])


# What is written in one turn of a slot has the same time.
_shared_time: Final = lru_cache(maxsize=64)(_time)


# Those who are told may have asked at any time of a year.
@lru_cache(maxsize=8192)
def _hour(hour: int) -> bytes:
    """The part of a time before the minute."""
    return format_timestamp(hour * _HOUR)[:_HOUR_LENGTH].encode()
