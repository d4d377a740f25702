# SPDX-License-Identifier: Apache-2.0
"""What the demo's people do about messages."""

import orjson

from restock.demo.evidence import read_told
from restock.demo.received import Received
from restock.demo.shoppers import Shoppers
from schemas.decode import decode_subscription
from schemas.events import UnsubscribeEvent
from schemas.records import Order
from schemas.validation import validate_record
from tests.support.demo_runs import START, came, rehearse

FIRST = tuple(message for message in rehearse(people=2000).received if message.is_first)


def done(messages: tuple[Received, ...]) -> list[tuple[str, str]]:
    """Topic and key of what people do about messages."""
    shoppers = Shoppers(1_000)
    shoppers.read(messages, START)
    assert not shoppers.act(START + 999)
    cues = shoppers.act(START + 1_000)
    assert not shoppers.act(START + 60_000)
    return [(cue.role, cue.key.decode()) for cue in cues]


def test_some_buy_and_some_sign_off() -> None:
    """After a while about a third buy, a few sign off, most do nothing."""
    roles = [role for role, _ in done(FIRST)]
    people = len({message.profile["id"] for message in FIRST})
    assert 0.3 < roles.count("orders") / people < 0.4
    assert 0.01 < roles.count("subscriptions") / people < 0.05


def test_the_same_person_always_does_the_same() -> None:
    """What is done does not depend on how or how often somebody was told of an item."""
    assert done(FIRST) == done((*FIRST, *FIRST))


def test_only_first_messages_that_came_count() -> None:
    """Nobody acts on a reminder, on what was turned away, or on what says not whom it is for."""
    note = read_told(rehearse().evidence.notifications)[0]
    reminder = came(note, "reminder", "EMAIL")
    turned_away = Received("x", "PUSH", taken=False, sound=True, variant_id="v", profile={})
    stranger = Received("x", "PUSH", taken=True, sound=False, variant_id="", profile={})
    assert [] == done((reminder, turned_away, stranger))


def test_what_they_do_are_valid_records() -> None:
    """Orders and sign-offs are as the contract wants them, of the moment, and about the item."""
    shoppers = Shoppers(0)
    shoppers.read(FIRST, START)
    wanted = {(message.profile["id"], message.variant_id) for message in FIRST}
    for cue in shoppers.act(START):
        value = cue.value or b""
        profile = orjson.loads(value)["profile"]
        if cue.role == "orders":
            order = validate_record(Order, value)
            assert cue.key.decode() == order.profile.identifiers()[0]
            assert START == order.occurred_at
            assert (profile["id"], order.items[0].variant_id) in wanted
        else:
            event = decode_subscription(value, START)
            assert isinstance(event, UnsubscribeEvent)
            assert (profile["id"], cue.key.decode()) in wanted
