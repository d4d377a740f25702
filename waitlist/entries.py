# SPDX-License-Identifier: Apache-2.0
"""One waiting person as packed bytes, about 40 of them for an id and an email address.

Priority, ``occurred_at`` and arrival are not in the bytes: they are where the entry
stands in its queue (`waitlist.line`).
"""

from struct import Struct
from typing import Any

from msgspec.msgpack import Decoder, Encoder, Ext

from schemas.events import Addressee, Product, SubscribeEvent
from schemas.identifiers import person_identifiers

__all__ = [
    "decode_extension",
    "encode_number",
    "encode_product",
    "expires_at",
    "identifiers",
    "may_expire",
    "pack",
    "unpack_all",
]

_BIG_INTEGER = 1
_DEFAULT_CHANNELS = ("EMAIL",)
_ARRAY_HEADER = Struct(">BI")
_ARRAY_OF_32_BITS = 0xDD


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
_decode = Decoder(Addressee, ext_hook=decode_extension).decode
_decode_all = Decoder(list[Addressee], ext_hook=decode_extension).decode


def pack(event: SubscribeEvent) -> bytes:
    """The entry that a sign-up makes."""
    profile = event.profile
    return _encode(
        Addressee(
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


def unpack_all(payloads: bytes | bytearray, count: int) -> list[Addressee]:
    """Everybody whose entries lie one behind the other, as in a block of a line.

    Args:
        payloads: of ``count`` people.
        count: how many they are.

    Raises:
        ValueError: these are not the payloads of so many people.
    """
    # With a header in front they are one array: one call reads it.
    return _decode_all(_ARRAY_HEADER.pack(_ARRAY_OF_32_BITS, count) + payloads)


def identifiers(payload: bytes) -> tuple[str, ...]:
    """The normalised identifiers of the entry's person, profile key first."""
    return _identifiers(_decode(payload))


def may_expire(payload: bytes) -> bool:
    """A quick look that spares most entries `expires_at`: never wrong with False."""
    # Not `in`, which first takes the bytes for a number: three times the time.
    return payload.find(b"\xa1u") >= 0


def expires_at(payload: bytes) -> int | None:
    """The entry's own ``expires_at``."""
    return _decode(payload).expires_at


def _identifiers(packed: Addressee) -> tuple[str, ...]:
    return person_identifiers(
        id=packed.id,
        external_id=packed.external_id,
        email=packed.email,
        phone_number=packed.phone_number,
    )
