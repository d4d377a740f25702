# SPDX-License-Identifier: Apache-2.0
"""What delivery learns from the records of each topic, and what becomes a dead letter."""

import json
from typing import Any

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_NOT_AVAILABLE, Message

from connectors.kafka.records import Outgoing, RawBatch
from dataflows.sorting import DeliveryTopics, Portion, Sorter
from delivery.news import Arrived, Ordered, SignedOff, Stood
from schemas.errors import InvalidRecord
from schemas.timestamps import format_timestamp
from tests.support.offices import NOW, notification

LARGEST = 2_000
AT = NOW - 60_000
MINUTE = 60_000


def message(topic: str, value: bytes | None, offset: int = 7, arrival: int | None = NOW) -> Message:
    """A record as it comes from Kafka."""
    stamp = (TIMESTAMP_NOT_AVAILABLE, -1) if arrival is None else (TIMESTAMP_CREATE_TIME, arrival)
    return Message(topic=topic, value=value, partition=3, offset=offset, timestamp=stamp)


def sorter() -> Sorter:
    """A sorter whose dead letters say where the record was, and what is wrong with it."""
    return Sorter(
        DeliveryTopics("notifications", "orders", "subscriptions", "waitlist"),
        LARGEST,
        lambda record, error: Outgoing(f"{record.topic()}.dlq", [(None, _fault(error))]),
        lambda: NOW,
    )


def _fault(error: InvalidRecord) -> bytes:
    return f"{error.reason} {error.field}".strip().encode()


def sort(*messages: Message) -> Portion:
    """What a batch of these records says."""
    return sorter()(RawBatch(list(messages), opens_epoch=False))


def order(**changes: object) -> bytes:
    """The value of an order."""
    value: dict[str, object] = {
        "order_id": "O1",
        "profile": {"id": "ann", "email": "Ann@Example.com"},
        "items": [{"variant_id": "V"}],
        "occurred_at": format_timestamp(AT),
    }
    return json.dumps(value | changes).encode()


def subscription(kind: str, **changes: object) -> bytes:
    """The value of a sign-up or a sign-off."""
    value: dict[str, object] = {
        "type": kind,
        "variant_id": "V",
        "profile": {"email": "ann@example.com"},
        "occurred_at": format_timestamp(AT),
    }
    return json.dumps(value | changes).encode()


def status(**changes: object) -> bytes:
    """The value of a status."""
    value: dict[str, object] = {
        "variant_id": "V",
        "quantity": 0,
        "offered": False,
        "cycle": 1,
        "cycle_opened_at": format_timestamp(AT),
        "waiting": 3,
        "told": 4,
        "next_wave_at": None,
        "updated_at": format_timestamp(AT),
        "product": {},
    }
    return json.dumps(value | changes).encode()


def test_a_notification_arrives_with_its_bytes_and_its_place() -> None:
    """What the journey needs of it is read; value and place are kept as they are."""
    value = notification("ann", "V", 12, NOW)
    (arrived,) = sort(message("notifications", value, 41)).news
    assert isinstance(arrived, Arrived)
    assert (value, 12, ("notifications", 3, 41)) == (arrived.value, arrived.position, arrived.place)
    assert json.loads(value)["id"] == arrived.notified.id
    assert ("id:ann", "V", NOW) == (
        arrived.notified.profile_key,
        arrived.notified.variant_id,
        arrived.notified.triggered_at,
    )


def test_an_order_counts_for_each_item_once() -> None:
    """Variants and products are told apart, and every identifier of the person is kept."""
    items = [
        {"variant_id": "V", "product_id": "P"},
        {"product_id": "P", "quantity": 3},
        {"variant_id": "P"},
        {"variant_id": "V"},
    ]
    (ordered,) = sort(message("orders", order(items=items))).news
    identifiers = ("id:ann", "email:ann@example.com")
    assert ordered == Ordered("O1", identifiers, ("v:V", "p:P", "v:P"), AT, cancelled=False)


def test_a_cancelled_order_says_so() -> None:
    """It is told as well: it takes back what was told before."""
    (ordered,) = sort(message("orders", order(cancelled=True))).news
    assert isinstance(ordered, Ordered)
    assert ordered.cancelled


def test_of_subscriptions_only_sign_offs_count() -> None:
    """Sign-ups are passed over, even one whose text holds the word for a sign-off."""
    sign_up = subscription("subscribe", product={"title": "How to unsubscribe"})
    portion = sort(
        message("subscriptions", subscription("subscribe")),
        message("subscriptions", sign_up),
        message("subscriptions", subscription("unsubscribe")),
    )
    assert [SignedOff("V", ("email:ann@example.com",), AT)] == portion.news
    assert [] == portion.letters


