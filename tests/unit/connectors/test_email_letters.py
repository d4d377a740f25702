# SPDX-License-Identifier: Apache-2.0
"""Letters: whatever a record holds, the mail is ours and goes to one person."""

import email
import email.policy
from datetime import UTC, datetime
from functools import cache

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from connectors.sinks.content import Notified, Person, Product
from connectors.sinks.contract import Message
from connectors.sinks.email_letters import Letters, UnknownTemplate
from connectors.sinks.email_message import Unusable
from connectors.sinks.email_settings import EmailSettings
from connectors.unsubscribe import UnsubscribeTokens

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
LINK = "https://shop.example.com/u/"
OURS = (
    "From To Subject Date Message-ID Auto-Submitted List-Unsubscribe List-Unsubscribe-Post "
    "MIME-Version Content-Type"
)

# Much of what may break a line, a tag or a quotation, and anything else that UTF-8 can hold.
TEXT = st.one_of(
    st.text(st.sampled_from("\r\n\0\x0b\x85\u2028:<>@\"'&=?{}%#. ,;\\abBc\u05d7\U0001f455")),
    st.text(st.characters(codec="utf-8"), max_size=400),
)
SOMETIMES = st.none() | TEXT.filter(bool)
PRODUCTS = st.builds(
    Product,
    product_id=SOMETIMES,
    title=SOMETIMES,
    variant_title=SOMETIMES,
    url=SOMETIMES,
    image_url=SOMETIMES,
    currency=SOMETIMES,
    price=SOMETIMES
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False),
)


@cache
def letters() -> Letters:
    """Return what writes the letters of a shop, with its templates compiled once."""
    return Letters(
        EmailSettings(
            host="127.0.0.1",
            security="none",
            from_address="Shop <hello@shop.example.com>",
            unsubscribe_url=LINK,
            unsubscribe_secret=SecretStr("s" * 32),
        )
    )


def notified(variant_id: str, product: Product, profile: Person, locale: str | None) -> bytes:
    """Return the value of a notification record, as far as sinks read it."""
    return msgspec.json.encode(
        Notified(
            id="a1",
            variant_id=variant_id,
            profile=profile,
            product=product,
            quantity=3,
            subscribed_at="2026-11-19T10:00:00.000Z",
            triggered_at="2026-11-20T10:00:00.000Z",
            locale=locale,
        )
    )


@settings(max_examples=100, deadline=None)
@given(
    id=TEXT,
    variant_ids=st.lists(TEXT, min_size=1, max_size=3),
    product=PRODUCTS,
    locale=st.none() | TEXT | st.sampled_from(["sv", "sv-SE", "en_GB"]),
    template=st.sampled_from(["back_in_stock", "reminder"]),
)
def test_whatever_a_record_holds(
    id: str,  # noqa: A002 - as in Message
    variant_ids: list[str],
    product: Product,
    locale: str | None,
    template: str,
) -> None:
    """The headers are ours, each once; there are two parts, and the link says who and what."""
    person = Person(email="ann@example.com")
    records = tuple(notified(variant, product, person, locale) for variant in variant_ids)
    letter = letters().write(Message(id, "EMAIL", "first", template, records), NOW)
    mail = letters().mail(letter)
    read = email.message_from_bytes(mail.content, policy=email.policy.default)
    assert [name for name in OURS.split() if name in read or "List" not in name] == read.keys()
    assert "ann@example.com" == read["To"] == mail.recipient
    assert letter.content.subject == letter.headers["Subject"]
    assert 2 == len([part for part in read.walk() if not part.is_multipart()])
    for part in read.walk():
        assert [] == part.defects
    assert mail.content.isascii()
    assert max(map(len, mail.content.split(b"\r\n"))) <= 998
    token = letter.content.text.partition(LINK)[2].split()[0]
    signed_off = UnsubscribeTokens("s" * 32).open(token)
    assert (set(variant_ids), person) == (set(signed_off.variant_ids), signed_off.profile)


@settings(max_examples=300, deadline=None)
@given(address=TEXT | st.emails() | st.builds("{}@{}".format, TEXT, TEXT))
def test_whatever_an_address_holds(address: str) -> None:
    """It is one address without a space or a control character, or none."""
    record = notified("V", Product(), Person(email=address), None)
    try:
        letter = letters().write(Message("a1", "EMAIL", "first", "reminder", (record,)), NOW)
    except Unusable:
        return
    assert letter.recipient.isprintable()
    assert not set(letter.recipient) & set(' <>,;:\\"\r\n')
    assert 1 == letter.recipient.count("@")


def test_a_template_that_there_is_none_of() -> None:
    """It is named by the journey's settings, not by the record."""
    record = notified("V", Product(), Person(email="ann@example.com"), None)
    with pytest.raises(UnknownTemplate):
        letters().write(Message("a1", "EMAIL", "first", "frist", (record,)), NOW)
