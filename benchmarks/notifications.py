# SPDX-License-Identifier: Apache-2.0
"""Notification records that are to be delivered: half of one wave, half of nine others."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from connectors.sinks.content import read_notification
from connectors.sinks.contract import Message
from schemas.encode import notification_id
from schemas.timestamps import format_timestamp

__all__ = ["Notifications", "message_of", "read_messages"]

_HOUR = 3_600_000
_OTHERS = 9

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Notifications:
    """As many people, each told of one variant.

    Attributes:
        count: how many.
        at: when their waves started, in epoch milliseconds.
    """

    count: int
    at: int

    def records(self) -> Iterator[tuple[bytes, bytes]]:
        """Key and value of each as in Kafka, the waves one through the other."""
        for number in range(self.count):
            person, variant_id = f"p{number}", _variant(number)
            key = f"id:{person}"
            yield key.encode(), _encode(self._record(number, person, variant_id, key))

    def ids(self) -> Iterator[str]:
        """The ids, in the same order."""
        for number in range(self.count):
            yield notification_id(_variant(number), f"id:p{number}", self.at - _HOUR)

    def digest(self) -> str:
        """The fingerprint of all ids, as a receiver gives it."""
        return hashlib.sha256(b"\n".join(sorted(each.encode() for each in self.ids()))).hexdigest()

    def write(self, path: Path) -> None:
        """Write all values to a file, one in each line."""
        with path.open("wb") as file:
            file.writelines(value + b"\n" for _, value in self.records())

    def _record(self, number: int, person: str, variant_id: str, key: str) -> dict[str, object]:
        wave_at, signed_up = format_timestamp(self.at), format_timestamp(self.at - _HOUR)
        return {
            "id": notification_id(variant_id, key, self.at - _HOUR),
            "variant_id": variant_id,
            "profile": {"id": person, "email": f"{person}@example.com"},
            "channels": ["EMAIL"],
            "consent": [],
            "product": {
                "product_id": f"product-{variant_id}",
                "title": "Wool coat",
                "variant_title": "M / green",
                "url": f"https://shop.example/p/{variant_id}",
                "image_url": f"https://cdn.shop.example/{variant_id}.jpg",
                "currency": "EUR",
                "price": "49.90",
            },
            "locale": None,
            "market": None,
            "priority": 0,
            "cycle": 1,
            "cycle_opened_at": wave_at,
            "wave": 1,
            "position": number + 1,
            "quantity": 5,
            "subscribed_at": signed_up,
            "triggered_at": wave_at,
        }


def message_of(value: bytes) -> Message:
    """The message that delivery makes of a record at first."""
    return Message(read_notification(value).id, "EMAIL", "first", "back_in_stock", (value,))


def read_messages(path: Path) -> list[Message]:
    """The messages of a file of values."""
    return [message_of(value) for value in path.read_bytes().splitlines()]


def _variant(number: int) -> str:
    return "HOT" if number % 2 else f"V{number // 2 % _OTHERS}"