def test_a_sign_off_may_be_written_with_escapes() -> None:
    """JSON may write any letter as an escape: it is the same sign-off."""
    value = subscription("unsubscribe").replace(b"unsubscribe", b"\\u0075nsubscribe")
    assert [SignedOff("V", ("email:ann@example.com",), AT)] == sort(
        message("subscriptions", value)
    ).news


def test_a_sign_off_is_not_later_than_its_arrival() -> None:
    """A clock that is fast makes no sign-off that holds for sign-ups to come."""
    early = subscription("unsubscribe", occurred_at=NOW + MINUTE)
    timed, untimed = (
        sort(message("subscriptions", early, arrival=arrival)).news[0] for arrival in (AT, None)
    )
    assert isinstance(timed, SignedOff)
    assert isinstance(untimed, SignedOff)
    assert (AT, NOW) == (timed.at, untimed.at)


def test_a_status_says_whether_a_variant_is_offered() -> None:
    """Nothing else of it counts."""
    portion = sort(
        message("waitlist", status()), message("waitlist", status(offered=True, waiting=9))
    )
    assert [Stood("V", offered=False, at=AT), Stood("V", offered=True, at=AT)] == portion.news


@pytest.mark.parametrize(
    ("topic", "value", "fault"),
    [
        ("notifications", b"\xff", "undecodable"),
        ("notifications", b"[1]", "not_an_object"),
        ("notifications", notification("ann", id="ANN"), "invalid_value id"),
        ("notifications", notification("ann", channels=["PIGEON"]), "invalid_value channels[0]"),
        ("notifications", notification("ann", padding="x" * LARGEST), "too_large"),
        ("orders", b"{", "not_json"),
        ("orders", order(items=[]), "out_of_range items"),
        ("orders", order(items=[{}]), "missing_field items[0]"),
        ("orders", order(occurred_at="soon"), "bad_timestamp occurred_at"),
        ("orders", order(padding="x" * LARGEST), "too_large"),
    ],
)
def test_what_is_not_valid_becomes_a_dead_letter(topic: str, value: bytes, fault: str) -> None:
    """Notifications and orders that break the contract, and what is too large to be read."""
    portion = sort(message(topic, value))
    assert [] == portion.news
    assert [Outgoing(f"{topic}.dlq", [(None, fault.encode())])] == portion.letters


@pytest.mark.parametrize("topic", ["subscriptions", "waitlist"])
@pytest.mark.parametrize("value", [b"\xff unsubscribe", b'{"type":"unsubscribe"}', b"x" * 3_000])
def test_what_the_first_flow_answers_for_is_passed_over(topic: str, value: bytes) -> None:
    """Of subscriptions it has made dead letters already, and statuses are its own."""
    portion = sort(message(topic, value))
    assert ([], []) == (portion.news, portion.letters)


def test_news_and_letters_keep_their_order_and_all_is_counted() -> None:
    """A bad record among good ones takes nothing else with it; tombstones say nothing."""
    tested = sorter()
    batch = [
        message("orders", None),
        message("notifications", notification("ann", position=1), 1),
        message("orders", b"{"),
        message("waitlist", None),
        message("subscriptions", subscription("subscribe")),
        message("notifications", b"{", 2),
        message("notifications", notification("bob", position=2), 3),
        message("waitlist", status()),
    ]
    portion = tested(RawBatch(batch, opens_epoch=True))
    assert [Arrived, Arrived, Stood] == [type(piece) for piece in portion.news]
    assert ["orders.dlq", "notifications.dlq"] == [letter.topic for letter in portion.letters]
    counts = tested.counts
    assert (8, 3, 2, 2) == (
        counts.records,
        counts.events,
        counts.tombstones,
        counts.dead_lettered,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"triggered_at": NOW},
        {"quantity": 7.0},
        {"note": "\ud800"},
        {"profile": {"id": "a\0b"}},
        {"profile": {"email": "a\0@example.com"}},
        {"product": {"product_id": "a\0"}},
    ],
)
def test_what_ledger_or_sinks_could_not_take_is_a_dead_letter(changes: dict[str, Any]) -> None:
    """The contract allows it, restock never writes it; later nobody could refuse it any more."""
    portion = sort(message("notifications", notification("ann", **changes)))
    assert (len(portion.news), len(portion.letters)) == (0, 1)
