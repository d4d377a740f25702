# SPDX-License-Identifier: Apache-2.0
"""The settings of the sink `email`: what is refused before anything is sent."""

import pytest
from pydantic import ValidationError

from connectors.sinks.email_settings import EmailSettings, mailbox

GOOD = {"host": "mail.shop.example", "from_address": "Shop <hello@shop.example.com>"}


def settings(**changes: object) -> EmailSettings:
    """Return good settings with some changed."""
    return EmailSettings.model_validate({**GOOD, **changes})


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"security": "none"}, "in the clear to another machine"),
        ({"security": "none", "host": "10.0.0.1"}, "in the clear to another machine"),
        ({"security": "ssl"}, "'starttls', 'tls' or 'none'"),
        ({"user": "shop"}, "user and password go together"),
        ({"password": "secret"}, "user and password go together"),
        ({"user": "shop", "password": "geheim\u00e4"}, "must be ASCII"),
        ({"from_address": "hello"}, "expected an address such as"),
        ({"from_address": "hello@shop.example.com\r\nBcc: x@example.com"}, "single line"),
        ({"from_address": "h\u00e9llo@shop.example.com"}, "must be ASCII"),
        ({"reply_to": "nobody"}, "expected an address such as"),
        ({"shop_name": "Shop\nShop"}, "single line"),
        ({"unsubscribe_url": "https://shop.example/u/"}, "needs an unsubscribe_secret"),
        ({"unsubscribe_url": "http://shop.example/u/"}, "expected the https address"),
        ({"unsubscribe_url": "https://shop.example/u>/"}, "expected the https address"),
        ({"unsubscribe_secret": "short"}, "at least 32 characters"),
        ({"connections": 0}, "greater than or equal to 1"),
        ({"timeout": 0}, "greater than 0"),
        ({"sender": "x"}, "Extra inputs are not permitted"),
    ],
)
def test_what_cannot_work_is_refused(changes: dict[str, object], refusal: str) -> None:
    """In a line that says what is wrong, and shows no secret."""
    with pytest.raises(ValidationError, match=refusal) as raised:
        settings(**changes)
    assert "geheim" not in str(raised.value)
    assert "'secret'" not in str(raised.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"security": "none", "host": "127.0.0.1"},
        {"security": "none", "host": "::1"},
        {"security": "none", "host": "localhost"},
        {"security": "none", "allow_plaintext": True},
    ],
)
def test_in_the_clear_only_where_nobody_listens(changes: dict[str, object]) -> None:
    """On this machine itself, or where it was asked for in so many words."""
    assert "none" == settings(**changes).security


def test_ports_are_the_usual_ones() -> None:
    """Unless one is given."""
    assert 587 == settings().server_port
    assert 465 == settings(security="tls").server_port
    assert 25 == settings(security="none", host="localhost").server_port
    assert 2525 == settings(port=2525).server_port


def test_the_shop_has_a_name() -> None:
    """The one that is set, else the sender's, else its domain."""
    assert "My Shop" == settings(shop_name="My Shop").shown_shop_name
    assert "Shop" == settings().shown_shop_name
    assert "shop.example.com" == settings(from_address="hello@shop.example.com").shown_shop_name


def test_secrets_are_not_shown() -> None:
    """Neither by repr nor in a dump."""
    secretive = settings(user="shop", password="p4ss", unsubscribe_secret="u" * 32)
    assert "p4ss" not in repr(secretive) + secretive.model_dump_json()
    assert "u" * 32 not in repr(secretive) + secretive.model_dump_json()


def test_a_mailbox_is_read_with_its_name() -> None:
    """A domain beyond ASCII is spelled as the net spells it."""
    assert ("\u00d6 Shop", "a@xn--shp-tna.example.com", "xn--shp-tna.example.com") == mailbox(
        "\u00d6 Shop <a@sh\u00f6p.example.com>"
    )
