# SPDX-License-Identifier: Apache-2.0
"""The hot path decides as the contract does, whatever the bytes."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings

from schemas.decode import MAX_AHEAD, decode_inventory, decode_subscription
from schemas.errors import DeadLetterReason, InvalidRecord
from schemas.events import (
    Event,
    Product,
    Profile,
    StockDetails,
    StockEvent,
    SubscribeEvent,
    UnsubscribeEvent,
)
from schemas.records import Inventory, ProductFields, Subscription, Unsubscribe
from schemas.validation import validate_record
from tests.unit.schemas.record_texts import ARRIVAL, STEADY, inventory_texts, subscription_texts

Outcome = tuple[str, str]

TIME = b'"occurred_at":1795000364460'
STOCK = b'{"variant_id":"V","quantity":7,' + TIME
SIGN_UP = b'{"type":"subscribe","variant_id":"V","profile":{"id":"P"},' + TIME
SIGN_OFF = SIGN_UP.replace(b"subscribe", b"unsubscribe")
HUGE = b"9" * 400

TRAPS = [
    b',"variant_id":"a\x7f"}',
    b',"variant_id":"a\xc2\x85"}',
    b',"variant_id":"a\\u0000"}',
    b',"location_id":"a\\n"}',
    b',"variant_id":"\xed\xa0\x80"}',
    b',"x":"\xff"}',
    b',"\xff":1}',
    b',"x":"\\ud800"}',
    b',"x":1e400}',
    b',"x":' + HUGE + b"}",
    b',"x":NaN}',
    b',"x":' + b"[" * 600 + b"]" * 600 + b"}",
    b',"expires_at":' + HUGE + b"}",
    b',"expires_at":1}',
    b',"product":{"price":' + HUGE + b"}}",
    b',"product":{"price":18446744073709551616}}',
    b',"product":{"price":18446744073709551616,"x":1}}',
    b',"product":{"price":-9223372036854775809,"x":1}}',
    b',"product":{"price":9223372036854775808,"x":1}}',
    b',"product":{"price":1e22,"x":1}}',
    b',"product":{"price":true}}',
    b',"sequence":' + HUGE + b"}",
    b',"occurred_at":1795000364460.0}',
    b',"occurred_at":true}',
    b',"occurred_at":"2026-11-18T11:12:60.000Z"}',
    b',"channels":["SMS","SMS"],"consent":["SMS","SMS"]}',
    b',"channels":[]}',
    b',"profile":{"email":" "}}',
    b',"profile":{"id":"P","phone_number":"x"}}',
    b',"profile":{"id":null}}',
    b',"type":"unsubscribe","type":"subscribe"}',
    b',"type":"subscribe","type":"unsubscribe","x":1}',
    b"} ",
    b"}\0",
    b"",
]
"""How records end that a careless fast path takes for valid, or for something else."""


@pytest.mark.parametrize("end", TRAPS)
def test_known_traps(end: bytes) -> None:
    """What fast parsers do not check, or read in their own way, is decided by the contract."""
    value = STOCK + end
    assert _outcome(_contract_inventory, value) == _outcome(decode_inventory, value)
    for value in (SIGN_UP + end, SIGN_OFF + end):
        assert _outcome(_contract_subscription, value) == _outcome(decode_subscription, value)


@settings(STEADY, max_examples=600)
@given(inventory_texts)
def test_inventory(value: bytes) -> None:
    """An inventory record is the same event, or invalid for the same reason, in both ways."""
    expected = _outcome(_contract_inventory, value)
    assert expected == _outcome(decode_inventory, value)


@settings(STEADY, max_examples=600)
@given(subscription_texts)
def test_subscriptions(value: bytes) -> None:
    """A subscription record is the same event, or invalid for the same reason, in both ways."""
    expected = _outcome(_contract_subscription, value)
    assert expected == _outcome(decode_subscription, value)


def _outcome(decode: Callable[[bytes, int], Event], value: bytes) -> Outcome:
    # In text 7 differs from 7.0 and True from 1.
    try:
        return "valid", repr(decode(value, ARRIVAL))
    except InvalidRecord as error:
        return error.reason, error.field


def _contract_inventory(value: bytes, arrival: int) -> Event:
    record = validate_record(Inventory, value)
    details = StockDetails(
        record.policy, record.available, record.published, _product(record.product)
    )
    return StockEvent(
        variant_id=record.variant_id,
        quantity=record.quantity,
        occurred_at=_settled(record.occurred_at, arrival),
        sequence=record.sequence,
        location_id=record.location_id,
        details=None if details == StockDetails() else details,
    )


def _contract_subscription(value: bytes, arrival: int) -> Event:
    record = validate_record(Subscription, value).root
    occurred_at = _settled(record.occurred_at, arrival)
    identifiers = record.profile.identifiers()
    if isinstance(record, Unsubscribe):
        return UnsubscribeEvent(record.variant_id, occurred_at, identifiers)
    return SubscribeEvent(
        variant_id=record.variant_id,
        occurred_at=occurred_at,
        profile=Profile(**record.profile.model_dump()),
        identifiers=identifiers,
        channels=tuple(record.channels),
        priority=record.priority,
        expires_at=record.expires_at,
        consent=tuple(record.consent),
        locale=record.locale,
        market=record.market,
        product=_product(record.product),
    )


def _product(product: ProductFields | None) -> Product | None:
    return None if product is None else product.model_dump(exclude_none=True) or None


def _settled(occurred_at: int, arrival: int) -> int:
    if occurred_at > arrival + MAX_AHEAD:
        raise InvalidRecord(DeadLetterReason.IN_THE_FUTURE, "occurred_at")
    return min(occurred_at, arrival)
