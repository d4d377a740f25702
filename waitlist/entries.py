# SPDX-License-Identifier: Apache-2.0
"""One waiting person as packed bytes, about 40 of them for an id and an email address.

Priority, ``occurred_at`` and arrival are not in the bytes: they are where the entry
stands in its queue (`waitlist.line`).
"""

from typing import Any

from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder, Ext

from schemas.events import Product, Profile, SubscribeEvent
from schemas.identifiers import person_identifiers

__all__ = [
    "decode_extension",
    "encode_number",
    "encode_product",
    "expires_at",
    "identifiers",
    "may_expire",
    "pack",
    "unpack",
]

_BIG_INTEGER = 1
_DEFAULT_CHANNELS = ("EMAIL",)


class _Packed(Struct, omit_defaults=True, gc=False, frozen=True):
    """The names are short because each entry carries them."""

    i: str | None = None
    x: str | None = None
    e: str | None = None
    p: str | None = None
    c: tuple[str, ...] | None = None
    n: tuple[str, ...] = ()
    u: int | None = None
    l: str | None = None  # noqa: E741 - the wire name, never used as a variable
    m: str | None = None
    d: dict[str, Any] | None = None


def encode_product(product: Product) -> dict[str, Any]:
    """The product for MessagePack, whose integers end at 64 bits; a price's need not."""
    return {name: encode_number(value) for name, value in product.items()}


def encode_number(value: str | float) -> object:
    """A value of a product field for MessagePack."""
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return Ext(_BIG_INTEGER, str(value).encode())
    return value


def decode_extension(code: int, data: memoryview) -> int:
    """The integer beyond 64 bits that `encode_product` wrapped."""
    if code != _BIG_INTEGER:
        message = f"unknown MessagePack extension {code}"
        raise ValueError(message)
    return int(bytes(data))


_encode = Encoder().encode
_decode = Decoder(_Packed, ext_hook=decode_extension).decode


def pack(event: SubscribeEvent) -> bytes:
    """The entry that a sign-up makes."""
    profile = event.profile
    return _encode(
        _Packed(
            profile.id,
            profile.external_id,
            profile.email,
            profile.phone_number,
            None if event.channels == _DEFAULT_CHANNELS else event.channels,
            event.consent,
            event.expires_at,
            event.locale,
            event.market,
            None if event.product is None else encode_product(event.product),
        )
    )


def unpack(payload: bytes, variant_id: str, occurred_at: int, priority: int) -> SubscribeEvent:
    """The sign-up that made the entry, with where it stood in the queue."""
    packed = _decode(payload)
    return SubscribeEvent(
        variant_id,
        occurred_at,
        Profile(packed.i, packed.x, packed.e, packed.p),
        _identifiers(packed),
        packed.c or _DEFAULT_CHANNELS,
        priority,
        packed.u,
        packed.n,
        packed.l,
        packed.m,
        packed.d,
    )


def identifiers(payload: bytes) -> tuple[str, ...]:
    """The normalised identifiers of the entry's person, profile key first."""
    return _identifiers(_decode(payload))


def may_expire(payload: bytes) -> bool:
    """A quick look that spares most entries `expires_at`: never wrong with False."""
    return b"\xa1u" in payload


def expires_at(payload: bytes) -> int | None:
    """The entry's own ``expires_at``."""
    return _decode(payload).u


def _identifiers(packed: _Packed) -> tuple[str, ...]:
    return person_identifiers(
        id=packed.i, external_id=packed.x, email=packed.e, phone_number=packed.p
    )
