# SPDX-License-Identifier: Apache-2.0
"""What the tests of the contract are made of: messages, and how receivers behave."""

import json
from collections.abc import Sequence
from enum import Enum, auto
from typing import Protocol

from connectors.sinks.contract import Message

__all__ = ["Behaviour", "Receiver", "sample_message"]


class Behaviour(Enum):
    """How a receiver treats what comes next, until it is told otherwise.

    Attributes:
        ACCEPT: takes it, and says so.
        FAIL: says that it cannot just now.
        REFUSE: says that it never will.
        STALL: takes it and says nothing, ever.
        CUT: takes it, and closes the connection in the middle of its answer.
        GARBAGE: answers what nobody can make sense of.
    """

    ACCEPT = auto()
    FAIL = auto()
    REFUSE = auto()
    STALL = auto()
    CUT = auto()
    GARBAGE = auto()


class Receiver(Protocol):
    """The other side of a sink, in the same event loop or in threads of its own."""

    @property
    def ids(self) -> Sequence[str]:
        """The ids of the messages that came, however they were treated, in their order."""

    @property
    def connections(self) -> int:
        """How many connections are open now; 0 where there are none to count."""

    def behave(self, behaviour: Behaviour, *, times: int | None = None) -> None:
        """Treat what comes so; only the next `times`, and as before afterwards, if given."""


def sample_message(number: int, attempt: int = 1) -> Message:
    """Return a message to a person with every kind of address; another for each number."""
    identifier = f"{number:032x}"
    record = {
        "id": identifier,
        "variant_id": "$custom:::$default:::SKU-MED",
        "profile": {
            "external_id": f"customer-{number}",
            "email": f"customer-{number}@example.com",
            "phone_number": f"+1201555{number % 10_000:04}",
        },
        "channels": ["EMAIL", "SMS"],
        "consent": ["SMS"],
        "product": {
            "product_id": "SKU",
            "title": "Canvas tote",
            "variant_title": "Medium",
            "url": "https://shop.example/tote",
            "image_url": "https://shop.example/tote.png",
            "currency": "EUR",
            "price": "19.00",
        },
        "locale": "en-GB",
        "market": "GB",
        "priority": 0,
        "cycle": 1,
        "cycle_opened_at": "2026-11-20T10:00:00.000Z",
        "wave": 1,
        "position": number + 1,
        "quantity": 20,
        "subscribed_at": "2026-11-19T10:00:00.000Z",
        "triggered_at": "2026-11-20T10:00:00.000Z",
    }
    value = json.dumps(record, separators=(",", ":")).encode()
    return Message(identifier, "EMAIL", "first", "back_in_stock", (value,), attempt)
