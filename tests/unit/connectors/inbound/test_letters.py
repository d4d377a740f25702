# SPDX-License-Identifier: Apache-2.0
"""Dead letters of sources: what was refused, as it came, with the reason."""

from unittest.mock import Mock

from connectors.inbound.contract import Message, Refusal
from connectors.inbound.letters import read_letter, refused_letter

MESSAGE = Message(
    b"\xff\x00 as it came",
    1_795_000_000_000,
    {
        "x-shopify-topic": "inventory_levels/update",
        "ce-id": "1",
        "content-type": "application/json",
        "authorization": "Klaviyo-API-Key pk_secret",
        "cookie": "secret",
        "x-forwarded-for": "192.0.2.1",
        "x-real-ip": "192.0.2.1",
        "host": "gateway.shop.example",
    },
    "stock/SKU",
)


def test_a_letter_says_what_came_and_why_it_was_refused() -> None:
    """Under the source's name; a reason that may end counts before others."""
    refusals = [Refusal("bad", "one is bad"), Refusal("unknown_item", "nobody knows it")]
    topic, key, value, headers = refused_letter("stock", "shop", MESSAGE, refusals)
    found = dict(headers)
    assert ("stock.dlq", b"shop", MESSAGE.body) == (topic, key, value)
    assert b"unknown_item" == found["restock-dlq-reason"]
    assert b"one is bad; nobody knows it" == found["__connect.errors.exception.message"]


def test_a_letter_keeps_no_secrets_and_no_addresses() -> None:
    """Of the headers only those by which a source reads."""
    *_, headers = refused_letter("stock", "shop", MESSAGE, [Refusal("bad", "")])
    kept = b"".join(name.encode() + text for name, text in headers)
    assert b"inventory_levels/update" in kept
    assert not [word for word in (b"secret", b"192.0.2.1", b"shop.example") if word in kept]


def test_a_letter_can_be_taken_again() -> None:
    """As the message that it was; letters of others are nobody's business here."""
    _, _, value, headers = refused_letter("stock", "shop", MESSAGE, [Refusal("bad", "")])
    record = Mock()
    record.value.return_value = value
    record.timestamp.return_value = (1, MESSAGE.arrived_at)
    record.headers.return_value = list(headers)
    letter = read_letter(record)
    assert letter is not None
    name, reason, message = letter
    assert ("shop", "bad") == (name, reason)
    assert (MESSAGE.body, MESSAGE.place) == (message.body, message.place)
    assert {"x-shopify-topic", "ce-id", "content-type"} == message.headers.keys()
    record.headers.return_value = [("__connect.errors.connector.name", b"restock")]
    assert read_letter(record) is None
