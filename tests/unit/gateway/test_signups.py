# SPDX-License-Identifier: Apache-2.0
"""The desk: what it writes is what the flow reads."""

import asyncio
from collections.abc import Sequence

import pytest

from connectors.errors import NotAcknowledged
from connectors.sinks.content import Person
from gateway.signups import SignUp, SignUpDesk, UnknownVariant
from schemas.decode import decode_subscription
from schemas.events import SubscribeEvent, UnsubscribeEvent
from tests.support.doors import FakeWrites

NOW = 1_795_000_000_000
ANN = Person(id="A", email="ann@example.com")
SIGN_UP = SignUp("test", "V", ANN, ("EMAIL", "SMS"), "sv-SE", "SE", {"title": "Sock"})


def desk(writes: FakeWrites, **options: object) -> SignUpDesk:
    """A desk at a standing clock."""
    return SignUpDesk(writes, "subscriptions", lambda: NOW, **options)  # type: ignore[arg-type]  # as given


def test_a_sign_up_is_a_record() -> None:
    """With all that was said; consent is what the form has asked for, of what was chosen."""
    writes = FakeWrites()
    asyncio.run(desk(writes, consent=("SMS", "WHATSAPP")).take(SIGN_UP))
    ((topic, key, value),) = writes.written
    event = decode_subscription(value, NOW)
    assert ("subscriptions", b"V") == (topic, key)
    assert isinstance(event, SubscribeEvent)
    assert ("V", NOW) == (event.variant_id, event.occurred_at)
    assert b'"channels":["EMAIL","SMS"],"consent":["SMS"]' in value
    assert b'"locale":"sv-SE","market":"SE","product":{"title":"Sock"}' in value
    assert b'"profile":{"id":"A","email":"ann@example.com"}' in value


def test_a_sign_off_is_a_record_for_each_variant() -> None:
    """By all the identifiers that are known."""
    writes = FakeWrites()
    counted = desk(writes)
    asyncio.run(counted.sign_off("page", ["V", "W"], ANN))
    events = [decode_subscription(value, NOW) for _, _, value in writes.written]
    assert ["V", "W"] == [event.variant_id for event in events]
    assert all(isinstance(event, UnsubscribeEvent) for event in events)
    assert {("page", "signed_off"): 2} == counted.counts


def test_a_sign_off_is_not_before_what_it_ends() -> None:
    """A sign-up by a clock that is ahead of ours would outlive it."""
    writes = FakeWrites()
    for not_before in (NOW + 1, NOW - 1):
        asyncio.run(desk(writes).sign_off("page", ["V"], ANN, not_before=not_before))
    events = [decode_subscription(value, NOW + 1) for _, _, value in writes.written]
    assert [NOW + 1, NOW] == [event.occurred_at for event in events]


def test_what_the_catalogue_does_not_have_is_not_written() -> None:
    """And counted."""
    writes = FakeWrites()
    counted = desk(writes, catalogue={"W"})
    with pytest.raises(UnknownVariant):
        asyncio.run(counted.take(SIGN_UP))
    assert [] == writes.written
    assert {("test", "unknown_variant"): 1} == counted.counts


def test_without_kafka_nobody_is_told_that_all_is_well() -> None:
    """The caller hears of it."""
    writes = FakeWrites()
    writes.is_away = True
    counted = desk(writes)
    with pytest.raises(NotAcknowledged):
        asyncio.run(counted.take(SIGN_UP))
    assert {("test", "not_acknowledged"): 1} == counted.counts


def test_a_sign_up_can_be_kept_until_it_is_confirmed() -> None:
    """The place for a double opt-in: nothing is written before, and all of it then."""
    writes, kept = FakeWrites(), []

    def admit(sign_up: SignUp) -> Sequence[SignUp]:
        kept.append(sign_up)
        return ()

    counted = desk(writes, admit=admit)
    asyncio.run(counted.take(SIGN_UP))
    assert [] == writes.written
    assert {("test", "held_back"): 1} == counted.counts
    asyncio.run(counted.write(kept.pop()))
    assert 1 == len(writes.written)
