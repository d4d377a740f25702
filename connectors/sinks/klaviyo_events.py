# SPDX-License-Identifier: Apache-2.0
"""The form of Klaviyo's Bulk Create Events: requests made of messages.

The form is that of `POST /api/event-bulk-create-jobs`
(https://developers.klaviyo.com/en/reference/bulk_create_events, github.com/klaviyo/openapi). Two of
its rules shape this: a request has at most 1000 events and 5 MB, and a ``unique_id`` that is
repeated for one profile and metric makes a whole request fail.

An event carries no time of its own: Klaviyo takes that of the request, which is when a person is
told, also by a reminder. When the stock came back is a property.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from connectors.sinks.content import Notified, Person, read_notification
from connectors.sinks.contract import Message

__all__ = [
    "MAX_EVENTS",
    "Entry",
    "EventTooLarge",
    "halves",
    "make_entry",
    "pack",
    "request_body",
]

MAX_EVENTS: Final = 1_000
"""Events of a request."""
_MAX_BYTES: Final = 5_000_000
_MAX_STRING_BYTES: Final = 100_000
_HEAD: Final = (
    b'{"data":{"type":"event-bulk-create-job","attributes":{"events-bulk-create":{"data":['
)
_TAIL: Final = b"]}}}}"
_ENTRY_ROOM: Final = _MAX_BYTES - len(_HEAD) - len(_TAIL)
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_PHONE_FILLING: Final = re.compile(r"[^+0-9]", re.ASCII)

_encode = msgspec.json.encode


class EventTooLarge(ValueError):  # noqa: N818 - the name says what is the matter
    """Klaviyo would not take the message, not even in a request of its own."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message as an item of a request: a profile with its events.

    Attributes:
        id: of the message.
        events: how many they are, one for each notification.
        encoded: JSON.
    """

    id: str
    events: int
    encoded: bytes


def make_entry(message: Message, metric: str) -> Entry:
    """Write a message as events of a profile.

    The first event's ``unique_id`` is the message's id; the others of a digest have their number
    from 1 behind it.

    Args:
        message: what is to be told.
        metric: name of the events.

    Raises:
        EventTooLarge: it is more than Klaviyo takes.
        msgspec.DecodeError: a notification record cannot be read.
    """
    notified = [read_notification(value) for value in message.notifications]
    events = [
        {
            "type": "event",
            "attributes": {
                "properties": properties,
                "metric": {"data": {"type": "metric", "attributes": {"name": metric}}},
                "unique_id": f"{message.id}.{number}" if number else message.id,
            },
        }
        for number, properties in enumerate(_properties(one, message) for one in notified)
    ]
    encoded = _encode(
        {
            "type": "event-bulk-create",
            "attributes": {
                "profile": {"data": _profile(notified[0].profile)},
                "events": {"data": events},
            },
        }
    )
    _check_size(encoded, notified)
    return Entry(message.id, len(events), encoded)


def pack(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Put entries together to requests within Klaviyo's limits, in their order."""
    request: list[Entry] = []
    events = size = 0
    for entry in entries:
        length = len(entry.encoded) + 1  # with its comma
        if request and (events + entry.events > MAX_EVENTS or size + length > _ENTRY_ROOM):
            yield request
            request, events, size = [], 0, 0
        request.append(entry)
        events += entry.events
        size += length
    if request:
        yield request


def halves(request: Sequence[Entry]) -> list[Sequence[Entry]]:
    """Split a request of at least two entries into two."""
    middle = len(request) // 2
    return [request[:middle], request[middle:]]


def request_body(request: Sequence[Entry]) -> bytes:
    """Write the body of a request."""
    return b"".join((_HEAD, b",".join(entry.encoded for entry in request), _TAIL))


def _check_size(encoded: bytes, notified: Sequence[Notified]) -> None:
    if len(notified) > MAX_EVENTS or len(encoded) >= _ENTRY_ROOM:
        raise EventTooLarge(
            f"{len(notified)} events with {len(encoded)} bytes (at most {MAX_EVENTS} and 5 MB)"
        )
    if len(encoded) > _MAX_STRING_BYTES and any(
        isinstance(value, str) and len(value.encode()) > _MAX_STRING_BYTES
        for one in notified
        for value in (one.variant_id, *_texts(one))
    ):
        raise EventTooLarge("a text of more than 100 kB")


def _texts(notified: Notified) -> Iterator[object]:
    return (getattr(notified.product, name) for name in notified.product.__struct_fields__)


def _properties(notified: Notified, message: Message) -> dict[str, Any]:
    """Event properties; the first seven have the names that Klaviyo's own templates use."""
    product = notified.product
    known = {
        "ProductName": product.title,
        "VariantName": product.variant_title,
        "ImageURL": product.image_url,
        "ProductURL": product.url,
        "VariantId": notified.variant_id,
        "Price": product.price,
        "ProductID": product.product_id,
        "Currency": product.currency,
        "Quantity": notified.quantity,
        "Channel": message.channel,
        "Step": message.step,
        "NotificationId": notified.id,
        "TriggeredAt": notified.triggered_at,
    }
    return {name: value for name, value in known.items() if value is not None}


def _profile(person: Person) -> dict[str, Any]:
    attributes = {
        "external_id": person.external_id,
        "email": person.email,
        "phone_number": _phone_number(person),
    }
    profile: dict[str, Any] = {
        "type": "profile",
        "attributes": {name: value for name, value in attributes.items() if value is not None},
    }
    if person.id is not None:
        profile["id"] = person.id
    return profile


def _phone_number(person: Person) -> str | None:
    """Return the number as E.164; one that is none would make Klaviyo refuse the whole event."""
    given = person.phone_number
    if given is None:
        return None
    plain = _PHONE_FILLING.sub("", given)
    if _E164.fullmatch(plain):
        return plain
    others = (person.id, person.external_id, person.email)
    return given if all(other is None for other in others) else None
